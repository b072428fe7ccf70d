import { abortable, type Signal } from '../../core/abort'
import { withDeadline } from '../../core/deadline'
import { HeadwaterError, isHeadwaterError } from '../../core/errors'
import { Lazy } from '../../core/lifecycle'
import { messageOf } from '../../resilience/classify-network'
import { classifyPostgres } from '../../resilience/classify-postgres'
import type { OpenPool, PostgresClient, PostgresPool, ScopedQuery, TypeParsers } from './client'
import { Lease } from './lease'
import type { ResolvedPostgresOptions } from './options'
import { describeTarget, openPool, type PoolPorts } from './pool'

/** Longest wait for `SELECT 1` on a connection that was long unused, ms. */
const checkTimeoutMs = 2_000

export interface PoolStats {
  readonly total: number
  readonly idle: number
  readonly waiting: number
  readonly max: number
  /** Connections that this process holds at the moment. */
  readonly leased: number
}

/** Opens the pool on first use and hands out its connections. */
export class Lessor {
  readonly #options: ResolvedPostgresOptions
  readonly #ports: PoolPorts
  readonly #leases = new Set<Lease>()
  /** When a connection was last known to be sound, on the monotonic clock. */
  readonly #seen = new WeakMap<PostgresClient, number>()
  #opened: Lazy<OpenPool>
  #pool: PostgresPool | undefined
  /** Of every pool that is not closed yet: a retired one may still have connections out. */
  readonly #destroySockets = new Set<() => void>()
  #scoped: ScopedQuery | undefined
  #types: TypeParsers | undefined
  readonly #drained: (() => void)[] = []
  /** Turns away those who wait for a connection. */
  readonly #waiting = new Set<() => void>()
  #closed = false
  #retired: Promise<unknown> = Promise.resolve()

  constructor(options: ResolvedPostgresOptions, ports: PoolPorts) {
    this.#options = options
    this.#ports = ports
    this.#opened = this.#lazy()
  }

