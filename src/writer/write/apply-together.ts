import type { Clock } from '../../core/clock'
import { withDeadline } from '../../core/deadline'
import type { CollectionName } from '../../core/ids'
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
  readonly tell: (fate: Fate) => void
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
  readonly #options: Pick<WriterOptions, 'inlineTimeoutMs' | 'batchDocuments'>
  readonly #runner: JobRunner
  /** What waits, of each collection of which a bulk is under way. */
  readonly #waiting = new Map<CollectionName, Committed[]>()

  constructor(clock: Clock, options: Pick<WriterOptions, 'inlineTimeoutMs' | 'batchDocuments'>, runner: JobRunner) {
    this.#clock = clock
    this.#options = options
    this.#runner = runner
  }

  /** Never rejects. */
  apply(jobs: readonly ClaimedJob[], preset: Preset | undefined): Promise<Fate> {
    const { collection } = jobs[0]!
    return new Promise((tell) => {
      const one = { jobs, preset, tell }
      const waiting = this.#waiting.get(collection)
      if (waiting) waiting.push(one)
      else void this.#run(collection, [one])
    })
  }

  /** Goes on until nothing waits. */
  async #run(collection: CollectionName, waiting: Committed[]): Promise<void> {
    this.#waiting.set(collection, waiting)
    while (waiting.length > 0) {
      const bulk = nextBulk(waiting, this.#options.batchDocuments)
      const result = await this.#apply(bulk)
      for (const one of bulk) one.tell(result ? fateOf(one, result) : none)
      if (!result?.unavailable) continue
      const behind = waiting.splice(0)
      await this.#runner.release(behind.flatMap(({ jobs }) => jobs))
      for (const one of behind) one.tell(none)
    }
    this.#waiting.delete(collection)
  }

  async #apply(bulk: readonly Committed[]): Promise<RunResult | undefined> {
    const options = { timeoutMs: this.#options.inlineTimeoutMs }
    try {
      return await withDeadline(this.#clock, options, undefined, (deadline) =>
        this.#runner.run(
          bulk.flatMap(({ jobs }) => jobs),
          deadline.options(),
          presetOfAll(bulk),
        ),
      )
    } catch {
      // The leases run out, and the relay takes over.
      return undefined
    }
  }
}

/** Takes from `waiting`, in their order, up to `limit` documents, each once. */
function nextBulk(waiting: Committed[], limit: number): Committed[] {
  const bulk: Committed[] = []
  const documents = new Set<string>()
  for (const one of waiting) {
    const keys = new Set(one.jobs.map(({ tenant, document }) => `${tenant}/${document}`))
    if ([...keys].some((key) => documents.has(key))) continue
    if (documents.size > 0 && documents.size + keys.size > limit) break
    for (const key of keys) documents.add(key)
    bulk.push(one)
  }
  const taken = new Set(bulk)
  const left = waiting.filter((one) => !taken.has(one))
  waiting.splice(0, waiting.length, ...left)
  return bulk
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
