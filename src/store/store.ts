import type { Settings } from '../config/settings'
import { type CallOptions, callKinds, following } from '../core/abort'
import { withinDeadline } from '../core/deadline'
import { describeValue } from '../core/describe-value'
import { HeadwaterError } from '../core/errors'
import { collectionName, tenantId } from '../core/ids'
import type { JsonObject } from '../core/json'
import { settledWithin } from '../core/lifecycle'
import { limitDefaults } from '../core/limits'
import {
  anything,
  checkOptions,
  flag,
  method,
  milliseconds,
  number,
  type OptionKinds,
  oneOf,
  type Taken,
  text,
  whole,
} from '../core/option-kinds'
import type { Embedder } from '../embeddings/embedder'
import { openEmbedder } from '../embeddings/open-models'
import type { EmbedderOption } from '../embeddings/select'
import type { Generation, Target } from '../repositories/generations'
import type { Backlog, JobRow, JobTarget } from '../repositories/jobs'
import type { Truth, TruthSession } from '../repositories/truth'
import { FairGate } from '../resilience/fair-gate'
import { Searcher } from '../search/search'
import { type SplitterOptions, splitterOf } from '../splitter/select'
import type { Splitter } from '../splitter/splitter'
import type { TenantContext } from '../tenant/tenant-context'
import { TenantHandle } from '../tenant/tenant-handle'
import { type CollectBlobsOptions, type CollectBlobsReport, collectBlobs } from '../writer/blobs/collect-blobs'
import type { CollectionPlan } from '../writer/ports'
import { type RebuildProgress, type RebuildResult, type RecutResult, rebuild, recut } from '../writer/rebuild/rebuild'
import { dropStandby } from '../writer/rebuild/retention'
import { type RollbackResult, rollback } from '../writer/rebuild/rollback'
import { bumpEpoch } from '../writer/reconcile/epoch'
import { type ReconcileOptions, type ReconcileReport, reconcile } from '../writer/reconcile/reconcile'
import type { DrainResult } from '../writer/relay/relay'
import { knownSplitter } from '../writer/write/known-splitter'
import { type CoordinatedWriter, createWriter } from '../writer/writer'
import { AvailableModels, type ModelInfo } from './available-models'
import { type StoreHealth, storeHealth } from './store-health'
import { checkStoreOptions, type StoreOptions } from './store-options'
import type { StoreParts } from './store-parts'
import { storeOptionsFrom } from './store-settings'

export interface CommonRebuildOptions extends CallOptions {
  /** `documents` by default. */
  collection?: string | undefined
  /** The space to move to: a name of `embedders`, or an embedder. The collection's own when left out. */
  embedder?: string | EmbedderOption | undefined
  /** The language to move to, for target 'text'; docs/search.md has their names. */
  language?: string | undefined
  /** For target 'text': whether words are found without regard to case and accents. The collection's own when left out. */
  folding?: boolean | undefined
  /** Chunks a second at most; no limit when left out. */
  rate?: number | undefined
  /** Called after each batch, each check and the switch. */
  onProgress?: ((progress: RebuildProgress) => void) | undefined
}

/** What to rebuild, and in which space. */
export interface StoreRebuildOptions extends CommonRebuildOptions {
  /** 'vector' or 'text'. */
  target: Target
  splitter?: undefined
  /**
   * The engine to move to, by its name: 'postgres', 'qdrant', 'elasticsearch', or that of a backend of your own. It must
   * be configured here. The one that the live index is in when left out.
   */
  engine?: string | undefined
  /**
   * 'standby' keeps what is live and leaves the new generation in step beside it: for the `fallback` of a collection,
   * whose embedder is named here. 'live' by default.
   */
  as?: 'live' | 'standby' | undefined
}

/** How to cut anew; both targets follow, also in another space or language. */
export interface StoreRecutOptions extends CommonRebuildOptions {
  /** A name of `splitters`, sizes of the default splitter (`{}`: its own), or a splitter. */
  splitter: string | SplitterOptions | Splitter
  target?: undefined
  engine?: undefined
  as?: undefined
}

/** Which target to roll back, or to drop the standby generation of. */
export interface RollbackOptions extends CallOptions {
  /**
   * 'vector' or 'text'. What was cut by another splitter goes back, or is dropped, with its counterpart of the other
   * target; for a rollback the target may then be left out.
   */
  target: Target
  /** `documents` by default. */
  collection?: string | undefined
}

/** Which jobs. */
export interface JobFilterOptions {
  tenant?: string | undefined
  target?: JobTarget | undefined
}

