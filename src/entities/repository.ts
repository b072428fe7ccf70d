import { type CallOptions, callKinds } from '../core/abort'
import type { Clock } from '../core/clock'
import { describeValue } from '../core/describe-value'
import { HeadwaterError } from '../core/errors'
import { uuidV7 } from '../core/ids'
import { canonicalJson, isPlainObject, type Json } from '../core/json'
import { reading } from '../core/known-options'
import { anything, checkOptions, list, type OptionKinds, whole } from '../core/option-kinds'
import type { EntityScope } from '../repositories/entities'
import { columnOf, type EntityRecord, type EntityTable } from '../repositories/entity-table'
import type { Receipt } from '../writer/write/receipt'
import type { EntityAccess, EntityContext, EntityWithin } from './access'
import {
  type AggregateRow,
  checkAggregate,
  type EntityAggregateQuery,
  type GroupBy,
  type NumberColumn,
  type OrderedColumn,
} from './aggregate'
import type { EntityDefinition, EntityShape } from './declaration'
import { deleteWithDependents, hasDependents } from './dependents'
import {
  checkFilter,
  checkFirstQuery,
  checkListQuery,
  type EntityFilter,
  type EntityFirstQuery,
  type EntityListQuery,
  type EntityPage,
} from './query'
import { changing, follow, followKeys, joined } from './searched'
import { validated } from './standard-schema'
import { checkColumns, toKey, toRow, toValues } from './values'
import { moved } from './version-moved'

/** What a change of one row takes. */
export interface EntityVersionOptions extends CallOptions {
  /** Fails with HW_VERSION_CONFLICT unless the row is at this version. */
  ifVersion?: number | undefined
}

/** What an upsert takes. */
export interface EntityUpsertOptions extends CallOptions {
  /**
   * The columns by which a row is known as the same: the key, or those of a `unique`. The key when left out, or the only
   * `unique` where rows get keys of their own.
   */
  on?: readonly string[] | undefined
}

/** What a write answers, with a receipt for `waitFor` where rows are searched. */
export type Written<E extends EntityShape, T> = E['search'] extends true ? T & { readonly receipt: Receipt } : T

/** Whether there was a row, with a receipt where rows are searched. */
export type Deleted<E extends EntityShape> = E['search'] extends true
  ? { readonly deleted: boolean; readonly receipt: Receipt }
  : boolean

/** Changes of a row: what is not named stays, `null` takes a value away. */
export type EntityPatch<Input> = { readonly [K in keyof Input]?: Input[K] | null | undefined }

const versionKinds = {
  ...callKinds,
  ifVersion: whole(1, Number.MAX_SAFE_INTEGER),
} satisfies OptionKinds<EntityVersionOptions>
const upsertKinds = { ...callKinds, on: list(anything, 8) } satisfies OptionKinds<EntityUpsertOptions>

/** How often a row that others keep changing is read and changed anew. */
const attempts = 20

/** The rows of one entity, of one tenant, or of the installation where it is declared so. */
export class EntityRepository<E extends EntityShape> {
  readonly #definition: EntityDefinition
  readonly #scope: EntityScope
  readonly #context: Pick<EntityContext, 'clock' | 'random' | 'limits'>
  readonly #access: EntityAccess

  /** @internal */
  constructor(
    definition: EntityDefinition,
    tenant: EntityScope['tenant'],
    context: Pick<EntityContext, 'clock' | 'random' | 'limits'>,
    access: EntityAccess,
  ) {
    this.#definition = definition
    this.#scope = { table: definition.table, tenant }
    this.#context = context
    this.#access = access
  }

