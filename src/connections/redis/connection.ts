import { abortable, type CallOptions, type Signal } from '../../core/abort'
import { type Clock, systemClock } from '../../core/clock'
import type { CorePorts } from '../../core/core-ports'
import { withDeadline } from '../../core/deadline'
import { asHeadwaterError, HeadwaterError, isHeadwaterError } from '../../core/errors'
import { Lazy } from '../../core/lifecycle'
import { systemRandom } from '../../core/random'
import type { BreakerState, CircuitBreaker, Outcome } from '../../resilience/breaker'
import { messageOf } from '../../resilience/classify-network'
import { classifyRedis } from '../../resilience/classify-redis'
import { judgeOutcome, Policy } from '../../resilience/policy'
import type { RedisArgument, RedisClient } from './client'
import { RedisLink } from './link'
import { type RedisOptions, type ResolvedRedisOptions, resolveRedisOptions } from './options'
import type { RedisScript } from './script'

export interface RedisHealth {
  readonly status: 'up' | 'down'
  /** Where it is, without user and password. */
  readonly target: string
  readonly latencyMs: number
  readonly serverVersion: string | undefined
  readonly breaker: BreakerState
  readonly error: HeadwaterError | undefined
}

export interface RedisCall extends CallOptions {
  /** False for what must not be sent twice; it is then repeated only where nothing was sent. True by default. */
  readonly idempotent?: boolean | undefined
  /** Answers as Buffers. */
  readonly binary?: boolean | undefined
}

const healthTimeoutMs = 5_000

/**
 * Redis: a server by URL or an ioredis client of the user's. Nothing is loaded or opened before the first command; a
 * lost connection is opened anew by the next call that the breaker lets through.
 */
export class RedisConnection implements AsyncDisposable {
  /** @internal */
  readonly options: ResolvedRedisOptions
  readonly #clock: Clock
  readonly #links: readonly RedisLink[]
  readonly #policy: Lazy<Policy>
  readonly #calls = new Set<Promise<unknown>>()
  #loaded: Policy | undefined
  #breaker: CircuitBreaker | undefined
  #next = 0
  #closed: Promise<void> | undefined

