import { type CallOptions, throwIfAborted } from '../../core/abort'
import { asHeadwaterError, type HeadwaterError, isHeadwaterError } from '../../core/errors'
import { embedInBatches, isOfEmbedder } from '../../embeddings/batching'
import { OwnVectors } from '../../embeddings/own-vectors'
import { told } from '../../observability/told'
import type { Generation, Target } from '../../repositories/generations'
import { hasEngine, lacks } from '../../repositories/index-engines'
import type { ClaimedJob, JobKey, JobTarget, SettledJob } from '../../repositories/jobs'
import { backoffMs } from '../../resilience/backoff'
import type { WriterOptions, WriterPorts } from '../ports'
import { cutDocuments } from '../rebuild/cut-documents'
import { jobGenerations } from '../rebuild/generations'
import { isOfTheStore, isOutageByItself } from '../write/error-scope'
import { type Applied, ClaimSettling, type HandedOn, keyOf, nothing, released, tokensOf } from './claim-settling'
import { type Change, project } from './projection'
import { servedEngines, servedName } from './served-engines'

/** What applying a claim came to. */
export interface RunResult {
  /** Jobs that are done. */
  readonly applied: number
  /** Documents that were refused for what they are; each counted one attempt. */
  readonly failed: number
  /** Jobs of the cache that went back: what it forgets later. */
  readonly uncached: number
  /** Jobs of indexes that went back, for whatever reason. */
  readonly undone: ReadonlySet<ClaimedJob>
  /** How many more are not done: their claims were gone, or their documents were written again. */
  readonly lost: number
  /** Why a target cannot be reached at all; its jobs were given back untouched. */
  readonly unavailable: HeadwaterError | null
  /** Jobs that were left to workers of engines which this process has not. */
  readonly handedOn: readonly HandedOn[]
}

/** What a writer knows of its own jobs already. */
export interface Preset {
  changeOf(job: ClaimedJob, chunking: string): Change | undefined
  /** By input hash. What was written around a switch to another model may be of two spaces. */
  vectorsIn(fingerprint: string): ReadonlyMap<string, Float32Array>
}

interface Task {
  readonly job: ClaimedJob
  readonly change: Change
  /** From the truth, not handed over by its writer. */
  readonly isRead: boolean
}

/** How long a write waits for an index beside the live one, such as one that Postgres builds HNSW for, ms. */
const besideMs = 1_000
/** And for each of its documents, so that a batch is not done twice, ms. */
const besideMsEach = 10

/** A call of a writer, who has less time for what nobody searches; the relay has all that it takes. */
function hurried(call: CallOptions, documents: number): CallOptions {
  const { timeoutMs } = call
  return timeoutMs === undefined
    ? call
    : { ...call, timeoutMs: Math.min(timeoutMs, besideMs + besideMsEach * documents) }
}

/**
 * Applies claimed jobs and settles the claims in one step: each job is done, failed (counts an attempt) or released. The
 * state and the list of generations are read after the claim, or were read in the transaction that made it.
 */
export class JobRunner {
  readonly #ports: WriterPorts
  readonly #options: WriterOptions
  readonly #claims: ClaimSettling

  constructor(ports: WriterPorts, options: WriterOptions) {
    this.#ports = ports
    this.#options = options
    this.#claims = new ClaimSettling(ports, options)
  }

