import type { TenantId } from '../../core/ids'
import type { Json } from '../../core/json'
import type { CommitRepository } from '../commits'
import { type Access, checkSight, sees } from './access'
import { copyJson } from './copy'

export class MemoryCommits implements CommitRepository {
  readonly #access: Access

  constructor(access: Access) {
    this.#access = access
  }

  begin(
    tenant: TenantId,
    key: string,
    requestHash: string,
  ): Promise<{ readonly requestHash: string; readonly receipt: Json } | null> {
    return this.#access.write('commits.begin', undefined, (changes) => {
      checkSight(this.#access.view, tenant)
      const held = changes.commits.get(keyOf(tenant, key))
      // A refuted key stays taken: its write never will commit.
      if (held && this.#access.engine.withoutGuard !== 'idempotency') {
        return { requestHash: held.requestHash, receipt: copyJson(held.receipt) }
      }
      const createdAt = this.#access.engine.clock.now()
      changes.commits.put(keyOf(tenant, key), { tenant, requestHash, receipt: null, refuted: false, createdAt })
      return null
    })
  }

  finish(tenant: TenantId, key: string, receipt: Json): Promise<void> {
    return this.#access.write('commits.finish', undefined, (changes) => {
      checkSight(this.#access.view, tenant)
      const held = changes.commits.get(keyOf(tenant, key))
      if (held) changes.commits.put(keyOf(tenant, key), { ...held, receipt: copyJson(receipt) })
    })
  }

  refute(tenant: TenantId, key: string): Promise<boolean> {
    return this.#access.write('commits.refute', undefined, (changes) => {
      checkSight(this.#access.view, tenant)
      const held = changes.commits.get(keyOf(tenant, key))
      if (held) return held.refuted
      const createdAt = this.#access.engine.clock.now()
      changes.commits.put(keyOf(tenant, key), { tenant, requestHash: '', receipt: null, refuted: true, createdAt })
      return true
    })
  }

  find(tenant: TenantId, key: string): Promise<{ readonly receipt: Json } | null> {
    return this.#access.read('commits.find', undefined, (changes) => {
      checkSight(this.#access.view, tenant)
      const held = changes.commits.get(keyOf(tenant, key))
      return held?.refuted === false ? { receipt: copyJson(held.receipt) } : null
    })
  }

  purge({ before, limit }: { before: number; limit: number }): Promise<number> {
    return this.#access.write('commits.purge', undefined, (changes) => {
      const gone: string[] = []
      for (const [key, { createdAt, tenant }] of changes.commits.entries()) {
        if (gone.length >= limit) break
        if (createdAt < before && sees(this.#access.view, tenant)) gone.push(key)
      }
      for (const key of gone) changes.commits.delete(key)
      return gone.length
    })
  }
}

function keyOf(tenant: TenantId, key: string): string {
  return `${tenant}/${key}`
}
