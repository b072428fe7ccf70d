import { abortable, type CallOptions, offAbort, onAbort, throwIfAborted } from '../../core/abort'
import { type Clock, systemClock } from '../../core/clock'
import type { CorePorts } from '../../core/core-ports'
import { type Deadline, withDeadline } from '../../core/deadline'
import { asHeadwaterError, HeadwaterError } from '../../core/errors'
import { Lazy } from '../../core/lifecycle'
import { systemRandom } from '../../core/random'
import type { BreakerState } from '../../resilience/breaker'
import { classifyElasticsearch } from '../../resilience/classify-elasticsearch'
import { Policy } from '../../resilience/policy'
import type { ElasticsearchClient, ElasticsearchRequest } from './client'
import { openClient } from './driver'
import {
  describeElasticsearch,
  type ElasticsearchOptions,
  type ResolvedElasticsearchOptions,
  resolveElasticsearchOptions,
} from './options'
import { checkVersion, readVersion } from './version'

export interface ElasticsearchHealth {
  /** `degraded`: it answers, but the cluster's status is red. */
  readonly status: 'up' | 'degraded' | 'down'
  /** Where it is, without user and password. */
  readonly target: string
  readonly latencyMs: number
  readonly serverVersion: string | undefined
  readonly cluster: 'green' | 'yellow' | 'red' | undefined
  readonly nodes: number | undefined
  readonly breaker: BreakerState
  readonly error: HeadwaterError | undefined
}

export interface ElasticsearchCall extends CallOptions {
  /** Whether the request may be sent again after a failure that allows it. */
  readonly idempotent: boolean
}

const healthTimeoutMs = 5_000

/**
 * Elasticsearch 8 or 9 by the URLs of its nodes, or a client of the user's. Nothing is loaded or opened before the first
 * request, which also asks for the version. The client's own retries are off: the policy here is their one owner.
 */
export class ElasticsearchConnection implements AsyncDisposable {
  /** @internal */
  readonly options: ResolvedElasticsearchOptions
  readonly #clock: Clock
  readonly #policy: Lazy<Policy>
  readonly #client: Lazy<ElasticsearchClient>
  readonly #version: Lazy<string | undefined>
  readonly #calls = new Set<Promise<unknown>>()
  readonly #sending = new Set<AbortController>()
  #versionKnown = false
  /** Past it nothing is sent, whatever was under way to be. */
  #ended = false
  #breaker: Policy['breaker'] | undefined
  #closed: Promise<void> | undefined

  constructor(options: ElasticsearchOptions, ports: CorePorts = {}) {
    this.options = resolveElasticsearchOptions(options)
    const { target, policy } = this.options
    this.#clock = ports.clock ?? systemClock
    this.#client = new Lazy(async () => (target.kind === 'client' ? target.client : openClient(target, this.options)))
    this.#policy = new Lazy(async () => {
      const random = ports.random ?? systemRandom
      const made = await Policy.create('elasticsearch', policy, { clock: this.#clock, random })
      this.#breaker = made.breaker
      return made
    })
    this.#version = new Lazy(async () => checkVersion(await readVersion((request) => this.#send(request))))
  }

