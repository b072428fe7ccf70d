import type { Clock } from '../../core/clock'
import { withDeadline } from '../../core/deadline'
import { GroupedCalls } from '../../core/grouped-calls'
import type { ClaimedJob } from '../../repositories/jobs'
import type { WriterOptions } from '../ports'
import type { JobRunner, Preset, RunResult } from '../relay/job-runner'

/** What became of the jobs of one statement. */
export interface Fate {
  /** Whether all of a document's are done. */
  applied(document: string): boolean
  /** The cache was not told. */
  readonly uncached: boolean
}

/** Jobs that one statement has claimed, of one collection and tenant, and what it knows of them. */
interface Committed {
  readonly jobs: readonly ClaimedJob[]
  readonly preset: Preset | undefined
}

const none: Fate = { applied: () => false, uncached: false }

/**
 * Applies what single writes have committed: at once where nothing of the collection is under way, else all
 * that came meanwhile in the next bulk, so that each engine gets one request for them and their claims end in one
 * statement. A bulk has a time of its own, whatever the callers', and no document twice: a later write of it waits for
 * the next. What cannot be applied goes back to the queue, and so does all that waits behind an outage.
 */
export class ApplyTogether {
  readonly #clock: Clock
  readonly #timeoutMs: number
  readonly #runner: JobRunner
  readonly #bulks: GroupedCalls<Committed, Fate>

  constructor(clock: Clock, options: Pick<WriterOptions, 'inlineTimeoutMs' | 'batchDocuments'>, runner: JobRunner) {
    this.#clock = clock
    this.#timeoutMs = options.inlineTimeoutMs
    this.#runner = runner
    const limits = { count: options.batchDocuments, bytes: Number.POSITIVE_INFINITY, atOnce: 1 }
    this.#bulks = new GroupedCalls(
      (bulk) => this.#apply(bulk),
      limits,
      ({ jobs }) => ({
        names: [...new Set(jobs.map(({ tenant, document }) => `${tenant}/${document}`))],
        bytes: 0,
      }),
    )
  }

  /** Never rejects. */
  apply(jobs: readonly ClaimedJob[], preset: Preset | undefined): Promise<Fate> {
    return this.#bulks.ask(jobs[0]!.collection, { jobs, preset })
  }

  async #apply(bulk: readonly Committed[]): Promise<Fate[]> {
    const jobs = bulk.flatMap((one) => one.jobs)
    const result = await withDeadline(
      this.#clock,
      { timeoutMs: this.#timeoutMs },
      undefined,
      (deadline) => this.#runner.run(jobs, deadline.options(), presetOfAll(bulk)),
      // Where that fails, the leases run out, and the relay takes over.
    ).catch(() => undefined)
    if (result?.unavailable) {
      const behind = this.#bulks.dismiss(jobs[0]!.collection)
      await this.#runner.release(behind.flatMap(({ item }) => item.jobs))
      for (const { resolve } of behind) resolve(none)
    }
    return bulk.map((one) => (result ? fateOf(one, result) : none))
  }
}

function presetOfAll(bulk: readonly Committed[]): Preset | undefined {
  const [first] = bulk
  if (bulk.length === 1) return first!.preset
  const presets = new Map(bulk.flatMap(({ jobs, preset }) => jobs.map((job) => [job, preset] as const)))
  return {
    changeOf: (job, chunking) => presets.get(job)?.changeOf(job, chunking),
    vectorsIn: (fingerprint) => new Map(bulk.flatMap(({ preset }) => [...(preset?.vectorsIn(fingerprint) ?? [])])),
  }
}

function fateOf({ jobs }: Committed, { undone, lost, uncached }: RunResult): Fate {
  const untold = uncached > 0 && jobs.some(({ target }) => target === 'cache')
  const left = new Set(jobs.filter((job) => undone.has(job)).map(({ document }) => document))
  return { applied: (document) => lost === 0 && !left.has(document), uncached: untold }
}
