import type { ReconcileReport } from '../../writer/reconcile/reconcile'
import type { Register } from '../command'
import { exitCodes } from '../exit-codes'
import { startProgress } from '../progress'
import { targetFrom } from '../target'

interface ReconcileFlags {
  readonly target?: string
  readonly repair?: boolean
  readonly deep?: boolean
}

export const registerReconcile: Register = (program, run) => {
  program
    .command('reconcile')
    .description('compare Postgres with the indexes, both ways; exit code 1 when drift was found and not repaired')
    .option('--target <target>', 'vector or text; both when left out')
    .option('--repair', 'mend what differs')
    .option('--deep', 'compare what the indexes hold, not stamps alone')
    .action(
      run(async (context, flags: ReconcileFlags) => {
        const target = targetFrom(flags.target)
        const repair = flags.repair === true
        return context.withStore({ mode: repair ? 'write' : 'read' }, async (store) => {
          const { out, io, signal, options } = context
          const progress = await startProgress(io, 'Comparing', 'chunks', 0)
          const report = await store
            .reconcile({
              target,
              collection: options.collection,
              repair,
              deep: flags.deep === true,
              signal,
              onProgress: ({ checked }) => progress.update(checked, checked),
            })
            .finally(() => progress.stop())
          const drift = driftOf(report)
          out.document({ ...report, drift })
          out.line(describeReport(report))
          await out.table(
            [
              { title: 'what' },
              { title: 'target' },
              { title: 'tenant' },
              { title: 'document', grow: 1 },
              { title: 'chunk' },
            ],
            report.differences.map(({ kind, target, tenant, document, chunk }) => [
              kind,
              target,
              tenant,
              document,
              chunk,
            ]),
          )
          if (drift > report.differences.length)
            out.line(`The first ${report.differences.length} of ${drift} are shown.`)
          return drift > 0 && (!repair || report.spared > 0) ? exitCodes.failed : exitCodes.ok
        })
      }),
    )
}

export function driftOf({ missing, stale, orphaned, foreign, damaged }: ReconcileReport): number {
  return missing + stale + orphaned + foreign + damaged
}

export function describeReport(report: ReconcileReport): string {
  const { checked, missing, stale, orphaned, foreign, damaged, repaired, spared } = report
  const mended = repaired > 0 ? `; ${repaired} documents and orphans repaired` : ''
  const left = spared > 0 ? `; ${spared} deletions left, above the cap of one run` : ''
  const bare = damaged > 0 ? `, ${damaged} documents without their chunks` : ''
  return `${checked} entries compared: ${missing} missing, ${stale} stale, ${orphaned} orphaned, ${foreign} foreign${bare}${mended}${left}`
}
