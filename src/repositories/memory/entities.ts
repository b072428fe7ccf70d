import type { CallOptions } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import type { Json } from '../../core/json'
import type { FilterSubject, ParsedFilter } from '../../filter/parsed'
import { matches } from '../../filter/predicate'
import type { Deletion, EntityQuery, EntityRowRepository, EntityScope, EntityWrite, Upserted } from '../entities'
import type { AggregatedRow, EntityAggregation } from '../entity-aggregates'
import { type EntityRecord, installation, recordLeaves } from '../entity-table'
import { missingError, referredError, takenError } from '../taken-values'
import { type Access, checkSight } from './access'
import { copyJson } from './copy'
import { aggregated, compareValues } from './entity-aggregates'
import type { Changes, StoredEntity } from './tables'

export class MemoryEntities implements EntityRowRepository {
  readonly #access: Access

  constructor(access: Access) {
    this.#access = access
  }

  get(scope: EntityScope, key: string | number, call?: CallOptions): Promise<EntityRecord | null> {
    return this.#read('entities.get', scope, call, (changes) => recordOf(live(changes, scope, key)))
  }

  getMany(scope: EntityScope, keys: readonly (string | number)[], call?: CallOptions): Promise<EntityRecord[]> {
    return this.#read('entities.getMany', scope, call, (changes) =>
      [...new Set(keys)].flatMap((key) => {
        const record = recordOf(live(changes, scope, key))
        return record ? [record] : []
      }),
    )
  }

  insert(
    scope: EntityScope,
    records: readonly EntityRecord[],
    write: EntityWrite = {},
    call?: CallOptions,
  ): Promise<{ readonly inserted: number }> {
    return this.#write('entities.insert', scope, write, call, (changes) => {
      const taken = takenValues(changes, scope)
      for (const record of records) {
        taken.add(record)
        put(changes, scope, record)
      }
      for (const record of records) checkReferences(changes, scope, record)
      return { inserted: records.length }
    })
  }

  upsert(
    scope: EntityScope,
    record: EntityRecord,
    on: readonly string[],
    write: EntityWrite = {},
    call?: CallOptions,
  ): Promise<Upserted> {
    return this.#write('entities.upsert', scope, write, call, (changes) => {
      const { key } = scope.table
      const byKey = on.length === 1 && on[0] === key
      const there = byKey
        ? changes.entities.get(keyOf(scope, record[key]!))
        : rowsOf(changes, scope).find((row) => !row.deleted && same(row.record, record, on))
      const written: EntityRecord = there
        ? {
            ...record,
            [key]: there.record[key]!,
            version: Number(there.record['version']) + 1,
            createdAt: there.record['createdAt']!,
          }
        : record
      takenValues(changes, scope, there).add(written)
      put(changes, scope, written)
      checkReferences(changes, scope, written)
      return {
        key: written[key] as string | number,
        version: Number(written['version']),
        createdAt: String(written['createdAt']),
      }
    })
  }

  replace(
    scope: EntityScope,
    record: EntityRecord,
    was: number,
    write: EntityWrite = {},
    call?: CallOptions,
  ): Promise<{ readonly replaced: boolean }> {
    return this.#write('entities.replace', scope, write, call, (changes) => {
      const row = live(changes, scope, record[scope.table.key]!)
      if (row?.record['version'] !== was) return { replaced: false }
      takenValues(changes, scope, row).add(record)
      put(changes, scope, { ...record, createdAt: row.record['createdAt']! })
      checkReferences(changes, scope, record)
      return { replaced: true }
    })
  }

  delete(
    scope: EntityScope,
    key: string | number,
    options: EntityWrite & { readonly at: string; readonly ifVersion?: number | undefined },
    call?: CallOptions,
  ): Promise<Deletion> {
    return this.#write('entities.delete', scope, options, call, (changes) => {
      const row = live(changes, scope, key)
      const version = row ? Number(row.record['version']) : null
      if (!row || (options.ifVersion !== undefined && version !== options.ifVersion)) return { version, deleted: false }
      remove(changes, scope, [row], options.at)
      return { version, deleted: true }
    })
  }

  restore(
    scope: EntityScope,
    key: string | number,
    options: EntityWrite & { readonly at: string },
    call?: CallOptions,
  ): Promise<{ readonly restored: boolean }> {
    return this.#write('entities.restore', scope, options, call, (changes) => {
      const row = changes.entities.get(keyOf(scope, key))
      if (!row?.deleted) return { restored: false }
      takenValues(changes, scope, row).add(row.record)
      put(changes, scope, next(row.record, options.at))
      checkReferences(changes, scope, row.record)
      return { restored: true }
    })
  }

  referring(
    scope: EntityScope,
    column: string,
    keys: readonly (string | number)[],
    limit: number,
    call?: CallOptions,
  ): Promise<(string | number)[]> {
    return this.#read('entities.referring', scope, call, (changes) =>
      holding(changes, scope, column, keys)
        .slice(0, limit)
        .map(({ record }) => record[scope.table.key] as string | number),
    )
  }

  detach(
    scope: EntityScope,
    column: string,
    keys: readonly (string | number)[],
    at: string,
    call?: CallOptions,
  ): Promise<{ readonly detached: number }> {
    return this.#write('entities.detach', scope, {}, call, (changes) => {
      const found = holding(changes, scope, column, keys)
      for (const { record } of found) put(changes, scope, { ...next(record, at), [column]: null })
      return { detached: found.length }
    })
  }

  deleteMany(
    scope: EntityScope,
    keys: readonly (string | number)[],
    at: string,
    call?: CallOptions,
  ): Promise<{ readonly deleted: number }> {
    return this.#write('entities.deleteMany', scope, {}, call, (changes) => {
      const found = [...new Set(keys)].flatMap((key) => live(changes, scope, key) ?? [])
      remove(changes, scope, found, at)
      return { deleted: found.length }
    })
  }

  list(scope: EntityScope, query: EntityQuery, call?: CallOptions): Promise<EntityRecord[]> {
    const { filter, order, after, limit, select } = query
    const compare = (a: readonly Json[], b: readonly Json[]): number => {
      for (const [at, value] of a.entries()) {
        const compared = compareValues(value, b[at]!)
        if (compared !== 0) return order.descending ? -compared : compared
      }
      return 0
    }
    const placeOf = (record: EntityRecord): Json[] => order.columns.map((name) => record[name]!)
    return this.#read('entities.list', scope, call, (changes) =>
      rowsOf(changes, scope)
        .filter((row) => isMatch(scope, row, filter) && (!after || compare(placeOf(row.record), after) > 0))
        .sort((a, b) => compare(placeOf(a.record), placeOf(b.record)))
        .slice(0, limit)
        .map(({ record }) => copyJson(Object.fromEntries(select.map((name) => [name, record[name]!])))),
    )
  }

  count(scope: EntityScope, filter?: ParsedFilter, call?: CallOptions): Promise<number> {
    return this.#read(
      'entities.count',
      scope,
      call,
      (changes) => rowsOf(changes, scope).filter((row) => isMatch(scope, row, filter)).length,
    )
  }

  aggregate(scope: EntityScope, aggregation: EntityAggregation, call?: CallOptions): Promise<AggregatedRow[]> {
    return this.#read('entities.aggregate', scope, call, (changes) => {
      const found = rowsOf(changes, scope).filter((row) => isMatch(scope, row, aggregation.filter))
      return aggregated(
        scope.table,
        aggregation,
        found.map(({ record }) => record),
      )
    })
  }

  async #read<T>(
    op: string,
    scope: EntityScope,
    call: CallOptions | undefined,
    work: (changes: Changes) => T,
  ): Promise<T> {
    checkSight(this.#access.view, scope.tenant)
    return this.#access.read(op, call, work)
  }

  /** With its marker where anything was written. */
  async #write<T extends object>(
    op: string,
    { tenant }: EntityScope,
    { marker }: EntityWrite,
    call: CallOptions | undefined,
    work: (changes: Changes) => T,
  ): Promise<T> {
    checkSight(this.#access.view, tenant)
    return this.#access.write(op, call, (changes) => {
      const answer = work(changes)
      const nothing = Object.values(answer).includes(false)
      if (marker === undefined || nothing) return answer
      const key = `${tenant}/${marker}`
      if (changes.commits.get(key)) throw new HeadwaterError('HW_CONFLICT', `The key ${marker} is taken`)
      const createdAt = this.#access.engine.clock.now()
      const receipt = copyJson(answer as unknown as Json)
      changes.commits.put(key, { tenant, requestHash: '', receipt, refuted: false, createdAt })
      return answer
    })
  }
}

