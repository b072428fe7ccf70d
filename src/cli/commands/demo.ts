import { existsSync, statSync } from 'node:fs'
import path from 'node:path'
import { HeadwaterError } from '../../core/errors'
import { sha256 } from '../../core/ids'
import type { Register } from '../command'
import { CliContext } from '../context'
import { mend } from '../demo/mend'
import { deleteVectors } from '../demo/sabotage'
import { queriesFrom, searchAll } from '../demo/searches'
import type { FileSource } from '../files/documents'
import { assertFound, assertTexts, describeIngest, type IngestReport, ingestFiles } from '../ingest-files'
import { printPage } from './search'

const home = './.headwater'
const standard: readonly string[] = ['README.md', 'CHANGELOG.md', 'docs', 'node_modules']
const exclude: ReadonlySet<string> = new Set(['.git', '.cache', '.headwater'])
const shownSkips = 5

/** The main job from end to end, on any folder; `npm start` runs it. */
export const registerDemo: Register = (program, run) => {
  program
    .command('demo', { hidden: true })
    .description('ingest real text, search it, break an index, find out what is gone, mend it')
    .argument('[folder]', 'the docs and node_modules of the working folder when left out')
    .option('--query <words...>', 'searches of your own, each in quotes')
    .action(
      run(async (outer, { query }: { readonly query?: string[] }, folder: string | undefined) => {
        const place = outer.resolve(outer.options.path ?? storeFolder(outer, folder))
        const context = new CliContext(outer.io, { json: outer.out.json, path: place })
        const { out } = context
        const source = sourceOf(context, folder)
        await assertTexts(context, source)
        out.line(`Opening the embedded store in ${place}`)

        const before = await context.withStore({ mode: 'write' }, async (store) => {
          const ingested = await ingestFiles(context, store, source)
          assertFound(ingested, source.folders)
          out.line(describeIngest(ingested))
          for (const { path: file, reason } of ingested.skipped.slice(0, shownSkips)) {
            out.line(`  skipped ${file}: ${reason}`)
          }
          if (ingested.skipped.length > shownSkips) out.line(`  and ${ingested.skipped.length - shownSkips} more`)
          const handle = context.handle(store).documents
          const [documents, chunks] = [await handle.count(), await handle.countChunks()]
          if (documents === 0) throw nothingToShow(ingested)
          const rate = ingested.unchanged === 0 ? `, ${Math.round(chunks / ingested.seconds)} chunks/s` : ''
          out.line(`In the store: ${documents} documents, ${chunks} chunks${rate}`)
          const queries = query ?? (folder === undefined ? undefined : await queriesFrom(context, store, documents))
          const findings = await searchAll(context, store, queries)
          for (const { query, page, ms } of findings) {
            out.line(`\n${out.bold(query)} (${ms.toFixed(0)} ms)`)
            await printPage(out, page)
          }
          return { ...ingested, documents, chunks, findings }
        })

        const hits = before.findings.flatMap(({ page }) => page.hits.map(({ chunkId }) => chunkId))
        if (hits.length === 0) {
          const message = 'folder: searches for its titles find nothing; give --query with words of the texts'
          throw new HeadwaterError('HW_INVALID_ARGUMENT', message, { path: 'folder' })
        }
        const deleted = await deleteVectors({ path: place }, hits)
        out.line(`\nDeleted ${deleted.length} vectors behind the library's back, with the raw client`)

        const mended = await context.withStore({ mode: 'write' }, (store) =>
          mend(context, store, before.findings, deleted),
        )
        out.line(`\nThe store is kept: \`node dist/cli.js search "words of yours" --path ${place}\``)
        out.document({ store: place, ...before, deleted: deleted.length, ...mended })
        return undefined
      }),
    )
}

/** No text of the folder could be stored, and why. */
function nothingToShow({ files, skipped }: IngestReport): HeadwaterError {
  const why = skipped[0] === undefined ? '' : `, the first because ${skipped[0].path}: ${skipped[0].reason}`
  return new HeadwaterError('HW_INVALID_ARGUMENT', `folder: none of its ${files} text files could be stored${why}`, {
    path: 'folder',
  })
}

/** One for each folder, kept, so that the next run meets its own documents. */
function storeFolder(context: CliContext, folder: string | undefined): string {
  if (folder === undefined) return path.join(home, 'demo')
  return path.join(home, `demo-${sha256(context.resolve(folder)).slice(0, 8)}`)
}

function sourceOf(context: CliContext, folder: string | undefined): FileSource {
  if (folder !== undefined) return { folders: [context.resolve(folder)], exclude }
  const base = context.resolve('.')
  const folders = standard.map((name) => path.join(base, name)).filter((name) => existsSync(name))
  if (folders.some((name) => statSync(name).isDirectory())) return { folders, base, exclude }
  throw new HeadwaterError('HW_INVALID_ARGUMENT', `folder: neither docs nor node_modules in ${base}; name a folder`, {
    path: 'folder',
  })
}
