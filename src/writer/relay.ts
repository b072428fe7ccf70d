import type { CallOptions } from '../core/abort'
import { sleep } from '../core/clock'
import { withDeadline } from '../core/deadline'
import { asHeadwaterError, type HeadwaterError, isHeadwaterError } from '../core/errors'
import { uuidV7 } from '../core/ids'
import type { JobTarget } from '../repositories/jobs'
import { IndexWatch } from './index-watch'
import type { JobRunner } from './job-runner'
import { purgeExpired } from './maintenance'
import type { WriterOptions, WriterPorts } from './ports'

/** What a drain came to. */
export interface DrainResult {
  /** Jobs completed by this call. */
  readonly applied: number
  /** Jobs that wait for a redrive. */
  readonly parked: number
  /** Jobs still waiting when the time was up; 0 when it is empty. */
  readonly remaining: number
  /** Why a target could not be reached, when that kept jobs back. */
  readonly unavailable?: HeadwaterError | undefined
}

const targets: readonly JobTarget[] = ['vector', 'text', 'cache']
const heartbeatMs = 10_000
const purgeMs = 600_000

/**
 * The worker that drains jobs. Any number may run at once: a job is claimed by one at a time, and the fences make a
 * late one harmless. A target that cannot be reached is left alone for a while; the others go on.
 */
export class Relay {
  readonly #ports: WriterPorts
  readonly #options: WriterOptions
  readonly #runner: JobRunner
  readonly #worker: string
  readonly #watch: IndexWatch
  readonly #paused = new Map<JobTarget, { until: number; failures: number; error: HeadwaterError }>()
  /** Nudges so far: a loop that sees another number than before its round has missed one, and looks again. */
  #nudges = 0
  readonly #sleepers = new Set<() => void>()

  constructor(ports: WriterPorts, options: WriterOptions, runner: JobRunner) {
    this.#ports = ports
    this.#options = options
    this.#runner = runner
    this.#worker = uuidV7(ports.clock, ports.random)
    this.#watch = new IndexWatch(ports, options, this.#worker)
  }

  /** Says that there may be jobs: a running relay looks at once instead of at its next poll. */
  nudge(): void {
    this.#nudges++
    for (const wake of this.#sleepers) wake()
  }

  /** Works until the signal aborts; then what it holds is finished or given back, and the promise resolves. */
  async run(options: { signal: AbortSignal }): Promise<void> {
    // Beside the jobs: an index that is slow to answer or long to sweep keeps none of them waiting.
    await Promise.all([this.#work(options), this.#watch.run(options.signal)])
  }

  async #work(options: { signal: AbortSignal }): Promise<void> {
    const { clock } = this.#ports
    let heartbeatAt = Number.NEGATIVE_INFINITY
    let purgeAt = clock.monotonic() + purgeMs
    while (!options.signal.aborted) {
      const nudges = this.#nudges
      try {
        if (clock.monotonic() - heartbeatAt >= heartbeatMs) {
          await this.#ports.truth.session({ worker: true }).registry.heartbeat(this.#worker)
          heartbeatAt = clock.monotonic()
        }
        if (clock.monotonic() >= purgeAt) {
          await purgeExpired(this.#ports, this.#options)
          purgeAt = clock.monotonic() + purgeMs
        }
        if ((await this.#pass(options.signal, false)) > 0) continue
      } catch (error) {
        // The truth itself is out of reach: wait as when idle, and never end for it.
        if (!asHeadwaterError(error).retryable && !options.signal.aborted) this.#lastError = asHeadwaterError(error)
      }
      await this.#idle(this.#options.pollMs, nudges, options.signal)
    }
  }

  /** The last failure that no retry will mend; for health. */
  get lastError(): HeadwaterError | undefined {
    return this.#lastError ?? this.#watch.lastError
  }
  #lastError: HeadwaterError | undefined

  /**
   * Works until no job is left that is not parked, or the time is up. Jobs that back off or are held by another
   * worker are waited for.
   */
  async drain(options: CallOptions = {}): Promise<DrainResult> {
    const { clock, truth } = this.#ports
    return withDeadline(clock, options, 30_000, async (deadline) => {
      let applied = 0
      for (;;) {
        const nudges = this.#nudges
        const done = await this.#pass(deadline.signal, true)
        applied += done
        // Counting reads every job: only when a round found none to do.
        if (done > 0 && deadline.remaining() > 0 && !options.signal?.aborted) continue
        const { waiting, claimed, parked } = await truth.session({ worker: true }).jobs.backlog()
        const remaining = waiting + claimed
        const unavailable = [...this.#paused.values()][0]?.error
        if (remaining === 0) return { applied, parked, remaining }
        if (deadline.remaining() === 0) return { applied, parked, remaining, unavailable }
        if (options.signal?.aborted) return { applied, parked, remaining, unavailable }
        if (done === 0)
          await this.#idle(Math.min(this.#options.pollMs, 50, deadline.remaining()), nudges, deadline.signal)
      }
    })
  }

  /** One round: claims what is due for each target that answers and applies it. Returns how many jobs were settled. */
  async #pass(signal: AbortSignal, eager: boolean): Promise<number> {
    const now = this.#ports.clock.monotonic()
    const due = targets.filter((target) => eager || (this.#paused.get(target)?.until ?? 0) <= now)
    const counts = await Promise.all(due.map((target) => this.#serve(target, signal)))
    return counts.reduce((sum, count) => sum + count, 0)
  }

  async #serve(target: JobTarget, signal: AbortSignal): Promise<number> {
    if (signal.aborted) return 0
    const token = uuidV7(this.#ports.clock, this.#ports.random)
    const { claimBatch, leaseMs } = this.#options
    const jobs = await this.#ports.truth
      .session({ worker: true })
      .jobs.claim({ targets: [target], limit: claimBatch, token, leaseMs })
    if (jobs.length === 0) return 0
    const result = await this.#runner.run(jobs, token, { signal })
    if (result.unavailable) {
      if (isHeadwaterError(result.unavailable, 'HW_GENERATION_MISSING')) this.#watch.nudge()
      const failures = (this.#paused.get(target)?.failures ?? 0) + 1
      const delay = this.#runner.backoff(failures)
      this.#paused.set(target, { until: this.#ports.clock.monotonic() + delay, failures, error: result.unavailable })
    } else this.#paused.delete(target)
    return result.applied + result.failed
  }

  async #idle(ms: number, nudges: number, signal: AbortSignal): Promise<void> {
    if (this.#nudges !== nudges || signal.aborted) return
    const woken = new AbortController()
    const wake = (): void => woken.abort()
    this.#sleepers.add(wake)
    signal.addEventListener('abort', wake, { once: true })
    try {
      await sleep(this.#ports.clock, ms, woken.signal)
    } catch {
      // Woken early, which is what the signal is for.
    } finally {
      signal.removeEventListener('abort', wake)
      this.#sleepers.delete(wake)
    }
  }
}
