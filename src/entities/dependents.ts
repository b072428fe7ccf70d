import type { CallOptions } from '../core/abort'
import { HeadwaterError } from '../core/errors'
import type { EntityRowRepository, EntityScope } from '../repositories/entities'
import type { EntityTable } from '../repositories/entity-table'
import { moved } from './version-moved'

type Key = string | number

interface Deleting {
  readonly at: string
  readonly ifVersion?: number | undefined
  /** How many rows of an entity go with one. */
  readonly most: number
}

/** Rows of other entities that a deletion has changed, by their entities. */
export interface DependentRows {
  readonly gone: Map<string, Key[]>
  readonly detached: Map<string, Key[]>
}

/** Whether rows of others change when one of this entity is deleted. */
export function hasDependents({ referrers = [] }: EntityTable): boolean {
  return referrers.some(({ reference }) => reference.onDelete !== 'restrict')
}

/** Deletes a row with the rows that refer to it, or takes their values away, as each reference says; several statements. */
export async function deleteWithDependents(
  rows: EntityRowRepository,
  scope: EntityScope,
  key: Key,
  deleting: Deleting,
  changed: DependentRows,
  call: CallOptions,
): Promise<boolean> {
  const { at, ifVersion } = deleting
  const row = await rows.get(scope, key, call)
  if (!row) return false
  if (ifVersion !== undefined && row['version'] !== ifVersion) throw moved(ifVersion, Number(row['version']))
  await clear(rows, scope, [key], deleting, changed, new Set([placeOf(scope, key)]), call)
  const { deleted, version } = await rows.delete(scope, key, { at, ifVersion }, call)
  if (!deleted && version !== null && ifVersion !== undefined) throw moved(ifVersion, version)
  return deleted
}

/** Those that go with others first; each row once, whatever circles they refer in. */
async function clear(
  rows: EntityRowRepository,
  { table, tenant }: EntityScope,
  keys: readonly Key[],
  deleting: Deleting,
  changed: DependentRows,
  seen: Set<string>,
  call: CallOptions,
): Promise<void> {
  const { at, most } = deleting
  for (const { table: by, reference } of table.referrers ?? []) {
    const scope = { table: by, tenant }
    if (reference.onDelete === 'restrict') continue
    const found = await rows.referring(scope, reference.column, keys, most + 1, call)
    if (found.length > most) throw tooMany(by, most)
    if (reference.onDelete === 'set null') {
      await rows.detach(scope, reference.column, keys, at, call)
      note(changed.detached, by, found)
      continue
    }
    const fresh = found.filter((one) => !seen.has(placeOf(scope, one)))
    if (fresh.length === 0) continue
    for (const one of fresh) seen.add(placeOf(scope, one))
    await clear(rows, scope, fresh, deleting, changed, seen, call)
    await rows.deleteMany(scope, fresh, at, call)
    note(changed.gone, by, fresh)
  }
}

function note(rows: Map<string, Key[]>, { name }: EntityTable, keys: readonly Key[]): void {
  rows.set(name, [...(rows.get(name) ?? []), ...keys])
}

function placeOf({ table }: EntityScope, key: Key): string {
  return `${table.name}/${key}`
}

function tooMany({ name }: EntityTable, most: number): HeadwaterError {
  const problem = `id: more than ${most} rows of ${name} (limits.keys) would go with this one: delete them first`
  return new HeadwaterError('HW_LIMIT_EXCEEDED', problem, { path: 'id' })
}