function keyOf({ table, tenant }: EntityScope, key: Json): string {
  return `${table.name}/${tenant}/${String(key)}`
}

function rowsOf(changes: Changes, { table, tenant }: EntityScope): StoredEntity[] {
  return changes.entities.group(`${table.name}/${tenant}`)
}

function live(changes: Changes, scope: EntityScope, key: Json): StoredEntity | undefined {
  const row = changes.entities.get(keyOf(scope, key))
  return row?.deleted ? undefined : row
}

function recordOf(row: StoredEntity | undefined): EntityRecord | null {
  return row ? copyJson(row.record as { [name: string]: Json }) : null
}

function put(changes: Changes, scope: EntityScope, record: EntityRecord, deleted = false): void {
  const { table, tenant } = scope
  const copy = copyJson(record as { [name: string]: Json })
  changes.entities.put(keyOf(scope, record[table.key]!), { entity: table.name, tenant, record: copy, deleted })
}

/** The rows that are not deleted and have one of these values. */
function holding(
  changes: Changes,
  scope: EntityScope,
  column: string,
  keys: readonly (string | number)[],
): StoredEntity[] {
  return rowsOf(changes, scope).filter(({ record, deleted }) => !deleted && keys.includes(record[column] as string))
}

function remove(changes: Changes, scope: EntityScope, rows: readonly StoredEntity[], at: string): void {
  const { table, tenant } = scope
  for (const { record } of rows) {
    if (table.softDelete) put(changes, scope, next(record, at), true)
    else changes.entities.delete(keyOf(scope, record[table.key]!))
  }
  const keys = new Set(rows.map(({ record }) => record[table.key]))
  for (const by of table.referrers ?? []) {
    const isIn = (row: StoredEntity): boolean =>
      row.entity === by.table.name && !row.deleted && (table.shared || row.tenant === tenant)
    for (const [, row] of changes.entities.entries()) {
      if (isIn(row) && keys.has(row.record[by.reference.column]!)) throw referredError(table, by)
    }
  }
}