  /** Sends a request under the policy; the body of the answer, or a HeadwaterError. */
  request(request: ElasticsearchRequest, call: ElasticsearchCall): Promise<unknown> {
    return this.#track(async () => {
      const policy = await this.#policy.get()
      return policy.run((signal) => this.#checked(request, signal), call)
    })
  }

  /**
   * For work that is repeated in part, such as a bulk: `attempt` sends what is left and throws a retryable error while
   * something is. Deadline, backoff with jitter, Retry-After and the retry budget are those of the policy.
   * @internal
   */
  retrying<T>(attempt: (deadline: Deadline) => Promise<T>, call: CallOptions | undefined): Promise<T> {
    return this.#track(async () => {
      const policy = await this.#policy.get()
      return withDeadline(this.#clock, call, this.options.timeoutMs, (deadline) =>
        policy.retry(() => attempt(deadline), deadline, true),
      )
    })
  }

  /** One deadline for several requests; without a `timeoutMs` each has its own. @internal */
  within<T>(call: CallOptions | undefined, work: (call: CallOptions) => Promise<T>): Promise<T> {
    return withDeadline(this.#clock, call, undefined, (deadline) => work(deadline.options()))
  }

  /** Asks the server itself, past the breaker; never rejects. */
  async health(options: CallOptions = {}): Promise<ElasticsearchHealth> {
    const startedAt = this.#clock.monotonic()
    let serverVersion: string | undefined
    let body: Record<string, unknown> = {}
    let error: HeadwaterError | undefined
    try {
      await withDeadline(this.#clock, options, healthTimeoutMs, async ({ signal }) => {
        this.#assertOpen()
        body = (await this.#send({ method: 'GET', path: '/_cluster/health' }, signal)) as Record<string, unknown>
        serverVersion = checkVersion(await readVersion((request) => this.#send(request, signal)))
      })
    } catch (cause) {
      error = asHeadwaterError(cause)
    }
    const cluster = body['status'] as ElasticsearchHealth['cluster']
    return {
      status: error ? 'down' : cluster === 'red' ? 'degraded' : 'up',
      target: describeElasticsearch(this.options),
      latencyMs: this.#clock.monotonic() - startedAt,
      serverVersion,
      cluster,
      nodes: typeof body['number_of_nodes'] === 'number' ? body['number_of_nodes'] : undefined,
      breaker: this.#breaker?.state ?? 'closed',
      error,
    }
  }

  /** Takes no more calls, waits for those that run, then closes. A client passed in stays open. */
  close(): Promise<void> {
    this.#closed ??= Promise.allSettled([...this.#calls]).then(() => this.#end())
    return this.#closed
  }

  /** Closes at once: calls that run are cut off. */
  destroy(): Promise<void> {
    this.#closed = this.#end()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #end(): Promise<void> {
    this.#ended = true
    for (const controller of this.#sending) controller.abort(this.#closedError())
    const client = await this.#client.take()
    if (this.options.target.kind === 'server') await client?.close()
  }

  async #track<T>(work: () => Promise<T>): Promise<T> {
    this.#assertOpen()
    const call = work()
    this.#calls.add(call)
    try {
      return await call
    } finally {
      this.#calls.delete(call)
    }
  }

  async #checked(request: ElasticsearchRequest, signal: AbortSignal): Promise<unknown> {
    // Requests side by side share the one question, and wait for it each under its own deadline.
    if (!this.#versionKnown) {
      await abortable(this.#version.get(), signal)
      this.#versionKnown = true
    }
    return this.#send(request, signal)
  }

  async #send(request: ElasticsearchRequest, caller?: AbortSignal): Promise<unknown> {
    throwIfAborted(caller)
    if (this.#ended) throw this.#closedError()
    const client = await this.#client.get()
    if (this.#ended) throw this.#closedError()
    const controller = new AbortController()
    const abort = (): void => controller.abort(caller?.reason)
    onAbort(caller, abort)
    this.#sending.add(controller)
    const { signal } = controller
    try {
      throwIfAborted(caller)
      const { timeoutMs, maxAnswerBytes } = this.options
      const bound = this.options.target.kind === 'client' ? {} : { maxResponseSize: maxAnswerBytes }
      const options = { signal, maxRetries: 0, requestTimeout: timeoutMs, ...bound, meta: true } as const
      return (await client.transport.request(request, options)).body
    } catch (error) {
      throwIfAborted(signal)
      const what = `Elasticsearch at ${describeElasticsearch(this.options)}`
      throw classifyElasticsearch(error, what, this.#clock.now())
    } finally {
      offAbort(caller, abort)
      this.#sending.delete(controller)
    }
  }

  #assertOpen(): void {
    if (this.#closed) throw this.#closedError()
  }

  #closedError(): HeadwaterError {
    return new HeadwaterError('HW_CLOSED', `The connection to ${describeElasticsearch(this.options)} is closed`)
  }
}
