import { abortable, throwIfAborted } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import { classifyNetwork, messageOf } from '../../resilience/classify-network'
import type { QdrantClient } from './client'
import type { QdrantReply, QdrantRequest, QdrantTransport } from './operations'

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
    const { operation, collection, snapshot, query, body } = request
    const args = {
      ...(collection !== undefined && { collection_name: collection }),
      ...(snapshot !== undefined && { snapshot_name: snapshot }),
      ...query,
      ...body,
    }
    try {
      const init = { signal, headers: { 'accept-encoding': 'identity' } }
      const { status, data } = await abortable(
        abortable(this.#client.api()[operation](args, init), signal),
        this.#gone.signal,
      )
      return { status, data }
    } catch (error) {
      throwIfAborted(signal)
      return answerOf(error)
    }
  }

  /** The client is the user's and stays: only the waiting ends. */
  destroy(): void {
    this.#gone.abort(new HeadwaterError('HW_CLOSED', 'The connection to Qdrant was destroyed'))
  }
}

/** The answer that the client made an error of; throws when there was none. */
function answerOf(error: unknown): QdrantReply {
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
  const network = classifyNetwork(error, 'Cannot reach Qdrant through the client that was passed in')
  throw network ?? new HeadwaterError('HW_UNAVAILABLE', `qdrant: ${messageOf(error)}`, { cause: error })
}
