import { type CallOptions, throwIfAborted } from '../../core/abort'
import { sleep } from '../../core/clock'
import { asHeadwaterError, HeadwaterError, isHeadwaterError } from '../../core/errors'
import { embedInBatches, isOfEmbedder } from '../../embeddings/batching'
import { publish } from '../../observability/channels'
import { told } from '../../observability/told'
import type { Generation } from '../../repositories/generations'
import type { ClaimedJob, JobKey, JobTarget } from '../../repositories/jobs'
import type { TruthSession } from '../../repositories/truth'
import type { WriterOptions, WriterPorts } from '../ports'
import { cutDocuments } from '../rebuild/cut-documents'
import { jobGenerations } from '../rebuild/generations'
import { isOfTheStore, isOutageByItself } from '../write/error-scope'
import { type Change, project } from './projection'

/** What applying a claim came to. */
export interface RunResult {
  readonly applied: number
  /** Documents that were refused for what they are; each counted one attempt. */
  readonly failed: number
  /** Why a target cannot be reached at all; its jobs were given back untouched. */
  readonly unavailable: HeadwaterError | null
}

/** What a writer knows of its own jobs already, by chunking and document id. */
export interface Preset {
  readonly changes: ReadonlyMap<string, ReadonlyMap<string, Change>>
  readonly vectors: ReadonlyMap<string, Float32Array>
  readonly fingerprint: string
}

interface Task {
  readonly job: ClaimedJob
  readonly change: Change
  /** From the truth, not handed over by its writer. */
  readonly isRead: boolean
}

/**
 * Applies claimed jobs and settles each: completed, failed (counts an attempt) or released. The state and the list of
 * generations are read after the claim, or were read in the transaction that made it.
 */
export class JobRunner {
  readonly #ports: WriterPorts
  readonly #options: WriterOptions

  constructor(ports: WriterPorts, options: WriterOptions) {
    this.#ports = ports
    this.#options = options
  }

