import { type CallOptions, following } from '../../core/abort'
import { sleep } from '../../core/clock'
import { withDeadline } from '../../core/deadline'
import { asHeadwaterError, HeadwaterError, isHeadwaterError } from '../../core/errors'
import { type CollectionName, uuidV7 } from '../../core/ids'
import { Waker } from '../../core/waker'
import { isHeard, publish } from '../../observability/channels'
import type { ClaimedJob, JobTarget } from '../../repositories/jobs'
import { readBackupDates } from '../backup-dates'
import type { ErrandWorker } from '../errands/errand-worker'
import { purgeExpired } from '../maintenance'
import type { WriterOptions, WriterPorts } from '../ports'
import { IndexWatch } from '../reconcile/index-watch'
import { AdaptiveLimit } from './adaptive-limit'
import { type HandedOn, parkedJobs } from './claim-settling'
import type { JobRunner } from './job-runner'
import { leftToOthers, ownEngines } from './served-engines'

/** What a drain came to: jobs, and errands of the names that have a handler here. */
export interface DrainResult {
  /** Completed by this call. */
  readonly applied: number
  /** Those that wait for a redrive. */
  readonly parked: number
  /** Those still waiting when the time was up; 0 when it is empty. */
  readonly remaining: number
  /**
   * What kept jobs back until the time was up, when targets are paused: of the first one's code and with its reason as
   * `cause`; the message and `details.targets` name them all.
   */
  readonly unavailable?: HeadwaterError | undefined
}

const claims = 'claims of jobs'
const upkeep = 'upkeep of the worker'
const relayOf = (target: JobTarget): string => `relay of ${target}`
const enginesOf = (target: JobTarget): string => `engines of ${target}`

