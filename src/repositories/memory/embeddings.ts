import type { CallOptions } from '../../core/abort'
import type { Scope, TenantId } from '../../core/ids'
import type { EmbeddingRepository } from '../embeddings'
import { type Access, checkSight, sees } from './access'
import { chunkKey, embeddingKey } from './keys'
import type { Changes } from './tables'

export class MemoryEmbeddings implements EmbeddingRepository {
  readonly #access: Access

  constructor(access: Access) {
    this.#access = access
  }

  getMany(
    tenant: TenantId,
    fingerprint: string,
    inputHashes: readonly string[],
    call?: CallOptions,
  ): Promise<Map<string, Float32Array>> {
    return this.#access.read('embeddings.getMany', call, (changes) => {
      checkSight(this.#access.view, tenant)
      return vectorsIn(changes, tenant, fingerprint, inputHashes)
    })
  }

  ofChunks(
    scope: Scope,
    chunking: string,
    fingerprint: string,
    ids: readonly string[],
    call?: CallOptions,
  ): Promise<Map<string, Float32Array>> {
    return this.#access.read('embeddings.ofChunks', call, (changes) => {
      checkSight(this.#access.view, scope.tenant)
      const found = new Map<string, Float32Array>()
      for (const id of ids) {
        const chunk = changes.chunks.get(chunkKey(scope, chunking, id))
        if (chunk?.buriedAt !== null) continue
        const held = changes.embeddings.get(embeddingKey(scope.tenant, fingerprint, chunk.inputHash))
        if (held) found.set(id, held.vector.slice())
      }
      return found
    })
  }

  setMany(
    tenant: TenantId,
    fingerprint: string,
    entries: readonly { readonly inputHash: string; readonly vector: Float32Array }[],
    call?: CallOptions,
  ): Promise<void> {
    return this.#access.write('embeddings.setMany', call, (changes) => {
      checkSight(this.#access.view, tenant)
      const storedAt = this.#access.engine.clock.now()
      for (const { inputHash, vector } of entries) {
        const key = embeddingKey(tenant, fingerprint, inputHash)
        if (!changes.embeddings.get(key)) {
          changes.embeddings.put(key, { tenant, inputHash, vector: vector.slice(), storedAt })
        }
      }
    })
  }

  reserve(
    tenant: TenantId,
    fingerprint: string,
    inputHashes: readonly string[],
    { token, leaseMs }: { readonly token: string; readonly leaseMs: number },
    call?: CallOptions,
  ): Promise<string[]> {
    return this.#access.write('embeddings.reserve', call, (changes) => {
      checkSight(this.#access.view, tenant)
      const now = this.#access.engine.clock.now()
      return [...new Set(inputHashes)].filter((inputHash) => {
        const key = embeddingKey(tenant, fingerprint, inputHash)
        const held = changes.reservations.get(key)
        if (held && held.token !== token && held.until > now) return false
        changes.reservations.put(key, { token, until: now + leaseMs })
        return true
      })
    })
  }

  unreserve(tenant: TenantId, fingerprint: string, inputHashes: readonly string[], token: string): Promise<void> {
    return this.#access.write('embeddings.unreserve', undefined, (changes) => {
      checkSight(this.#access.view, tenant)
      for (const inputHash of inputHashes) {
        const key = embeddingKey(tenant, fingerprint, inputHash)
        if (changes.reservations.get(key)?.token === token) changes.reservations.delete(key)
      }
    })
  }

  purge({ before, limit }: { before: number; limit: number }): Promise<number> {
    return this.#access.write('embeddings.purge', undefined, (changes) => {
      const used = new Set<string>()
      for (const [, chunk] of changes.chunks.entries()) {
        if (chunk.buriedAt === null) used.add(`${chunk.tenant}/${chunk.inputHash}`)
      }
      const gone: string[] = []
      for (const [key, { tenant, inputHash, storedAt }] of changes.embeddings.entries()) {
        if (gone.length >= limit) break
        if (storedAt < before && !used.has(`${tenant}/${inputHash}`) && sees(this.#access.view, tenant)) gone.push(key)
      }
      for (const key of gone) changes.embeddings.delete(key)
      return gone.length
    })
  }
}

export function vectorsIn(
  changes: Changes,
  tenant: TenantId,
  fingerprint: string,
  inputHashes: readonly string[],
): Map<string, Float32Array> {
  const found = new Map<string, Float32Array>()
  for (const inputHash of inputHashes) {
    const held = changes.embeddings.get(embeddingKey(tenant, fingerprint, inputHash))
    if (held) found.set(inputHash, held.vector.slice())
  }
  return found
}
