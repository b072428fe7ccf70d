import { HeadwaterError } from '../core/errors'
import { type AuditTriggerOptions, migrateAuditTriggers, planAuditTriggers } from './audit-triggers'
import { catalogue } from './catalogue'
import {
  type DeclaredTable,
  type EntityTablePlan,
  migrateEntityTables,
  pendingOf,
  planEntityTables,
} from './entity-tables'
import { assertNothingLost, migrate } from './migrate'
import { type MigrationStatus, migrationStatus } from './status'
import type { MigrationTarget, SchemaOptions } from './target'
import type { UserFile } from './user-files'
import {
  applyUserMigrations,
  type UserMigrationStatus,
  undoUserMigration,
  userMigrationStatus,
} from './user-migrations'

/** Everything that a database is brought to: our migrations, a user's own, tables of entities. */
export interface AllOptions extends SchemaOptions {
  readonly files: readonly UserFile[]
  readonly tables: readonly DeclaredTable[]
  /** What writes down changes of rows of these tables. */
  readonly audit?: AuditTriggerOptions | undefined
}

export interface AllStatus extends MigrationStatus {
  readonly own: UserMigrationStatus
  readonly entities: readonly EntityTablePlan[]
  /** Statements that make the triggers of the audit as they are declared. */
  readonly audit: readonly string[]
  readonly ready: boolean
}

export async function statusOfAll(target: MigrationTarget, options: AllOptions): Promise<AllStatus> {
  const status = await migrationStatus(target, options)
  const own = await userMigrationStatus(target, options)
  const entities = await planEntityTables(target, options)
  const audit = options.audit ? await planAuditTriggers(target, options.audit) : []
  const open = [status.pending, status.incompatible, status.missing, status.unrecorded, own.pending, audit]
  const fits = pendingOf(entities).length === 0 && entities.every(({ misfits }) => misfits.length === 0)
  return { ...status, own, entities, audit, ready: fits && open.every((list) => list.length === 0) }
}

/**
 * Up to `to`, or to the end: ours, then the user's files, then the tables of entities with what of them is left, since
 * such a file is what makes a table fit that does not. Resolves to what was done.
 */
export async function migrateAllUp(
  target: MigrationTarget,
  { to, ...options }: AllOptions & { readonly to?: string | undefined },
): Promise<{ readonly changed: readonly string[]; readonly statements: readonly string[] }> {
  const { schema, files, tables, audit } = options
  const ours = to === undefined || catalogue.some(({ name }) => name === to) || files.every(({ name }) => name !== to)
  const { changed } = await migrate(target, { schema, to: ours ? to : undefined })
  if (to !== undefined && ours) return { changed, statements: [] }
  const own = await applyUserMigrations(target, { schema, files, to })
  const statements = to === undefined ? await migrateEntityTables(target, { schema, tables }) : []
  if (to === undefined && audit) statements.push(...(await migrateAuditTriggers(target, audit)))
  return { changed: [...changed, ...own], statements }
}

/** Undoes the last of all, or those after `to` (`none`: all of them), the newest first, the user's before ours. */
export async function migrateAllDown(
  target: MigrationTarget,
  {
    to,
    withData,
    ...options
  }: AllOptions & { readonly to?: string | undefined; readonly withData?: boolean | undefined },
): Promise<readonly string[]> {
  const { schema } = options
  const { applied, own } = await statusOfAll(target, { ...options, tables: [], audit: undefined })
  const ordered = merged(applied, own.applied)
  const stays =
    to === undefined ? ordered.length - 2 : to === 'none' ? -1 : ordered.findIndex(({ name }) => name === to)
  if (to !== undefined && to !== 'none' && stays < 0) {
    const names = ordered.map(({ name }) => name).join(', ') || 'none'
    throw new HeadwaterError('HW_INVALID_OPTIONS', `to: ${JSON.stringify(to)} is none of ${names}`, { path: 'to' })
  }
  const undone = ordered.slice(stays + 1).reverse()
  const last = ordered.slice(0, stays + 1).findLast(({ ours }) => ours)?.name ?? 'none'
  const oursUndone = undone.some(({ ours }) => ours)
  // Before the first step: one that refuses later would leave the schema half way.
  if (oursUndone && !withData) await assertNothingLost(target, { schema, to: last })
  const changed: string[] = []
  for (const { name, ours } of undone) {
    if (ours) continue
    await undoUserMigration(target, name, options)
    changed.push(name)
  }
  if (oursUndone) changed.push(...(await migrate(target, { schema, direction: 'down', to: last, withData })).changed)
  return changed
}

type Applied = readonly { readonly name: string; readonly at: number }[]

/** By time; each list keeps its own order, whatever the clocks said. */
function merged(ours: Applied, own: Applied): { name: string; ours: boolean }[] {
  const all: { name: string; ours: boolean }[] = []
  let next = 0
  for (const { name, at } of ours) {
    for (; next < own.length && own[next]!.at < at; next++) all.push({ name: own[next]!.name, ours: false })
    all.push({ name, ours: true })
  }
  return [...all, ...own.slice(next).map((one) => ({ name: one.name, ours: false }))]
}
