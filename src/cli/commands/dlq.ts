import type { Register } from '../command'
import { numberFrom } from '../number-flag'
import { targetFrom } from '../target'

interface DlqFlags {
  readonly target?: string
  readonly name?: string
  readonly limit: string
}

/** Of every tenant unless --tenant names one; --target means jobs alone, --name errands alone. */
export const registerDlq: Register = (program, run) => {
  const dlq = program.command('dlq').description('jobs and errands that were given up (dead letters)')
  dlq
    .command('list')
    .description('list them with their reasons')
    .option('--target <target>', 'vector or text: jobs alone')
    .option('--name <name>', 'of errands: these alone')
    .option('--limit <number>', 'at most', '100')
    .action(
      run((context, flags: DlqFlags) => {
        const limit = numberFrom('--limit', flags.limit, { least: 1, most: 10_000 })
        return context.withStore({ mode: 'read' }, async (store) => {
          const { out, options } = context
          const { tenant } = options
          const target = targetFrom(flags.target)
          const { name } = flags
          const jobs = name === undefined ? await store.parkedJobs({ tenant, target, limit }) : []
          const errands = target === undefined ? await store.errands.parked({ tenant, name, limit }) : []
          out.document({ jobs, errands })
          if (jobs.length + errands.length === 0) out.line('None.')
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
          await out.table(
            [
              { title: 'errand' },
              { title: 'tenant' },
              { title: 'id' },
              { title: 'payload', grow: 1 },
              { title: 'tried' },
              { title: 'reason', grow: 2 },
            ],
            errands.map((one) => [
              one.name,
              one.tenant,
              one.id,
              JSON.stringify(one.payload),
              one.attempts,
              one.reason ?? '',
            ]),
          )
          return undefined
        })
      }),
    )
  dlq
    .command('redrive')
    .description('make them due again')
    .option('--target <target>', 'vector or text: jobs alone')
    .option('--name <name>', 'of errands: these alone')
    .action(
      run((context, flags: Pick<DlqFlags, 'target' | 'name'>) =>
        context.withStore({ mode: 'read' }, async (store) => {
          const { out, options } = context
          const { tenant } = options
          const target = targetFrom(flags.target)
          const { name } = flags
          const redriven = name === undefined ? await store.redrive({ tenant, target }) : 0
          const errands = target === undefined ? await store.errands.redrive({ tenant, name }) : 0
          out.document({ redriven, errands })
          if (name === undefined) out.line(`${redriven} jobs are due again; \`headwater relay\` applies them.`)
          if (errands > 0 || name !== undefined)
            out.line(`${errands} errands are due again; they are done where a worker handles them.`)
          return undefined
        }),
      ),
    )
}
