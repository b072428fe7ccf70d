/** A store is moved from embedded to a server and back: times, memory, calls of the embedder, digests. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import pg from 'pg'
import { openStore } from '../index'
import { type MoveReport, moveStore } from '../src/store/backup/index'
import { counting, fill, measured } from './backup-store'
import { argument, finish, note } from './report'

const chunks = Number(argument(0) ?? 10_000)
const blobs = Number(argument(1) ?? 1_000)
const dimensions = Number(argument(2) ?? 384)
const url = process.env['DATABASE_URL'] ?? process.env['HW_TEST_PGVECTOR_URL']
if (!url) throw new Error('bench move: set DATABASE_URL to a Postgres server with pgvector')

const folder = await mkdtemp(path.join(tmpdir(), 'hw-bench-move-'))
const schema = `hw_bench_${randomBytes(5).toString('hex')}`
const first = { embedded: { path: path.join(folder, 'first') } }
const server = { postgres: { url, schema }, blobs: { path: path.join(folder, 'blobs') } }
const back = { embedded: { path: path.join(folder, 'back') } }

function tell(name: string, { rows, tables, blobs: moved, indexes, ms }: MoveReport): void {
  if (moved.written !== blobs || !indexes.every(({ equal }) => equal))
    throw new Error(`${name}: blobs or indexes differ`)
  note(`${name}, rows and blobs, then indexes`, `${ms.rows} and ${ms.indexes} ms`)
  note(`${name}, equal by digest`, `${rows} rows of ${tables.length} tables; ${moved.count} blobs`)
}

/** Of what does not begin anew with each life of a store. */
function lasting({ tables }: MoveReport): string {
  return JSON.stringify(tables.filter(({ name }) => name !== 'registry' && name !== 'queue'))
}

try {
  const store = await openStore({ ...first, embedder: counting(dimensions), relay: 'external' })
  await fill(store, chunks, blobs)
  await store.close()
  const there = await measured('embedded to server', () =>
    moveStore(first, { ...server, embedder: counting(dimensions) }),
  )
  tell('embedded to server', there)
  const returned = await measured('server to embedded', () =>
    moveStore(server, { ...back, embedder: counting(dimensions) }),
  )
  tell('server to embedded', returned)
  note('digests of both ways', lasting(there) === lasting(returned) ? 'equal' : 'DIFFERENT')
} finally {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`)
  await client.end()
  await rm(folder, { recursive: true, force: true })
}
finish()
