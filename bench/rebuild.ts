/** Rebuilds from stored vectors against loops by hand over the same rows, and the memory they take. */
import { randomBytes } from 'node:crypto'
import { Client } from '@elastic/elasticsearch'
import pg from 'pg'
import { openStore, type Store, type StoreOptions } from '../index'
import type { Target } from '../src/repositories/generations'
import { openQdrant, qdrantNames } from './qdrant-server'
import { copyByHand, elasticsearchByHand, type HandTarget, pgvectorByHand, qdrantByHand } from './rebuild-by-hand'
import { type BenchTruth, fillTruth } from './rebuild-truth'
import { add, argument, finish, medianRun, note } from './report'

const chunks = Number(argument(0) ?? 20_000)
const dimensions = Number(argument(1) ?? 64)
const runs = Number(argument(2) ?? 3)
const url = process.env['DATABASE_URL'] ?? process.env['HW_TEST_PGVECTOR_URL']
const elasticsearchUrl = process.env['ELASTICSEARCH_URL'] ?? process.env['HW_TEST_ELASTICSEARCH_URL']
if (!url) throw new Error('bench rebuild: set DATABASE_URL to a Postgres server that has pgvector')
if (dimensions % 4 !== 0) throw new Error('bench rebuild: dimensions come in fours')

const name = `hw_bench_${randomBytes(5).toString('hex')}`
const client = new pg.Client({ connectionString: url })
const embedder = { hashing: { dimensions } }
const rate = (ms: number): number => Math.round((chunks / ms) * 1_000)

interface Rebuilt {
  readonly copyMs: number
  readonly wholeMs: number
  /** MiB. */
  readonly memory: {
    readonly idle: number
    readonly peak: number
    readonly heapIdle: number
    readonly heapPeak: number
  }
}

async function rebuilt(store: Store, target: Target): Promise<Rebuilt> {
  const mib = (bytes: number): number => Math.round(bytes / 2 ** 20)
  const before = process.memoryUsage()
  let [peak, heapPeak] = [before.rss, before.heapUsed]
  let copyMs = 0
  const startedAt = performance.now()
  const { copied } = await store.rebuild({
    target,
    onProgress: ({ phase }) => {
      const { rss, heapUsed } = process.memoryUsage()
      peak = Math.max(peak, rss)
      heapPeak = Math.max(heapPeak, heapUsed)
      if (phase === 'copy') copyMs = performance.now() - startedAt
    },
  })
  if (copied !== chunks) throw new Error(`${copied} chunks were copied, ${chunks} expected`)
  const memory = { idle: mib(before.rss), peak: mib(peak), heapIdle: mib(before.heapUsed), heapPeak: mib(heapPeak) }
  return { copyMs, wholeMs: performance.now() - startedAt, memory }
}

/** Both sides in turn, on the rows of one schema, once to warm up; the figures of the run in the middle. */
async function compare(
  what: string,
  store: Store,
  target: Target,
  truth: BenchTruth,
  schema: string,
  byHand: () => Promise<HandTarget>,
): Promise<Rebuilt> {
  const run = async () => {
    const ours = await rebuilt(store, target)
    const hand = await byHand()
    const times = await copyByHand(client, schema, truth, hand)
    await hand.close()
    return { ...times, ours }
  }
  const first = await run()
  const { loopMs, writesMs, ours } = await medianRun(runs, run, (one) => one.loopMs / one.ours.copyMs)
  const goal = { compare: 'ratio', atLeast: 0.9 } as const
  add(`copy into ${what}, a loop by hand`, '/s', rate(loopMs), rate(ours.copyMs), goal)
  add(`copy into ${what}, its writes alone`, '/s', rate(writesMs), rate(ours.copyMs), goal)
  note('with index, check and switch', `${rate(ours.wholeMs)}/s`)
  return first.ours
}

async function withSchema(
  part: string,
  options: StoreOptions,
  work: (store: Store, truth: BenchTruth, schema: string) => Promise<void>,
): Promise<void> {
  const schema = `${name}_${part}`
  const store = await openStore({ postgres: { url: url!, schema }, embedder, relay: 'external', ...options })
  try {
    await work(store, await fillTruth(client, schema, chunks, dimensions), schema)
  } finally {
    await store.close()
    await client.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`)
  }
}

await client.connect()
try {
  note('chunks', `${chunks}, ${dimensions} dimensions, a copy of each run of ${runs}`)
  await withSchema('postgres', {}, async (store, truth, schema) => {
    const { memory } = await compare('pgvector', store, 'vector', truth, schema, () => pgvectorByHand(client, schema))
    add('memory above idle', 'MiB', memory.idle, memory.peak, { compare: 'difference', atMost: 200 })
    note('heap, idle and at most', `${memory.heapIdle} and ${memory.heapPeak} MiB`)
  })
  if (process.argv.includes('--engines')) {
    const server = await openQdrant()
    note('vectors in', qdrantNames[server.kind])
    await withSchema('qdrant', { qdrant: { url: server.url, prefix: name } }, async (store, truth, schema) => {
      await compare('Qdrant', store, 'vector', truth, schema, () => qdrantByHand(server.url, dimensions))
    })
    await server.stop()
    if (elasticsearchUrl) {
      const options = { elasticsearch: { url: elasticsearchUrl, prefix: name } }
      await withSchema('elasticsearch', options, async (store, truth, schema) => {
        await compare('Elasticsearch', store, 'text', truth, schema, () => elasticsearchByHand(elasticsearchUrl, name))
      })
      const elasticsearch = new Client({ node: elasticsearchUrl })
      const found = await elasticsearch.indices.get({ index: `${name}*` })
      for (const index of Object.keys(found)) await elasticsearch.indices.delete({ index })
      await elasticsearch.indices.deleteIndexTemplate({ name: `${name}*` })
      await elasticsearch.close()
    }
  }
} finally {
  await client.end()
}
finish()