const target = oneOf('vector', 'text')
const name = text(128)
const indexKinds = { ...callKinds, target, collection: name } satisfies OptionKinds<RollbackOptions>
const rebuildKinds = {
  ...indexKinds,
  embedder: anything,
  splitter: anything,
  language: text(63),
  folding: flag,
  engine: text(63),
  as: oneOf('live', 'standby'),
  rate: number(Number.MIN_VALUE, 1e9),
  onProgress: method,
} satisfies OptionKinds<StoreRebuildOptions | StoreRecutOptions>
const reconcileKinds = {
  ...indexKinds,
  repair: flag,
  deep: flag,
  maxDeletes: whole(0, Number.MAX_SAFE_INTEGER),
  rate: number(Number.MIN_VALUE, 1e9),
  onProgress: method,
} satisfies OptionKinds<ReconcileOptions>
const collectKinds = {
  ...callKinds,
  tenant: name,
  dryRun: flag,
  graceMs: milliseconds(),
  limit: whole(0, Number.MAX_SAFE_INTEGER),
  deep: flag,
  onProgress: method,
} satisfies OptionKinds<CollectBlobsOptions>
const jobKinds = { tenant: name, target: oneOf('vector', 'text', 'cache') } satisfies OptionKinds<JobFilterOptions>
const parkedKinds = { ...jobKinds, limit: whole(1, 10_000) }

function checkCall<O extends object>(options: O | undefined, kinds: OptionKinds<O>): Taken<O> {
  return checkOptions(options, kinds, '', 'HW_INVALID_ARGUMENT')
}

/** Of work on whole indexes, whose options are all that it is given. */
function checkWork<O extends object>(options: O | undefined, kinds: OptionKinds<O>): Taken<O> {
  return checkOptions(options, kinds, '', 'HW_INVALID_OPTIONS')
}

function needed(target: Target | undefined): Target {
  if (target !== undefined) return target
  throw new HeadwaterError('HW_INVALID_OPTIONS', "target: give 'vector' or 'text'", { path: 'target' })
}

const closeDrainMs = 5_000
const closeGraceMs = 1_000

/**
 * Opens a store, from options or from what `settingsFromEnv` gave: connects, migrates as asked, checks the recorded
 * topology, and starts the relay. Embedded in `./.headwater` without options. Close it with `close()`.
 *
 * HW_INVALID_OPTIONS, HW_UNAVAILABLE, HW_UNAUTHORIZED, HW_DRIVER_MISSING, HW_EXTENSION_MISSING, HW_EMBEDDED_LOCKED,
 * HW_STORAGE, HW_SERVER_UNSUPPORTED, HW_MIGRATION_NEEDED, HW_MIGRATION_AHEAD, HW_MIGRATION_FAILED, HW_RLS_REQUIRED;
 * HW_FINGERPRINT_MISMATCH and HW_TOPOLOGY_MISMATCH when the database was filled with another embedder, splitter or
 * language. Only Postgres must answer: what is meant for another store waits until that one does.
 */
export function openStore(settings: Settings): Promise<Store>
export function openStore<C extends object = { documents: JsonObject }>(options?: StoreOptions<C>): Promise<Store<C>>
export async function openStore<C extends object>(given: StoreOptions<C> | Settings = {}): Promise<Store<C>> {
  return openChecked(isSettings(given) ? storeOptionsFrom<C>(given) : given)
}

/** As `openStore`, with a check of what the database holds before anything is made for the collections. */
export async function openChecked<C extends object>(
  given: StoreOptions<C>,
  check?: (truth: Truth) => Promise<void>,
): Promise<Store<C>> {
  const options = checkStoreOptions(given)
  const { openParts } = await import('./open-parts')
  return Store.start<C>(await openParts(options as StoreOptions<object>, check))
}

function isSettings(given: object): given is Settings {
  return typeof given === 'object' && given !== null && Object.hasOwn(given, 'profile')
}

/** One store over all profiles. Data is reached through `forTenant` alone. */
export class Store<C extends object = { documents: JsonObject }> implements AsyncDisposable {
  /** The worker of this process. */
  readonly relay: {
    /** Works until the signal aborts. */
    run(options: { signal: AbortSignal }): Promise<void>
    /**
     * Works until nothing waits, or the time is up (30 s by default), also while a target is paused. Look at
     * `remaining`: it is no error that jobs are left, `unavailable` says which targets are paused, and why.
     */
    drain(options?: CallOptions): Promise<DrainResult>
  }
  readonly #parts: StoreParts
  readonly #writer: CoordinatedWriter
  readonly #context: TenantContext
  readonly #stop = new AbortController()
  readonly #calls = new Set<Promise<unknown>>()
  readonly #runs = new Set<Promise<void>>()
  /** Embedders that a rebuild made from options. */
  readonly #made = new Set<Embedder>()
  readonly #models: AvailableModels
  #background: Promise<void> | undefined
  #closed: Promise<void> | undefined

