import { abortable, type Signal } from '../../core/abort'
import type { Clock } from '../../core/clock'
import { HeadwaterError, isHeadwaterError } from '../../core/errors'
import { classifyRedis } from '../../resilience/classify-redis'
import { destroySocket, type OwnRedisClient } from './client'
import { openClient } from './driver'
import type { RedisAddress, ResolvedRedisOptions } from './options'

/**
 * One connection to a server: opened by the first call that needs it, and anew by the first call after it was lost.
 * Each opening makes a client of its own, so that nothing of an old one is ever sent again.
 */
export class RedisLink {
  readonly #address: RedisAddress
  readonly #options: ResolvedRedisOptions
  readonly #clock: Clock
  readonly #open = new Set<OwnRedisClient>()
  readonly #refused = new WeakMap<OwnRedisClient, HeadwaterError>()
  #current: OwnRedisClient | undefined
  #connecting: Promise<OwnRedisClient> | undefined
  #closed = false

  constructor(address: RedisAddress, options: ResolvedRedisOptions, clock: Clock) {
    this.#address = address
    this.#options = options
    this.#clock = clock
  }

  /** A client that is ready. Callers share one attempt to connect; who aborts leaves it to the others. */
  client(signal: Signal): OwnRedisClient | Promise<OwnRedisClient> {
    if (this.#current?.status === 'ready') return this.#current
    // A call that is repeated after the close must not open what nobody closes any more.
    if (this.#closed) return Promise.reject(this.#closedError())
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined
    })
    return abortable(this.#connecting, signal)
  }

  /** Ends a connection that is of no more use; what it was asked is rejected. */
  drop(client: OwnRedisClient): void {
    if (this.#current === client) this.#current = undefined
    this.#open.delete(client)
    destroySocket(client)
  }

  /** Why a connection was ended from here; its driver tells only that it is closed. */
  refusal(client: OwnRedisClient): HeadwaterError | undefined {
    return this.#refused.get(client)
  }

  close(): void {
    this.#closed = true
    for (const client of [...this.#open]) this.drop(client)
  }

  async #connect(): Promise<OwnRedisClient> {
    const stale = this.#current
    if (stale) this.drop(stale)
    const client = await openClient(this.#address, this.#options)
    if (this.#closed) throw this.#closedError()
    let failure: unknown
    client.on('error', (error) => {
      failure ??= error
      if (isHeadwaterError(error)) this.#refused.set(client, error)
      // An answer that nobody asked for, say: what comes next would be taken for the answer of another command.
      if (this.#current === client) this.drop(client)
    })
    this.#open.add(client)
    let late = false
    const cancel = this.#clock.timer(this.#options.connectTimeoutMs, () => {
      late = true
      destroySocket(client)
    })
    try {
      await client.connect()
      // A database that cannot be selected is told by the event alone.
      if (failure !== undefined) throw failure
      if (this.#closed) throw this.#closedError()
    } catch (cause) {
      this.drop(client)
      throw this.#closed ? this.#closedError(cause) : this.#refusal(failure ?? cause, late)
    } finally {
      cancel()
    }
    this.#current = client
    return client
  }

  #closedError(cause?: unknown): HeadwaterError {
    return new HeadwaterError('HW_CLOSED', `The connection to ${this.#options.target.shown} is closed`, { cause })
  }

  #refusal(cause: unknown, late: boolean): HeadwaterError {
    const { target, connectTimeoutMs } = this.#options
    const what = `Connecting to ${target.shown}`
    const { error } = late
      ? { error: new HeadwaterError('HW_TIMEOUT', `${what}: not ready after ${connectTimeoutMs} ms`, { cause }) }
      : classifyRedis(cause, what)
    return new HeadwaterError(error.code, error.message, {
      cause: error.cause,
      retryable: error.retryable,
      // Nothing was sent, so anything may be tried again.
      details: { ...error.details, phase: 'connect' },
    })
  }
}
