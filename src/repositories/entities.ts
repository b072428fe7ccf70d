import type { CallOptions } from '../core/abort'
import type { TenantId } from '../core/ids'
import type { Json } from '../core/json'
import type { ParsedFilter } from '../filter/parsed'
import type { AggregatedRow, EntityAggregation } from './entity-aggregates'
import type { EntityRecord, EntityTable } from './entity-table'

/** Whose rows of which entity. */
export interface EntityScope {
  readonly table: EntityTable
  readonly tenant: TenantId
}

/** What goes with a write. */
export interface EntityWrite {
  /** Key of a commit row that is made where anything is written; its receipt is what the method answers. */
  readonly marker?: string | undefined
}

export interface EntityOrder {
  /** Columns of an index, the key last. */
  readonly columns: readonly string[]
  readonly descending: boolean
}

export interface EntityQuery {
  readonly filter?: ParsedFilter | undefined
  /** Values are ordered as Postgres does: text by its bytes, no value after all others. */
  readonly order: EntityOrder
  /** Only rows behind this one in the order: values of its columns. */
  readonly after?: readonly Json[] | undefined
  readonly limit: number
  /** Names of the columns that are asked for. */
  readonly select: readonly string[]
}

/** A row as an upsert has left it; version 1 where it was not there. */
export interface Upserted {
  readonly key: string | number
  readonly version: number
  readonly createdAt: string
}

export interface Deletion {
  /** The version that was there; null where there was none. */
  readonly version: number | null
  readonly deleted: boolean
}

/**
 * Rows of declared entities at a call. Reads never see deleted rows. A value that another row has, where that must not
 * be, rejects with HW_CONFLICT (not retryable, `details.columns`), and so does a reference to a row that is not there, and
 * the deletion of one that is referred to (`details.references`, `details.referrers`); then, as after any failed statement, nothing but a
 * rollback is possible in a transaction.
 */
export interface EntityRowRepository {
  get(scope: EntityScope, key: string | number, call?: CallOptions): Promise<EntityRecord | null>
  /** In no particular order; absent keys are left out. */
  getMany(scope: EntityScope, keys: readonly (string | number)[], call?: CallOptions): Promise<EntityRecord[]>
  /** All of them or none. */
  insert(
    scope: EntityScope,
    records: readonly EntityRecord[],
    write?: EntityWrite,
    call?: CallOptions,
  ): Promise<{ readonly inserted: number }>
  /**
   * Inserts, or writes over the row that has the same values of `on` (the key, or the columns of a unique index): all
   * but key and `createdAt`, with its next version. A deleted row with the same key lives again.
   */
  upsert(
    scope: EntityScope,
    record: EntityRecord,
    on: readonly string[],
    write?: EntityWrite,
    call?: CallOptions,
  ): Promise<Upserted>
  /** Writes over the row with that key as long as it is at version `was`; false where it is not. */
  replace(
    scope: EntityScope,
    record: EntityRecord,
    was: number,
    write?: EntityWrite,
    call?: CallOptions,
  ): Promise<{ readonly replaced: boolean }>
  /** Softly, at its next version, where the entity says so. Nothing is done at any version but `ifVersion`. */
  delete(
    scope: EntityScope,
    key: string | number,
    options: EntityWrite & { readonly at: string; readonly ifVersion?: number | undefined },
    call?: CallOptions,
  ): Promise<Deletion>
  /** Gives a softly deleted row back, at its next version. */
  restore(
    scope: EntityScope,
    key: string | number,
    options: EntityWrite & { readonly at: string },
    call?: CallOptions,
  ): Promise<{ readonly restored: boolean }>
  /** Keys of rows that have one of these in a column, up to `limit`; in no particular order. */
  referring(
    scope: EntityScope,
    column: string,
    keys: readonly (string | number)[],
    limit: number,
    call?: CallOptions,
  ): Promise<(string | number)[]>
  /** Takes the value of a column from the rows that have one of these there, at their next version. */
  detach(
    scope: EntityScope,
    column: string,
    keys: readonly (string | number)[],
    at: string,
    call?: CallOptions,
  ): Promise<{ readonly detached: number }>
  /** As `delete`, of several, at any version. */
  deleteMany(
    scope: EntityScope,
    keys: readonly (string | number)[],
    at: string,
    call?: CallOptions,
  ): Promise<{ readonly deleted: number }>
  list(scope: EntityScope, query: EntityQuery, call?: CallOptions): Promise<EntityRecord[]>
  count(scope: EntityScope, filter?: ParsedFilter, call?: CallOptions): Promise<number>
  aggregate(scope: EntityScope, aggregation: EntityAggregation, call?: CallOptions): Promise<AggregatedRow[]>
}
