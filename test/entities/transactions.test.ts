import { drizzle } from 'drizzle-orm/node-postgres'
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { type CallerTransaction, defineEntity, openStore, systemClock } from '../../index'
import { limitDefaults } from '../../src/core/limits'
import { seededRandom } from '../../src/core/random'
import { ownStatements } from '../../src/entities/access'
import { definitionOfEntity } from '../../src/entities/declaration'
import { RestorableRepository } from '../../src/entities/repository'
import type { CommitOutcome } from '../../src/repositories/memory/faults'
import { MemoryTruth } from '../../src/repositories/memory/truth'
import { acme } from '../../src/testing/contracts/rows'
import { pgTransaction } from '../support/pg-transaction'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'

const books = defineEntity(
  'books',
  z.object({
    title: z.string(),
    pages: z.int(),
    weight: z.number().optional(),
    at: z.iso.datetime().optional(),
    day: z.iso.date().optional(),
    tags: z.array(z.string()).default([]),
  }),
  { indexes: [['pages'], ['at']], unique: [['title']], softDelete: true },
)

const refused = (work: Promise<unknown>) =>
  work.then(
    () => expect.fail('resolved'),
    (error: unknown) => error,
  )

describeWithPgvector('entities inside a transaction of the caller', () => {
  const database = useDatabase(() => pgvectorUrl()!)
  const opened = async () =>
    openStore({
      embedder: { hashing: { dimensions: 16 } },
      relay: 'external',
      postgres: { url: database().url },
      entities: { books },
    })
  let store: Awaited<ReturnType<typeof opened>>
  let pool: pg.Pool
  beforeAll(async () => {
    store = await opened()
    pool = new pg.Pool({ connectionString: database().url, max: 3 })
  })
  afterAll(() => Promise.all([store?.close(), pool?.end()]))

  const plain = <T>(work: (trx: CallerTransaction, client: pg.PoolClient) => Promise<T>): Promise<T> =>
    pgTransaction(pool, (client) => work(client, client))
  const callers: [string, <T>(work: (trx: CallerTransaction) => Promise<T>) => Promise<T>][] = [
    ['pg', plain],
    [
      'Kysely',
      (work) => new Kysely({ dialect: new PostgresDialect({ pool }) }).transaction().execute((trx) => work(trx)),
    ],
    ['drizzle', (work) => drizzle(pool).transaction((tx) => work(tx))],
  ]

  it.each(callers)('commits and rolls back with %s', async (name, transaction) => {
    const tenant = store.forTenant(name)
    const given = {
      title: 'A',
      pages: 2 ** 40,
      weight: 0.1,
      at: '2026-01-01T00:00:00.000Z',
      day: '2026-01-01',
      tags: ['x'],
    }
    const row = await transaction(async (trx) => {
      const { books } = tenant.using(trx).entities
      const one = await books.insert(given)
      expect(one).toMatchObject(given)
      expect(await books.get(one.id)).toEqual(one)
      expect(
        (await books.list({ filter: { pages: { gt: 1 }, at: { lte: '2026-01-01' } }, orderBy: [{ at: 'desc' }] }))
          .items,
      ).toEqual([one])
      const changed = await books.update(one.id, { pages: 3 }, { ifVersion: 1 })
      expect(await books.delete(one.id)).toBe(true)
      expect(await books.restore(one.id)).toMatchObject({ pages: 3, version: 4 })
      expect(changed.version).toBe(2)
      await tenant.using(trx).documents.put({ id: one.id, text: 'A book' })
      expect(await tenant.entities.books.get(one.id)).toBe(null)
      return books.upsert({ ...given, pages: 4 })
    })
    expect(await tenant.entities.books.get(row.id)).toEqual(row)
    expect(await tenant.documents.get(row.id)).not.toBe(null)
    const failure = await refused(
      transaction(async (trx) => {
        const { books } = tenant.using(trx).entities
        await books.insertMany([{ title: 'B', pages: 1 }])
        await books.insert({ title: 'A', pages: 1 })
      }),
    )
    expect(failure).toMatchObject({ code: 'HW_CONFLICT', details: { columns: ['title'] } })
    expect(await tenant.entities.books.count()).toBe(1)
  })

  it('takes no transaction that has ended', async () => {
    const client = await pool.connect()
    const { books } = store.forTenant('acme').using(client).entities
    expect(await refused(books.insert({ title: 'x', pages: 1 }))).toMatchObject({ code: 'HW_INVALID_ARGUMENT' })
    client.release()
    expect(await store.forTenant('acme').entities.books.count()).toBe(0)
  })
})

describe('an answer that was lost', () => {
  const outcomes: CommitOutcome[] = []
  const truth = new MemoryTruth({
    faults: { before: async () => undefined, commit: async () => outcomes.shift() ?? 'ok' },
  })
  const context = {
    truth,
    clock: systemClock,
    random: seededRandom(1),
    limits: limitDefaults,
    enter: <T>(work: () => Promise<T>) => work(),
  }
  type Row = { id: string; version: number; title: string }
  interface Shape {
    input: { title: string; pages: number }
    row: Row
    key: string
    keyName: 'id'
    softDelete: true
    tenant: true
  }
  const rows = new RestorableRepository<Shape>(
    definitionOfEntity(books, 'books') as never,
    acme,
    context,
    ownStatements(context, acme),
  )

  it.each<CommitOutcome>(['lost-ack', 'fail'])('is told from what was committed, once: %s', async (outcome) => {
    const lose = () => outcomes.push(outcome)
    lose()
    const row = await rows.insert({ title: outcome, pages: 1 })
    expect(await rows.get(row.id)).toEqual(row)
    lose()
    const [many] = await rows.insertMany([{ title: `${outcome} 2`, pages: 1 }])
    expect(await rows.get(many!.id)).toEqual(many)
    lose()
    const upserted = await rows.upsert({ title: outcome, pages: 2 })
    expect(upserted).toMatchObject({ id: row.id, version: 2 })
    lose()
    const changed = await rows.update(row.id, { pages: 3 })
    expect(changed).toMatchObject({ version: 3 })
    expect(await rows.get(row.id)).toEqual(changed)
    lose()
    expect(await rows.delete(row.id)).toBe(true)
    lose()
    expect(await rows.restore(row.id)).toMatchObject({ version: 5 })
    expect(outcomes).toEqual([])
  })
})
