import type { Scope, TenantId } from '../../core/ids'

export function documentKey({ tenant, collection }: Scope, id: string): string {
  return `${tenant}/${collection}/${id}`
}

/** Chunk ids hold no slash, a chunking may. */
export function chunkKey({ tenant, collection }: Scope, chunking: string, id: string): string {
  return `${tenant}/${collection}/${id}/${chunking}`
}

/** The length keeps a fingerprint that holds a slash from running into the hash. */
export function embeddingKey(tenant: TenantId, fingerprint: string, inputHash: string): string {
  return `${tenant}/${fingerprint.length}:${fingerprint}/${inputHash}`
}

/** Of a row by its id, and of a batch by its number. */
export function auditKey(tenant: TenantId, number: number): string {
  return `${tenant}/${number}`
}
