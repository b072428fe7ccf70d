import type { CallOptions } from '../core/abort'
import type { Scope, TenantId } from '../core/ids'

/** Stored vectors by (tenant, fingerprint, input hash), so that a rebuild costs no inference. */
export interface EmbeddingRepository {
  /** Those that are stored, by input hash. */
  getMany(
    tenant: TenantId,
    fingerprint: string,
    inputHashes: readonly string[],
    call?: CallOptions,
  ): Promise<Map<string, Float32Array>>
  /** Those of live chunks, by the chunks' ids; chunks that are gone or have none yet are left out. */
  ofChunks(
    scope: Scope,
    chunking: string,
    fingerprint: string,
    ids: readonly string[],
    call?: CallOptions,
  ): Promise<Map<string, Float32Array>>
  /** The first to store a vector wins; storing again is no error. */
  setMany(
    tenant: TenantId,
    fingerprint: string,
    entries: readonly { readonly inputHash: string; readonly vector: Float32Array }[],
    call?: CallOptions,
  ): Promise<void>
  /**
   * Reserves texts for who is about to embed them, for `leaseMs` from now by the truth's clock; returns those that
   * nobody else has reserved, those that `token` had already included. It guards nothing but the work.
   */
  reserve(
    tenant: TenantId,
    fingerprint: string,
    inputHashes: readonly string[],
    claim: { readonly token: string; readonly leaseMs: number },
    call?: CallOptions,
  ): Promise<string[]>
  /** Gives up those that `token` still has. */
  unreserve(tenant: TenantId, fingerprint: string, inputHashes: readonly string[], token: string): Promise<void>
  /** Removes up to `limit` vectors, stored before `before` (epoch ms), that no live chunk uses. Worker's view. */
  purge(options: { before: number; limit: number }): Promise<number>
}
