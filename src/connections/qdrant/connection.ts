import { abortable, type CallOptions } from '../../core/abort'
import { type Clock, systemClock } from '../../core/clock'
import type { CorePorts } from '../../core/core-ports'
import { withDeadline } from '../../core/deadline'
import { asHeadwaterError, HeadwaterError } from '../../core/errors'
import { Lazy } from '../../core/lifecycle'
import { systemRandom } from '../../core/random'
import type { BreakerState } from '../../resilience/breaker'
import { classifyQdrant } from '../../resilience/classify-qdrant'
import { Policy } from '../../resilience/policy'
import { canaryName, dropLeftCanaries } from './canaries'
import { ClientTransport } from './client-transport'
import { checkVersion, proveFences } from './compatibility'
import type { QdrantReply, QdrantRequest, QdrantTransport } from './operations'
import { describeQdrant, type QdrantOptions, type ResolvedQdrantOptions, resolveQdrantOptions } from './options'
import { UrlTransport } from './url-transport'

export interface QdrantHealth {
  readonly status: 'up' | 'down'
  /** Where it is, without secrets. */
  readonly target: string
  readonly latencyMs: number
  readonly serverVersion: string | undefined
  readonly breaker: BreakerState
  readonly error: HeadwaterError | undefined
}

const healthTimeoutMs = 5_000

/**
 * Qdrant by URL, or a client of the user's. Nothing is opened before the first call, which checks the server's
 * version; the first write proves that the server heeds fences. Retries, breaker, bulkhead and deadline are here alone.
 */
export class QdrantConnection implements AsyncDisposable {
  /** @internal */
  readonly options: ResolvedQdrantOptions
  /** @internal */
  readonly clock: Clock
  readonly #transport: QdrantTransport
  readonly #policy: Lazy<Policy>
  readonly #proof: Lazy<void>
  readonly #calls = new Set<Promise<unknown>>()
  /** Signals of the operations that were begun while the connection was open. */
  readonly #taken = new WeakSet<AbortSignal>()
  readonly #target: string
  #breaker: Policy['breaker'] | undefined
  #version: string | undefined
  #closed: Promise<void> | undefined
  #destroyed = false

