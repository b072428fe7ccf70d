/** The memory that a rebuild takes: copy, comparison and switch of many small chunks, in pgvector. */
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { PostgresConnection } from '../src/connections/postgres/connection'
import { systemClock } from '../src/core/clock'
import { systemRandom } from '../src/core/random'
import { migrate } from '../src/migrations/migrate'
import { PostgresTextRepository } from '../src/repositories/bm25/texts'
import { PostgresVectorRepository } from '../src/repositories/pgvector/vectors'
import { PostgresTruth } from '../src/repositories/postgres/truth'
import { resolveCollections } from '../src/store/store-options'
import { ensureGenerations } from '../src/writer/rebuild/generations'
import { rebuild } from '../src/writer/rebuild/rebuild'
import { fillTruth } from './rebuild-truth'
import { add, argument, finish, note } from './report'

const chunks = Number(argument(0) ?? 1_000_000)
const dimensions = Number(argument(1) ?? 16)
const url = process.env['DATABASE_URL'] ?? process.env['HW_TEST_PGVECTOR_URL']
if (!url) throw new Error('bench memory: set DATABASE_URL to a Postgres server that has pgvector')

const schema = `hw_bench_${randomBytes(5).toString('hex')}`
const client = new pg.Client({ connectionString: url })
const connection = new PostgresConnection({ url })
const { plans, embedders } = resolveCollections({ embedder: { hashing: { dimensions } } })
const ports = {
  truth: new PostgresTruth(connection, { schema }),
  // The server's memory and an hour of its time, and nothing of this process.
  vectors: new PostgresVectorRepository(connection, { schema, hnsw: false }),
  texts: new PostgresTextRepository(connection, { schema }),
  collections: plans,
  embedders,
  clock: systemClock,
  random: systemRandom,
}
const mib = (bytes: number): number => Math.round(bytes / 2 ** 20)

await client.connect()
try {
  await migrate(connection, { schema })
  await ensureGenerations(ports)
  await fillTruth(client, schema, chunks, dimensions)
  const idle = process.memoryUsage()
  let [rss, heap] = [idle.rss, idle.heapUsed]
  const phases = new Map<string, number>()
  const startedAt = performance.now()
  const { copied } = await rebuild(ports, {
    target: 'vector',
    collection: plans.get('documents')!,
    onProgress({ phase }) {
      const now = process.memoryUsage()
      rss = Math.max(rss, now.rss)
      heap = Math.max(heap, now.heapUsed)
      phases.set(phase, performance.now() - startedAt)
    },
  })
  if (copied !== chunks) throw new Error(`${copied} chunks were copied, ${chunks} expected`)
  note('chunks', `${chunks}, ${dimensions} dimensions, no index for searches`)
  add('memory above idle', 'MiB', mib(idle.rss), mib(rss), { compare: 'difference', atMost: 200 })
  note('heap, idle and at most', `${mib(idle.heapUsed)} and ${mib(heap)} MiB`)
  note(
    'seconds until the end of',
    Object.fromEntries([...phases].map(([phase, ms]) => [phase, Math.round(ms / 1_000)])),
  )
} finally {
  await client.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`)
  await client.end()
  await connection.close()
}
finish()