/** What a row refers to must be there, and not be deleted. */
function checkReferences(changes: Changes, { table, tenant }: EntityScope, record: EntityRecord): void {
  for (const reference of table.references ?? []) {
    const value = record[reference.column] ?? null
    if (value === null) continue
    const row = changes.entities.get(`${reference.entity}/${reference.shared ? installation : tenant}/${String(value)}`)
    if (!row || row.deleted) throw missingError(table, reference)
  }
}

function next(record: EntityRecord, at: string): EntityRecord {
  return { ...record, version: Number(record['version']) + 1, updatedAt: at }
}

function isMatch({ table }: EntityScope, { record, deleted }: StoredEntity, filter: ParsedFilter | undefined): boolean {
  if (deleted) return false
  return filter === undefined || matches(filter, { leaves: recordLeaves(table, record) } as FilterSubject)
}

function same(a: EntityRecord, b: EntityRecord, columns: readonly string[]): boolean {
  return columns.every((name) => a[name] !== null && a[name] === b[name])
}

/** The values that must not be there twice, of all rows but one; deleted rows keep their key alone. */
function takenValues(changes: Changes, scope: EntityScope, except?: StoredEntity): { add(record: EntityRecord): void } {
  const { table } = scope
  const unique = table.indexes.filter((index) => index.unique)
  const seen = unique.map(() => new Set<string>())
  const add = (record: EntityRecord, refuse: boolean): void => {
    for (const [at, { columns }] of unique.entries()) {
      if (columns.some((name) => record[name] === null)) continue
      const value = JSON.stringify(columns.map((name) => record[name]))
      if (refuse && seen[at]!.has(value)) throw takenError(table, columns)
      seen[at]!.add(value)
    }
  }
  if (unique.length > 0) {
    for (const row of rowsOf(changes, scope)) if (!row.deleted && row !== except) add(row.record, false)
  }
  return {
    add: (record) => {
      const there = changes.entities.get(keyOf(scope, record[table.key]!))
      if (there && there !== except) throw takenError(table, [table.key])
      add(record, true)
    },
  }
}
