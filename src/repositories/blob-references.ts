import type { CallOptions } from '../core/abort'
import type { CollectionName, TenantId } from '../core/ids'

/** A document that owns a blob. */
export interface BlobReference {
  readonly key: string
  readonly collection: CollectionName
  readonly document: string
  /** Bytes, as the document recorded them. */
  readonly size: number
}

/** A removal that did not end within this time is nobody's: whoever began it makes no request any more. */
export const removalMs = 15 * 60_000

/**
 * Which blobs documents own, and which are being removed. The blobs' own store knows no transactions, so that the truth
 * decides: a document takes a blob only while it holds it, and a blob is deleted only after it was condemned, which
 * needs that no committed document owns it and that nobody holds it.
 */
export interface BlobReferenceRepository {
  /**
   * Keeps these keys from being condemned until the transaction ends. Returns those that are condemned already and may
   * be gone at any moment.
   */
  hold(tenant: TenantId, keys: readonly string[]): Promise<string[]>
  /** Those of these keys that live documents of the tenant own. */
  referenced(tenant: TenantId, keys: readonly string[], call?: CallOptions): Promise<string[]>
  /** In a transaction: condemns those that no document owns, nobody holds and nobody else is removing; returns them. */
  condemn(tenant: TenantId, keys: readonly string[]): Promise<string[]>
  /** Ends removals: of these keys, and of those that never ended. */
  release(tenant: TenantId, keys: readonly string[]): Promise<void>
  /** What the tenant's documents own, ascending by key, collection and document. */
  list(
    tenant: TenantId,
    query: { readonly after?: BlobReference | undefined; readonly limit: number },
    call?: CallOptions,
  ): Promise<BlobReference[]>
  /** Tenants whose documents own blobs, ascending. Worker's view. */
  tenants(
    query: { readonly after?: TenantId | undefined; readonly limit: number },
    call?: CallOptions,
  ): Promise<TenantId[]>
}
