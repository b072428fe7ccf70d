import { abortable, throwIfAborted } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import { classifyNetwork, messageOf } from '../../resilience/classify-network'
import type { QdrantClient } from './client'
import type { QdrantReply, QdrantRequest, QdrantTransport } from './operations'

/** Compressed answers cost 40 ms each; a redirect would take the key along to another server. */
export const asked = Object.freeze({ headers: { 'accept-encoding': 'identity' }, redirect: 'manual' })

/** Requests by a client of the user's. The client has a timeout of its own; the wait for it ends at our signal. */
export class ClientTransport implements QdrantTransport {
  readonly sockets = 0
  readonly #client: QdrantClient
  readonly #gone = new AbortController()

  constructor(client: QdrantClient) {
    this.#client = client
  }

  async send(request: QdrantRequest, signal: AbortSignal): Promise<QdrantReply> {
    throwIfAborted(signal)
    try {
      const answer = this.#client.api()[request.operation](argumentsOf(request), { ...asked, signal })
      const { status, data } = await abortable(abortable(answer, signal), this.#gone.signal)
      return { status, data }
    } catch (error) {
      throwIfAborted(signal)
      return answerOf(error, 'Cannot reach Qdrant through the client that was passed in')
    }
  }

  /** The client is the user's and stays: only the waiting ends. */
  destroy(): void {
    this.#gone.abort(new HeadwaterError('HW_CLOSED', 'The connection to Qdrant was destroyed'))
  }
}

/** What the client's methods take: parts of the path, of the query and of the body in one object. */
export function argumentsOf({ collection, snapshot, query, body }: QdrantRequest): object {
  return {
    ...(collection !== undefined && { collection_name: collection }),
    ...(snapshot !== undefined && { snapshot_name: snapshot }),
    ...query,
    ...(typeof body === 'function' ? body() : body),
  }
}

/** The answer that the client made an error of; throws when there was none. */
export function answerOf(error: unknown, what: string): QdrantReply {
  if (error instanceof HeadwaterError) throw error
  if (typeof error === 'object' && error !== null) {
    const status: unknown = Reflect.get(error, 'status')
    if (typeof status === 'number') {
      const headers: unknown = Reflect.get(error, 'headers')
      const retryAfter = headers instanceof Headers ? (headers.get('retry-after') ?? undefined) : undefined
      return { status, data: Reflect.get(error, 'data'), retryAfter }
    }
    const seconds: unknown = Reflect.get(error, 'retry_after')
    if (typeof seconds === 'number') return { status: 429, data: messageOf(error), retryAfter: String(seconds) }
    if (Reflect.get(error, 'name') === 'QdrantClientTimeoutError') {
      throw new HeadwaterError('HW_TIMEOUT', 'qdrant: the timeout of the client that was passed in', { cause: error })
    }
  }
  const network = classifyNetwork(error, what)
  throw network ?? new HeadwaterError('HW_UNAVAILABLE', `${what}: ${messageOf(error)}`, { cause: error })
}
