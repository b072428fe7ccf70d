import { ElasticsearchConnection } from '../../connections/elasticsearch/connection'
import { PostgresConnection } from '../../connections/postgres/connection'
import { QdrantConnection } from '../../connections/qdrant/connection'
import { RedisConnection } from '../../connections/redis/connection'
import { S3Connection } from '../../connections/s3/connection'
import type { CallOptions } from '../../core/abort'
import type { Deadline } from '../../core/deadline'
import { errorCatalogue } from '../../core/errors'
import { RedisCacheRepository } from '../../repositories/redis/cache'
import { S3BlobRepository } from '../../repositories/s3/blobs'
import { nobody } from '../../store/probes'
import { outages } from '../../store/store-health'
import type { StoreOptions } from '../../store/store-options'
import type { ConnectionHealth } from '../../store/store-parts'
import { attempt, type Check, failed, ok, warning } from './check'

interface Connection {
  health(call: CallOptions): Promise<object>
  close(): Promise<void>
  destroy(): Promise<void>
}

/** A connection to each store that the options name; none is opened before it is asked. */
export interface Stores {
  readonly postgres: PostgresConnection
  /** Of the role that migrates, where that is another one. */
  readonly owner: PostgresConnection | undefined
  readonly qdrant: QdrantConnection | undefined
  readonly elasticsearch: ElasticsearchConnection | undefined
  readonly redis: RedisConnection | undefined
  readonly s3: S3Connection | undefined
}

export function connectStores(options: StoreOptions<object>, ownerUrl: string | undefined): Stores {
  const { schema: _schema, ...server } = options.postgres ?? {}
  const { prefix: _collections, vectors: _vectors, ...qdrant } = options.qdrant ?? {}
  const { prefix: _indexes, texts: _texts, ...elasticsearch } = options.elasticsearch ?? {}
  const { cache: _cache, vectors: _cached, ...redis } = { vectors: undefined, ...(options.redis || {}) }
  const { blobs: _blobs, ...s3 } = options.s3 ?? {}
  return {
    postgres: new PostgresConnection(
      options.postgres ? server : { embedded: { path: options.embedded?.path ?? './.headwater' } },
    ),
    owner: ownerUrl === undefined ? undefined : new PostgresConnection({ url: ownerUrl }),
    qdrant: options.qdrant && new QdrantConnection(qdrant),
    elasticsearch: options.elasticsearch && new ElasticsearchConnection(elasticsearch),
    redis: options.redis ? new RedisConnection(redis) : undefined,
    s3: options.s3 && new S3Connection(s3),
  }
}

/** The embedded database must let go of its folder; of a server nobody waits for an answer any more. */
export async function disconnect(stores: Stores): Promise<void> {
  const all = [...Object.entries(stores)] as [string, Connection | undefined][]
  await Promise.allSettled(
    all.map(([, connection]) =>
      connection === stores.postgres && stores.postgres.embedded ? connection.close() : connection?.destroy(),
    ),
  )
}

/** Whether each store answers, and with which version, all at once and in half of the time that there is. */
export async function checkStores(stores: Partial<Stores>, deadline: Deadline): Promise<Check[]> {
  const call = { signal: deadline.signal, timeoutMs: deadline.remaining() / 2 }
  const all = Object.entries(stores) as [keyof Stores, Connection | undefined][]
  return Promise.all(
    all.flatMap(([key, connection]) => {
      const name = key === 'owner' ? 'postgres for migrations' : key
      return connection ? [checkStore(name, connection, call)] : []
    }),
  )
}

/** Proves it on a collection that is made for it and dropped at once. */
export function checkFences(qdrant: QdrantConnection, deadline: Deadline): Promise<Check[]> {
  return attempt('qdrant fences', deadline, async () => {
    await qdrant.check(deadline.options())
    return [ok('qdrant fences', 'A write below the stored fence is refused.')]
  })
}

/** What users' calls do there and health does not: a script in Redis, a blob in S3 that is put and deleted again. */
export async function checkCalls(
  { redis, s3 }: Stores,
  options: StoreOptions<object>,
  isUp: (name: string) => boolean,
  deadline: Deadline,
): Promise<Check[]> {
  const checks = await Promise.all([
    redis && isUp('redis')
      ? attempt('redis scripts', deadline, async () => {
          const settings = options.redis ? options.redis.cache : undefined
          await new RedisCacheRepository(redis, { ...settings }).delete(nobody, 'health', deadline.options())
          return [ok('redis scripts', 'They may be run.')]
        })
      : [],
    s3 && isUp('s3')
      ? attempt('s3 writes', deadline, async () => {
          const blobs = new S3BlobRepository(s3, options.s3?.blobs)
          const { key } = await blobs.put(nobody, 'headwater doctor', deadline.options())
          await blobs.delete(nobody, key, deadline.options())
          return [ok('s3 writes', 'A blob was put and deleted again.')]
        })
      : [],
  ])
  return checks.flat()
}

async function checkStore(name: string, connection: Connection, call: CallOptions): Promise<Check> {
  const health = (await connection.health(call)) as ConnectionHealth
  const { status, latencyMs, serverVersion, target, error } = health
  if (status === 'down') {
    const check = failed(name, error)
    const outage = outages[name]
    if (outage === undefined) return check
    const where = name === 'qdrant' || name === 'elasticsearch' ? ', where the live index is in it' : ''
    return { ...check, detail: `${check.detail}. While it is so${where}: ${outage}` }
  }
  const version = serverVersion === undefined ? 'tells no version' : serverVersion
  const detail = `${target ?? name}, ${version}, ${latencyMs.toFixed(1)} ms`
  if (status === 'up') return ok(name, detail)
  return warning(name, `${detail}; the cluster is red`, errorCatalogue.HW_UNAVAILABLE.remedy)
}