  async run(jobs: readonly ClaimedJob[], call: CallOptions, preset?: Preset): Promise<RunResult> {
    const stop = this.#claims.renew(tokensOf(jobs))
    try {
      const collections = grouped(jobs, ({ collection }) => collection)
      const results = await Promise.all(collections.map((group) => this.#runCollection(group, call, preset)))
      const sum = (count: (result: RunResult) => number): number => results.reduce((all, one) => all + count(one), 0)
      const unavailable = results.find((result) => result.unavailable)?.unavailable ?? null
      return {
        applied: sum((one) => one.applied),
        failed: sum((one) => one.failed),
        uncached: sum((one) => one.uncached),
        undone: new Set(results.flatMap(({ undone }) => [...undone])),
        lost: sum((one) => one.lost),
        unavailable,
        handedOn: results.flatMap(({ handedOn }) => handedOn),
      }
    } finally {
      stop()
    }
  }

  /** One target must not wait for another to be applied; all are settled together. */
  async #runCollection(jobs: readonly ClaimedJob[], call: CallOptions, preset: Preset | undefined): Promise<RunResult> {
    const targets = grouped(jobs, ({ target }) => target)
    const { collection } = jobs[0]!
    let listed: Promise<Generation[]> | undefined
    const list = (): Promise<Generation[]> => {
      listed ??= this.#ports.truth.session({ worker: true }).generations.list({ collection })
      return listed
    }
    const runs = targets.map((group) => this.#runAlone(group, list, call, preset))
    const settling = Promise.all(runs).then((applied) => this.#claims.settle(jobs, applied))
    const tellings = targets.map((group) => this.#tell(group, settling))
    const { done, applied } = await settling
    await Promise.all(tellings)
    const isOf = (target: JobTarget) => (one: Applied) => one.jobs[0]!.target === target
    const uncached = applied.find(isOf('cache'))?.outcomes.length ?? 0
    const undone = undoneOf(applied)
    return {
      applied: done,
      failed: applied.reduce((all, { refused }) => all + refused.size, 0),
      uncached,
      undone,
      lost: jobs.length - done - uncached - undone.size,
      unavailable: applied.find(({ unavailable }) => unavailable)?.unavailable ?? null,
      handedOn: applied.flatMap(({ handedOn }) => handedOn ?? []),
    }
  }

  /** Gives claims back as they are. If even that fails, their leases run out. */
  async release(jobs: readonly ClaimedJob[]): Promise<void> {
    for (const group of grouped(jobs, ({ collection }) => collection)) {
      await this.#claims.settle(group, [{ ...nothing, jobs: group, outcomes: released(group, 0) }])
    }
  }

  /** A target whose store is out of reach is given back. */
  async #runAlone(
    jobs: readonly ClaimedJob[],
    list: () => Promise<Generation[]>,
    call: CallOptions,
    preset: Preset | undefined,
  ): Promise<Applied> {
    try {
      const { target } = jobs[0]!
      if (target === 'cache') return await this.#forget(jobs, call)
      return await this.#project(target, jobs, await list(), call, preset)
    } catch (cause) {
      return { ...nothing, jobs, outcomes: released(jobs, 0), unavailable: asHeadwaterError(cause) }
    }
  }

  /** Times a target from when it begins until all are settled. */
  async #tell(jobs: readonly ClaimedJob[], settling: Promise<{ readonly applied: readonly Applied[] }>): Promise<void> {
    const { target } = jobs[0]!
    const work = async (): Promise<Applied> => {
      const settled = (await settling).applied.find((one) => one.jobs[0]!.target === target)!
      if (settled.unavailable) throw settled.unavailable
      return settled
    }
    await told('headwater:batch', this.#ports.clock, work, (ended, settled) => {
      const failed = settled?.refused.size ?? 0
      const applied = settled ? jobs.length - failed - settled.outcomes.filter(isNotDone).length : 0
      return { ...ended, target, claimed: jobs.length, applied, failed }
    }).catch(() => undefined)
  }

  async #forget(jobs: readonly ClaimedJob[], call: CallOptions): Promise<Applied> {
    await this.#ports.entries?.forget(jobs, call)
    await this.#ports.searches?.changed(jobs)
    return { ...nothing, jobs, outcomes: [] }
  }

