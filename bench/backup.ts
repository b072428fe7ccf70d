/**
 * Create, second create, verify, drill in another schema, restore into an empty database, with their times, sizes, memory
 * and calls of the embedder; and the relay's rate while the snapshot is held.
 */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import pg from 'pg'
import { type Embedder, openStore, type Store, type StoreOptions } from '../index'
import { HashingEmbedder } from '../src/embeddings/hashing'
import { drillBackup, restoreBackup, verifyBackup } from '../src/store/backup/index'
import { argument, finish, note } from './report'

const chunks = Number(argument(0) ?? 10_000)
const blobs = Number(argument(1) ?? 1_000)
const dimensions = Number(argument(2) ?? 384)
const embedded = process.argv.includes('--embedded')
const url = process.env['DATABASE_URL'] ?? process.env['HW_TEST_PGVECTOR_URL']
if (!embedded && !url)
  throw new Error('bench backup: set DATABASE_URL to a Postgres server with pgvector, or --embedded')

const folder = await mkdtemp(path.join(tmpdir(), 'hw-bench-backup-'))
const schemas: string[] = []
const to = path.join(folder, 'place')
let calls = 0

function counting(): Embedder {
  const inner = new HashingEmbedder({ dimensions })
  return {
    fingerprint: inner.fingerprint,
    dimensions,
    maxTokens: Number.POSITIVE_INFINITY,
    embed(texts, options) {
      calls += texts.length
      return inner.embed(texts, options)
    },
  }
}

function place(name: string): StoreOptions {
  if (embedded) return { embedded: { path: path.join(folder, name) }, embedder: counting(), relay: 'external' }
  const schema = `hw_bench_${randomBytes(5).toString('hex')}`
  schemas.push(schema)
  return {
    postgres: { url: url!, schema },
    blobs: { path: path.join(folder, name) },
    embedder: counting(),
    relay: 'external',
  }
}

const words = Array.from({ length: 4_000 }, (_, at) => `word${at.toString(36)}`)
const text = (seed: number): string =>
  Array.from({ length: 90 }, (_, at) => words[(seed * 7_919 + at * 104_729 + ((seed * at) % 613)) % words.length]).join(
    ' ',
  )

async function fill(store: Store): Promise<void> {
  for (let tenant = 0; tenant < 4; tenant++) {
    const share = chunks / 4
    await store.forTenant(`tenant-${tenant}`).documents.putMany(
      (function* () {
        for (let at = 0; at < share; at++) {
          const owns = at < blobs / 4 && { blob: { data: `blob ${tenant} ${at} `.repeat(500) } }
          yield { id: `document-${at}`, text: text(tenant * share + at), metadata: { year: 2000 + (at % 30) }, ...owns }
        }
      })(),
    )
  }
  await store.relay.drain({ timeoutMs: 3_600_000 })
}

/** Time, and memory above what the process took before, MiB. */
async function measured<T>(name: string, work: () => Promise<T>): Promise<T> {
  globalThis.gc?.()
  const idle = process.memoryUsage().rss
  let peak = idle
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss)
  }, 50)
  const startedAt = performance.now()
  const embeddedBefore = calls
  try {
    return await work()
  } finally {
    clearInterval(watch)
    const seconds = (performance.now() - startedAt) / 1_000
    const memory = Math.round((peak - idle) / 2 ** 20)
    note(name, `${seconds.toFixed(1)} s, ${memory} MiB above idle, ${calls - embeddedBefore} texts embedded`)
  }
}

const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`

try {
  const where = place('store')
  const store = await openStore(where)
  await measured('put', () => fill(store))
  const created = await measured('create', () => store.createBackup({ to }))
  note('size', `${mib(created.bytes)} of ${created.rows} rows and ${created.manifest.blobs.count} blobs`)
  note('snapshot held', `${(created.manifest.ms.snapshot / 1_000).toFixed(1)} s`)
  const second = await measured('create again', () => store.createBackup({ to }))
  note('written again', `${second.written.parts} parts, ${second.written.blobs} blobs`)
  const verified = await measured('verify --level full', () => verifyBackup({ from: to }))
  if (!verified.ok) throw new Error(JSON.stringify(verified.problems))
  if (!embedded) {
    const drained = async (): Promise<number> => {
      const acme = store.forTenant('relayed')
      await acme.documents.putMany(
        Array.from({ length: 2_000 }, (_, at) => ({ id: `job-${at}`, text: `${text(at)} ${Math.random()}` })),
        { embed: 'deferred' },
      )
      const startedAt = performance.now()
      const { applied } = await store.relay.drain({ timeoutMs: 600_000 })
      return (applied * 1_000) / (performance.now() - startedAt)
    }
    const alone = await drained()
    const writing = store.createBackup({ to: path.join(folder, 'beside') })
    const beside = await drained()
    await writing
    note('relay alone, and while a backup runs', `${Math.round(alone)} and ${Math.round(beside)} jobs/s`)
  }
  await store.close()
  const restored = await measured('restore, indexes included', () => restoreBackup(place('restored'), { from: to }))
  note('of it rows and blobs, indexes', `${restored.ms.rows} and ${restored.ms.indexes} ms`)
  if (!restored.indexes.every(({ equal }) => equal)) throw new Error('an index differs')
  note(
    'tables equal by digest',
    `${restored.tables.length}; indexes compared: ${restored.indexes.map(({ compared }) => compared)}`,
  )
  const drilled = await measured('drill', () => drillBackup({ from: to, ...(!embedded && { server: { url: url! } }) }))
  if (!drilled.ok) throw new Error(JSON.stringify(drilled.checks))
} finally {
  if (schemas.length > 0) {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    for (const schema of schemas) await client.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`)
    await client.end()
  }
  await rm(folder, { recursive: true, force: true })
}
finish()
