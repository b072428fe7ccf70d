import type { Register } from '../command'
import { assertFound, describeIngest, ingestFiles } from '../ingest-files'
import { numberFrom } from '../number-flag'

interface IngestOptions {
  readonly exclude: string[]
  readonly maxBytes?: string
}

export const registerIngest: Register = (program, run) => {
  program
    .command('ingest')
    .description(
      'store every text file of folders (.md, .markdown, .mdx, .txt, .text, .rst); unchanged files cost nothing',
    )
    .argument('<folder...>', 'folders or files')
    .option('--exclude <name...>', 'names of folders and files to pass over', ['.git'])
    .option('--max-bytes <bytes>', 'skip files above this size; 10 MiB when left out')
    .action(
      run(async (context, options: IngestOptions, given: string[]) => {
        const folders = given.map((folder) => context.resolve(folder))
        const source = { folders, exclude: new Set(options.exclude) }
        const maxBytes = numberFrom('--max-bytes', options.maxBytes, { least: 1, unit: 'bytes' })
        return context.withStore({ mode: 'write', creates: true }, async (store) => {
          const report = await ingestFiles(context, store, source, maxBytes)
          assertFound(report, folders)
          const { out, tenant, collection } = context
          out.document({ tenant, collection, ...report })
          for (const { path, reason } of report.skipped) out.line(`skipped ${path}: ${reason}`)
          out.line(describeIngest(report))
          return undefined
        })
      }),
    )
}
