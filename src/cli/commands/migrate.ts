import type { Settings } from '../../config/settings'
import { HeadwaterError } from '../../core/errors'
import { migrate } from '../../migrations/migrate'
import { type MigrationStatus, migrationStatus } from '../../migrations/status'
import type { MigrationTarget } from '../../migrations/target'
import type { Register } from '../command'
import { exitCodes } from '../exit-codes'
import type { Output } from '../output'

interface DownOptions {
  readonly to?: string
  readonly yes?: boolean
  readonly withData?: boolean
}

export const registerMigrate: Register = (program, run) => {
  const command = program.command('migrate').description('the tables: create, change, look')
  command
    .command('up')
    .description('apply what is pending')
    .option('--to <name>', 'stop after this migration')
    .action(
      run(async (context, { to }: { readonly to?: string }) => {
        const settings = await context.settings()
        const { schema } = settings.postgres
        const { changed, status } = await migrate(migrationTargetOf(settings), { schema, direction: 'up', to })
        context.out.document({ changed, status })
        context.out.line(changed.length === 0 ? 'Nothing was pending.' : `Applied ${changed.join(', ')}.`)
        return undefined
      }),
    )
  command
    .command('down')
    .description('undo the last migration; refuses while that would drop documents')
    .option('--to <name>', 'undo those after this one; "none" undoes all')
    .option('--yes', 'really')
    .option('--with-data', "really, and with users' rows in what it drops")
    .action(
      run(async (context, { to, yes, withData }: DownOptions) => {
        if (!yes && !withData) {
          throw new HeadwaterError('HW_INVALID_ARGUMENT', 'migrate down: takes tables away; add --yes', {
            path: '--yes',
          })
        }
        const settings = await context.settings()
        const { schema } = settings.postgres
        const options = { schema, direction: 'down', to, withData } as const
        const { changed, status } = await migrate(migrationTargetOf(settings), options)
        context.out.document({ changed, status })
        context.out.line(changed.length === 0 ? 'Nothing was applied.' : `Undid ${changed.join(', ')}.`)
        return undefined
      }),
    )
  command
    .command('status')
    .description('what is applied and what is pending; exit code 1 unless the tables are as this version needs them')
    .action(
      run(async (context) => {
        const settings = await context.settings()
        const status = await migrationStatus(migrationTargetOf(settings), { schema: settings.postgres.schema })
        const ready = [status.pending, status.incompatible, status.missing, status.unrecorded].every(
          (list) => list.length === 0,
        )
        context.out.document({ ...status, ready })
        await printStatus(context.out, status)
        return ready ? exitCodes.ok : exitCodes.failed
      }),
    )
}

/** Where migrations run: the owner's URL where there is one. */
export function migrationTargetOf({ postgres, path }: Settings): MigrationTarget {
  const url = postgres.migrationUrl ?? postgres.url
  return url ? { url: url.reveal() } : { embedded: { path } }
}

async function printStatus(out: Output, status: MigrationStatus): Promise<void> {
  await out.table(
    [{ title: 'migration' }, { title: 'state' }, { title: 'at' }],
    [
      ...status.applied.map(({ name, at }) => [
        name,
        status.ahead.includes(name) ? 'of a newer version' : 'applied',
        new Date(at).toISOString(),
      ]),
      ...status.pending.map((name) => [name, 'pending', '']),
    ],
  )
  if (status.missing.length > 0) out.line(`Missing tables: ${status.missing.join(', ')}`)
  if (status.unrecorded.length > 0) out.line(`Tables without a record of migrations: ${status.unrecorded.join(', ')}`)
}
