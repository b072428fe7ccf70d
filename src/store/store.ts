import { type CallOptions, callKinds, following } from '../core/abort'
import { withinDeadline } from '../core/deadline'
import { HeadwaterError } from '../core/errors'
import { collectionName, tenantId } from '../core/ids'
import type { Json, JsonObject } from '../core/json'
import { settledWithin } from '../core/lifecycle'
import { limitDefaults } from '../core/limits'
import { ownStatements } from '../entities/access'
import { type EntityDeclarations, type NoEntities, repositoriesOf, type SharedEntities } from '../entities/entity-map'
import { installation } from '../repositories/entity-table'
import type { ErrandBacklog, ParkedErrand } from '../repositories/errands'
import type { Generation } from '../repositories/generations'
import type { Backlog, JobRow } from '../repositories/jobs'
import type { TruthSession } from '../repositories/truth'
import { FairGate } from '../resilience/fair-gate'
import { Searcher } from '../search/search'
import { TenantAudit } from '../tenant/audit-handle'
import type { TenantContext } from '../tenant/tenant-context'
import { TenantHandle } from '../tenant/tenant-handle'
import type { BackupReport } from '../transfer/backup/create'
import type { RestoredDocuments } from '../transfer/backup/restore-documents'
import { type SealReport, sealAudit } from '../writer/audit/seal'
import { type AuditVerification, verifyAudit } from '../writer/audit/verify'
import { type CollectBlobsOptions, type CollectBlobsReport, collectBlobs } from '../writer/blobs/collect-blobs'
import type { Errand, ErrandHandler, ErrandOptions } from '../writer/errands/errand'
import type { WriterPorts } from '../writer/ports'
import type { RebuildResult, RecutResult } from '../writer/rebuild/rebuild'
import { dropStandby } from '../writer/rebuild/retention'
import type { RollbackResult } from '../writer/rebuild/rollback'
import { bumpEpoch } from '../writer/reconcile/epoch'
import { type ReconcileOptions, type ReconcileReport, reconcile } from '../writer/reconcile/reconcile'
import type { DrainResult } from '../writer/relay/relay'
import { type ActorOptions, actorKinds } from '../writer/write/write-options'
import { type CoordinatedWriter, createWriter } from '../writer/writer'
import { AvailableModels, type ModelInfo } from './available-models'
import type { CreateBackupOptions, RestoreDocumentsOptions } from './backup/options'
import { IndexMoves } from './index-moves'
import { type StoreHealth, storeHealth } from './store-health'
import type { StoreParts } from './store-parts'
import {
  type AuditEraseOptions,
  type AuditVerifyOptions,
  auditEraseKinds,
  auditSubject,
  auditVerifyKinds,
  checkCall,
  checkWork,
  collectKinds,
  type ErrandFilterOptions,
  errandFilterKinds,
  indexKinds,
  type JobFilterOptions,
  jobKinds,
  needed,
  parkedErrandKinds,
  parkedKinds,
  type RollbackOptions,
  reconcileKinds,
  type StoreRebuildOptions,
  type StoreRecutOptions,
} from './work-options'

const closeDrainMs = 5_000
const closeGraceMs = 1_000

/** What a handler of a store is given. */
export type StoreErrand<
  C extends object = { documents: JsonObject },
  X extends EntityDeclarations = NoEntities,
  P extends Json = Json,
> = Errand<P> & {
  /** Of the errand's tenant; works until the handler has ended, also while the store closes. */
  readonly handle: TenantHandle<C, X>
}

