import { abortable, abortError, type Signal, throwIfAborted } from '../../core/abort'
import { asHeadwaterError, HeadwaterError } from '../../core/errors'
import { classifyPostgres, type PostgresFailure } from '../../resilience/classify-postgres'
import {
  destroySocket,
  inOnePiece,
  isPipelined,
  type PostgresClient,
  type PostgresQuery,
  type PostgresResult,
  type ScopedQuery,
  type Setting,
  type TypeParsers,
} from './client'

export type Answer =
  | { readonly ok: true; readonly result: PostgresResult }
  | {
      readonly ok: false
      readonly failure: PostgresFailure
      /** False when the statement never left, so that it cannot have happened. */
      readonly sent: boolean
    }

export interface LeaseOptions {
  /** PGlite: a running statement cannot be left behind, because the session that it runs in is the only one. */
  readonly embedded: boolean
  readonly scoped: ScopedQuery | undefined
  readonly types: TypeParsers | undefined
  readonly released: (lease: Lease, brokenBy: Error | undefined) => void
  /** The whole pool leads to a server that is no longer the primary. */
  readonly demoted: () => void
}

/**
 * A connection while somebody holds it. It knows whether it may go back: after an abort in mid-statement or an error
 * of the connection it is closed instead, because an answer may still arrive on it.
 */
export class Lease {
  readonly pipelined: boolean
  readonly #client: PostgresClient
  readonly #options: LeaseOptions
  #brokenBy: Error | undefined
  #released = false
  /** Set where the transaction was asked to be read-only: then a refused write says nothing about the server. */
  readOnly = false

  constructor(client: PostgresClient, options: LeaseOptions) {
    this.#client = client
    this.#options = options
    this.pipelined = isPipelined(client)
    // A pool takes its own listener off while the client is out: without one a lost connection ends the process.
    client.on('error', this.#lost)
  }

  get broken(): boolean {
    return this.#brokenBy !== undefined
  }

  /** Sends a statement; never rejects. */
  ask(query: PostgresQuery, signal: Signal): Promise<Answer> {
    const { types } = this.#options
    return this.#ask(query, signal, () => this.#client.query(types ? { ...query, types } : query))
  }

  /** Statements that `ask` sends one right after another, where the connection is pipelined. */
  together<T>(ask: () => T): T {
    return inOnePiece(this.#client, ask)
  }

  /** Whether `askScoped` is to be had: for named statements, on our own pools. */
  canScope(query: PostgresQuery): boolean {
    return this.#options.scoped !== undefined && query.name !== undefined
  }

  /** As `ask`, in a transaction of the statement's own, with settings that end with it. */
  askScoped(settings: readonly Setting[], query: PostgresQuery, signal: Signal): Promise<Answer> {
    return this.#ask(query, signal, () => this.#options.scoped!(this.#client, settings, query))
  }

  async #ask(query: PostgresQuery, signal: Signal, send: () => Promise<PostgresResult>): Promise<Answer> {
    if (signal.aborted) return unsent(abortError(signal))
    if (this.#released) return unsent(new HeadwaterError('HW_CLOSED', 'The connection was given back already'))
    if (this.#brokenBy) return unsent(classifyPostgres(this.#brokenBy, 'Postgres connection').error)
    try {
      const running = send()
      const result = await (this.#options.embedded ? running : abortable(running, signal))
      return { ok: true, result }
    } catch (error) {
      const aborted = signal.aborted && !this.#options.embedded
      const failure: PostgresFailure = aborted
        ? { error: timedOut(signal), evict: 'connection', answered: false }
        : this.#classify(error, query)
      if (failure.evict !== 'none') this.#brokenBy ??= failure.error
      if (failure.evict === 'pool') this.#options.demoted()
      return { ok: false, failure, sent: true }
    }
  }

  /** As `ask`, rejecting. */
  async query(query: PostgresQuery, signal: Signal): Promise<PostgresResult> {
    const answer = await this.ask(query, signal)
    if (!answer.ok) throw answer.failure.error
    throwIfAborted(signal)
    return answer.result
  }

  /** Marks the connection as not to be used again. */
  spoil(error: Error): void {
    this.#brokenBy ??= error
  }

  /** Gives the connection back, or closes it when it is no longer sound. Once; later calls do nothing. */
  release(): void {
    if (this.#released) return
    this.#released = true
    const brokenBy = this.#brokenBy
    this.#client.release(brokenBy)
    this.#client.removeListener('error', this.#lost)
    if (brokenBy) {
      // A socket that dies after this must not crash the process either.
      this.#client.on('error', ignore)
      destroySocket(this.#client)
    }
    this.#options.released(this, brokenBy)
  }

  /** Closes the connection whatever it is doing. */
  destroy(): void {
    this.#brokenBy ??= new HeadwaterError('HW_CLOSED', 'The connection was destroyed')
    this.release()
  }

  #classify(error: unknown, query: PostgresQuery): PostgresFailure {
    const failure = classifyPostgres(error, `Postgres ${describe(query)}`)
    if (failure.evict !== 'pool' || !this.readOnly) return failure
    const { message, cause, details } = failure.error
    return { error: new HeadwaterError('HW_READ_ONLY', message, { cause, details }), evict: 'none', answered: true }
  }

  readonly #lost = (error: Error): void => {
    this.#brokenBy ??= error
  }
}

function unsent(error: HeadwaterError): Answer {
  return { ok: false, failure: { error, evict: 'none', answered: false }, sent: false }
}

function timedOut(signal: Signal): HeadwaterError {
  const error = abortError(signal)
  return new HeadwaterError(error.code, `${error.message} while waiting for an answer of Postgres`, {
    cause: asHeadwaterError(error),
    details: { phase: 'statement' },
  })
}

/** Names the statement without its values. */
function describe(query: PostgresQuery): string {
  return query.name ?? `"${query.text.replace(/\s+/g, ' ').trim().slice(0, 60)}"`
}

function ignore(): void {}
