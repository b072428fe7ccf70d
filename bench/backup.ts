/**
 * Create, second create, verify, drill in another schema, restore into an empty database, with their times, sizes, memory
 * and calls of the embedder; and the relay's rate while the snapshot is held.
 */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import pg from 'pg'
import { openStore, type StoreOptions } from '../index'
import { drillBackup, restoreBackup, verifyBackup } from '../src/store/backup/index'
import { counting, fill, measured, text } from './backup-store'
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
function place(name: string): StoreOptions {
  if (embedded)
    return { embedded: { path: path.join(folder, name) }, embedder: counting(dimensions), relay: 'external' }
  const schema = `hw_bench_${randomBytes(5).toString('hex')}`
  schemas.push(schema)
  return {
    postgres: { url: url!, schema },
    blobs: { path: path.join(folder, name) },
    embedder: counting(dimensions),
    relay: 'external',
  }
}

const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`

try {
  const where = place('store')
  const store = await openStore(where)
  await measured('put', () => fill(store, chunks, blobs))
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
