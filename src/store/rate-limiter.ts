import { type CallOptions, throwIfAborted } from '../core/abort'
import type { Clock } from '../core/clock'
import { asHeadwaterError, type ErrorCode, HeadwaterError } from '../core/errors'
import { MemoryRateLimits } from '../repositories/memory/rate-limits'
import {
  type RateLimit,
  type RateLimitRepository,
  rateLimitDefaults,
  type Take,
  type Taken,
} from '../repositories/rate-limits'
import type { CountedBy, Limiter } from '../tenant/tenant-context'
import type { StoreOptions } from './store-options'

/** Where takes are counted for all processes. */
export interface Limiters {
  readonly redis?: RateLimitRepository | undefined
  readonly postgres?: RateLimitRepository | undefined
}

/** What health says of limits. */
export interface LimitsHealth {
  /** Who counted the last take of this process; null before the first. */
  readonly by: CountedBy | null
  /** What becomes of takes while neither Redis nor Postgres answers. */
  readonly unavailable: 'open' | 'closed'
  /** What kept the last take from where it is counted otherwise. */
  readonly errorCode: ErrorCode | null
}

/** The longest wait for each of them, ms: a caller waits for his answer. */
const waitMs = { redis: 250, postgres: 1_000 } as const

/** Asks Redis, then Postgres, then this process; each of them counts by itself. */
export class RateLimiter implements Limiter {
  readonly limit: RateLimit
  readonly #places: readonly (readonly ['redis' | 'postgres', RateLimitRepository])[]
  readonly #unavailable: 'open' | 'closed'
  readonly #clock: Clock
  readonly #ownCounts: boolean
  #own: RateLimitRepository | undefined
  #by: CountedBy | null = null
  #errorCode: ErrorCode | null = null

  /** `ownCounts`: this process is all that there is. */
  constructor(options: StoreOptions['rateLimit'], { redis, postgres }: Limiters, clock: Clock, ownCounts = false) {
    const { unavailable = 'open', ...limit } = options ?? {}
    this.limit = { ...rateLimitDefaults, ...limit } as RateLimit
    this.#unavailable = unavailable
    this.#places = [
      ...(redis ? [['redis', redis] as const] : []),
      ...(postgres ? [['postgres', postgres] as const] : []),
    ]
    this.#clock = clock
    this.#ownCounts = ownCounts
  }

  async take(take: Take, call: CallOptions): Promise<Taken & { readonly by: CountedBy }> {
    if (this.#places.length === 0 && !this.#ownCounts) throw unconfigured()
    this.#errorCode = null
    for (const [by, place] of this.#places) {
      const timeoutMs = Math.min(call.timeoutMs ?? Number.POSITIVE_INFINITY, waitMs[by])
      try {
        return this.#counted(by, await place.take(take, { ...call, timeoutMs }))
      } catch (cause) {
        throwIfAborted(call.signal)
        this.#errorCode = asHeadwaterError(cause).code
      }
    }
    if (this.#ownCounts || this.#unavailable === 'open') {
      this.#own ??= new MemoryRateLimits(this.#clock)
      return this.#counted('process', await this.#own.take(take))
    }
    return this.#counted('nobody', { allowed: false, left: 0, endsInMs: 0 })
  }

  /** Undefined where nothing counts. */
  health(): LimitsHealth | null {
    if (this.#places.length === 0 && !this.#ownCounts) return null
    return { by: this.#by, unavailable: this.#unavailable, errorCode: this.#errorCode }
  }

  #counted(by: CountedBy, taken: Taken): Taken & { readonly by: CountedBy } {
    this.#by = by
    return { ...taken, by }
  }
}

function unconfigured(): HeadwaterError {
  const problem =
    'limits: nothing counts here: give redis, or name rate_limits of headwater/entities among the entities'
  return new HeadwaterError('HW_INVALID_OPTIONS', problem, { path: 'entities.rate_limits' })
}
