import type { Isolation } from '../connections/postgres/statement'
import type { CallOptions } from '../core/abort'
import type { TenantId } from '../core/ids'
import type { AuditRepository } from './audit'
import type { BlobReferenceRepository } from './blob-references'
import type { ChunkRepository } from './chunks'
import type { CommitRepository } from './commits'
import type { DocumentRepository } from './documents'
import type { EmbeddingRepository } from './embeddings'
import type { EntityRowRepository } from './entities'
import type { ErrandRepository } from './errands'
import type { GenerationRepository } from './generations'
import type { JobRepository } from './jobs'
import type { RegistryRepository } from './registry'

/**
 * Whose rows are in sight: one tenant's, or everybody's for the relay, rebuild and reconcile. The actor is whom an audit
 * tells of the changes.
 */
export type TruthView = { readonly tenant: TenantId; readonly actor?: string | undefined } | { readonly worker: true }

/** The repositories over one session: statements of their own, or all within one transaction. */
export interface TruthSession {
  readonly documents: DocumentRepository
  readonly chunks: ChunkRepository
  readonly embeddings: EmbeddingRepository
  readonly entities: EntityRowRepository
  readonly jobs: JobRepository
  readonly errands: ErrandRepository
  readonly generations: GenerationRepository
  readonly commits: CommitRepository
  readonly registry: RegistryRepository
  readonly blobReferences: BlobReferenceRepository
  readonly audit: AuditRepository
  /**
   * Within a transaction: what `work` wrote is undone when it rejects, and the transaction goes on. The session that it is
   * given refuses what comes later (HW_CLOSED).
   */
  savepoint<T>(work: (session: TruthSession) => Promise<T>): Promise<T>
  /** Runs a statement of the user's own within a transaction; absent where the truth has no SQL. */
  sql?<R>(text: string, values: readonly unknown[], call?: CallOptions): Promise<SqlResult<R>>
}

/** How a transaction runs. */
export interface TransactionModes {
  /** 'read committed' by default. */
  readonly isolation?: Isolation | undefined
  /** Whatever would write is HW_READ_ONLY. */
  readonly readOnly?: boolean | undefined
  /** How often `work` may run again after a conflict (2 by default), within the time of the call. */
  readonly retries?: number | undefined
}

/** What a statement of the user's answers. */
export interface SqlResult<R> {
  readonly rows: R[]
  /** Rows read, or changed. */
  readonly rowCount: number
}

/** 'There may be jobs', between processes. Nothing depends on a hint: one that is lost costs a poll. */
export interface Hints {
  /** Tells everybody soon; never waits and never fails. */
  send(): void
  /** Calls `heard` for each hint, and where some may have been missed, until the signal aborts. Never rejects. */
  listen(heard: () => void, signal: AbortSignal): Promise<void>
}

/**
 * The source of truth. `transaction` commits when `work` resolves and rolls back when it rejects; it rejects with
 * HW_COMMIT_UNKNOWN when the answer to COMMIT was lost. `work` may run again after a serialization failure or a deadlock.
 */
export interface Truth {
  /** Undefined where processes cannot wake each other. */
  readonly hints?: Hints | undefined
  session(view: TruthView): TruthSession
  /** As `readTogether`, in one round trip where that can be had. */
  together?<T extends readonly unknown[]>(view: TruthView, reads: Reads<T>, options?: CallOptions): Promise<T>
  transaction<T>(
    view: TruthView,
    work: (session: TruthSession) => Promise<T>,
    options?: CallOptions & TransactionModes,
  ): Promise<T>
}

/** The same truth; what tenants' sessions of it change is told to be this actor's, unless they name another. */
export function actingTruth(truth: Truth, actor: string): Truth {
  const acting = (view: TruthView): TruthView => ('tenant' in view ? { actor, ...view } : view)
  return {
    hints: truth.hints,
    session: (view) => truth.session(acting(view)),
    transaction: (view, work, options) => truth.transaction(acting(view), work, options),
    together: (view, reads, options) => readTogether(truth, acting(view), reads, options),
  }
}

/** What each answers. */
export type Reads<T extends readonly unknown[]> = { readonly [K in keyof T]: (session: TruthSession) => Promise<T[K]> }

/** Reads of which each sees all that the one before it saw. */
export async function readTogether<T extends readonly unknown[]>(
  truth: Pick<Truth, 'session' | 'together'>,
  view: TruthView,
  reads: Reads<T>,
  options?: CallOptions,
): Promise<T> {
  if (truth.together) return truth.together(view, reads, options)
  const session = truth.session(view)
  const answers: unknown[] = []
  for (const read of reads) answers.push(await read(session))
  return answers as unknown as T
}
