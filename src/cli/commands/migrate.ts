import type { Command } from 'commander'
import type { Settings } from '../../config/settings'
import { PostgresConnection } from '../../connections/postgres/connection'
import type { PostgresOptions } from '../../connections/postgres/options'
import { HeadwaterError } from '../../core/errors'
import { pendingOf, planEntityTables } from '../../migrations/entity-tables'
import {
  type AllOptions,
  type AllStatus,
  migrateAllDown,
  migrateAllUp,
  statusOfAll,
} from '../../migrations/migrate-all'
import { readManifest } from '../../migrations/read-manifest'
import type { MigrationTarget } from '../../migrations/target'
import { readUserFiles, writeUserFiles } from '../../migrations/user-files'
import { auditedOf } from '../../repositories/audited'
import { auditTriggersOf } from '../../repositories/postgres/audit-triggers'
import { tableDeclaration } from '../../repositories/postgres/entity-tables'
import type { Register } from '../command'
import type { CliContext } from '../context'
import { declaredEntities, declaredTables, entitiesFlag } from '../declared-entities'
import { exitCodes } from '../exit-codes'
import type { Output } from '../output'

interface GivenOptions {
  readonly entities?: string
  readonly migrations: string
}

interface UpOptions extends GivenOptions {
  readonly to?: string
}

interface DownOptions extends GivenOptions {
  readonly to?: string
  readonly yes?: boolean
  readonly withData?: boolean
}

export const registerMigrate: Register = (program, run) => {
  const group = program.command('migrate').description('the tables: create, change, look')
  const command = (name: string): Command =>
    group
      .command(name)
      .option(...entitiesFlag)
      .option('--migrations <folder>', 'of migrations of your own', folder)
  command('up')
    .description('apply what is pending: ours, your own, and what the tables of entities lack')
    .option('--to <name>', 'stop after this migration')
    .action(
      run(async (context, { to, ...given }: UpOptions) => {
        const { changed, statements, status } = await atPlace(context, given, async (target, options) => {
          const done = await migrateAllUp(target, { ...options, to })
          return { ...done, status: await statusOfAll(target, options) }
        })
        context.out.document({ changed, statements, status })
        context.out.line(changed.length === 0 ? 'Nothing was pending.' : `Applied ${changed.join(', ')}.`)
        for (const statement of statements) context.out.line(statement)
        return undefined
      }),
    )
  command('down')
    .description('undo the last migration; refuses while that would drop documents')
    .option('--to <name>', 'undo those after this one; "none" undoes all')
    .option('--yes', 'really')
    .option('--with-data', "really, and with users' rows in what it drops")
    .action(
      run(async (context, { to, yes, withData, ...given }: DownOptions) => {
        if (!yes && !withData) {
          throw new HeadwaterError('HW_INVALID_ARGUMENT', 'migrate down: takes tables away; add --yes', {
            path: '--yes',
          })
        }
        const { changed, status } = await atPlace(context, given, async (target, options) => ({
          changed: await migrateAllDown(target, { ...options, to, withData }),
          status: await statusOfAll(target, options),
        }))
        context.out.document({ changed, status })
        context.out.line(changed.length === 0 ? 'Nothing was applied.' : `Undid ${changed.join(', ')}.`)
        return undefined
      }),
    )
  command('status')
    .description('what is applied and what is pending; exit code 1 unless the tables are as this version needs them')
    .action(
      run(async (context, given: GivenOptions) => {
        const status = await atPlace(context, given, statusOfAll)
        context.out.document(status)
        await printStatus(context.out, status)
        return status.ready ? exitCodes.ok : exitCodes.failed
      }),
    )
  command('manifest')
    .description('the tables as they are, those of entities among them, as JSON to keep and compare')
    .action(
      run(async (context) => {
        const settings = await context.settings()
        const manifest = await readManifest(migrationTargetOf(settings), settings.postgres.schema)
        context.out.document(manifest)
        context.out.line(JSON.stringify(manifest, null, 2))
        return undefined
      }),
    )
  command('new <name>')
    .description('write NAME.up.sql and NAME.down.sql, with what it takes that tables of entities are as declared')
    .action(
      run(async (context, given: GivenOptions, name: string) => {
        const tables = await declaredTables(context, given.entities)
        const settings = await context.settings()
        const { schema } = settings.postgres
        const plans = await planEntityTables(migrationTargetOf(settings), { schema, tables })
        const files = await writeUserFiles(context.resolve(given.migrations), name, schema, plans)
        context.out.document(files)
        for (const file of [files.up, files.down]) context.out.line(`Wrote ${file}`)
        return undefined
      }),
    )
}

/** Of its own: tools of others keep theirs in a folder `migrations`, in files of the same names. */
const folder = 'headwater/migrations'

/** With one connection for all that is to be done. */
async function atPlace<T>(
  context: CliContext,
  { entities, migrations }: GivenOptions,
  work: (target: MigrationTarget, options: AllOptions) => Promise<T>,
): Promise<T> {
  const settings = await context.settings()
  const files = await readUserFiles(context.resolve(migrations))
  const declared = await declaredEntities(context, entities)
  const { schema } = settings.postgres
  const audit = auditTriggersOf(schema, auditedOf(declared))
  const connection = new PostgresConnection(migrationTargetOf(settings))
  try {
    return await work(connection, { schema, files, tables: declared.map(tableDeclaration), audit })
  } finally {
    await connection.close()
  }
}

/** Where migrations run: the owner's URL where there is one. */
export function migrationTargetOf({ postgres, path }: Settings): PostgresOptions {
  const url = postgres.migrationUrl ?? postgres.url
  return url ? { url: url.reveal() } : { embedded: { path } }
}

async function printStatus(out: Output, status: AllStatus): Promise<void> {
  const { own } = status
  const stateOf = (name: string): string => {
    if (own.lost.includes(name)) return 'applied, its file is gone'
    return own.changed.includes(name) ? 'applied, its file is another since' : 'applied'
  }
  await out.table(
    [{ title: 'migration' }, { title: 'state' }, { title: 'at' }],
    [
      ...status.applied.map(({ name, at }) => [
        name,
        status.ahead.includes(name) ? 'of a newer version' : 'applied',
        new Date(at).toISOString(),
      ]),
      ...status.pending.map((name) => [name, 'pending', '']),
      ...own.applied.map(({ name, at }) => [name, stateOf(name), new Date(at).toISOString()]),
      ...own.pending.map((name) => [name, 'pending', '']),
      ...status.entities.map((plan) => {
        const { table, misfits } = plan
        if (misfits.length > 0) return [table, `another: ${misfits.map(({ what }) => what).join('; ')}`, '']
        return [table, pendingOf([plan]).length === 0 ? 'as declared' : 'pending', '']
      }),
      ...(status.audit.length > 0 ? [['audit', 'triggers pending', '']] : []),
    ],
  )
  if (status.missing.length > 0) out.line(`Missing tables: ${status.missing.join(', ')}`)
  if (status.unrecorded.length > 0) out.line(`Tables without a record of migrations: ${status.unrecorded.join(', ')}`)
}
