import { abortable, type CallOptions } from '../../core/abort'
import { type Clock, systemClock } from '../../core/clock'
import type { CorePorts } from '../../core/core-ports'
import { withDeadline } from '../../core/deadline'
import { asHeadwaterError, HeadwaterError, isHeadwaterError } from '../../core/errors'
import { Lazy } from '../../core/lifecycle'
import { type Random, systemRandom } from '../../core/random'
import type { BreakerState, CircuitBreaker } from '../../resilience/breaker'
import { classifyS3 } from '../../resilience/classify-s3'
import { Policy } from '../../resilience/policy'
import type { S3Client } from './client'
import { openS3Client } from './driver'
import { type ResolvedS3Options, resolveS3Options, type S3Options } from './options'
import { type RequestScope, S3Transport } from './transport'

export interface S3Health {
  readonly status: 'up' | 'down'
  readonly target: string
  readonly latencyMs: number
  /** What the server calls itself; S3 tells no version. */
  readonly serverVersion: string | undefined
  readonly breaker: BreakerState
  readonly error: HeadwaterError | undefined
}

export interface S3Call<T> extends CallOptions {
  /** False for what must not be asked twice. True by default. */
  readonly idempotent?: boolean | undefined
  /** Gets what arrives after the caller has gone. */
  readonly late?: ((value: T) => void) | undefined
}

const healthTimeoutMs = 5_000

/**
 * An S3-compatible server, or a minio client of the user's. Nothing is loaded or opened before the first request;
 * sockets are kept for the next ones.
 */
export class S3Connection implements AsyncDisposable {
  /** @internal */
  readonly options: ResolvedS3Options
  /** @internal */
  readonly clock: Clock
  /** @internal */
  readonly random: Random
  readonly #transport: S3Transport | undefined
  readonly #client: Lazy<S3Client>
  readonly #policy: Lazy<Policy>
  readonly #calls = new Set<Promise<unknown>>()
  readonly #bodies = new Set<() => void>()
  #breaker: CircuitBreaker | undefined
  #closed: Promise<void> | undefined

  constructor(options: S3Options, ports: CorePorts = {}) {
    this.options = resolveS3Options(options)
    this.clock = ports.clock ?? systemClock
    this.random = ports.random ?? systemRandom
    const { target, policy } = this.options
    const transport = target.kind === 'server' ? new S3Transport(target.secure, target.tls) : undefined
    this.#transport = transport
    this.#client = new Lazy(async () =>
      target.kind === 'client' ? target.client : openS3Client(target, this.options, transport!),
    )
    this.#policy = new Lazy(async () => {
      const made = await Policy.create('s3', policy, { clock: this.clock, random: this.random })
      this.#breaker = made.breaker
      return made
    })
  }

  /** Makes requests under deadline, breaker and retries. `what` begins the message of an error. */
  async call<T>(what: string, work: (client: S3Client) => Promise<T>, call: S3Call<T> = {}): Promise<T> {
    this.#assertOpen()
    const running = this.#run(what, work, call)
    this.#calls.add(running)
    try {
      return await running
    } finally {
      this.#calls.delete(running)
    }
  }

  /** Keeps a body that is being read, so that `destroy` can end it; returns how to let go. @internal */
  holdBody(end: () => void): () => void {
    this.#bodies.add(end)
    return () => this.#bodies.delete(end)
  }

  /** Asks the server itself, past the breaker; never rejects. */
  async health(options: CallOptions = {}): Promise<S3Health> {
    const startedAt = this.clock.monotonic()
    let error: HeadwaterError | undefined
    let serverVersion: string | undefined
    try {
      await withDeadline(this.clock, options, healthTimeoutMs, async ({ signal }) => {
        this.#assertOpen()
        const scope: RequestScope = { signal }
        // Whether it is there does not matter: an answer to a signed request is what counts.
        await abortable(
          this.#send('S3 health', scope, (client) => client.bucketExists(`${this.options.bucketPrefix}-blobs`)),
          signal,
        )
        serverVersion = scope.server
      })
    } catch (cause) {
      error = asHeadwaterError(cause)
    }
    return {
      status: error ? 'down' : 'up',
      target: this.options.target.shown,
      latencyMs: this.clock.monotonic() - startedAt,
      serverVersion,
      breaker: this.#breaker?.state ?? 'closed',
      error,
    }
  }

  /** Takes no more calls, waits for those that run, then closes its sockets. Bodies still being read are cut off. */
  close(): Promise<void> {
    this.#closed ??= Promise.allSettled([...this.#calls]).then(() => this.#end())
    return this.#closed
  }

  /** Closes at once: calls that run are cut off. */
  async destroy(): Promise<void> {
    this.#closed = Promise.resolve()
    this.#end()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #run<T>(what: string, work: (client: S3Client) => Promise<T>, call: S3Call<T>): Promise<T> {
    const policy = await this.#policy.get()
    const { signal: caller, timeoutMs, idempotent = true, late } = call
    return policy.run((signal) => abortable(this.#send(`S3 ${what}`, { signal }, work), signal, late), {
      ...(caller && { signal: caller }),
      ...(timeoutMs !== undefined && { timeoutMs }),
      idempotent,
      prompt: true,
    })
  }

  async #send<T>(what: string, scope: RequestScope, work: (client: S3Client) => Promise<T>): Promise<T> {
    const client = await this.#client.get()
    try {
      return await (this.#transport ? this.#transport.within(scope, () => work(client)) : work(client))
    } catch (cause) {
      if (this.#closed && !isHeadwaterError(cause)) {
        throw new HeadwaterError('HW_CLOSED', `${what}: the connection was closed`, { cause })
      }
      throw classifyS3(cause, what, scope.retryAfterMs)
    }
  }

  #end(): void {
    for (const end of [...this.#bodies]) end()
    this.#transport?.destroy()
  }

  #assertOpen(): void {
    if (this.#closed) throw new HeadwaterError('HW_CLOSED', `The connection to ${this.options.target.shown} is closed`)
  }
}
