import type { CallOptions } from '../core/abort'
import type { TenantId } from '../core/ids'
import { milliseconds, type OptionKinds, whole } from '../core/option-kinds'

/** How much a caller may take in a window of time, which begins when he first takes something. */
export interface RateLimit {
  readonly requests: number
  readonly windowMs: number
}

export const rateLimitDefaults = Object.freeze({ requests: 1_000, windowMs: 3_600_000 }) satisfies RateLimit

export const rateLimitKinds = {
  requests: whole(1, Number.MAX_SAFE_INTEGER),
  windowMs: milliseconds(1),
} satisfies OptionKinds<RateLimit>

export interface Take extends RateLimit {
  readonly tenant: TenantId
  /** Who takes: 1 to 8,192 bytes. */
  readonly key: string
  /** From 0, which only asks, to `requests`. */
  readonly cost: number
}

export interface Taken {
  /** False where there was less left than asked for; then nothing was taken. */
  readonly allowed: boolean
  readonly left: number
  /** Until the window ends and all can be taken again, ms. */
  readonly endsInMs: number
}

/** Counts what callers take. A window that a limit shortens ends as early as the shorter one would. */
export interface RateLimitRepository {
  take(take: Take, call?: CallOptions): Promise<Taken>
}