  async #project(
    target: Target,
    jobs: readonly ClaimedJob[],
    listed: readonly Generation[],
    call: CallOptions,
    preset: Preset | undefined,
  ): Promise<Applied> {
    const { collection } = jobs[0]!
    const all = await jobGenerations(this.#ports, target, collection, listed)
    const generations = all.filter((one) => hasEngine(this.#ports, one))
    const absent = await this.#absent(all)
    const handedOn = absent.wanted && { target, collection, error: absent.wanted }
    // Without the live one there is nothing to do here.
    if (absent.live)
      return { ...nothing, jobs, outcomes: released(jobs, 0), handedOn: { target, collection, error: absent.live } }
    const refusals = new Map<Generation, Map<ClaimedJob, HeadwaterError>>()
    const seen = new Map<ClaimedJob, number>()
    const failures = new Map<Generation, HeadwaterError>(absent.unserved)
    const left = new Set<ClaimedJob>()
    for (const generation of generations) {
      const tasks = await this.#tasks(jobs, generation, call, preset)
      // What was read is what may be confirmed: what came later is still to go to generations made since they were listed.
      for (const { job, change } of tasks) {
        seen.set(job, Math.min(seen.get(job) ?? Number.POSITIVE_INFINITY, change.state.fence))
      }
      const vectors = target === 'vector' ? preset?.vectorsIn(generation.fingerprint!) : undefined
      const refusedHere = new Map<ClaimedJob, HeadwaterError>()
      refusals.set(generation, refusedHere)
      try {
        const own = generation.state === 'live' ? call : hurried(call, jobs.length)
        const cut = await this.#cut(generation, tasks, own, refusedHere, left)
        await this.#projectTasks(generation, cut, own, vectors, refusedHere)
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
    const applied = jobs.filter((job) => !refused.has(job) && !left.has(job))
    // Where the cache cannot be told, its own job tells it later.
    await this.#ports.searches?.changed(applied).catch(() => undefined)
    const done = handedOn ? [] : applied
    const outcomes = [
      ...(handedOn ? released(applied, 0) : []),
      // A document that is gone altogether has fence 0: there is nothing of it to apply, at whatever fence.
      ...done.flatMap((job) => {
        const applied = seen.get(job) || job.fence
        return applied === job.fence ? [] : [{ ...keyOf(job), applied }]
      }),
      ...[...refused].map(([job, reason]) => this.#failed(job, reason)),
      // What another process has to do: this one looks again later.
      ...released([...left], this.backoff(5)),
    ]
    return { jobs, outcomes, refused, failures, unavailable: null, handedOn }
  }

  /**
   * What of these is in engines that this process has not. With the live one, or beside it where a worker was seen that
   * has the engine, the jobs are handed on to others. An index that nobody serves keeps no job waiting: it has failed to
   * follow, as any index beside the live one may.
   */
  async #absent(all: readonly Generation[]): Promise<{
    readonly live: HeadwaterError | null
    readonly wanted: HeadwaterError | null
    readonly unserved: readonly (readonly [Generation, HeadwaterError])[]
  }> {
    const lacking = all.filter((one) => !hasEngine(this.#ports, one))
    const errorOf = (one: Generation): HeadwaterError => lacks(one, this.#ports)
    const live = lacking.find(({ state }) => state === 'live')
    if (live || lacking.length === 0) return { live: live ? errorOf(live) : null, wanted: null, unserved: [] }
    const served = await servedEngines(this.#ports)
    const wanted = lacking.find((one) => served.has(servedName(one)))
    const unserved = lacking.filter((one) => !served.has(servedName(one)))
    return { live: null, wanted: wanted ? errorOf(wanted) : null, unserved: unserved.map((one) => [one, errorOf(one)]) }
  }

  async #tasks(
    jobs: readonly ClaimedJob[],
    generation: Generation,
    call: CallOptions,
    preset: Preset | undefined,
  ): Promise<Task[]> {
    const known = jobs.map((job) => {
      const change = preset?.changeOf(job, generation.chunking)
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
      // It embeds nothing: a text without a vector is at fault.
      if (embedder instanceof OwnVectors) return true
      await embedInBatches(embedder, ['headwater'], { kind: 'passage', signal: call.signal })
      return true
    } catch {
      return false
    }
  }

  #failed(job: ClaimedJob, reason: string): SettledJob {
    const parks = job.attempts + 1 >= this.#options.maxAttempts
    return { ...keyOf(job), reason, delayMs: this.backoff(job.attempts), parks }
  }

  /** Full jitter under a doubling ceiling, ms. */
  backoff(attempts: number): number {
    const { backoffMs: baseMs, backoffMaxMs: maxMs } = this.#options
    return Math.ceil(backoffMs(attempts, { baseMs, maxMs }, this.#ports.random))
  }
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

/** Jobs of indexes that outcomes put back. */
function undoneOf(applied: readonly Applied[]): ReadonlySet<ClaimedJob> {
  const undone = new Set<ClaimedJob>()
  for (const { jobs, outcomes } of applied) {
    if (jobs[0]!.target === 'cache') continue
    const back = new Set(outcomes.filter((outcome) => !('applied' in outcome)).map(placeOf))
    for (const job of jobs) if (back.has(placeOf(job))) undone.add(job)
  }
  return undone
}

function placeOf({ target, tenant, document }: JobKey): string {
  return `${target}/${tenant}/${document}`
}

function isNotDone(outcome: SettledJob): boolean {
  return 'releasedMs' in outcome
}

function grouped(jobs: readonly ClaimedJob[], placeOf: (job: ClaimedJob) => string): ClaimedJob[][] {
  const places = new Map<string, ClaimedJob[]>()
  for (const job of jobs) {
    const place = placeOf(job)
    const group = places.get(place)
    if (group) group.push(job)
    else places.set(place, [job])
  }
  return [...places.values()]
}