  constructor(options: QdrantOptions, ports: CorePorts = {}) {
    this.options = resolveQdrantOptions(options)
    const { target } = this.options
    const clock = ports.clock ?? systemClock
    const random = ports.random ?? systemRandom
    this.clock = clock
    this.#target = describeQdrant(target)
    this.#transport =
      target.kind === 'client' ? new ClientTransport(target.client) : new UrlTransport(target.url, this.options)
    this.#policy = new Lazy(async () => {
      const policy = await Policy.create('qdrant', this.options.policy, { clock, random })
      this.#breaker = policy.breaker
      return policy
    })
    this.#proof = new Lazy(async () => {
      const { timeoutMs } = this.options
      const prove = async (call: CallOptions): Promise<void> => {
        await proveFences(this, canaryName(clock, random), this.#target, call)
        await dropLeftCanaries(this, clock.now(), timeoutMs, call)
      }
      await this.#operate({}, prove, timeoutMs)
    })
  }

  /** The server's version, once a call has learnt it. */
  get serverVersion(): string | undefined {
    return this.#version
  }

  /** Sockets open now; none are ours with a client of the user's. @internal */
  get sockets(): number {
    return this.#transport.sockets
  }

  /** Checks the version and proves the fences: HW_SERVER_UNSUPPORTED for a server that cannot keep them. */
  async check(call: CallOptions = {}): Promise<{ readonly version: string }> {
    await this.within(call, async (inner) => {
      await this.call({ operation: 'getCollections' }, inner)
      await this.fenced(inner)
    })
    return { version: this.#version ?? '' }
  }

  /** Resolves once it is proved, once a connection, that the server heeds fences. @internal */
  async fenced(call: CallOptions = {}): Promise<void> {
    await this.within(call, (inner) => abortable(this.#proof.get(), inner.signal))
  }

  /** One deadline for several calls, which `close` waits for as for one. @internal */
  async within<T>(
    call: CallOptions | undefined,
    work: (call: CallOptions) => Promise<T>,
    defaultTimeoutMs = this.options.timeoutMs,
  ): Promise<T> {
    this.#assertOpen(call)
    return this.#operate(call, work, defaultTimeoutMs)
  }

  async call(
    request: QdrantRequest,
    options: CallOptions & { readonly idempotent?: boolean | undefined } = {},
  ): Promise<unknown> {
    const what = `${request.operation} ${request.collection ?? ''}`.trimEnd()
    return this.#run(async (signal) => this.#result(await this.#transport.send(request, signal), what), options)
  }

  async write(request: QdrantRequest, options: CallOptions = {}): Promise<void> {
    const result = await this.call({ ...request, query: { wait: true, ...request.query } }, options)
    for (const one of Array.isArray(result) ? result : [result]) {
      const status: unknown = Reflect.get(Object(one), 'status')
      if (status === 'completed') continue
      throw new HeadwaterError(
        'HW_TIMEOUT',
        `qdrant: ${request.operation} ${request.collection ?? ''} was not completed but ${JSON.stringify(status)}`,
        { details: { store: 'qdrant', status: typeof status === 'string' ? status : null }, cause: result },
      )
    }
  }

  /** Streams what the official client cannot: whole files, down and up. Never repeated. @internal */
  stream<T extends object>(
    what: string,
    work: (transport: UrlTransport, signal: AbortSignal) => Promise<T | QdrantReply>,
    options: CallOptions,
  ): Promise<T> {
    const transport = this.#transport
    if (transport instanceof UrlTransport) {
      return this.#run(
        async (signal) => {
          const answer = await work(transport, signal)
          // A stream has a status, too, but no `data`.
          if ('data' in answer) this.#success(answer, what)
          return answer as T
        },
        { ...options, idempotent: false },
      )
    }
    throw new HeadwaterError(
      'HW_INVALID_OPTIONS',
      `qdrant.client: ${what} needs qdrant.url, the client carries no files`,
      { path: 'qdrant.client' },
    )
  }

  /** Asks the server itself, past the breaker; never rejects. */
  async health(options: CallOptions = {}): Promise<QdrantHealth> {
    const startedAt = this.clock.monotonic()
    let serverVersion: string | undefined
    let error: HeadwaterError | undefined
    try {
      serverVersion = await withDeadline(this.clock, options, healthTimeoutMs, async ({ signal }) => {
        this.#assertOpen()
        // The root answers whoever asks; the list tells whether the key is right.
        const [root, list] = await Promise.all(
          (['root', 'getCollections'] as const).map((operation) => this.#transport.send({ operation }, signal)),
        )
        const version = checkVersion(this.#success(root!, 'health'), this.#target)
        this.#success(list!, 'health')
        return version
      })
    } catch (cause) {
      error = asHeadwaterError(cause)
    }
    return {
      status: error ? 'down' : 'up',
      target: this.#target,
      latencyMs: this.clock.monotonic() - startedAt,
      serverVersion,
      breaker: this.#breaker?.state ?? 'closed',
      error,
    }
  }

  /** Takes no more calls, waits for those that run, then closes. A client passed in stays as it is. */
  close(): Promise<void> {
    this.#closed ??= Promise.allSettled([...this.#calls]).then(() => this.#transport.destroy())
    return this.#closed
  }

  /** Closes at once: calls that run are cut off. */
  async destroy(): Promise<void> {
    this.#closed = Promise.resolve()
    this.#destroyed = true
    this.#transport.destroy()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #run<T>(
    work: (signal: AbortSignal) => Promise<T>,
    options: CallOptions & { readonly idempotent?: boolean | undefined },
  ): Promise<T> {
    this.#assertOpen(options)
    const { signal, timeoutMs, idempotent = true } = options
    return this.#tracked(
      this.#policy.get().then((policy) =>
        policy.run(
          async (inner) => {
            if (this.#destroyed) throw this.#closedError()
            await this.#learnVersion(inner)
            return work(inner)
          },
          { signal, timeoutMs, idempotent: idempotent && mayHelp, prompt: true },
        ),
      ),
    )
  }

  #operate<T>(
    call: CallOptions | undefined,
    work: (call: CallOptions) => Promise<T>,
    defaultTimeoutMs: number,
  ): Promise<T> {
    return this.#tracked(
      withDeadline(this.clock, call, defaultTimeoutMs, (deadline) => {
        this.#taken.add(deadline.signal)
        return work({
          signal: deadline.signal,
          get timeoutMs() {
            const left = deadline.remaining()
            return Number.isFinite(left) ? left : undefined
          },
        })
      }),
    )
  }

  async #tracked<T>(work: Promise<T>): Promise<T> {
    this.#calls.add(work)
    try {
      return await work
    } finally {
      this.#calls.delete(work)
    }
  }

  /** Each of the first callers asks for itself: none waits behind another's slow question. */
  async #learnVersion(signal: AbortSignal): Promise<void> {
    if (this.#version !== undefined) return
    const reply = await this.#transport.send({ operation: 'root' }, signal)
    this.#version = checkVersion(this.#success(reply, 'version'), this.#target)
  }

  #success(reply: QdrantReply, what: string): unknown {
    if (reply.status >= 200 && reply.status < 300) return reply.data
    throw classifyQdrant(reply, what, this.clock.now())
  }

  /** A page of something in between may come with 200, too: it is no empty answer. */
  #result(reply: QdrantReply, what: string): unknown {
    const result: unknown = Reflect.get(Object(this.#success(reply, what)), 'result')
    if (result !== undefined) return result
    throw new HeadwaterError('HW_UNAVAILABLE', `qdrant: ${what}: the answer is none of Qdrant's`, {
      cause: reply.data,
      details: { store: 'qdrant', status: reply.status },
    })
  }

  /** What was begun before the close goes on. */
  #assertOpen(call?: CallOptions): void {
    if (this.#closed && !(call?.signal && this.#taken.has(call.signal))) throw this.#closedError()
  }

  #closedError(): HeadwaterError {
    return new HeadwaterError('HW_CLOSED', `The connection to Qdrant at ${this.#target} is closed`)
  }
}

/** A collection that is missing will be missing the next time. */
function mayHelp(error: HeadwaterError): boolean {
  return error.code !== 'HW_GENERATION_MISSING'
}
