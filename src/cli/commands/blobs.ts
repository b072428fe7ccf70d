import type { Register } from '../command'
import { exitCodes } from '../exit-codes'
import { numberFrom } from '../number-flag'
import { startProgress } from '../progress'

interface CollectFlags {
  readonly delete?: boolean
  readonly deep?: boolean
  readonly graceHours: string
}

/** Of every tenant unless --tenant names one. */
export const registerBlobs: Register = (program, run) => {
  const blobs = program.command('blobs').description('blobs that documents own')
  blobs
    .command('collect')
    .description('find blobs that no document owns; exit code 1 when a document lacks its blob')
    .option('--delete', 'delete them, instead of counting only')
    .option('--deep', 'read every owned blob and compare its hash')
    .option('--grace-hours <number>', 'leave alone what was put within this time', '24')
    .action(
      run((context, flags: CollectFlags) => {
        const hours = numberFrom('--grace-hours', flags.graceHours, { least: 0, fractions: true })
        return context.withStore({ mode: 'read' }, async (store) => {
          const { out, io, signal, options } = context
          const progress = await startProgress(io, 'Comparing', 'blobs', 0)
          const report = await store
            .collectBlobs({
              tenant: options.tenant,
              dryRun: flags.delete !== true,
              deep: flags.deep === true,
              graceMs: hours * 3_600_000,
              signal,
              onProgress: ({ checked }) => progress.update(checked, checked),
            })
            .finally(() => progress.stop())
          const { checked, orphaned, deleted, held, missing, missingCount } = report
          out.document(report)
          out.line(`${checked} blobs looked at: ${orphaned} orphaned, ${deleted} deleted; ${missingCount} missing`)
          if (held) out.line('A backup is reading the blobs: orphans stay until it is done')
          await out.table(
            [
              { title: 'missing' },
              { title: 'tenant' },
              { title: 'collection' },
              { title: 'document', grow: 1 },
              { title: 'blob', grow: 1 },
            ],
            missing.map(({ reason, tenant, collection, document, hash }) => [
              reason,
              tenant,
              collection,
              document,
              hash,
            ]),
          )
          return missingCount > 0 ? exitCodes.failed : exitCodes.ok
        })
      }),
    )
}
