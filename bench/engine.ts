/**
 * A change of engine under writes: vectors from pgvector to Qdrant, texts from Postgres to Elasticsearch, by a process of
 * its own, while this one searches and writes. What searches took before, during and after, and how many failed.
 */
import { fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Client } from '@elastic/elasticsearch'
import pg from 'pg'
import { openStore, type Store, type StoreOptions } from '../index'
import type { Target } from '../src/repositories/generations'
import { median, percentile } from './figures'
import { openQdrant, qdrantNames } from './qdrant-server'
import { fillTruth } from './rebuild-truth'
import { argument, finish, note } from './report'

const engines = { vector: 'qdrant', text: 'elasticsearch' } as const
const searchers = 2
const calmMs = 5_000

type Place = StoreOptions & { readonly postgres: { readonly url: string; readonly schema: string } }

/** In the child: one change, told when it is over. */
async function change(options: Place, target: Target, engine: string): Promise<void> {
  const store = await openStore(options)
  const result = await store.rebuild({ target, engine })
  process.send!(result)
  await store.close()
  process.disconnect()
}

async function changed(options: Place, target: Target, engine: string) {
  const child = fork(fileURLToPath(import.meta.url), [JSON.stringify(options), target, engine], {
    execArgv: [...process.execArgv],
  })
  const startedAt = performance.now()
  const [result] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`the change ended with ${code}`))),
  ])) as [{ copied: number; mended: number }]
  return { ...result, ms: performance.now() - startedAt }
}

interface Phase {
  failed: number
  degraded: number
  readonly times: number[]
  readonly writes: number[]
}

class Load {
  readonly #store: Store
  readonly #target: Target
  readonly #running: Promise<unknown>
  #phase = calmly()
  #over = false
  failed = 0

  constructor(store: Store, target: Target) {
    this.#store = store
    this.#target = target
    const search = Array.from({ length: searchers }, (_, at) => this.#search(at))
    this.#running = Promise.all([...search, this.#write()])
  }

  /** What was measured until now; the next begins. */
  turn(): Phase {
    const phase = this.#phase
    this.#phase = calmly()
    return phase
  }

  async end(): Promise<void> {
    this.#over = true
    await this.#running
  }

  async #search(of: number): Promise<void> {
    for (let turn = of; !this.#over; turn++) {
      const acme = this.#store.forTenant(`tenant-${turn % 20}`)
      const query = `w${(turn * 37) % 5000} w${(turn * 101) % 5000}`
      const phase = this.#phase
      const startedAt = performance.now()
      try {
        const page = await acme.search({ query, mode: this.#target, limit: 10 })
        if (page.degraded.length > 0) phase.degraded++
      } catch (error) {
        this.failed++
        phase.failed++
        note('failed', String(error))
      }
      phase.times.push(performance.now() - startedAt)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  async #write(): Promise<void> {
    for (let turn = 0; !this.#over; turn++) {
      const { documents } = this.#store.forTenant(`tenant-${turn % 20}`)
      const { writes } = this.#phase
      const startedAt = performance.now()
      if (turn % 5 === 4) await documents.delete(`new-${turn - 40}`)
      else await documents.put({ id: `new-${turn}`, text: `w${turn % 5000} written meanwhile, number ${turn}` })
      writes.push(performance.now() - startedAt)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
}

function calmly(): Phase {
  return { failed: 0, degraded: 0, times: [], writes: [] }
}

function told({ times, writes, failed, degraded }: Phase): string {
  const shown = (of: number[]): string => `${median(of).toFixed(1)} / ${percentile(of, 0.99).toFixed(1)} ms`
  const searches = `${shown(times)} of ${times.length}, ${failed} failed, ${degraded} degraded`
  return `searches ${searches}; writes ${shown(writes)} of ${writes.length}`
}

async function main(): Promise<void> {
  const chunks = Number(argument(0) ?? 20_000)
  const dimensions = Number(argument(1) ?? 64)
  const only = argument(2)
  const url = process.env['DATABASE_URL'] ?? process.env['HW_TEST_PGVECTOR_URL']
  const elasticsearchUrl = process.env['ELASTICSEARCH_URL'] ?? process.env['HW_TEST_ELASTICSEARCH_URL']
  if (!url || !elasticsearchUrl) throw new Error('bench engine: set DATABASE_URL (with pgvector) and ELASTICSEARCH_URL')
  const name = `hw_bench_${randomBytes(5).toString('hex')}`
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const qdrant = await openQdrant()
  note('chunks', `${chunks}, ${dimensions} dimensions; ${searchers} searchers and a writer beside`)
  note('vectors go to', qdrantNames[qdrant.kind])
  try {
    for (const target of ['vector', 'text'] as const) {
      if (only !== undefined && only !== target) continue
      const schema = `${name}_${target}`
      const options: Place = {
        postgres: { url, schema },
        embedder: { hashing: { dimensions } },
        qdrant: { url: qdrant.url, prefix: name },
        elasticsearch: { url: elasticsearchUrl, prefix: name },
      }
      const { qdrant: _, elasticsearch: __, ...narrow } = options
      await (await openStore(narrow)).close()
      await fillTruth(client, schema, chunks, dimensions)
      const store = await openStore(options)
      await store.rebuild({ target })
      await store.dropStandby({ target })
      const load = new Load(store, target)
      const calm = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, calmMs))
      await calm()
      load.turn()
      await calm()
      const before = load.turn()
      const there = await changed(options, target, engines[target])
      const during = load.turn()
      await calm()
      const after = load.turn()
      const back = await changed(options, target, 'postgres')
      const duringBack = load.turn()
      await load.end()
      const { remaining } = await store.relay.drain({ timeoutMs: 60_000 })
      const { missing, stale, orphaned, foreign } = await store.reconcile({ target })
      const change = ({ ms, copied, mended }: typeof there): string =>
        `${(ms / 1_000).toFixed(1)} s, ${Math.round((copied / ms) * 1_000)} chunks/s with opening, check and switch; ${mended} mended`
      note(`${target} to ${engines[target]}`, change(there))
      note('  before, median / p99', told(before))
      note('  during', told(during))
      note('  after', told(after))
      note(`${target} back to postgres`, change(back))
      note('  during', told(duringBack))
      note('  left after it', JSON.stringify({ remaining, missing, stale, orphaned, foreign }))
      if (load.failed > 0) process.exitCode = 1
      await store.close()
      await client.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`)
    }
  } finally {
    await qdrant.stop()
    const elasticsearch = new Client({ node: elasticsearchUrl })
    const found = await elasticsearch.indices.get({ index: `${name}*` })
    for (const index of Object.keys(found)) await elasticsearch.indices.delete({ index })
    await elasticsearch.indices.deleteIndexTemplate({ name: `${name}*` }, { ignore: [404] })
    await elasticsearch.close()
    await client.end()
  }
  finish()
}

if (process.send && process.argv[1] === fileURLToPath(import.meta.url)) {
  const [options, target, engine] = process.argv.slice(2) as [string, Target, string]
  await change(JSON.parse(options) as Place, target, engine)
} else await main()
