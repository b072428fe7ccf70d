import { type CallOptions, callKinds } from '../core/abort'
import { checkText } from '../core/checked-text'
import { withinDeadline } from '../core/deadline'
import { HeadwaterError } from '../core/errors'
import type { TenantId } from '../core/ids'
import { checkOptions, type OptionKinds, whole } from '../core/option-kinds'
import { rateLimitKinds } from '../repositories/rate-limits'
import type { CountedBy, TenantContext } from './tenant-context'

/** What a take costs, and what there is to take. */
export interface TakeOptions extends CallOptions {
  /** 1 by default; 0 only asks. */
  cost?: number | undefined
  /** In place of the store's `rateLimit`; the same for all takes of a key. */
  requests?: number | undefined
  windowMs?: number | undefined
}

export interface TakeResult {
  /** False where less is left than was asked for; then nothing was taken. */
  readonly allowed: boolean
  readonly left: number
  /** Seconds until the window ends and all can be taken again, as a Retry-After header has them; 0 where it is allowed. */
  readonly retryAfter: number
  readonly by: CountedBy
}

const takeKinds = {
  ...callKinds,
  ...rateLimitKinds,
  cost: whole(0, Number.MAX_SAFE_INTEGER),
} satisfies OptionKinds<TakeOptions>

/** Rate limits of a tenant's callers. */
export class TenantLimits {
  readonly #context: TenantContext
  readonly #tenant: TenantId

  /** @internal */
  constructor(context: TenantContext, tenant: TenantId) {
    this.#context = context
    this.#tenant = tenant
  }

  /**
   * Takes from what a caller has left in his window, which begins with his first take; `key` names him. HW_INVALID_ARGUMENT
   * for a cost that no window has, HW_INVALID_OPTIONS where nothing is configured that counts.
   *
   * ```ts
   * const { allowed, retryAfter } = await acme.limits.take(`search/${user}`)
   * ```
   */
  take(key: string, options?: TakeOptions): Promise<TakeResult> {
    const { limiter, limits, clock, enter } = this.#context
    return enter(async () => {
      const { cost = 1, signal, timeoutMs, ...own } = checkOptions(options, takeKinds, '', 'HW_INVALID_ARGUMENT')
      const limit = { ...limiter.limit, ...own }
      const caller = checkText(key, 'key', limits.keyBytes, 'HW_INVALID_ARGUMENT')
      if (caller === '') throw invalid('key', 'names nobody')
      if (cost > limit.requests) throw invalid('cost', `at most ${limit.requests} are in a window, got ${cost}`)
      return withinDeadline(clock, { signal, timeoutMs }, undefined, async (deadline) => {
        const take = { tenant: this.#tenant, key: caller, cost, ...limit }
        const { allowed, left, endsInMs, by } = await limiter.take(take, deadline.options())
        return { allowed, left, retryAfter: allowed ? 0 : Math.max(1, Math.ceil(endsInMs / 1_000)), by }
      })
    })
  }
}

function invalid(path: string, problem: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_ARGUMENT', `${path}: ${problem}`, { path })
}
