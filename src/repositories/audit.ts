import { hash } from 'node:crypto'
import type { CallOptions } from '../core/abort'
import { sha256, type TenantId } from '../core/ids'
import { merkleLeaf } from '../core/merkle'

/** What happened to a row. `erase` says that the contents of earlier rows about it were taken away. */
export type AuditAction = 'insert' | 'update' | 'delete' | 'restore' | 'erase'

/** What kind of row: one of an entity, or a document of a collection. */
export type AuditKind = 'entity' | 'document'

/** Which row of a tenant's: `name` is the entity or the collection. */
export interface AuditSubject {
  readonly kind: AuditKind
  readonly name: string
  readonly key: string
}

/** One change of one row, as it is stored. */
export interface AuditRow extends AuditSubject {
  readonly tenant: TenantId
  /** Above those of all rows that were committed before the change began. */
  readonly id: number
  /** Epoch ms, by the clock of the truth. */
  readonly at: number
  /** Who, as the handle said; null where it did not. */
  readonly actor: string | null
  readonly action: AuditAction
  /** Of the row, after the change. */
  readonly version: number
  /** JSON text of `before`, `after`, `changed` and a salt; null once it was erased. */
  readonly content: string | null
  /** Hex SHA-256 of the content that was erased; null as long as it is there. */
  readonly contentHash: string | null
}

/** A row and the place that it was sealed at; null where it is not sealed. */
export interface PlacedAuditRow extends AuditRow {
  readonly batch: number | null
}

/** A hash of a row, at its place in a batch. */
export interface AuditLeaf {
  readonly id: number
  readonly position: number
  /** Hex. */
  readonly hash: string
}

/** A leaf and the row that it was made of, as that is now; null where it is gone. */
export interface SealedLeaf extends AuditLeaf {
  readonly row: AuditRow | null
  /** Whether an erasure of its contents was written down. */
  readonly erased: boolean
}

/** Rows of a tenant that were sealed together. Hashes are hex SHA-256. */
export interface AuditBatch {
  readonly tenant: TenantId
  /** 1, 2, 3, ... of each tenant. */
  readonly number: number
  readonly size: number
  /** Merkle root over the leaves. */
  readonly root: string
  /** Seal of the batch before; empty for the first. */
  readonly previous: string
  /** Over all of these, and so over every batch before. */
  readonly seal: string
  /** Epoch ms. */
  readonly sealedAt: number
  /** Key of the copy among the installation's blobs; null where there is none yet. */
  readonly export: string | null
}

export interface SealedBatch {
  readonly batch: AuditBatch
  readonly leaves: readonly AuditLeaf[]
}

export interface AuditQuery {
  readonly kind?: AuditKind | undefined
  /** With a kind. */
  readonly name?: string | undefined
  /** With a name. */
  readonly key?: string | undefined
  readonly actor?: string | undefined
  readonly action?: AuditAction | undefined
  /** Only rows below this id. */
  readonly before?: number | undefined
  readonly limit: number
}

/** Rows that wait for a seal. */
export interface Unsealed {
  /** Ascending by id within a transaction. */
  readonly rows: readonly AuditRow[]
  /** Where the next look begins, once these are sealed. */
  readonly horizon: string
}

/** What was done to which row, by whom: written by the truth itself, with the change, for what is declared so. */
export interface AuditRepository {
  /** Descending by id. */
  list(tenant: TenantId, query: AuditQuery, call?: CallOptions): Promise<PlacedAuditRow[]>
  get(tenant: TenantId, id: number, call?: CallOptions): Promise<PlacedAuditRow | null>
  /**
   * Rows that no transaction still under way can come before, and that are in no batch; the oldest transactions first.
   * Worker's view.
   */
  unsealed(options: { readonly after: string | null; readonly limit: number }, call?: CallOptions): Promise<Unsealed>
  /** The newest batch of each of these tenants. */
  newest(tenants: readonly TenantId[], call?: CallOptions): Promise<AuditBatch[]>
  /** Writes batches with their leaves; HW_CONFLICT where a number, or one of the rows, was sealed meanwhile. */
  seal(sealed: readonly SealedBatch[], call?: CallOptions): Promise<void>
  /** Batches of a tenant from a number on, ascending. */
  batches(
    tenant: TenantId,
    options: { readonly from: number; readonly limit: number },
    call?: CallOptions,
  ): Promise<AuditBatch[]>
  /** All leaves of a batch by position, with their rows. */
  leaves(tenant: TenantId, batch: number, call?: CallOptions): Promise<SealedLeaf[]>
  /** Ids of rows that came in behind the seals: older than what is sealed, and in no batch. Up to `limit`. */
  strays(
    tenant: TenantId,
    options: { readonly before: string; readonly limit: number },
    call?: CallOptions,
  ): Promise<number[]>
  /** Tenants with rows or batches, ascending. Worker's view. */
  tenants(call?: CallOptions): Promise<TenantId[]>
  /** Batches that are not exported yet, the oldest first. Worker's view. */
  unexported(limit: number, call?: CallOptions): Promise<AuditBatch[]>
  /** Notes where a batch was exported to, once. Worker's view. */
  exported(batch: AuditBatch, key: string, call?: CallOptions): Promise<void>
  /** Keys of all exports. Worker's view. */
  exports(call?: CallOptions): Promise<string[]>
  /**
   * Takes away the contents of all rows about this one and writes down that it was done; their hashes stay. How many had
   * one. Worker's view.
   */
  erase(tenant: TenantId, subject: AuditSubject, actor: string | null, call?: CallOptions): Promise<number>
}

/** Hash of what a row says; of its content only the hash goes in, so that it can be taken away. */
export function leafOf(row: AuditRow): string {
  const { tenant, id, at, actor, action, kind, name, key, version } = row
  return merkleLeaf(JSON.stringify([tenant, id, at, actor, action, kind, name, key, version, contentHashOf(row)]))
}

export function contentHashOf({ content, contentHash }: Pick<AuditRow, 'content' | 'contentHash'>): string {
  return content === null ? (contentHash ?? '') : hash('sha256', content, 'hex')
}

export function sealOf({
  tenant,
  number,
  size,
  root,
  previous,
  sealedAt,
}: Omit<AuditBatch, 'seal' | 'export'>): string {
  return sha256(tenant, String(number), String(size), root, previous, String(sealedAt))
}
