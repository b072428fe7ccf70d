import { PGlite } from '@electric-sql/pglite'
import { drizzle } from 'drizzle-orm/node-postgres'
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CallerTransaction, executorFrom } from '../../../src/connections/postgres/caller'
import { useDatabase } from '../../support/postgres'
import { rejection } from './backends'

const database = useDatabase()
let pool: pg.Pool
let lite: PGlite

beforeAll(async () => {
  pool = new pg.Pool({ connectionString: database().url, max: 2 })
  lite = await PGlite.create()
  const table = 'CREATE TABLE mine (id int8 PRIMARY KEY, at timestamptz, meta jsonb)'
  await Promise.all([pool.query(table), lite.query(table)])
})
afterAll(async () => {
  await pool.end()
  await lite.close()
})

class Undo extends Error {}

/** Each runs `work` in a transaction of its own kind and rolls it back when `work` throws. */
const kinds: Record<string, (work: (transaction: CallerTransaction) => Promise<void>) => Promise<void>> = {
  async 'pg client'(work) {
    const client = await pool.connect()
    try {
      await client.query('BEGIN')
      await work(client)
      await client.query('COMMIT')
    } catch (error) {
      await client.query('ROLLBACK')
      throw error
    } finally {
      client.release()
    }
  },
  PGlite: (work) => lite.transaction((tx) => work(tx)),
  Kysely: (work) =>
    new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) }).transaction().execute((trx) => work(trx)),
  drizzle: (work) => drizzle(pool).transaction((tx) => work(tx)),
}

describe.each(Object.keys(kinds))('the caller’s transaction: %s', (kind) => {
  const inTransaction = kinds[kind]!
  const at = new Date('2026-01-02T03:04:05.678Z')

  it('runs statements in it and leaves COMMIT and ROLLBACK to the caller', async () => {
    const undone = inTransaction(async (transaction) => {
      const executor = executorFrom(transaction)
      const inserted = await executor.query('INSERT INTO mine VALUES ($1, $2, $3::jsonb)', [
        7,
        at.toISOString(),
        JSON.stringify({ a: ['x', "'", 'ü'] }),
      ])
      expect(inserted).toEqual({ rows: [], rowCount: 1, counted: true })
      const { rows, rowCount } = await executor.query('SELECT * FROM mine WHERE id = $1', [7])
      expect(rowCount).toBe(1)
      // Kysely hands on rows without their types, so a bigint stays what the caller's parsers make of it.
      expect(rows).toEqual([{ id: kind === 'Kysely' ? '7' : 7, at, meta: { a: ['x', "'", 'ü'] } }])
      throw new Undo()
    })
    expect(await rejection(undone)).toBeInstanceOf(Undo)
    const left = 'SELECT 1 FROM mine'
    expect((await (kind === 'PGlite' ? lite.query(left) : pool.query(left))).rows).toEqual([])
  })

  it('what it commits is there', async () => {
    await inTransaction(async (transaction) => {
      const changed = await executorFrom(transaction).query('INSERT INTO mine (id) VALUES (8), (9) RETURNING id', [])
      expect(changed.rowCount).toBe(2)
    })
    await inTransaction(async (transaction) => {
      expect((await executorFrom(transaction).query('DELETE FROM mine')).rowCount).toBe(2)
    })
  })

  it('errors are ours, with the SQLSTATE', async () => {
    let seen: unknown
    await inTransaction(async (transaction) => {
      seen = await rejection(executorFrom(transaction).query('SELECT $1::int / 0', [1]))
      throw seen
    }).catch(() => {})
    expect(seen).toMatchObject({ code: 'HW_DATABASE', details: { sqlState: '22012' } })
  })
})

describe('anything else', () => {
  it('an adapter of three lines will do', async () => {
    const adapter = { query: (text: string, values?: unknown[]) => pool.query(text, values) }
    expect((await executorFrom(adapter).query('SELECT 1::int8 AS n')).rows).toEqual([{ n: 1 }])
  })

  it('what cannot run a statement is refused', () => {
    expect(() => executorFrom({} as CallerTransaction)).toThrow(/expected a pg client/)
  })
})
