/** An index that was lost or emptied: a repairing reconcile and a drain, beside a rebuild of the same rows. */
import { randomBytes } from 'node:crypto'
import { Client } from '@elastic/elasticsearch'
import { QdrantClient } from '@qdrant/js-client-rest'
import pg from 'pg'
import { openStore, type Store, type StoreOptions } from '../index'
import type { Target } from '../src/repositories/generations'
import { median } from './figures'
import { ProcessMeter, type ProcessorTimes } from './processes'
import { openQdrant, qdrantNames } from './qdrant-server'
import { fillTruth } from './rebuild-truth'
import { add, argument, finish, note } from './report'

const chunks = Number(argument(0) ?? 20_000)
const dimensions = Number(argument(1) ?? 64)
const runs = Number(argument(2) ?? 3)
const url = process.env['DATABASE_URL'] ?? process.env['HW_TEST_PGVECTOR_URL']
const elasticsearchUrl = process.env['ELASTICSEARCH_URL'] ?? process.env['HW_TEST_ELASTICSEARCH_URL']
if (!url) throw new Error('bench mend: set DATABASE_URL to a Postgres server that has pgvector')

const name = `hw_bench_${randomBytes(5).toString('hex')}`
const client = new pg.Client({ connectionString: url })
const meter = await ProcessMeter.open({ postgresUrl: url })
const rate = (ms: number): number => (chunks / ms) * 1_000

/** What can happen to the live index, by what the row says of it. */
type Losses = Readonly<Record<string, (live: string) => Promise<unknown>>>

interface Timed {
  readonly ms: number
  readonly times: ProcessorTimes
}

async function timed(work: () => Promise<unknown>): Promise<Timed> {
  const { result: ms, times } = await meter.during(async () => {
    const at = performance.now()
    await work()
    return performance.now() - at
  })
  return { ms, times }
}

async function liveName(schema: string, target: Target): Promise<string> {
  const { rows } = await client.query(
    `SELECT name FROM ${schema}.generations WHERE target = $1 AND state = 'live' AND collection = 'documents'`,
    [target],
  )
  return rows[0].name
}

async function assertWhole(store: Store, target: Target): Promise<void> {
  const { missing, stale, orphaned, foreign } = await store.reconcile({ target })
  if (missing + stale + orphaned + foreign > 0) throw new Error(`${target}: ${missing} missing, ${stale} stale`)
}

async function compare(what: string, store: Store, schema: string, target: Target, losses: Losses): Promise<void> {
  const rebuilds: Timed[] = []
  const mends = new Map(Object.keys(losses).map((loss) => [loss, [] as Timed[]]))
  for (let run = 0; run < runs; run++) {
    rebuilds.push(await timed(() => store.rebuild({ target })))
    for (const [loss, lose] of Object.entries(losses)) {
      await lose(await liveName(schema, target))
      const mended = await timed(async () => {
        await store.reconcile({ target, repair: true })
        const { remaining, parked } = await store.relay.drain({ timeoutMs: 600_000 })
        if (remaining + parked > 0) throw new Error(`${remaining} jobs are left, ${parked} parked`)
      })
      mends.get(loss)!.push(mended)
      await assertWhole(store, target)
    }
  }
  const middle = (all: readonly Timed[]): number => median(all.map(({ ms }) => ms))
  const processors = (all: readonly Timed[]): string =>
    (['node', 'postgres'] as const)
      .map((process) => `${process} ${Math.round(median(all.map(({ times }) => times[process] ?? Number.NaN)))} ms`)
      .join(', ')
  for (const [loss, all] of mends) {
    add(`${what} ${loss}, and a rebuild`, 'chunks/s', rate(middle(rebuilds)), rate(middle(all)), {
      compare: 'ratio',
      atLeast: 0.8,
    })
    note('processor', `a rebuild ${processors(rebuilds)}; mended ${processors(all)}`)
  }
}

async function withSchema(part: string, options: StoreOptions, work: (store: Store, schema: string) => Promise<void>) {
  const schema = `${name}_${part}`
  const store = await openStore({
    postgres: { url: url!, schema },
    embedder: { hashing: { dimensions } },
    relay: 'external',
    ...options,
  })
  try {
    await fillTruth(client, schema, chunks, dimensions)
    await work(store, schema)
  } finally {
    await store.close()
    await client.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`)
  }
}

await client.connect()
try {
  note('chunks', `${chunks}, ${dimensions} dimensions, the middle of ${runs} runs`)
  await withSchema('postgres', {}, (store, schema) =>
    compare('pgvector', store, schema, 'vector', {
      gone: (live) => client.query(`DROP TABLE ${schema}.${live}`),
      empty: (live) => client.query(`TRUNCATE ${schema}.${live}`),
    }),
  )
  if (process.argv.includes('--engines')) {
    const server = await openQdrant()
    note('vectors in', qdrantNames[server.kind])
    const qdrant = new QdrantClient({ url: server.url, checkCompatibility: false })
    await withSchema('qdrant', { qdrant: { url: server.url, prefix: name } }, async (store, schema) => {
      await compare('Qdrant', store, schema, 'vector', {
        gone: (live) => qdrant.deleteCollection(live),
        empty: (live) => qdrant.delete(live, { wait: true, filter: { must: [] } }),
      })
      const { collections } = await qdrant.getCollections()
      for (const one of collections) if (one.name.startsWith(name)) await qdrant.deleteCollection(one.name)
    })
    await server.stop()
    if (elasticsearchUrl) {
      const elasticsearch = new Client({ node: elasticsearchUrl })
      const indexes = async (): Promise<string[]> => Object.keys(await elasticsearch.indices.get({ index: `${name}*` }))
      await withSchema('text', { elasticsearch: { url: elasticsearchUrl, prefix: name } }, (store, schema) =>
        compare('Elasticsearch', store, schema, 'text', {
          gone: async (live) => {
            const index = (await indexes()).find((one) => one.endsWith(live))!
            await elasticsearch.indices.delete({ index })
          },
        }),
      )
      for (const index of await indexes()) await elasticsearch.indices.delete({ index })
      await elasticsearch.indices.deleteIndexTemplate({ name: `${name}*` })
      await elasticsearch.close()
    }
  }
} finally {
  await client.end()
}
finish()
