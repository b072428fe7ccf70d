import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe } from 'vitest'
import { ElasticsearchConnection } from '../../src/connections/elasticsearch/connection'
import { PostgresConnection } from '../../src/connections/postgres/connection'
import { QdrantConnection } from '../../src/connections/qdrant/connection'
import { RedisConnection } from '../../src/connections/redis/connection'
import { S3Connection } from '../../src/connections/s3/connection'
import type { CallOptions } from '../../src/core/abort'
import type { Clock } from '../../src/core/clock'
import type { HeadwaterError } from '../../src/core/errors'
import type { BreakerState } from '../../src/resilience/breaker'
import type { PolicyOptions } from '../../src/resilience/policy'
import { describeWithElasticsearch, once } from '../support/elasticsearch'
import { describeWithS3 } from '../support/minio'
import { useDatabase } from '../support/postgres'
import { type QdrantDouble, startQdrantDouble } from '../support/qdrant-double'
import { describeWithRedis } from '../support/redis'

/** What is the same for every client. */
export interface ClientOptions {
  readonly url: string
  /** Longest time of a call and of connecting, ms. */
  readonly timeoutMs?: number
  readonly maxConnections?: number
  readonly retry?: PolicyOptions['retry']
  readonly budget?: PolicyOptions['budget']
  readonly breaker?: PolicyOptions['breaker']
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string; readonly verify?: boolean }
  readonly clock?: Clock
}

/** One of our connections, as far as the five are alike. */
export interface AnyConnection {
  /** Asks for some hundred bytes; may be repeated. */
  read(call?: CallOptions): Promise<unknown>
  health(call?: CallOptions): Promise<{
    readonly status: string
    readonly breaker: BreakerState
    readonly error: HeadwaterError | undefined
  }>
  close(): Promise<void>
  destroy(): Promise<void>
}

export interface Client {
  readonly name: string
  /** Of the real server; known once the suite runs. */
  readonly url: () => string
  readonly open: (options: ClientOptions) => AnyConnection
}

/** One suite over all five clients; those whose server is missing are skipped, and say so. */
export function describeClients(title: string, suite: (client: Client) => void): void {
  once(describe)(`Postgres: ${title}`, () => {
    const database = useDatabase()
    suite({ name: 'postgres', url: () => database().url, open: openPostgres })
  })
  once(describe)(`Qdrant: ${title}`, () => {
    let double: QdrantDouble
    beforeAll(async () => {
      double = await startQdrantDouble()
    })
    afterAll(() => double.close())
    suite({ name: 'qdrant', url: () => double.url, open: openQdrant })
  })
  describeWithElasticsearch(`Elasticsearch: ${title}`, (url) => {
    suite({ name: 'elasticsearch', url: () => url, open: openElasticsearch })
  })
  once(describeWithRedis)(`Redis: ${title}`, (redis) => {
    beforeAll(async () => {
      await redis().raw.set('faults', 'x'.repeat(300), 'EX', 600)
    })
    suite({ name: 'redis', url: () => redis().url, open: openRedis })
  })
  once(describeWithS3)(`S3: ${title}`, (s3) => {
    const bucket = `hw-test-${randomBytes(8).toString('hex')}`
    beforeAll(async () => {
      const connection = new S3Connection(s3().options)
      await connection.call('makeBucket', (client) => client.makeBucket(bucket))
      await connection.close()
    })
    suite({
      name: 's3',
      url: () => s3().endpoint,
      open: ({ url, timeoutMs, maxConnections, tls, clock, ...policy }) => {
        const { verify, ...trust } = tls ?? {}
        const connection = new S3Connection(
          {
            ...s3().options,
            endpoint: url,
            requestTimeoutMs: timeoutMs,
            maxInFlight: maxConnections,
            ...(tls && { tls: { ...trust, rejectUnauthorized: verify } }),
            ...policy,
          },
          { clock },
        )
        const list = {
          read: (call?: CallOptions) =>
            connection.call('list', (client) => client.listObjectsV2Query(bucket, '', '', '', 10, ''), call),
        }
        return alike(connection, list.read)
      },
    })
  })
}

function openPostgres({
  timeoutMs = 30_000,
  maxConnections = 4,
  tls,
  clock,
  ...options
}: ClientOptions): AnyConnection {
  const { verify, ...trust } = tls ?? {}
  const connection = new PostgresConnection(
    {
      ...options,
      max: maxConnections,
      connectionTimeoutMs: timeoutMs + 150,
      statementTimeoutMs: timeoutMs,
      queryTimeoutMs: timeoutMs + 100,
      ...(tls && { ssl: { ...trust, rejectUnauthorized: verify ?? true } }),
    },
    { clock },
  )
  return alike(connection, (call) => connection.session({ worker: true }).query("SELECT repeat('x', 300)", [], call))
}

function openQdrant({ clock, ...options }: ClientOptions): AnyConnection {
  const connection = new QdrantConnection(options, { clock })
  return alike(connection, (call) => connection.call({ operation: 'getCollections' }, call))
}

function openElasticsearch({ clock, ...options }: ClientOptions): AnyConnection {
  const connection = new ElasticsearchConnection(options, { clock })
  const health = { method: 'GET', path: '/_cluster/health' }
  return alike(connection, (call) => connection.request(health, { ...call, idempotent: true }))
}

function openRedis({ timeoutMs, maxConnections, tls, clock, ...options }: ClientOptions): AnyConnection {
  const { verify, ...trust } = tls ?? {}
  const connection = new RedisConnection(
    {
      ...options,
      commandTimeoutMs: timeoutMs,
      connectTimeoutMs: timeoutMs,
      connections: maxConnections,
      ...(tls && { tls: { ...trust, rejectUnauthorized: verify } }),
    },
    { clock },
  )
  return alike(connection, (call) => connection.command('GET', ['faults'], call))
}

function alike(connection: Omit<AnyConnection, 'read'>, read: AnyConnection['read']): AnyConnection {
  return {
    read,
    health: (call) => connection.health(call),
    close: () => connection.close(),
    destroy: () => connection.destroy(),
  }
}
