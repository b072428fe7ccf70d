import type { QdrantConnection } from '../../connections/qdrant/connection'
import { abortError, type CallOptions, offAbort, onAbort } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import type { TenantId } from '../../core/ids'
import type { VectorIndex } from '../vectors'
import { field, listOf } from './answers'
import type { QdrantCollections } from './collections'
import { collectionOf } from './names'
import type { ResolvedQdrantVectorOptions } from './options'

export interface QdrantSnapshot {
  readonly name: string
  /** Bytes. */
  readonly size: number
  /** As the server writes it; undefined where it keeps none. */
  readonly createdAt: string | undefined
  /** SHA-256 in hex; undefined where the server gives none. */
  readonly checksum: string | undefined
}

/** With the layout `per-tenant` a snapshot is of one tenant's collection, without `tenant` of the index's empty one. */
export interface SnapshotCall extends CallOptions {
  readonly tenant?: TenantId | undefined
}

/** Where a snapshot comes from: its bytes, or a place that the server itself can read (`file:///...` or a URL). */
export type SnapshotSource = AsyncIterable<Uint8Array> | { readonly location: string }

/**
 * Snapshots of single collections, on the node that answers. Aliases are not in them. Bytes need a connection by `url`;
 * HW_INVALID_OPTIONS with a client of the user's.
 */
export class QdrantSnapshots {
  readonly #connection: QdrantConnection
  readonly #collections: QdrantCollections
  readonly #timeoutMs: number

  /** @internal */
  constructor(connection: QdrantConnection, collections: QdrantCollections, options: ResolvedQdrantVectorOptions) {
    this.#connection = connection
    this.#collections = collections
    this.#timeoutMs = options.snapshotTimeoutMs
  }

  /** Never repeated by itself: an attempt whose answer is lost may have left a file. */
  create(index: VectorIndex, call: SnapshotCall = {}): Promise<QdrantSnapshot> {
    const collection = this.#collection(index, call)
    return this.#within(call, async (inner) =>
      snapshotOf(
        await this.#connection.call(
          { operation: 'createSnapshot', collection, query: { wait: true } },
          { signal: inner.signal, timeoutMs: inner.timeoutMs, idempotent: false },
        ),
      ),
    )
  }

  async list(index: VectorIndex, call: SnapshotCall = {}): Promise<QdrantSnapshot[]> {
    const collection = this.#collection(index, call)
    return listOf(await this.#connection.call({ operation: 'listSnapshots', collection }, call)).map(snapshotOf)
  }

  /** The file's bytes; `timeoutMs` is for its beginning, the signal for all of it. HW_NOT_FOUND when it is not there. */
  async download(
    index: VectorIndex,
    name: string,
    call: SnapshotCall = {},
  ): Promise<AsyncIterable<Uint8Array> & AsyncDisposable> {
    const collection = this.#collection(index, call)
    const path = `/collections/${encodeURIComponent(collection)}/snapshots/${encodeURIComponent(name)}`
    const stream = await this.#connection.stream(
      `download of ${name}`,
      (transport, signal) => transport.download(path, signal),
      call,
    )
    const { signal } = call
    const abort = (): void => {
      if (signal) stream.destroy(abortError(signal))
    }
    onAbort(signal, abort)
    stream.once('close', () => offAbort(signal, abort))
    return stream
  }

  async delete(index: VectorIndex, name: string, call: SnapshotCall = {}): Promise<void> {
    const collection = this.#collection(index, call)
    await this.#connection.call(
      { operation: 'deleteSnapshot', collection, snapshot: name, query: { wait: true } },
      call,
    )
  }

  /** Replaces the collection, or makes it, by what the snapshot holds. */
  async restore(index: VectorIndex, from: SnapshotSource, call: SnapshotCall = {}): Promise<void> {
    const collection = this.#collection(index, call)
    await this.#within(call, async (inner) => {
      const result =
        'location' in from
          ? await this.#connection.call(
              {
                operation: 'recoverFromSnapshot',
                collection,
                query: { wait: true },
                body: { location: from.location, priority: 'snapshot' },
              },
              inner,
            )
          : await this.#upload(collection, from, inner)
      if (result === true) return
      throw new HeadwaterError('HW_DATABASE', `qdrant: the restore of ${collection} was not completed`, {
        cause: result,
      })
    })
  }

  async #upload(collection: string, bytes: AsyncIterable<Uint8Array>, call: CallOptions): Promise<unknown> {
    const path = `/collections/${encodeURIComponent(collection)}/snapshots/upload?wait=true&priority=snapshot`
    const reply = await this.#connection.stream(
      `restore of ${collection}`,
      (transport, signal) => transport.upload(path, bytes, signal),
      call,
    )
    return field(reply.data, 'result')
  }

  #within<T>(call: SnapshotCall, work: (inner: CallOptions) => Promise<T>): Promise<T> {
    return this.#connection.within(call, work, this.#timeoutMs)
  }

  #collection(index: VectorIndex, { tenant }: SnapshotCall): string {
    return tenant === undefined ? collectionOf(index) : this.#collections.of(index, tenant)
  }
}

function snapshotOf(value: unknown): QdrantSnapshot {
  const text = (name: string): string | undefined => {
    const found = field(value, name)
    return typeof found === 'string' ? found : undefined
  }
  const size = field(value, 'size')
  return {
    name: text('name') ?? '',
    size: typeof size === 'number' ? size : 0,
    createdAt: text('creation_time'),
    checksum: text('checksum'),
  }
}
