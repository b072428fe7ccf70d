import type { Register } from '../command'
import { numberFrom } from '../number-flag'
import { targetFrom } from '../target'

interface DlqFlags {
  readonly target?: string
  readonly limit: string
}

/** Of every tenant unless --tenant names one. */
export const registerDlq: Register = (program, run) => {
  const dlq = program.command('dlq').description('jobs that were given up (dead letters)')
  dlq
    .command('list')
    .description('list them with their reasons')
    .option('--target <target>', 'vector or text')
    .option('--limit <number>', 'at most', '100')
    .action(
      run((context, flags: DlqFlags) => {
        const limit = numberFrom('--limit', flags.limit, { least: 1, most: 10_000 })
        return context.withStore({ mode: 'read' }, async (store) => {
          const { out, options } = context
          const jobs = await store.parkedJobs({ tenant: options.tenant, target: targetFrom(flags.target), limit })
          out.document({ jobs })
          if (jobs.length === 0) out.line('None.')
          await out.table(
            [
              { title: 'target' },
              { title: 'tenant' },
              { title: 'collection' },
              { title: 'document', grow: 1 },
              { title: 'tried' },
              { title: 'reason', grow: 2 },
            ],
            jobs.map((job) => [job.target, job.tenant, job.collection, job.document, job.attempts, job.reason ?? '']),
          )
          return undefined
        })
      }),
    )
  dlq
    .command('redrive')
    .description('make them due again')
    .option('--target <target>', 'vector or text')
    .action(
      run((context, flags: Pick<DlqFlags, 'target'>) =>
        context.withStore({ mode: 'read' }, async (store) => {
          const { out, options } = context
          const redriven = await store.redrive({ tenant: options.tenant, target: targetFrom(flags.target) })
          out.document({ redriven })
          out.line(`${redriven} jobs are due again; \`headwater relay\` applies them.`)
          return undefined
        }),
      ),
    )
}
