import type { Executor, Identity, Together } from '../../connections/postgres/executor'
import type { CallOptions } from '../../core/abort'
import {
  type Hints,
  type Reads,
  readTogether,
  type SqlResult,
  type TransactionModes,
  type Truth,
  type TruthSession,
  type TruthView,
} from '../truth'
import { PostgresAuditRepository } from './audit'
import { PostgresBlobReferenceRepository } from './blob-references'
import { PostgresChunkRepository } from './chunks'
import { ClaimFloor } from './claim-floor'
import { PostgresCommitRepository } from './commits'
import { PostgresDocumentRepository } from './documents'
import { PostgresEmbeddingRepository } from './embeddings'
import { PostgresEntityRowRepository } from './entities'
import { ErrandFloors } from './errand-floors'
import { PostgresErrandRepository } from './errands'
import { PostgresGenerationRepository } from './generations'
import { PostgresJobRepository } from './jobs'
import { ownSql } from './own-sql'
import { PostgresRegistryRepository } from './registry'
import { savepoint } from './savepoint'
import type { PostgresRepositoryOptions } from './statements'

/** The part of a Postgres connection that the truth uses. */
export interface TruthConnection {
  session(as: Identity): Executor & Partial<Together>
  transaction<T>(
    as: Identity,
    work: (executor: Executor) => Promise<T>,
    options?: CallOptions & TransactionModes,
  ): Promise<T>
  hints?(of: string): Hints | undefined
}

/** How often a transaction that the database rolled back runs again, unless its caller says otherwise. */
const usualRetries = 2

/** The source of truth in Postgres, migrated by `headwater/migrations`. */
export class PostgresTruth implements Truth {
  readonly hints: Hints | undefined
  readonly #connection: TruthConnection
  readonly #options: PostgresRepositoryOptions
  readonly #floors: Floors = { jobs: new ClaimFloor(), errands: new ErrandFloors() }

  constructor(connection: TruthConnection, options: PostgresRepositoryOptions = {}) {
    this.#connection = connection
    this.#options = options
    this.hints = connection.hints?.(options.schema ?? 'headwater')
  }

  session(view: TruthView): TruthSession {
    return this.over(this.#connection.session(view))
  }

  together<T extends readonly unknown[]>(view: TruthView, reads: Reads<T>, options?: CallOptions): Promise<T> {
    const session = this.#connection.session(view)
    if (!session.together) return readTogether({ session: () => this.over(session) }, view, reads)
    const all = (executor: Executor) => Promise.all(reads.map((read) => read(this.over(executor))))
    return session.together(all, options) as Promise<unknown> as Promise<T>
  }

  transaction<T>(
    view: TruthView,
    work: (session: TruthSession) => Promise<T>,
    options?: CallOptions & TransactionModes,
  ): Promise<T> {
    const retries = options?.retries ?? usualRetries
    return this.#connection.transaction(view, (executor) => work(this.over(executor)), { ...options, retries })
  }

  /** The repositories over an executor of the caller's, such as one inside the caller's own transaction. */
  over(executor: Executor): TruthSession {
    return new PostgresSession(executor, this.#options, this.#floors)
  }
}

/** Where claims begin, for all sessions of a process. */
interface Floors {
  readonly jobs: ClaimFloor
  readonly errands: ErrandFloors
}

/** Makes each repository when it is first asked for: most sessions use one. */
class PostgresSession implements TruthSession {
  readonly #executor: Executor
  readonly #options: PostgresRepositoryOptions
  readonly #floors: Floors
  #documents: PostgresDocumentRepository | undefined
  #chunks: PostgresChunkRepository | undefined
  #jobs: PostgresJobRepository | undefined

  constructor(executor: Executor, options: PostgresRepositoryOptions, floors: Floors) {
    this.#executor = executor
    this.#options = options
    this.#floors = floors
  }

  get documents(): PostgresDocumentRepository {
    this.#documents ??= new PostgresDocumentRepository(this.#executor, this.#options)
    return this.#documents
  }

  get chunks(): PostgresChunkRepository {
    this.#chunks ??= new PostgresChunkRepository(this.#executor, this.#options)
    return this.#chunks
  }

  get jobs(): PostgresJobRepository {
    this.#jobs ??= new PostgresJobRepository(this.#executor, this.#options, this.#floors.jobs)
    return this.#jobs
  }

  get embeddings(): PostgresEmbeddingRepository {
    return new PostgresEmbeddingRepository(this.#executor, this.#options)
  }

  get entities(): PostgresEntityRowRepository {
    return new PostgresEntityRowRepository(this.#executor, this.#options)
  }

  get errands(): PostgresErrandRepository {
    return new PostgresErrandRepository(this.#executor, this.#options, this.#floors.errands)
  }

  get generations(): PostgresGenerationRepository {
    return new PostgresGenerationRepository(this.#executor, this.#options)
  }

  get audit(): PostgresAuditRepository {
    return new PostgresAuditRepository(this.#executor, this.#options)
  }

  get commits(): PostgresCommitRepository {
    return new PostgresCommitRepository(this.#executor, this.#options)
  }

  get registry(): PostgresRegistryRepository {
    return new PostgresRegistryRepository(this.#executor, this.#options)
  }

  sql<R>(text: string, values: readonly unknown[], call?: CallOptions): Promise<SqlResult<R>> {
    return ownSql<R>(this.#executor, text, values, call)
  }

  get blobReferences(): PostgresBlobReferenceRepository {
    return new PostgresBlobReferenceRepository(this.#executor, this.#options)
  }

  savepoint<T>(work: (session: TruthSession) => Promise<T>): Promise<T> {
    return savepoint(this.#executor, (executor) => work(new PostgresSession(executor, this.#options, this.#floors)))
  }
}
