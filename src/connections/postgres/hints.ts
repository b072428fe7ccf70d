import { abortable } from '../../core/abort'
import { type Clock, sleep } from '../../core/clock'
import { withDeadline } from '../../core/deadline'
import { sha256, uuidV7 } from '../../core/ids'
import type { Random } from '../../core/random'
import { type ListeningClient, listenerBeside, openListener } from './driver'
import type { Executor } from './executor'
import type { ResolvedPostgresOptions } from './options'
import { quoteName } from './row-security'

/** At most one NOTIFY a process in this time: each takes a lock that is one for the whole server. */
const debounceMs = 50
const reconnectMs = 250
const mostReconnectMs = 60_000
const farewellMs = 1_000

/**
 * Hints between processes by NOTIFY, sent after commits and never inside a transaction. Who listens has a connection of
 * its own and notifies itself on it: one that is half open, or that a pooler has taken away, is noticed within the
 * heartbeat's time and replaced.
 */
export class PostgresHints {
  readonly #options: ResolvedPostgresOptions
  readonly #clock: Clock
  readonly #random: Random
  readonly #session: () => Executor
  readonly #channel: string
  #sentAt = Number.NEGATIVE_INFINITY
  #waiting = false

  /** `of` tells one installation from others in the same database. */
  constructor(
    options: ResolvedPostgresOptions,
    of: string,
    ports: { readonly clock: Clock; readonly random: Random; readonly session: () => Executor },
  ) {
    this.#options = options
    this.#clock = ports.clock
    this.#random = ports.random
    this.#session = ports.session
    this.#channel = `headwater_${sha256(of).slice(0, 16)}`
  }

  send(): void {
    if (this.#waiting) return
    this.#waiting = true
    const waitMs = this.#sentAt + debounceMs - this.#clock.monotonic()
    if (waitMs <= 0) this.#send()
    else this.#clock.timer(waitMs, () => this.#send(), { background: true })
  }

  #send(): void {
    this.#waiting = false
    this.#sentAt = this.#clock.monotonic()
    this.#session()
      .query('SELECT pg_notify($1, $2)', [this.#channel, ''])
      .catch(() => undefined)
  }

  async listen(heard: () => void, signal: AbortSignal): Promise<void> {
    const open = this.#opener()
    if (!open) return
    const hear = this.#seldom(heard)
    for (let failures = 0; !signal.aborted; ) {
      failures = (await this.#listenOnce(open, hear, signal)) ? 0 : failures + 1
      const delayMs = Math.min(mostReconnectMs, reconnectMs * 2 ** failures) * (0.5 + this.#random.next() / 2)
      if (!signal.aborted) await sleep(this.#clock, delayMs, signal, { background: true }).catch(() => undefined)
    }
  }

  /** At most once in the debounce's time, the last one too: any login of the database may notify as fast as it can. */
  #seldom(heard: () => void): () => void {
    let heardAt = Number.NEGATIVE_INFINITY
    let isDue = false
    const hear = (): void => {
      isDue = false
      heardAt = this.#clock.monotonic()
      heard()
    }
    return () => {
      if (isDue) return
      const waitMs = heardAt + debounceMs - this.#clock.monotonic()
      isDue = waitMs > 0
      if (isDue) this.#clock.timer(waitMs, hear, { background: true })
      else hear()
    }
  }

  /** How a connection to listen on is opened, where it can be. */
  #opener(): (() => ListeningClient | Promise<ListeningClient>) | undefined {
    const { target } = this.#options
    if (target.kind === 'server') return () => openListener(target.url, this.#options)
    return target.kind === 'pool' ? listenerBeside(target.pool) : undefined
  }

  /** Until the connection is lost. True when notifications came through on it. */
  async #listenOnce(
    open: () => ListeningClient | Promise<ListeningClient>,
    heard: () => void,
    signal: AbortSignal,
  ): Promise<boolean> {
    const over = new AbortController()
    const end = (): void => over.abort()
    signal.addEventListener('abort', end, { once: true })
    if (signal.aborted) end()
    const halfMs = this.#options.hintHeartbeatMs / 2
    const within = <T>(work: Promise<T>): Promise<T> =>
      withDeadline(this.#clock, { signal: over.signal, timeoutMs: halfMs }, undefined, (deadline) =>
        abortable(work, deadline.signal),
      )
    let worked = false
    let client: ListeningClient | undefined
    try {
      client = await open()
      client.on('error', end)
      client.on('end', end)
      await within(client.connect())
      const beat = `${this.#channel}_${uuidV7(this.#clock, this.#random)}`
      let beaten: () => void = () => undefined
      client.on('notification', ({ channel }) => {
        if (channel === beat) beaten()
        else heard()
      })
      await within(client.query(`LISTEN ${quoteName(this.#channel)}; LISTEN ${quoteName(beat)}`))
      // Whatever came while nobody listened.
      heard()
      for (;;) {
        const came = new Promise<void>((resolve) => {
          beaten = resolve
        })
        await within(Promise.all([client.query(`NOTIFY ${quoteName(beat)}`), came]))
        worked = true
        await sleep(this.#clock, halfMs, over.signal, { background: true })
      }
    } catch {
      return worked
    } finally {
      signal.removeEventListener('abort', end)
      if (client) await this.#leave(client)
    }
  }

  async #leave(client: ListeningClient): Promise<void> {
    await withDeadline(this.#clock, { timeoutMs: farewellMs }, undefined, (deadline) =>
      abortable(client.end(), deadline.signal),
    ).catch(() => undefined)
    client.destroy()
  }
}