/** One store over all profiles. Data is reached through `forTenant` alone. */
export class Store<C extends object = { documents: JsonObject }, X extends EntityDeclarations = NoEntities>
  implements AsyncDisposable
{
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
  /** What transactions left to be done after their commit; `on` does it. */
  readonly errands: {
    /** Those that were given up, with their reasons, the oldest first; 100 unless `limit` says otherwise. */
    parked(options?: ErrandFilterOptions & { limit?: number | undefined }): Promise<ParkedErrand[]>
    /** Makes parked ones due again, with their attempts forgotten; returns how many. */
    redrive(options?: ErrandFilterOptions): Promise<number>
    /** By name: how many wait, are being done and are parked, of all tenants, and the age of the oldest (ms). */
    backlog(): Promise<ErrandBacklog[]>
  }
  /** What was done to rows that are declared with `audit`, of every tenant; `handle.audit` has that of one. */
  readonly audit: {
    /** Seals what was committed until now, which workers do every minute. */
    seal(options?: CallOptions): Promise<SealReport>
    /** Compares rows with their seals, and seals with their copies: of one tenant, or of all and what became of lost ones. */
    verify(options?: AuditVerifyOptions): Promise<AuditVerification>
    /**
     * Takes away what changes of one row have shown, as a person may ask for, and writes that down; proofs stay. Resolves
     * to how many had something to show. HW_INVALID_ARGUMENT.
     */
    erase(options: AuditEraseOptions): Promise<number>
    /** As that of a tenant, of entities with `tenant: false`. */
    list: TenantAudit['list']
    prove: TenantAudit['prove']
  }
  /** Rows that belong to no tenant: entities that are declared with `tenant: false`, by their names. */
  readonly entities: SharedEntities<X>
  readonly #parts: StoreParts
  readonly #writer: CoordinatedWriter
  readonly #context: TenantContext
  readonly #stop = new AbortController()
  readonly #calls = new Set<Promise<unknown>>()
  readonly #runs = new Set<Promise<void>>()
  readonly #moves: IndexMoves
  readonly #models: AvailableModels
  /** No handler is at work any more. */
  #ended = false
  #background: Promise<void> | undefined
  #closed: Promise<void> | undefined

  private constructor(parts: StoreParts) {
    const { ports, cache, blobs, adopt } = parts
    this.#parts = parts
    this.#models = new AvailableModels(parts)
    this.#writer = createWriter(ports)
    this.#moves = new IndexMoves(parts, this.#writer, this.#stop.signal, (work) => this.#serving(work))
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
      entities: parts.entities,
      limiter: parts.limiter,
      clock: ports.clock,
      random: ports.random,
      limits: { ...limitDefaults, ...ports.limits },
      adopt,
      stop: this.#stop.signal,
      enter: (work) => this.#enter(work),
    }
    this.entities = repositoriesOf(
      parts.entities,
      { tenant: installation, shared: true },
      this.#context,
      ownStatements(this.#context, installation),
    )
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
    this.audit = this.#audit()
    this.errands = {
      parked: (given) =>
        this.#enter(async () => {
          const { limit = 100, ...options } = checkCall(given, parkedErrandKinds)
          return this.#worker().errands.parked({ ...this.#errandFilter(options), limit })
        }),
      redrive: (options) =>
        this.#enter(async () => {
          const filter = this.#errandFilter(checkCall(options, errandFilterKinds))
          const count = await this.#worker().errands.redrive(filter)
          this.#writer.relay.nudge()
          return count
        }),
      backlog: () => this.#enter(() => this.#worker().errands.backlog()),
    }
  }

  #audit(): Store['audit'] {
    const { clock } = this.#parts.ports
    const shared = new TenantAudit(this.#context, installation)
    const within = <O extends CallOptions, T>(
      { signal, timeoutMs }: O,
      work: (call: CallOptions) => Promise<T>,
    ): Promise<T> => withinDeadline(clock, { signal, timeoutMs }, undefined, (deadline) => work(deadline.options()))
    return {
      seal: (options) =>
        this.#enter(() => within(checkCall(options, callKinds), (call) => sealAudit(this.#parts.ports, call))),
      verify: (given) =>
        this.#enter(() => {
          const options = checkCall(given, auditVerifyKinds)
          const tenant = options.tenant === undefined ? undefined : tenantId(options.tenant)
          return within(options, (call) => verifyAudit(this.#parts.ports, { ...call, tenant }))
        }),
      erase: (given) =>
        this.#enter(() => {
          const { tenant: asked, actor = null, ...options } = checkCall(given, auditEraseKinds)
          const subject = auditSubject(options)
          const tenant = asked === undefined ? installation : tenantId(asked)
          return within(options, (call) => this.#worker().audit.erase(tenant, subject, actor, call))
        }),
      list: (query, options) => shared.list(query, options),
      prove: (entry, options) => shared.prove(entry, options),
    }
  }

  /** @internal */
  static start<C extends object, X extends EntityDeclarations = NoEntities>(parts: StoreParts): Store<C, X> {
    const store = new Store<C, X>(parts)
    if ((parts.ports.options?.relay ?? 'background') === 'background') {
      store.#background = store.#writer.relay.run({ signal: store.#stop.signal })
    }
    return store
  }

  /** What imports are made over. @internal */
  get ports(): WriterPorts {
    return this.#parts.ports
  }

  /**
   * The handle of a tenant; what it changes is told to be the actor's where an `audit` is declared.
   * HW_INVALID_ARGUMENT for a name that is none.
   */
  forTenant(tenant: string, options?: ActorOptions): TenantHandle<C, X> {
    return new TenantHandle<C, X>(this.#context, tenantId(tenant), checkCall(options, actorKinds).actor)
  }

  /**
   * Does the errands of a name that `afterCommit` left: wherever this process relays (in the background, by `relay.run`
   * or `relay.drain`), at least once each. What rejects is tried again with growing waits, and parked in the end. One
   * handler a name; P is what you know of the payload. HW_INVALID_ARGUMENT.
   */
  on<P extends Json = Json>(name: string, handler: ErrandHandler<StoreErrand<C, X, P>>, options?: ErrandOptions): void {
    if (this.#closed) throw closed()
    const context: TenantContext = { ...this.#context, enter: (work) => this.#enter(work, this.#ended) }
    const actor = this.#parts.audited ? `errand:${name}` : undefined
    const given = (errand: Errand): unknown =>
      handler({ ...(errand as Errand<P>), handle: new TenantHandle<C, X>(context, errand.tenant, actor) })
    this.#writer.errands.on(name, typeof handler === 'function' ? given : handler, options)
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
    return this.#enter(() => this.#moves.rebuild(given))
  }

  /**
   * Makes the generation live again that was live before the last switch, after it was compared with Postgres and
   * mended; both targets' where another splitter had cut for it. What was live is kept in its turn. No time limit but
   * `timeoutMs`. HW_COLLECTION_UNKNOWN, HW_NOT_FOUND where nothing is kept, HW_FINGERPRINT_MISMATCH or
   * HW_TOPOLOGY_MISMATCH where its embedder or splitter is not configured here, HW_REBUILD_FAILED.
   */
  rollback(given?: Partial<RollbackOptions>): Promise<RollbackResult> {
    return this.#enter(() => this.#moves.rollback(given))
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
   * Backs this store up: the rows of one snapshot of Postgres, then the blobs that it names, then the manifest. Indexes
   * are left out, since a restore builds them anew from the stored vectors. An embedded store answers nobody else while
   * its rows are read. No time limit but `timeoutMs`. HW_UNAUTHORIZED where policies hide rows from the login,
   * HW_BACKUP_BUSY during a prune, HW_STORAGE; HW_INVALID_OPTIONS for a store in memory.
   */
  createBackup(options: CreateBackupOptions): Promise<BackupReport> {
    return this.#enter(async () => {
      const { backup } = this.#parts
      if (!backup) throw new HeadwaterError('HW_INVALID_OPTIONS', 'A store in memory cannot be backed up')
      const { createFrom } = await import('./backup/backups')
      return createFrom(backup, options)
    })
  }

  /**
   * Writes the documents that a backup has of a tenant, of a collection, or of one in the other, into this store as
   * ordinary writes: versions go on, chunks and vectors come from the backup, and no embedder is called. What the backup
   * does not have stays. No time limit but `timeoutMs`. HW_NOT_FOUND, HW_COLLECTION_UNKNOWN, HW_BACKUP_DAMAGED,
   * HW_BACKUP_AHEAD, HW_BACKUP_BUSY; HW_INVALID_OPTIONS for a store in memory.
   */
  restoreDocuments(options: RestoreDocumentsOptions): Promise<RestoredDocuments> {
    return this.#enter(async () => {
      const { backup, ports } = this.#parts
      if (!backup) throw new HeadwaterError('HW_INVALID_OPTIONS', 'A store in memory has no backups')
      const { restoreInto } = await import('./backup/restore-into')
      const putMany: CoordinatedWriter['putMany'] = (...of) => this.#writer.putMany(...of)
      return restoreInto(backup, { collections: ports.collections, putMany }, options)
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
    const { clock } = this.#parts.ports
    await settledWithin(clock, closeDrainMs + closeGraceMs, this.#writer.errands.end())
    this.#ended = true
    await Promise.allSettled([...this.#calls])
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
    await this.#moves.close()
  }

  /** Not one of the calls that `close` waits for: it ends when the store closes. */
  async #run(signal: AbortSignal): Promise<void> {
    if (this.#closed) throw closed()
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

  async #enter<T>(work: () => Promise<T>, refused = this.#closed !== undefined): Promise<T> {
    if (refused) throw closed()
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

  #errandFilter({ tenant, name }: ErrandFilterOptions) {
    return { tenant: tenant === undefined ? undefined : tenantId(tenant), name }
  }

  #jobFilter(options: JobFilterOptions) {
    const { tenant, target } = options
    return { tenant: tenant === undefined ? undefined : tenantId(tenant), target }
  }
}

function closed(): HeadwaterError {
  return new HeadwaterError('HW_CLOSED', 'The store is closed')
}
