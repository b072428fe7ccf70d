import type { Register } from '../command'
import { startProgress } from '../progress'
import { targetFrom } from '../target'

export const registerRebuild: Register = (program, run) => {
  program
    .command('rebuild')
    .description('build an index anew beside the live one, prove it equal, and switch; run again, it resumes')
    .requiredOption('--target <target>', 'vector or text')
    .option('--rate <number>', 'chunks a second at most')
    .action(
      run(async (context, flags: { readonly target: string; readonly rate?: string }) => {
        const target = targetFrom(flags.target)
        const rate = flags.rate === undefined ? undefined : Number(flags.rate)
        return context.withStore({ mode: 'write' }, async (store) => {
          const { out, io, signal, collection } = context
          const progress = await startProgress(io, 'Rebuilding', 'chunks', 0)
          const result = await store
            .rebuild({
              target,
              collection,
              rate,
              signal,
              onProgress: ({ done, total }) => progress.update(done, total),
            })
            .finally(() => progress.stop())
          out.document({ target, collection, ...result })
          out.line(
            `${result.generation} is live: ${result.copied} chunks copied, ${result.mended} mended before the switch`,
          )
          return undefined
        })
      }),
    )
}