  /** Adds a row and returns it. HW_INVALID_ENTITY, HW_LIMIT_EXCEEDED; HW_CONFLICT for values that another row has. */
  async insert(values: E['input'], options?: CallOptions): Promise<Written<E, E['row']>> {
    const call = checkOptions(options, callKinds, '', 'HW_INVALID_ARGUMENT')
    return this.#changing(call, async ({ write, hold }) => {
      const record = await this.#newRecord(values, 'values')
      await hold([record])
      await write((rows, marked, within) => rows.insert(this.#scope, [record], marked, within))
      return { value: this.#row(record), put: [record] }
    })
  }

  /** Adds rows, all of them or none, and returns them in their order; up to 10,000 at once. Fails as `insert` does. */
  async insertMany(values: readonly E['input'][], options?: CallOptions): Promise<Written<E, E['row'][]>> {
    const call = checkOptions(options, callKinds, '', 'HW_INVALID_ARGUMENT')
    return this.#changing(call, async ({ write, hold }) => {
      const given = this.#list(values, 'values')
      const records: EntityRecord[] = []
      for (const [at, one] of given.entries()) records.push(await this.#newRecord(one, `values[${at}]`))
      await hold(records)
      if (records.length > 0) await write((rows, marked, within) => rows.insert(this.#scope, records, marked, within))
      return { value: records.map((record) => this.#row(record)), put: records }
    })
  }

  /**
   * Adds a row, or writes over the one that is the same by `on`, which keeps its key; its `version` tells which (1: added). A
   * row that was softly deleted lives again where its key is given. Fails as `insert` does.
   */
  async upsert(values: E['input'], options?: EntityUpsertOptions): Promise<Written<E, E['row']>> {
    const { on: asked, ...call } = checkOptions(options, upsertKinds, '', 'HW_INVALID_ARGUMENT')
    const on = this.#sameBy(asked)
    return this.#changing(call, async ({ write, hold }) => {
      const record = await this.#newRecord(values, 'values')
      await hold([record])
      const { key, version, createdAt } = await write((rows, marked, within) =>
        rows.upsert(this.#scope, record, on, marked, within),
      )
      const stored = { ...record, [this.#scope.table.key]: key, version, createdAt }
      return { value: this.#row(stored), put: [stored] }
    })
  }

  /** The row, or null. */
  async get(id: E['key'], options?: CallOptions): Promise<E['row'] | null> {
    const call = checkOptions(options, callKinds, '', 'HW_INVALID_ARGUMENT')
    const key = this.#key(id)
    return this.#access(call, async ({ read }) => {
      const record = await read((rows, within) => rows.get(this.#scope, key, within))
      return record && this.#row(record)
    })
  }

  /** In the order of the ids; null where there is none. */
  async getMany(ids: readonly E['key'][], options?: CallOptions): Promise<(E['row'] | null)[]> {
    const call = checkOptions(options, callKinds, '', 'HW_INVALID_ARGUMENT')
    const keys = this.#list(ids, 'ids').map((id, at) => this.#key(id, `ids[${at}]`))
    return this.#access(call, async ({ read }) => {
      const found = await read((rows, within) => rows.getMany(this.#scope, keys, within))
      const byKey = new Map(found.map((record) => [record[this.#scope.table.key], record]))
      return keys.map((key) => {
        const record = byKey.get(key)
        return record ? this.#row(record) : null
      })
    })
  }

  /**
   * Changes what the patch names and returns the row; one that is the same afterwards keeps its version. The row is read
   * first, since a schema judges a whole value, and changed at the version that was read. HW_NOT_FOUND,
   * HW_VERSION_CONFLICT, HW_INVALID_ENTITY, HW_LIMIT_EXCEEDED, HW_CONFLICT.
   */
  async update(
    id: E['key'],
    patch: EntityPatch<E['input']>,
    options?: EntityVersionOptions,
  ): Promise<Written<E, E['row']>> {
    const { ifVersion, ...call } = checkOptions(options, versionKinds, '', 'HW_INVALID_ARGUMENT')
    const key = this.#key(id)
    return this.#changing(call, async ({ read, write, hold }) => {
      for (let attempt = 1; ; attempt++) {
        const stored = await read((rows, within) => rows.get(this.#scope, key, within))
        if (!stored) throw notFound(this.#scope.table, key)
        const was = Number(stored['version'])
        if (ifVersion !== undefined && ifVersion !== was) throw moved(ifVersion, was)
        const values = await this.#patched(stored, patch)
        const changed = { ...stored, ...values }
        if (canonicalJson(changed) === canonicalJson(stored)) return { value: this.#row(stored), put: [stored] }
        const record = { ...changed, version: was + 1, updatedAt: nowBy(this.#context.clock) }
        await hold([record])
        const done = await write((rows, marked, within) => rows.replace(this.#scope, record, was, marked, within))
        if (done.replaced) return { value: this.#row(record), put: [record] }
        if (ifVersion !== undefined || attempt === attempts) throw moved(ifVersion ?? was, undefined)
      }
    })
  }

  /**
   * Whether there was such a row, which now is deleted, with what refers to it where it is declared so. HW_CONFLICT where
   * rows refer to it that are not, HW_VERSION_CONFLICT, HW_LIMIT_EXCEEDED.
   */
  async delete(id: E['key'], options?: EntityVersionOptions): Promise<Deleted<E>> {
    const { ifVersion, ...call } = checkOptions(options, versionKinds, '', 'HW_INVALID_ARGUMENT')
    const key = this.#key(id)
    return this.#access(call, async ({ write, together }) => {
      const deleting = { at: nowBy(this.#context.clock), ifVersion, most: this.#context.limits.keys }
      if (this.#definition.search || hasDependents(this.#scope.table)) {
        return together((within) => this.#deleteAll(within, key, deleting))
      }
      const { deleted, version } = await write((rows, marked, within) =>
        rows.delete(this.#scope, key, { ...marked, at: deleting.at, ifVersion }, within),
      )
      if (!deleted && version !== null && ifVersion !== undefined) throw moved(ifVersion, version)
      return deleted as Deleted<E>
    })
  }

  /** With the rows that go with it, and the documents of all of them. */
  async #deleteAll(
    { rows, documents, call }: EntityWithin,
    key: string | number,
    deleting: Parameters<typeof deleteWithDependents>[3],
  ): Promise<Deleted<E>> {
    const { search, peers } = this.#definition
    const { tenant } = this.#scope
    const changed = { gone: new Map<string, (string | number)[]>(), detached: new Map<string, (string | number)[]>() }
    const deleted = await deleteWithDependents(rows, this.#scope, key, deleting, changed, call)
    const receipts = await follow(this.#definition, documents, { gone: [key] })
    for (const [name, gone] of changed.gone) receipts.push(...(await follow(peers!.get(name)!, documents, { gone })))
    for (const [name, keys] of changed.detached) {
      receipts.push(...(await followKeys(peers!.get(name)!, tenant, rows, documents, keys, call)))
    }
    return (search ? { deleted, receipt: joined(tenant, receipts) } : deleted) as Deleted<E>
  }

  #changing<T extends object>(call: CallOptions, work: Parameters<typeof changing<T>>[4]): Promise<Written<E, T>> {
    return changing(this.#definition, this.#scope.tenant, this.#access, call, work) as Promise<Written<E, T>>
  }

  /**
   * Rows in the order of their keys, or of an index; each page costs the same. HW_INVALID_FILTER, HW_INVALID_CURSOR,
   * HW_INVALID_ARGUMENT for an order that no index has, HW_LIMIT_EXCEEDED.
   */
  async list<K extends keyof E['row'] = keyof E['row']>(
    query: EntityListQuery<E['row'], K> = {},
    options?: CallOptions,
  ): Promise<EntityPage<Pick<E['row'], K>>> {
    const call = checkOptions(options, callKinds, '', 'HW_INVALID_ARGUMENT')
    const checked = checkListQuery(this.#scope, query, this.#context.limits)
    return this.#access(call, async ({ read }) => {
      const records = await read((rows, within) => rows.list(this.#scope, checked.query, within))
      const shown = records.slice(0, checked.limit)
      const items = shown.map((record) => this.#row(record, checked.shown) as Pick<E['row'], K>)
      const more = records.length > checked.limit
      return { items, ...(more && { cursor: checked.cursorAfter(shown.at(-1)!) }) }
    })
  }

  /** The first row of what `list` would give, or null. */
  async first<K extends keyof E['row'] = keyof E['row']>(
    query: EntityFirstQuery<E['row'], K> = {},
    options?: CallOptions,
  ): Promise<Pick<E['row'], K> | null> {
    const call = checkOptions(options, callKinds, '', 'HW_INVALID_ARGUMENT')
    const checked = checkFirstQuery(this.#scope, query, this.#context.limits)
    return this.#access(call, async ({ read }) => {
      const [record] = await read((rows, within) => rows.list(this.#scope, checked.query, within))
      return record ? (this.#row(record, checked.shown) as Pick<E['row'], K>) : null
    })
  }

  /** How many rows match; all of them without a filter. HW_INVALID_FILTER. */
  async count(filter?: EntityFilter<E['row']>, options?: CallOptions): Promise<number> {
    const call = checkOptions(options, callKinds, '', 'HW_INVALID_ARGUMENT')
    const parsed = checkFilter(this.#scope.table, filter, this.#context.limits)
    return this.#access(call, ({ read }) => read((rows, within) => rows.count(this.#scope, parsed, within)))
  }

  /**
   * What rows come to, as a whole or by groups: how many there are, sums, means, least and greatest values.
   * HW_INVALID_FILTER, HW_INVALID_ARGUMENT; HW_LIMIT_EXCEEDED for a sum that no number holds.
   *
   * ```ts
   * await courses.aggregate({ groupBy: ['kind'], count: true, sum: ['credits'], orderBy: [{ count: 'desc' }] })
   * // [{ kind: 'lecture', count: 12, sum: { credits: 60 } }, ...]
   * ```
   */
  async aggregate<
    G extends GroupBy<E['row']> = never,
    C extends boolean = false,
    S extends NumberColumn<E['row']> = never,
    A extends NumberColumn<E['row']> = never,
    L extends OrderedColumn<E['row']> = never,
    M extends OrderedColumn<E['row']> = never,
  >(
    query: EntityAggregateQuery<E['row'], G, C, S, A, L, M>,
    options?: CallOptions,
  ): Promise<AggregateRow<E['row'], G, C, S, A, L, M>[]> {
    const call = checkOptions(options, callKinds, '', 'HW_INVALID_ARGUMENT')
    const { aggregation, rowOf } = checkAggregate(this.#scope.table, query, this.#context.limits)
    return this.#access(call, async ({ read }) => {
      const found = await read((rows, within) => rows.aggregate(this.#scope, aggregation, within))
      return found.map((one) => rowOf(one) as AggregateRow<E['row'], G, C, S, A, L, M>)
    })
  }

  async #newRecord(given: unknown, at: string): Promise<EntityRecord> {
    const { clock, random, limits } = this.#context
    const { schema, generated, table } = this.#definition
    const values = toValues(this.#definition, await validated(schema, given, at), limits, at)
    const now = nowBy(this.#context.clock)
    const own = generated ? { [table.key]: uuidV7(clock, random) } : {}
    return { ...own, ...values, version: 1, createdAt: now, updatedAt: now }
  }

  /** The row's own values as they are with the patch. */
  async #patched(stored: EntityRecord, patch: unknown): Promise<Record<string, Json>> {
    const { own, schema, table } = this.#definition
    const merged: Record<string, unknown> = toRow(own, stored)
    reading('patch', 'HW_INVALID_ARGUMENT', () => {
      if (!isPlainObject(patch)) throw invalid('patch', `must be an object, got ${describeValue(patch)}`)
      checkColumns(own, patch, 'patch')
      for (const { name, missing } of own) {
        const value = patch[name]
        if (value === undefined) continue
        if (value === null && missing === 'absent') delete merged[name]
        else merged[name] = value
      }
    })
    const values = toValues(this.#definition, await validated(schema, merged, 'patch'), this.#context.limits, 'patch')
    if (table.key in values && values[table.key] !== stored[table.key]) {
      throw new HeadwaterError('HW_INVALID_ENTITY', `patch.${table.key}: the key of a row stays`, {
        path: `patch.${table.key}`,
      })
    }
    return values
  }

  #sameBy(asked: readonly unknown[] | undefined): readonly string[] {
    const { key, indexes } = this.#scope.table
    const unique = indexes.filter((index) => index.unique).map(({ columns }) => columns)
    const choices = [...(this.#definition.generated ? [] : [[key]]), ...unique]
    if (asked === undefined && (choices.length === 1 || !this.#definition.generated)) return choices[0]!
    const isAsked = (columns: readonly string[]): boolean =>
      asked?.length === columns.length && columns.every((name, at) => asked[at] === name)
    const found = choices.find(isAsked)
    if (found) return found
    const known = choices.map((columns) => `[${columns.join(', ')}]`).join(', ')
    const problem =
      known === '' ? 'this entity has neither a key of its own columns nor a unique' : `must be one of ${known}`
    throw invalid('on', problem)
  }

  #list(given: unknown, path: string): unknown[] {
    const { keys } = this.#context.limits
    return reading(path, 'HW_INVALID_ARGUMENT', () => {
      if (!Array.isArray(given)) throw invalid(path, `must be a list, got ${describeValue(given)}`)
      if (given.length <= keys) return [...given]
      const problem = `${path}: at most ${keys} (limits.keys), got ${given.length}`
      throw new HeadwaterError('HW_LIMIT_EXCEEDED', problem, { path })
    })
  }

  #key(id: unknown, path = 'id'): string | number {
    return toKey(this.#scope.table, id, path)
  }

  #row(record: EntityRecord, names?: readonly string[]): E['row'] {
    const { table } = this.#scope
    return toRow(names ? names.map((name) => columnOf(table, name)) : table.columns, record)
  }
}

/** As `EntityRepository`, of an entity with `softDelete`. */
export class RestorableRepository<E extends EntityShape> extends EntityRepository<E> {
  readonly #definition: EntityDefinition
  readonly #scope: EntityScope
  readonly #clock: Clock
  readonly #access: EntityAccess

  /** @internal */
  constructor(...of: ConstructorParameters<typeof EntityRepository>) {
    super(...of)
    const [definition, tenant, { clock }, access] = of
    this.#definition = definition
    this.#scope = { table: definition.table, tenant }
    this.#clock = clock
    this.#access = access
  }

  /** Gives a deleted row back and returns it; one that is not deleted stays as it is. HW_NOT_FOUND, HW_CONFLICT. */
  async restore(id: E['key'], options?: CallOptions): Promise<Written<E, E['row']>> {
    const call = checkOptions(options, callKinds, '', 'HW_INVALID_ARGUMENT')
    const { table, tenant } = this.#scope
    const key = toKey(table, id, 'id')
    const restored = changing(this.#definition, tenant, this.#access, call, async ({ read, write }) => {
      const at = nowBy(this.#clock)
      await write((rows, marked, within) => rows.restore(this.#scope, key, { ...marked, at }, within))
      const record = await read((rows, within) => rows.get(this.#scope, key, within))
      if (record) return { value: toRow(table.columns, record) as E['row'], put: [record] }
      throw notFound(table, key)
    })
    return restored as Promise<Written<E, E['row']>>
  }
}

function nowBy(clock: Clock): string {
  return new Date(clock.now()).toISOString()
}

function notFound({ name }: EntityTable, key: string | number): HeadwaterError {
  const what = `id: no row ${JSON.stringify(key)} of ${name}`
  return new HeadwaterError('HW_NOT_FOUND', what, { path: 'id', details: { key } })
}

function invalid(path: string, problem: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_ARGUMENT', `${path}: ${problem}`, { path })
}