  private constructor(parts: StoreParts) {
    const { ports, cache, blobs, adopt } = parts
    this.#parts = parts
    this.#models = new AvailableModels(parts)
    this.#writer = createWriter(ports)
    this.#context = {
      truth: ports.truth,
      writer: this.#writer,
      searcher: new Searcher({
        ...ports,
        cache: parts.searches,
        queries: parts.queries,
        sharedQueries: parts.sharedQueries,
        rerank: parts.rerank,
        hedge: parts.hedge,
        limits: ports.limits,
      }),
      gate: new FairGate('searches', { concurrency: 64, queue: 1_000 }),
      cache,
      epoch: parts.epoch,
      entries: ports.entries,
      blobs,
      clock: ports.clock,
      limits: { ...limitDefaults, ...ports.limits },
      adopt,
      enter: (work) => this.#enter(work),
    }
    this.relay = {
      run: async (options) => {
        const { signal } = checkCall(options, { signal: callKinds.signal })
        if (signal) return this.#run(signal)
        throw new HeadwaterError('HW_INVALID_ARGUMENT', 'signal: give the signal that ends the work', {
          path: 'signal',
        })
      },
      drain: (options) => this.#enter(async () => this.#writer.relay.drain(checkCall(options, callKinds))),
    }
  }

  /** @internal */
  static start<C extends object>(parts: StoreParts): Store<C> {
    const store = new Store<C>(parts)
    if ((parts.ports.options?.relay ?? 'background') === 'background') {
      store.#background = store.#writer.relay.run({ signal: store.#stop.signal })
    }
    return store
  }

  /** The handle of a tenant; HW_INVALID_ARGUMENT for a name that is none. */
  forTenant(tenant: string): TenantHandle<C> {
    return new TenantHandle<C>(this.#context, tenantId(tenant))
  }

  /**
   * Asks every connection at once, for 5 s at most unless `timeoutMs` says otherwise. Never rejects for a store that is
   * down: it says so, and what that means for users.
   */
  health(options?: CallOptions): Promise<StoreHealth> {
    return this.#enter(async () => storeHealth(this.#parts, checkCall(options, callKinds)))
  }

  /**
   * Rebuilds a target beside the live generation, proves it equal and switches; with `splitter` cuts every document anew
   * beside the live chunks, and rebuilds and switches both targets at once. Resumes what an earlier run left. No time
   * limit but `timeoutMs`. HW_COLLECTION_UNKNOWN, HW_INVALID_OPTIONS, HW_REBUILD_FAILED; HW_INVALID_DOCUMENT for a document
   * that the splitter cannot cut.
   */
  rebuild(options: StoreRebuildOptions): Promise<RebuildResult>
  rebuild(options: StoreRecutOptions): Promise<RecutResult>
  rebuild(given: StoreRebuildOptions | StoreRecutOptions): Promise<RebuildResult | RecutResult> {
    return this.#enter(async () => {
      const options = checkWork<Partial<StoreRebuildOptions | StoreRecutOptions>>(given, rebuildKinds)
      const plan = this.#writer.plan(options.collection ?? 'documents')
      const embedder = (await this.#embedder(options.embedder)) ?? plan.newer ?? plan.embedder
      const { ports } = this.#parts
      const { signal = this.#stop.signal, timeoutMs, rate, language = plan.language, onProgress } = options
      const { folding = plan.folding } = options
      const common = { collection: { ...plan, folding }, embedder, language, rate, onProgress, signal, timeoutMs }
      // From here on new chunks are embedded for the space that is live, and documents prepared as what is live is cut.
      const moved = (change: Partial<CollectionPlan>): void => {
        ports.collections.set(plan.name, { ...this.#writer.plan(plan.name), ...change })
      }
      if (options.splitter !== undefined) {
        if (options.target !== undefined) throw invalid('target', 'leave it out: a splitter cuts for both targets')
        if (options.engine !== undefined)
          throw invalid('engine', 'leave it out: another engine is a rebuild of its own')
        const splitter = this.#splitter(options.splitter, embedder)
        ports.embedders.set(embedder.fingerprint, embedder)
        ports.splitters?.set(splitter.id, splitter).set(plan.splitter.id, plan.splitter)
        const result = await recut(ports, { ...common, as: options.as, splitter })
        moved({ embedder, newer: undefined, language, folding, splitter })
        return result
      }
      const { as, engine } = options
      const target = needed(options.target)
      if (target === 'vector') ports.embedders.set(embedder.fingerprint, embedder)
      const moving = () => rebuild(ports, { ...common, target, as, engine })
      const result = engine === undefined ? await moving() : await this.#serving(moving)
      if (target === 'vector' && as !== 'standby') moved({ embedder, newer: undefined })
      if (target === 'text') moved({ language, folding })
      return result
    })
  }

  /**
   * Makes the generation live again that was live before the last switch, after it was compared with Postgres and
   * mended; both targets' where another splitter had cut for it. What was live is kept in its turn. No time limit but
   * `timeoutMs`. HW_COLLECTION_UNKNOWN, HW_NOT_FOUND where nothing is kept, HW_FINGERPRINT_MISMATCH or
   * HW_TOPOLOGY_MISMATCH where its embedder or splitter is not configured here, HW_REBUILD_FAILED.
   */
  rollback(given?: Partial<RollbackOptions>): Promise<RollbackResult> {
    return this.#enter(async () => {
      const options = checkWork<Partial<RollbackOptions>>(given, indexKinds)
      const plan = this.#writer.plan(options.collection ?? 'documents')
      const { target, signal = this.#stop.signal, timeoutMs } = options
      const { made, ...result } = await rollback(this.#parts.ports, target, plan.name, { signal, timeoutMs })
      const { ports } = this.#parts
      for (const { fingerprint, language, chunking, format } of made) {
        const now = this.#writer.plan(plan.name)
        ports.collections.set(plan.name, {
          ...now,
          embedder: ports.embedders.get(fingerprint ?? '') ?? now.embedder,
          language: language ?? now.language,
          folding: format.folding ?? now.folding,
          splitter: knownSplitter(ports, plan.name, chunking) ?? now.splitter,
        })
        // So that it can go ahead again.
        ports.splitters?.set(now.splitter.id, now.splitter)
      }
      return result
    })
  }

  /**
   * Drops what is kept for a rollback now, instead of `writer.retentionMs` after the switch. Returns the names of what
   * was dropped. HW_COLLECTION_UNKNOWN.
   */
  dropStandby(given: RollbackOptions): Promise<string[]> {
    return this.#enter(async () => {
      const options = checkWork(given, indexKinds)
      const plan = this.#writer.plan(options.collection ?? 'documents')
      const { signal, timeoutMs } = options
      const target = needed(options.target)
      return withinDeadline(this.#parts.ports.clock, { signal, timeoutMs }, undefined, (deadline) =>
        dropStandby(this.#parts.ports, target, plan.name, deadline.options()),
      )
    })
  }

  /**
   * Compares Postgres with the projections both ways and reports; with `repair`, mends what has drifted. In background
   * mode it then drains the relay (30 s at most); with external workers the mending jobs are theirs.
   * HW_COLLECTION_UNKNOWN.
   */
  reconcile(given?: ReconcileOptions): Promise<ReconcileReport> {
    return this.#enter(async () => {
      const options = checkWork(given, reconcileKinds)
      if (options.collection !== undefined) this.#writer.plan(collectionName(options.collection))
      const report = await reconcile(this.#parts.ports, options)
      if (report.repaired > 0 && this.#background) await this.#writer.relay.drain({ signal: options.signal })
      return report
    })
  }

  /**
   * Finds blobs that no document owns and that are older than the grace period, and deletes them unless it is a dry run,
   * which it is by default; reports documents whose blob is gone. HW_INVALID_OPTIONS where no place for blobs is
   * configured.
   */
  collectBlobs(given?: CollectBlobsOptions): Promise<CollectBlobsReport> {
    return this.#enter(async () => {
      const options = checkCall(given, collectKinds)
      const { truth, blobs, clock } = this.#parts.ports
      if (blobs) return collectBlobs({ truth, blobs, clock }, options)
      throw new HeadwaterError(
        'HW_INVALID_OPTIONS',
        'blobs: no place is configured; give blobs.path or s3 to openStore',
        {
          path: 'blobs.path',
        },
      )
    })
  }

  /**
   * To be called after Postgres was restored, at any process: begins a new epoch, so that nothing downstream is trusted
   * until workers have compared it. Receipts of before are refused (HW_EPOCH_CHANGED). Most restores are noticed without
   * it. Returns the epoch that now is.
   */
  restored(): Promise<{ readonly epoch: number }> {
    return this.#enter(async () => ({ epoch: await bumpEpoch(this.#parts.ports) }))
  }

  /** Jobs that were given up, with their reasons; 100 unless `limit` says otherwise. */
  parkedJobs(given?: JobFilterOptions & { limit?: number | undefined }): Promise<JobRow[]> {
    return this.#enter(async () => {
      const { limit = 100, ...options } = checkCall(given, parkedKinds)
      return this.#worker().jobs.parked({ ...this.#jobFilter(options), limit })
    })
  }

  /** Makes parked jobs due again; returns how many. */
  redrive(options?: JobFilterOptions): Promise<number> {
    return this.#enter(async () => {
      const count = await this.#worker().jobs.redrive(this.#jobFilter(checkCall(options, jobKinds)))
      this.#writer.relay.nudge()
      return count
    })
  }

  /** How many jobs wait, are claimed and are parked, of all tenants, and the age of the oldest (ms). */
  backlog(): Promise<Backlog> {
    return this.#enter(() => this.#worker().jobs.backlog())
  }

  /**
   * The embedders of this store, named ones first, and spaces that have vectors and no embedder: where each is in use
   * and whether it works. Each is asked for the vector of one word (5 s at most), and the answer kept for 30 s.
   */
  availableModels(options?: CallOptions): Promise<ModelInfo[]> {
    return this.#enter(async () => this.#models.list(checkCall(options, callKinds)))
  }

  /** The physical indexes that there are. */
  generations(): Promise<Generation[]> {
    return this.#enter(() => this.#worker().generations.list())
  }

  /** Refuses new calls, lets those that run end, drains what this process still can, and closes what is ours. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    await Promise.allSettled([...this.#calls])
    const { clock } = this.#parts.ports
    if (this.#background) {
      const drained = this.#writer.relay.drain({ timeoutMs: closeDrainMs })
      await settledWithin(clock, closeDrainMs + closeGraceMs, drained)
    }
    this.#stop.abort()
    // A statement that does not heed its signal is cut off with its connection.
    await settledWithin(clock, closeGraceMs, Promise.allSettled([this.#background, ...this.#runs]))
    await this.#parts.cache.close()
    await this.#parts.searches?.close()
    await this.#parts.close()
    await Promise.all([...this.#made].map((embedder) => embedder.close?.()))
  }

  /** Not one of the calls that `close` waits for: it ends when the store closes. */
  async #run(signal: AbortSignal): Promise<void> {
    if (this.#closed) throw new HeadwaterError('HW_CLOSED', 'The store is closed')
    const until = following(signal, this.#stop.signal)
    const run = this.#writer.relay.run(until)
    this.#runs.add(run)
    try {
      await run
    } finally {
      this.#runs.delete(run)
      until.release()
    }
  }

  /** Workers elsewhere may not have the engine that is moved to: its jobs are served here as long as `work` lasts. */
  async #serving<T>(work: () => Promise<T>): Promise<T> {
    if (this.#background) return work()
    const done = new AbortController()
    const serving = this.#run(done.signal)
    try {
      return await work()
    } finally {
      done.abort()
      await serving
    }
  }

  async #enter<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) throw new HeadwaterError('HW_CLOSED', 'The store is closed')
    this.#writer.nesting.check()
    const call = work()
    this.#calls.add(call)
    try {
      return await call
    } finally {
      this.#calls.delete(call)
    }
  }

  #worker(): TruthSession {
    return this.#parts.ports.truth.session({ worker: true })
  }

  #jobFilter(options: JobFilterOptions) {
    const { tenant, target } = options
    return { tenant: tenant === undefined ? undefined : tenantId(tenant), target }
  }

  #splitter(choice: string | SplitterOptions | Splitter, embedder: Embedder): Splitter {
    const { splitters } = this.#parts
    const option = typeof choice === 'string' && Object.hasOwn(splitters, choice) ? splitters[choice] : choice
    if (typeof option === 'string') throw invalid('splitter', `no ${JSON.stringify(option)} in splitters`)
    return splitterOf(option, 'splitter', embedder)
  }

  async #embedder(choice: string | EmbedderOption | undefined): Promise<Embedder | undefined> {
    if (choice === undefined) return undefined
    if (typeof choice !== 'string') {
      const embedder = await openEmbedder(choice)
      if (embedder !== choice) this.#made.add(embedder)
      return embedder
    }
    const found = this.#parts.named.get(choice)
    if (found) return found
    throw invalid('embedder', `no ${describeValue(choice)} in embedders`)
  }
}

function invalid(path: string, problem: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_OPTIONS', `${path}: ${problem}`, { path })
}