  async run(jobs: readonly ClaimedJob[], token: string, call: CallOptions, preset?: Preset): Promise<RunResult> {
    const stop = this.#renew(token)
    try {
      const results = await Promise.all(groups(jobs).map((group) => this.#runAlone(group, token, call, preset)))
      const sum = (count: (result: RunResult) => number): number => results.reduce((all, one) => all + count(one), 0)
      const unavailable = results.find((result) => result.unavailable)?.unavailable ?? null
      return { applied: sum((one) => one.applied), failed: sum((one) => one.failed), unavailable }
    } finally {
      stop()
    }
  }

  /** One target must not wait for another; a group whose store is out of reach is given back. */
  async #runAlone(
    group: readonly ClaimedJob[],
    token: string,
    call: CallOptions,
    preset: Preset | undefined,
  ): Promise<RunResult> {
    try {
      const result = await told(
        'headwater:batch',
        this.#ports.clock,
        () => this.#runGroup(group, token, call, preset),
        (ended, done) => {
          const { applied = 0, failed = 0 } = done ?? {}
          return { ...ended, target: group[0]!.target, claimed: group.length, applied, failed }
        },
      )
      return { ...result, unavailable: null }
    } catch (cause) {
      await this.#release(group, token)
      return { applied: 0, failed: 0, unavailable: asHeadwaterError(cause) }
    }
  }

  async #runGroup(
    jobs: readonly ClaimedJob[],
    token: string,
    call: CallOptions,
    preset: Preset | undefined,
  ): Promise<{ applied: number; failed: number }> {
    const { target, collection } = jobs[0]!
    if (target === 'cache') {
      await this.#ports.entries?.forget(jobs, call)
      await this.#ports.searches?.changed(jobs)
      return { applied: await this.#complete(jobs, token), failed: 0 }
    }
    const generations = await jobGenerations(this.#ports, target, collection)
    const refusals = new Map<Generation, Map<ClaimedJob, HeadwaterError>>()
    // No more than was claimed: what came later is still to go to generations made since they were listed.
    const applied = new Map<ClaimedJob, number>(jobs.map((job) => [job, job.fence]))
    const failures = new Map<Generation, HeadwaterError>()
    const left = new Set<ClaimedJob>()
    for (const generation of generations) {
      const tasks = await this.#tasks(jobs, generation, call, preset)
      // What was read is what may be confirmed: a job whose fence has moved on since stays.
      for (const { job, change } of tasks) applied.set(job, Math.min(applied.get(job)!, change.state.fence))
      const vectors = preset?.fingerprint === generation.fingerprint ? preset.vectors : undefined
      const refusedHere = new Map<ClaimedJob, HeadwaterError>()
      refusals.set(generation, refusedHere)
      try {
        const cut = await this.#cut(generation, tasks, call, refusedHere, left)
        await this.#projectTasks(generation, cut, call, vectors, refusedHere)
      } catch (error) {
        throwIfAborted(call.signal)
        // The writer's own haste says nothing of the generation: the relay has the time.
        if (call.timeoutMs !== undefined && isHeadwaterError(error, 'HW_TIMEOUT')) throw error
        // Those beside it go on: a fallback is wanted most while the live one's embedder is down.
        failures.set(generation, asHeadwaterError(error))
      }
    }
    for (const [{ state }, error] of failures) if (state === 'live') throw error
    const refused = refusedByLive(refusals)
    for (const [generation, here] of refusals) {
      for (const [job, error] of here) if (!refused.has(job)) failures.set(generation, error)
    }
    const done = jobs.filter((job) => !refused.has(job) && !left.has(job))
    // Where the cache cannot be told, its own job tells it later.
    await this.#ports.searches?.changed(done).catch(() => undefined)
    if (failures.size === 0) await this.#complete(done, token, applied)
    else await this.#completeBeside(failures, done, token, applied)
    if (refused.size > 0) await this.#fail(refused, token)
    if (left.size > 0) await this.#leave([...left], token)
    return { applied: done.length, failed: refused.size }
  }

  async #tasks(
    jobs: readonly ClaimedJob[],
    generation: Generation,
    call: CallOptions,
    preset: Preset | undefined,
  ): Promise<Task[]> {
    const known = jobs.map((job) => {
      const change = preset?.changes.get(generation.chunking)?.get(job.document)
      // Coalesced with an older job, or overtaken by a newer write: then what the writer knows is not enough.
      return change && change.since === job.since && change.state.fence === job.fence ? change : undefined
    })
    const unknown = jobs.filter((_, at) => !known[at])
    const read =
      unknown.length === 0
        ? []
        : await this.#ports.truth.session({ worker: true }).chunks.states(unknown, generation.chunking, call)
    let next = 0
    return jobs.map((job, at) => {
      const change = known[at]
      return { job, change: change ?? { since: job.since, state: read[next++]! }, isRead: change === undefined }
    })
  }

  /**
   * Cuts documents that have no chunks in the generation's chunking: who wrote them did not know how, or not that it is
   * wanted. Returns the tasks as they are then. A job of the live generation that this process cannot cut for is `left`
   * to one that can.
   */
  async #cut(
    generation: Generation,
    tasks: readonly Task[],
    call: CallOptions,
    refused: Map<ClaimedJob, HeadwaterError>,
    left: Set<ClaimedJob>,
  ): Promise<Task[]> {
    const cut: Task[] = []
    for (const task of tasks) {
      const { job, change, isRead } = task
      if (!isRead || change.state.payload === null || change.state.chunks.length > 0) {
        cut.push(task)
        continue
      }
      try {
        await cutDocuments(this.#ports, generation, [job], call)
        // Also where somebody else has cut it since it was read.
        cut.push(...(await this.#tasks([job], generation, call, undefined)))
      } catch (cause) {
        const error = asHeadwaterError(cause)
        if (error.code === 'HW_INVALID_DOCUMENT') refused.set(job, error)
        else if (error.code === 'HW_TOPOLOGY_MISMATCH' && generation.state === 'live') left.add(job)
        else throw error
      }
    }
    return cut
  }

  /** Applies tasks together, and by halves when one of them is refused, until the document at fault stands alone. */
  async #projectTasks(
    generation: Generation,
    tasks: readonly Task[],
    call: CallOptions,
    vectors: ReadonlyMap<string, Float32Array> | undefined,
    refused: Map<ClaimedJob, HeadwaterError>,
  ): Promise<void> {
    try {
      await project(
        this.#ports,
        generation,
        tasks.map(({ change }) => change),
        call,
        vectors,
      )
    } catch (cause) {
      const error = asHeadwaterError(cause)
      if (await this.#isOutage(error, generation, call)) throw error
      if (tasks.length === 1) {
        refused.set(tasks[0]!.job, error)
        return
      }
      const half = tasks.length >> 1
      await this.#projectTasks(generation, tasks.slice(0, half), call, vectors, refused)
      await this.#projectTasks(generation, tasks.slice(half), call, vectors, refused)
    }
  }

  /** An embedder that takes an easy text has something against these; one that takes none parks nothing, whatever it says. */
  async #isOutage(error: HeadwaterError, generation: Generation, call: CallOptions): Promise<boolean> {
    if (!isOfEmbedder(error) || isOutageByItself(error)) return isOfTheStore(error)
    return !(await this.#embedderAnswers(generation, call))
  }

  async #embedderAnswers(generation: Generation, call: CallOptions): Promise<boolean> {
    const embedder = this.#ports.embedders.get(generation.fingerprint!)
    try {
      if (!embedder) return false
      await embedInBatches(embedder, ['headwater'], { kind: 'passage', signal: call.signal })
      return true
    } catch {
      return false
    }
  }

  /**
   * Completes jobs that some generations have not got, and notes that on these, in one step and under the lock of a
   * switch: either the switch sees the failure, or the jobs stay for the generation that has become the live one.
   */
  async #completeBeside(
    failures: ReadonlyMap<Generation, HeadwaterError>,
    jobs: readonly ClaimedJob[],
    token: string,
    applied: ReadonlyMap<ClaimedJob, number>,
  ): Promise<void> {
    const { target, collection } = [...failures.keys()][0]!
    const ofTheLive = await this.#ports.truth.transaction({ worker: true }, async (session) => {
      const { generations } = session
      await generations.lock(target, collection)
      const [live] = await generations.list({ target, collection, states: ['live'] })
      for (const [{ id }, error] of failures) if (id === live?.id) return error
      for (const [{ id }, { message }] of failures) await generations.update(id, { error: message })
      await this.#complete(jobs, token, applied, session)
      return undefined
    })
    if (ofTheLive) throw ofTheLive
  }

  async #complete(
    jobs: readonly ClaimedJob[],
    token: string,
    applied: ReadonlyMap<ClaimedJob, number> = new Map(),
    session: TruthSession = this.#ports.truth.session({ worker: true }),
  ): Promise<number> {
    if (jobs.length === 0) return 0
    // A document that is gone altogether has fence 0: there is nothing of it to apply, at whatever fence.
    const done = jobs.map((job) => {
      const { target, tenant, collection, document, epoch } = job
      return { target, tenant, collection, document, epoch, applied: applied.get(job) || job.fence }
    })
    return session.jobs.complete(done, token)
  }

  async #fail(refused: ReadonlyMap<ClaimedJob, string>, token: string): Promise<void> {
    const failures = [...refused].map(([job, reason]) => ({ ...job, reason, delayMs: this.backoff(job.attempts) }))
    const { maxAttempts } = this.#options
    await this.#ports.truth.session({ worker: true }).jobs.fail(failures, token, { maxAttempts })
    for (const { target, tenant, collection, document, attempts, reason } of failures) {
      if (attempts + 1 < maxAttempts) continue
      this.#ports.troubles?.met(parkedJobs(target), parkedError(target, document, reason), 'error')
      publish('headwater:parked', () => ({ target, tenant, collection, document, reason }))
    }
  }

  /** Gives back what another process has to do, untouched: this one looks again later. */
  async #leave(jobs: readonly ClaimedJob[], token: string): Promise<void> {
    await this.#ports.truth.session({ worker: true }).jobs.release(token, { keys: jobs, delayMs: this.backoff(5) })
  }

  /** Gives claims back; if even that fails, their lease runs out. */
  async #release(jobs: readonly JobKey[], token: string): Promise<void> {
    try {
      await this.#ports.truth.session({ worker: true }).jobs.release(token, { keys: jobs, delayMs: 0 })
    } catch (error) {
      if (!isHeadwaterError(error)) throw error
    }
  }

  /** Full jitter under a doubling ceiling, ms. */
  backoff(attempts: number): number {
    const ceiling = Math.min(this.#options.backoffMaxMs, this.#options.backoffMs * 2 ** attempts)
    return Math.ceil(this.#ports.random.next() * ceiling)
  }

  /** Keeps the lease alive while the work lasts; a failed renewal is left to the fences. */
  #renew(token: string): () => void {
    const { clock, truth } = this.#ports
    const { leaseMs } = this.#options
    const stopped = new AbortController()
    const loop = async (): Promise<void> => {
      for (;;) {
        await sleep(clock, leaseMs / 3, stopped.signal, { background: true })
        await truth.session({ worker: true }).jobs.renew(token, leaseMs)
      }
    }
    loop().catch(() => undefined)
    return () => stopped.abort()
  }
}