const targets: readonly JobTarget[] = ['vector', 'text', 'cache']
const heartbeatMs = 10_000
const purgeMs = 600_000
/** Batches that a lane applies before its target's round is over and others are looked after again. */
const batchesOfRound = 8

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
  readonly #limits: ReadonlyMap<JobTarget, AdaptiveLimit>
  readonly #engines: readonly string[]
  readonly #paused = new Map<JobTarget, { since: number; until: number; failures: number; error: HeadwaterError }>()
  /** Collections whose jobs are left to workers that have their engines, and why. */
  readonly #left = new Map<JobTarget, ReadonlyMap<CollectionName, HeadwaterError>>()
  /** Targets that jobs could not be claimed of in the last round. */
  readonly #claimless = new Set<JobTarget>()
  readonly #waker = new Waker()
  readonly #errands: ErrandWorker

  /** @internal */
  constructor(ports: WriterPorts, options: WriterOptions, runner: JobRunner, errands: ErrandWorker) {
    this.#ports = ports
    this.#options = options
    this.#runner = runner
    this.#errands = errands
    this.#worker = uuidV7(ports.clock, ports.random)
    this.#watch = new IndexWatch(ports, options, this.#worker)
    this.#engines = ownEngines(ports)
    this.#limits = new Map(targets.map((target) => [target, new AdaptiveLimit(options.maxWorkers)]))
  }

  /** Says that there may be jobs: running relays, here and elsewhere, look at once instead of at their next poll. */
  nudge(): void {
    this.#wake()
    if (this.#options.relay === 'external') this.#ports.truth.hints?.send()
  }

  /** Why this target is left alone at the moment; undefined when it is not. An older pause may be over unnoticed. */
  pausedBy(target: JobTarget): HeadwaterError | undefined {
    return this.#paused.get(target)?.error ?? this.#leftBy(target)
  }

  #leftBy(target: JobTarget): HeadwaterError | undefined {
    return this.#left.get(target)?.values().next().value
  }

  #wake(): void {
    this.#waker.wake()
    this.#errands.wake()
  }

  /** Works until the signal aborts; then what it holds is finished or given back, and the promise resolves. */
  async run(options: { signal: AbortSignal }): Promise<void> {
    const { signal, release } = following(options.signal)
    const { hints } = this.#ports.truth
    try {
      // Side by side: what is slow at one target, or long to sweep, keeps no other waiting.
      await Promise.all([
        ...targets.map((target) => this.#work(target, signal)),
        this.#tend(signal),
        this.#watch.run(signal),
        this.#errands.run(signal),
        this.#options.relay === 'external' && hints?.listen(() => this.#wake(), signal),
      ])
    } finally {
      release()
    }
  }

  /** Drains one target. */
  async #work(target: JobTarget, signal: AbortSignal): Promise<void> {
    const { clock } = this.#ports
    while (!signal.aborted) {
      const { wakes } = this.#waker
      const pausedMs = (this.#paused.get(target)?.until ?? 0) - clock.monotonic()
      try {
        const done = pausedMs <= 0 ? await this.#round(target, signal) : 0
        this.#claimless.delete(target)
        if (this.#claimless.size === 0) this.#ports.troubles?.over(claims)
        if (done > 0) continue
      } catch (error) {
        this.#claimless.add(target)
        this.#note(claims, error, signal)
      }
      await this.#waker.idle(clock, this.#options.pollMs, wakes, signal)
    }
  }

  /** What a worker does from time to time. */
  async #tend(signal: AbortSignal): Promise<void> {
    const { clock, truth } = this.#ports
    let heartbeatAt = Number.NEGATIVE_INFINITY
    let told = ''
    let purgeAt = clock.monotonic() + purgeMs
    while (!signal.aborted) {
      try {
        const handles = this.#errands.names
        if (clock.monotonic() - heartbeatAt >= heartbeatMs || told !== handles.join()) {
          const { registry, jobs } = truth.session({ worker: true })
          await registry.heartbeat(this.#worker, this.#engines, handles)
          told = handles.join()
          heartbeatAt = clock.monotonic()
          const wanted = targets.filter((target) => this.#ports.troubles?.has(parkedJobs(target)))
          if (isHeard('headwater:backlog') || wanted.length > 0) {
            const { oldestMs, ...counts } = await jobs.backlog()
            publish('headwater:backlog', () => ({ ...counts, oldestAgeMs: oldestMs }))
            if (counts.parked === 0) for (const target of wanted) this.#ports.troubles?.over(parkedJobs(target))
          }
          if (isHeard('headwater:backups')) {
            const dates = await readBackupDates(registry)
            publish('headwater:backups', () => dates)
          }
        }
        if (clock.monotonic() >= purgeAt) {
          await purgeExpired(this.#ports, this.#options)
          purgeAt = clock.monotonic() + purgeMs
        }
        this.#ports.troubles?.over(upkeep)
      } catch (error) {
        this.#note(upkeep, error, signal)
      }
      // Where the signal has fired already, sleep throws at once.
      if (!signal.aborted) await sleep(clock, this.#options.pollMs, signal).catch(() => undefined)
    }
  }

  /** The truth itself is out of reach: a worker waits as when idle, and never ends for it. */
  #note(what: string, cause: unknown, signal: AbortSignal): void {
    if (signal.aborted) return
    const error = asHeadwaterError(cause)
    if (!error.retryable) this.#lastError = error
    // Refused by ourselves, for what callers ask at once: they are told, and the next round comes soon.
    if (error.code !== 'HW_OVERLOADED') this.#ports.troubles?.met(what, error)
  }

  /** The last failure that no retry will mend; for health. */
  get lastError(): HeadwaterError | undefined {
    return this.#lastError ?? this.#watch.lastError
  }
  #lastError: HeadwaterError | undefined

  /**
   * Works until no job is left that is not parked, and no errand that is handled here, or the time is up. What backs off, is held by another worker
   * or waits for a paused target is waited for: any of it may end meanwhile.
   */
  async drain(options: CallOptions = {}): Promise<DrainResult> {
    const { clock, truth } = this.#ports
    return withDeadline(clock, options, 30_000, async (deadline) => {
      const startedAt = clock.monotonic()
      let applied = 0
      for (;;) {
        const { wakes } = this.#waker
        const [handled, ...rounds] = await Promise.all([
          this.#errands.step(deadline.signal),
          ...targets.map((target) => this.#round(target, deadline.signal)),
        ])
        const settled = rounds.reduce((sum, count) => sum + count, 0)
        const done = settled + handled.ended
        applied += settled + handled.done
        // Counting reads every job: only when a round found none to do.
        if (done > 0 && deadline.remaining() > 0 && !options.signal?.aborted) continue
        const { waiting, claimed, ...jobs } = await truth.session({ worker: true }).jobs.backlog()
        const errands = await this.#errands.left()
        const remaining = waiting + claimed + errands.remaining
        const parked = jobs.parked + errands.parked
        if (remaining === 0) return { applied, parked, remaining }
        if (deadline.remaining() === 0 || options.signal?.aborted)
          return { applied, parked, remaining, unavailable: this.#keptBack(startedAt) }
        if (done === 0)
          await this.#waker.idle(
            clock,
            Math.min(this.#options.pollMs, 50, deadline.remaining()),
            wakes,
            deadline.signal,
          )
      }
    })
  }

  /** Which targets have been paused since, and why; undefined when none has. An older pause may be over unnoticed. */
  #keptBack(startedAt: number): HeadwaterError | undefined {
    const paused = targets.flatMap((target) => {
      const pause = this.#paused.get(target)
      const error = pause && pause.since >= startedAt ? pause.error : this.#leftBy(target)
      return error ? [{ target, error }] : []
    })
    const [first] = paused
    if (!first) return undefined
    const { code, retryable, path, retryAfterMs, details } = first.error
    return new HeadwaterError(
      code,
      paused.map(({ target, error }) => `${target} is paused: ${error.message}`).join('; '),
      {
        cause: first.error,
        retryable,
        path,
        retryAfterMs,
        details: { ...details, targets: paused.map(({ target }) => target) },
      },
    )
  }

  /**
   * One round of a target: claims what is due and applies it, and while claims are full as many batches at once as the
   * target bears, some in each lane, so that none waits for the slowest after every batch. Returns how many jobs were
   * settled.
   */
  async #round(target: JobTarget, signal: AbortSignal, lane = 0): Promise<number> {
    const { claimBatch } = this.#options
    let settled = 0
    let beside: Promise<number> | undefined
    for (let batch = 0; batch < batchesOfRound && !signal.aborted; batch++) {
      const token = uuidV7(this.#ports.clock, this.#ports.random)
      const jobs = await this.#claim(target, token).catch((error: unknown) => {
        // What was claimed is seen through, also when the truth can give no more.
        if (batch === 0) throw error
        return []
      })
      if (jobs.length === 0) break
      const isFull = jobs.length === claimBatch
      if (isFull && this.#bears(target, lane + 1)) beside ??= this.#round(target, signal, lane + 1).catch(() => 0)
      settled += await this.#apply(target, jobs, signal)
      if (!isFull || this.#paused.has(target) || !this.#bears(target, lane)) break
    }
    return settled + ((await beside) ?? 0)
  }

  async #claim(target: JobTarget, token: string): Promise<ClaimedJob[]> {
    const { claimBatch, leaseMs } = this.#options
    // What was left once is asked after again each time: it may be live elsewhere by now, or nobody serves it any more.
    if (target !== 'cache' && this.#left.has(target)) this.#leave(target, await leftToOthers(this.#ports, target))
    const except = [...(this.#left.get(target)?.keys() ?? [])]
    const { jobs } = this.#ports.truth.session({ worker: true })
    return jobs.claim({ targets: [target], except, limit: claimBatch, token, leaseMs })
  }

  /** Told once, until nothing is left to others any more. */
  #leave(target: JobTarget, left: ReadonlyMap<CollectionName, HeadwaterError>): void {
    const error = left.values().next().value
    if (error) {
      this.#left.set(target, left)
      this.#ports.troubles?.met(enginesOf(target), error)
    } else {
      this.#left.delete(target)
      this.#ports.troubles?.over(enginesOf(target))
    }
  }

  /** So that these are claimed no more by who cannot do them. */
  #handOn(handedOn: readonly HandedOn[]): void {
    for (const { target, collection, error } of handedOn) {
      this.#leave(target, new Map(this.#left.get(target)).set(collection, error))
    }
  }

  #bears(target: JobTarget, lane: number): boolean {
    return lane < this.#limits.get(target)!.size
  }

  async #apply(target: JobTarget, jobs: readonly ClaimedJob[], signal: AbortSignal): Promise<number> {
    const { clock } = this.#ports
    const startedAt = clock.monotonic()
    const { applied, failed, unavailable, handedOn } = await this.#runner.run(jobs, { signal })
    this.#handOn(handedOn)
    const endedAt = clock.monotonic()
    const full = jobs.length === this.#options.claimBatch
    if (!signal.aborted) this.#limits.get(target)!.note({ startedAt, endedAt, full, ok: unavailable === null })
    if (unavailable) {
      if (isHeadwaterError(unavailable, 'HW_GENERATION_MISSING')) this.#watch.nudge()
      // What the caller's own deadline cut off says nothing new of the target.
      const earlier = signal.aborted ? this.#paused.get(target)?.error : undefined
      if (!signal.aborted) this.#ports.troubles?.met(relayOf(target), unavailable)
      this.#pause(target, earlier ?? unavailable, startedAt)
    } else {
      this.#paused.delete(target)
      this.#ports.troubles?.over(relayOf(target))
    }
    return applied + failed
  }

  /** Batches that were under way together and fail together are one failure. */
  #pause(target: JobTarget, error: HeadwaterError, startedAt: number): void {
    const earlier = this.#paused.get(target)
    if (earlier && startedAt < earlier.since) return
    const failures = (earlier?.failures ?? 0) + 1
    const since = this.#ports.clock.monotonic()
    this.#paused.set(target, { since, until: since + this.#runner.backoff(failures), failures, error })
  }
}