  get stats(): PoolStats {
    const { totalCount = 0, idleCount = 0, waitingCount = 0 } = this.#pool ?? {}
    const max = this.#options.max
    return { total: totalCount, idle: idleCount, waiting: waitingCount, max, leased: this.#leases.size }
  }

  async pool(): Promise<PostgresPool> {
    if (this.#closed) throw this.#closedError()
    return (await this.#opened.get()).pool
  }

  async lease(signal: Signal, check = false): Promise<Lease> {
    const pool =
      this.#closed || !this.#pool ? await this.#whileWaiting(() => abortable(this.pool(), signal)) : this.#pool
    // Each turn either takes a connection or closes a dead one, and a new one needs no check: it ends.
    for (;;) {
      const client = await this.#take(pool, signal)
      const lease = new Lease(client, {
        embedded: this.#options.target.kind === 'embedded',
        scoped: this.#scoped,
        types: this.#types,
        released: (released, brokenBy) => this.#release(released, client, brokenBy),
        demoted: () => this.#retire(),
      })
      this.#leases.add(lease)
      const seen = this.#seen.get(client)
      const idleMs = seen === undefined ? 0 : this.#ports.clock.monotonic() - seen
      if (seen === undefined || (!check && idleMs <= this.#options.checkAfterIdleMs)) return lease
      if (await this.#isSound(lease, signal)) return lease
      lease.release()
    }
  }

  /** Waits for what is out, then closes; a pool of the user's stays open. */
  async close(): Promise<void> {
    this.#closed = true
    const opened = await this.#opened.take()
    if (this.#leases.size > 0) await new Promise<void>((resolve) => this.#drained.push(resolve))
    if (opened) await this.#end(opened)
    await this.#retired
  }

  /** Closes what is out as well. */
  async destroy(): Promise<void> {
    this.#closed = true
    for (const leave of this.#waiting) leave()
    this.#waiting.clear()
    for (const lease of this.#leases) lease.destroy()
    // A connection that is still being made would be waited for.
    for (const destroySockets of this.#destroySockets) destroySockets()
    await this.close()
  }

  #take(pool: PostgresPool, signal: Signal): Promise<PostgresClient> {
    return this.#whileWaiting(() => abortable(this.#untilDestroyed(pool), signal, (late) => late.release()))
  }

  #untilDestroyed(pool: PostgresPool): Promise<PostgresClient> {
    return new Promise((resolve, reject) => {
      const leave = (): void => reject(this.#closedError())
      this.#waiting.add(leave)
      pool.connect().then(
        (client) => {
          if (this.#waiting.delete(leave)) resolve(client)
          else client.release(true)
        },
        (error) => {
          this.#waiting.delete(leave)
          reject(error)
        },
      )
    })
  }

  #closedError(): HeadwaterError {
    return new HeadwaterError('HW_CLOSED', `The connection to ${describeTarget(this.#options)} is closed`)
  }

  /** Says of a failure that it happened on the way to a connection, and what was tried. */
  async #whileWaiting<T>(wait: () => Promise<T>): Promise<T> {
    const startedAt = this.#ports.clock.monotonic()
    try {
      return await wait()
    } catch (cause) {
      throw this.#connectError(cause, Math.round(this.#ports.clock.monotonic() - startedAt))
    }
  }

  #connectError(cause: unknown, waitedMs: number): HeadwaterError {
    const aborted = isHeadwaterError(cause, 'HW_TIMEOUT') || isHeadwaterError(cause, 'HW_ABORTED')
    if (isHeadwaterError(cause) && !aborted) return cause
    const { idle, total, leased, max } = this.stats
    // Connections that are still being made count in the total, too; what others hold of their own pool is not told.
    const busy = this.#options.target.kind === 'pool' ? total >= max && idle === 0 : leased >= max
    const target = describeTarget(this.#options)
    const { error } = classifyPostgres(cause, `Cannot connect to Postgres at ${target}`)
    const details = { ...error.details, phase: 'connect', busy, waitedMs, leased, max }
    const exhausted = busy && /timeout exceeded when trying to connect/.test(messageOf(cause))
    const code = exhausted ? 'HW_OVERLOADED' : error.code
    const message = busy
      ? `All ${total} connections to Postgres at ${target} are in use; waited ${waitedMs} ms for one`
      : aborted
        ? `${error.message} while connecting to Postgres at ${target}; waited ${waitedMs} ms`
        : error.message
    const retryable = code === error.code ? error.retryable : undefined
    return new HeadwaterError(code, message, { cause, retryable, details })
  }

  async #isSound(lease: Lease, signal: Signal): Promise<boolean> {
    const ports = this.#ports
    return withDeadline(ports.clock, { signal, timeoutMs: checkTimeoutMs }, undefined, async (deadline) => {
      const answer = await lease.ask({ text: 'SELECT 1' }, deadline)
      if (!answer.ok) lease.spoil(answer.failure.error)
      return answer.ok
    })
  }

  #release(lease: Lease, client: PostgresClient, brokenBy: Error | undefined): void {
    this.#leases.delete(lease)
    if (!brokenBy) this.#seen.set(client, this.#ports.clock.monotonic())
    if (this.#leases.size === 0) for (const resolve of this.#drained.splice(0)) resolve()
  }

  /** A demoted primary: new connections are made afresh, those that are out end with the old pool. */
  #retire(): void {
    if (this.#options.target.kind !== 'server') return
    const old = this.#opened
    this.#opened = this.#lazy()
    this.#pool = undefined
    this.#retired = Promise.all([this.#retired, old.take().then((opened) => opened && this.#end(opened))])
  }

  async #end({ close, destroySockets }: OpenPool): Promise<void> {
    await close()
    if (destroySockets) this.#destroySockets.delete(destroySockets)
  }

  #lazy(): Lazy<OpenPool> {
    return new Lazy(async () => {
      const opened = await openPool(this.#options, this.#ports)
      this.#pool = opened.pool
      if (opened.destroySockets) this.#destroySockets.add(opened.destroySockets)
      this.#scoped = opened.scoped
      this.#types = opened.types
      return opened
    })
  }
}