/** Jobs of a target that are parked, as `Troubles` names them. */
export function parkedJobs(target: JobTarget): string {
  return `parked jobs of ${target}`
}

function parkedError(target: JobTarget, document: string, reason: string): HeadwaterError {
  return new HeadwaterError('HW_JOB_PARKED', `${target} of ${JSON.stringify(document)} was given up: ${reason}`, {
    details: { target, document, reason },
  })
}

/** What the live generation refuses is refused: its job is not done, whatever the others say of the same document. */
function refusedByLive(
  refusals: ReadonlyMap<Generation, ReadonlyMap<ClaimedJob, HeadwaterError>>,
): ReadonlyMap<ClaimedJob, string> {
  const refused = new Map<ClaimedJob, string>()
  for (const [{ state }, jobs] of refusals) {
    if (state === 'live') for (const [job, { code, message }] of jobs) refused.set(job, `${code}: ${message}`)
  }
  return refused
}

function groups(jobs: readonly ClaimedJob[]): ClaimedJob[][] {
  const byPlace = new Map<string, ClaimedJob[]>()
  for (const job of jobs) {
    const place = `${job.target}/${job.collection}`
    const group = byPlace.get(place)
    if (group) group.push(job)
    else byPlace.set(place, [job])
  }
  return [...byPlace.values()]
}