  constructor(options: RedisOptions, ports: CorePorts = {}) {
    this.options = resolveRedisOptions(options)
    const { target, connections, policy } = this.options
    const clock = ports.clock ?? systemClock
    const random = ports.random ?? systemRandom
    this.#clock = clock
    this.#links =
      target.kind === 'server'
        ? Array.from({ length: connections }, () => new RedisLink(target.address, this.options, clock))
        : []
    const judge = (error: unknown, elapsedMs: number): Outcome => this.#judge(error, elapsedMs)
    this.#policy = new Lazy(async () => {
      this.#loaded = await Policy.create('redis', { ...policy, judge }, { clock, random })
      this.#breaker = this.#loaded.breaker
      return this.#loaded
    })
  }

  /** What a client of the user's puts before each key, and before no name that a script makes. */
  get keyPrefix(): string {
    const { target } = this.options
    const options: unknown = target.kind === 'client' ? Reflect.get(target.client, 'options') : undefined
    const prefix: unknown = Reflect.get(Object(options), 'keyPrefix')
    return typeof prefix === 'string' ? prefix : ''
  }

  /** Sends one command under deadline, breaker and retries; the answer as ioredis gives it. */
  command(name: string, args: RedisArgument[], call: RedisCall = {}): Promise<unknown> {
    return this.#call(name, call, (client) => send(client, name, args, call.binary))
  }

  /** Runs a script by its hash, with its text where the server has not seen it. All keys must lie in one slot. */
  script(script: RedisScript, keys: string[], args: RedisArgument[], call: RedisCall = {}): Promise<unknown> {
    const rest = [keys.length, ...keys, ...args]
    return this.#call('script', call, async (client) => {
      try {
        return await send(client, 'EVALSHA', [script.sha, ...rest], call.binary)
      } catch (error) {
        // The server had not run it, so this is no repetition.
        if (!messageOf(error).startsWith('NOSCRIPT')) throw error
        return await send(client, 'EVAL', [script.text, ...rest], call.binary)
      }
    })
  }

  /** Asks the server itself, past the breaker; never rejects. */
  async health(options: CallOptions = {}): Promise<RedisHealth> {
    const startedAt = this.#clock.monotonic()
    let serverVersion: string | undefined
    let error: HeadwaterError | undefined
    try {
      const info = await withDeadline(this.#clock, options, healthTimeoutMs, ({ signal }) => {
        this.#assertOpen()
        return abortable(
          this.#send('health', signal, (client) => client.call('INFO', ['server'])),
          signal,
        )
      })
      serverVersion = /^redis_version:(\S+)/m.exec(String(info))?.[1]
    } catch (cause) {
      error = asHeadwaterError(cause)
    }
    return {
      status: error ? 'down' : 'up',
      target: this.options.target.shown,
      latencyMs: this.#clock.monotonic() - startedAt,
      serverVersion,
      breaker: this.#breaker?.state ?? 'closed',
      error,
    }
  }

  /** Takes no more calls, waits for those that run, then closes. A client passed in stays open. */
  close(): Promise<void> {
    this.#closed ??= Promise.allSettled([...this.#calls]).then(() => this.#closeLinks())
    return this.#closed
  }

  /** Closes at once: calls that run are cut off. */
  async destroy(): Promise<void> {
    this.#closed = Promise.resolve()
    this.#closeLinks()
    await Promise.allSettled([...this.#calls])
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #call(what: string, call: RedisCall, work: (client: RedisClient) => Promise<unknown>): Promise<unknown> {
    this.#assertOpen()
    const running = this.#run(what, call, work)
    this.#calls.add(running)
    try {
      return await running
    } finally {
      this.#calls.delete(running)
    }
  }

  async #run(what: string, call: RedisCall, work: (client: RedisClient) => Promise<unknown>): Promise<unknown> {
    const policy = this.#loaded ?? (await this.#policy.get())
    return policy.call((signal) => abortable(this.#send(what, signal, work), signal), {
      ...(call.signal && { signal: call.signal }),
      ...(call.timeoutMs !== undefined && { timeoutMs: call.timeoutMs }),
      idempotent: call.idempotent === false ? wasNotSent : true,
      prompt: true,
    })
  }

  /** Settles by the driver's own timeout even where nobody waits any more. */
  async #send(what: string, signal: Signal, work: (client: RedisClient) => Promise<unknown>): Promise<unknown> {
    const { target } = this.options
    if (target.kind === 'client') {
      try {
        return await work(target.client)
      } catch (cause) {
        throw classifyRedis(cause, `Redis ${what}`).error
      }
    }
    const link = this.#links[this.#next++ % this.#links.length]!
    const ready = link.client(signal)
    const client = ready instanceof Promise ? await ready : ready
    try {
      return await work(client)
    } catch (cause) {
      const { error, drop } = classifyRedis(link.refusal(client) ?? cause, `Redis ${what}`)
      if (drop) link.drop(client)
      throw error
    }
  }

  #closeLinks(): void {
    for (const link of this.#links) link.close()
  }

  #assertOpen(): void {
    if (this.#closed) throw new HeadwaterError('HW_CLOSED', `The connection to ${this.options.target.shown} is closed`)
  }

  /** Only a timeout as long as our own limits tells about the server; a shorter one was the caller's haste. */
  #judge(error: unknown, elapsedMs: number): Outcome {
    if (!isHeadwaterError(error, 'HW_TIMEOUT')) return judgeOutcome(error, elapsedMs)
    const { commandTimeoutMs, connectTimeoutMs } = this.options
    return elapsedMs >= Math.min(commandTimeoutMs, connectTimeoutMs) / 2 ? 'failure' : 'ignored'
  }
}

function wasNotSent(error: HeadwaterError): boolean {
  return error.details?.['phase'] === 'connect'
}

function send(client: RedisClient, name: string, args: RedisArgument[], binary = false): Promise<unknown> {
  return binary ? client.callBuffer(name, args) : client.call(name, args)
}
