import { LRUCache } from 'lru-cache'
import type { Clock } from '../core/clock'
import type { VectorCache } from './vector-cache'

export interface VectorLruOptions {
  clock: Clock
  /** Most vectors held; 10,000 of 384 dimensions are about 16 MB. Default 10,000. */
  max?: number | undefined
  /** How long a vector stays, ms. Default 7,200,000 (two hours). */
  ttlMs?: number | undefined
}

/** Vectors in this process, shared by all tenants and spaces; each sees only what is under its own scope. */
export class VectorLru {
  readonly #cache: LRUCache<string, Float32Array>

  constructor(options: VectorLruOptions) {
    const { clock, max = 10_000, ttlMs = 7_200_000 } = options
    this.#cache = new LRUCache({
      max,
      ttl: ttlMs,
      // 0: it would set timers of its own otherwise.
      ttlResolution: 0,
      // It takes a start of 0 for 'never expires', and a fake clock begins there.
      perf: { now: () => clock.monotonic() + 1 },
    })
  }

  get size(): number {
    return this.#cache.size
  }

  /**
   * A view under `scope` (say tenant, fingerprint and kind), in front of `behind` if that is given: what is missing
   * here is read there and kept, what is stored goes to both, there first.
   */
  scoped(scope: readonly string[], behind?: VectorCache): VectorCache {
    const prefix = JSON.stringify(scope)
    const cache = this.#cache
    return {
      async getMany(hashes) {
        const found = new Map<string, Float32Array>()
        for (const hash of hashes) {
          const vector = cache.get(prefix + hash)
          if (vector) found.set(hash, vector)
        }
        const missing = behind ? hashes.filter((hash) => !found.has(hash)) : []
        if (behind && missing.length > 0) {
          for (const [hash, vector] of await behind.getMany(missing)) {
            cache.set(prefix + hash, vector)
            found.set(hash, vector)
          }
        }
        return found
      },
      async setMany(entries) {
        await behind?.setMany(entries)
        for (const { hash, vector } of entries) cache.set(prefix + hash, vector)
      },
    }
  }
}
