import type { Register } from '../command'
import { startProgress } from '../progress'
import { targetFrom } from '../target'

export const registerRebuild: Register = (program, run) => {
  program
    .command('rebuild')
    .description('build an index anew beside the live one, prove it equal, and switch; run again, it resumes')
    .requiredOption('--target <target>', 'vector or text')
    .action(
      run(async (context, flags: { readonly target: string }) => {
        const target = targetFrom(flags.target)
        return context.withStore({ mode: 'write' }, async (store) => {
          const { out, io, signal, collection } = context
          const progress = await startProgress(io, 'Rebuilding', 'chunks', 0)
          const result = await store
            .rebuild({ target, collection, signal, onProgress: ({ copied, total }) => progress.update(copied, total) })
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
