import { LRUCache } from 'lru-cache'
import type { Clock } from '../../core/clock'
import type { RateLimitRepository, Take, Taken } from '../rate-limits'

/** Callers that are remembered; beyond, those that were not there for the longest time begin anew. */
const mostCallers = 100_000

/** Counts in this process. */
export class MemoryRateLimits implements RateLimitRepository {
  readonly #clock: Clock
  readonly #windows = new LRUCache<string, { used: number; endsAt: number }>({ max: mostCallers })

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async take({ tenant, key, cost, requests, windowMs }: Take): Promise<Taken> {
    const name = `${tenant}/${key}`
    const now = this.#clock.monotonic()
    const there = this.#windows.get(name)
    const { used, endsAt } = there && there.endsAt > now ? there : { used: 0, endsAt: now + windowMs }
    const allowed = used + cost <= requests
    const window = { used: allowed ? used + cost : used, endsAt: Math.min(endsAt, now + windowMs) }
    if (window.used > 0) this.#windows.set(name, window)
    return { allowed, left: Math.max(0, requests - window.used), endsInMs: window.endsAt - now }
  }
}
