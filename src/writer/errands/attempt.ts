import { abortable } from '../../core/abort'
import type { Clock } from '../../core/clock'
import { withDeadline } from '../../core/deadline'
import { shortened } from '../../core/describe-value'
import { HeadwaterError } from '../../core/errors'
import { settledWithin } from '../../core/lifecycle'
import type { Random } from '../../core/random'
import type { ClaimedErrand, ErrandOutcome } from '../../repositories/errands'
import { backoffMs } from '../../resilience/backoff'
import type { Errand, ErrandHandler, ErrandOptions } from './errand'

/** How errands of a name are handled here. */
export interface Handling {
  readonly handler: ErrandHandler<Errand>
  readonly options: Required<{ [K in keyof ErrandOptions]: number }>
}

/** How an attempt ended; without an outcome the errand is left to its lease. */
export interface Attempted {
  readonly outcome: ErrandOutcome | null
  readonly error: HeadwaterError | null
}

/** How long a handler that was told to stop is waited for, ms. */
const graceMs = 5_000
const mostReason = 1_000
/** What a handler may ask for at most before the next attempt, ms. */
const mostRetryAfterMs = 7 * 24 * 3_600_000
const left = { outcome: null, error: null }

/**
 * Lets the handler do an errand once. `signal` tells it to stop: what it then finishes is done, what it gives up was not
 * tried. `holds` is given what to call once the errand is somebody else's.
 */
export async function attemptErrand(
  { clock, random }: { readonly clock: Clock; readonly random: Random },
  { handler, options }: Handling,
  claimed: ClaimedErrand,
  signal: AbortSignal,
  holds: (lose: () => void) => void,
): Promise<Attempted> {
  const { id, tenant, name, payload, attempt, createdAt, reason } = claimed
  if (attempt > options.maxAttempts) {
    const died = reason ?? `HW_ERRAND_FAILED: each of ${options.maxAttempts} workers ended before its handler did`
    return { outcome: { reason: died, delayMs: 0, parks: true }, error: failure(name, attempt, undefined, true) }
  }
  if (signal.aborted) return { outcome: { released: true }, error: null }
  return withDeadline(clock, { signal, timeoutMs: options.timeoutMs }, undefined, async (deadline) => {
    let isLost = false
    holds(() => {
      isLost = true
      deadline.abort(new HeadwaterError('HW_ABORTED', 'The claim of this errand was lost'))
    })
    const errand = { id, tenant, name, payload, attempt, createdAt: new Date(createdAt), signal: deadline.signal }
    const work = (async () => handler(errand))()
    try {
      await abortable(work, deadline)
      return { outcome: { done: true }, error: null }
    } catch (cause) {
      if (isLost) return left
      if (signal.aborted) {
        if (!(await settledWithin(clock, graceMs, work))) return left
        const outcome = await work.then(
          () => ({ done: true }) as const,
          () => ({ released: true }) as const,
        )
        return { outcome, error: null }
      }
      const parks = attempt >= options.maxAttempts
      const failed = deadline.aborted ? late(options.timeoutMs, cause) : cause
      const { backoffMs: baseMs, backoffMaxMs: maxMs } = options
      const delayMs = backoffMs(attempt - 1, { baseMs, maxMs }, random, retryAfterOf(failed))
      return { outcome: { reason: reasonOf(failed), delayMs, parks }, error: failure(name, attempt, failed, parks) }
    }
  })
}

function late(timeoutMs: number, cause: unknown): HeadwaterError {
  return new HeadwaterError('HW_TIMEOUT', `The handler took longer than its timeoutMs, ${timeoutMs}`, { cause })
}

function failure(name: string, attempt: number, cause: unknown, parks: boolean): HeadwaterError {
  const what = parks ? `it is parked after attempt ${attempt}` : `attempt ${attempt} is tried again`
  const why = cause === undefined ? 'its workers ended' : reasonOf(cause)
  return new HeadwaterError('HW_ERRAND_FAILED', `errand ${name}: ${what}: ${why}`, { cause, retryable: !parks })
}

/** What it threw, as a line that Postgres takes. */
function reasonOf(cause: unknown): string {
  try {
    const text =
      cause instanceof HeadwaterError ? `${cause.code}: ${cause.message}` : String(cause) || 'it threw nothing'
    return shortened(text.replaceAll('\0', ''), mostReason)
  } catch {
    return 'what was thrown cannot be read'
  }
}

/** What a handler knows of the least time before the next attempt, as `retryAfterMs` of what it throws. */
function retryAfterOf(cause: unknown): number {
  try {
    const given: unknown = typeof cause === 'object' && cause !== null ? Reflect.get(cause, 'retryAfterMs') : undefined
    return typeof given === 'number' && given > 0 ? Math.min(given, mostRetryAfterMs) : 0
  } catch {
    return 0
  }
}
