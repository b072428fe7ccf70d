import { PGlite } from '@electric-sql/pglite'
import { createPgConfig } from '@electric-sql/pglite/node-postgres'
import { vector } from '@electric-sql/pglite-pgvector'
import { sql as drizzleSql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { Kysely, sql as kyselySql, PostgresDialect } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CallerTransaction, openStore, type Receipt, type Store, type TenantHandle } from '../../index'
import { pgTransaction } from '../support/pg-transaction'
import { planted } from '../support/planted'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'

type Run = (text: string) => Promise<Record<string, unknown>[]>

/** How a user of each library runs a transaction: commits when `work` resolves, rolls back when it rejects. */
interface Caller {
  readonly name: string
  transaction<T>(pool: pg.Pool, work: (transaction: CallerTransaction, run: Run) => Promise<T>): Promise<T>
}

const plain: Caller = {
  name: 'a pg client',
  transaction(pool, work) {
    return pgTransaction(pool, (client) => work(client, async (text) => (await client.query(text)).rows))
  },
}

const kysely: Caller = {
  name: 'a Kysely transaction',
  transaction: (pool, work) =>
    new Kysely({ dialect: new PostgresDialect({ pool }) })
      .transaction()
      .execute((trx) => work(trx, async (text) => (await kyselySql.raw(text).execute(trx)).rows as never)),
}

const drizzled: Caller = {
  name: 'a drizzle transaction',
  transaction: (pool, work) =>
    drizzle(pool).transaction((tx) => work(tx, async (text) => (await tx.execute(drizzleSql.raw(text))).rows)),
}

const adapter: Caller = {
  name: 'an adapter of one method',
  transaction: (pool, work) =>
    plain.transaction(pool, (client, run) =>
      work({ query: (text: string, values: unknown[]) => (client as pg.PoolClient).query(text, values) }, run),
    ),
}

interface Opened {
  readonly pool: pg.Pool
  readonly store: Store
  /** Called once the store and the pool are closed. */
  close?(): Promise<void>
}

function usingSuite(place: string, callers: readonly Caller[], open: () => Promise<Opened>) {
  describe(`using(trx) on ${place}`, () => {
    let pool: pg.Pool
    let store: Store
    let close: Opened['close']
    let tenants = 0
    beforeAll(async () => {
      ;({ pool, store, close } = await open())
      await pool.query('CREATE TABLE orders (id text PRIMARY KEY)')
    })
    afterAll(async () => {
      await store?.close()
      await pool?.end()
      await close?.()
    })
    const orders = async () => (await pool.query('SELECT id FROM orders ORDER BY id')).rows.map((row) => row.id)
    const rowsOf = async ({ tenant }: TenantHandle) => {
      const tables = ['documents', 'chunks', 'queue'].map(
        (table) => `(SELECT count(*)::int FROM headwater.${table} WHERE tenant = $1) AS ${table}`,
      )
      return (await pool.query(`SELECT ${tables.join(', ')}`, [tenant])).rows[0]
    }

    describe.each(callers)('in $name', (caller) => {
      const tenant = () => store.forTenant(`${caller.name.replaceAll(' ', '-')}-${++tenants}`)

      it("commits with the caller's own rows, and is found after waitFor", async () => {
        const acme = tenant()
        await acme.documents.put({ id: 'old', text: 'Old words to be replaced.' })
        await acme.documents.put({ id: 'gone', text: 'Words to be deleted.' })
        const order = `${acme.tenant} commit`
        const receipts = await caller.transaction(pool, async (trx, run) => {
          const who = await run('SELECT current_user AS who, current_setting($$role$$) AS role')
          await run(`INSERT INTO orders VALUES ('${order}')`)
          const { documents } = acme.using(trx)
          const made = await documents.put({ id: 'a', text: 'Parental leave is long.', metadata: { section: 'hr' } })
          expect(made).toMatchObject({ id: 'a', version: 1, unchanged: false, targets: { text: 'queued' } })
          const patched = await documents.patch('a', { title: 'Leave', metadata: { year: 2026 } })
          expect(patched.version).toBe(2)
          const changed = await documents.put({ id: 'old', text: 'New words instead.' })
          const deleted = await documents.delete('gone')
          expect(await documents.get('a')).toMatchObject({ title: 'Leave', metadata: { section: 'hr', year: 2026 } })
          expect(await documents.getMany(['gone', 'old', 'a'])).toMatchObject([null, { version: 2 }, { version: 2 }])
          expect(await run('SELECT current_user AS who, current_setting($$role$$) AS role')).toEqual(who)
          return [made, patched, changed, deleted]
        })
        for (const receipt of receipts) await acme.waitFor(JSON.parse(JSON.stringify(receipt)), { timeoutMs: 20_000 })
        expect(await orders()).toContain(order)
        const { hits } = await acme.search({ query: 'parental words' })
        expect(hits.map((hit) => [hit.documentId, hit.text]).sort()).toEqual([
          ['a', 'Parental leave is long.'],
          ['old', 'New words instead.'],
        ])
        expect((await acme.documents.get('a', { after: receipts[0] }))!.version).toBe(2)
        expect(await rowsOf(acme)).toMatchObject({ queue: 0 })
      })

      it('leaves nothing when the caller rolls back, and the receipt says so', async () => {
        const acme = tenant()
        let receipt: Receipt | undefined
        const undone = caller.transaction(pool, async (trx, run) => {
          await run(`INSERT INTO orders VALUES ('${acme.tenant} undone')`)
          receipt = await acme.using(trx).documents.put({ id: 'a', text: 'Never to be seen.' })
          throw new RangeError('changed my mind')
        })
        await expect(undone).rejects.toThrow('changed my mind')
        for (let turn = 0; turn < 2; turn++) {
          await expect(acme.waitFor(receipt!)).rejects.toMatchObject({ code: 'HW_RECEIPT_ROLLED_BACK' })
        }
        await expect(acme.documents.get('a', { after: receipt })).rejects.toMatchObject({
          code: 'HW_RECEIPT_ROLLED_BACK',
        })
        expect(await acme.documents.get('a')).toBeNull()
        expect((await acme.search({ query: 'never seen' })).hits).toEqual([])
        expect(await rowsOf(acme)).toEqual({ documents: 0, chunks: 0, queue: 0 })
        expect(await orders()).not.toContain(`${acme.tenant} undone`)
        expect(await acme.documents.put({ id: 'a', text: 'Now for good.' })).toMatchObject({ version: 1 })
      })

      it('takes what was prepared before, in any collection, and goes on after a refusal', async () => {
        const acme = tenant()
        const ready = await acme.documents.prepare({ id: 'a', text: 'Prepared outside the transaction.' })
        expect(ready.unstored.byHash.size).toBe(1)
        const receipt = await caller.transaction(pool, async (trx) => {
          const mine = acme.using(trx)
          await expect(mine.documents.put(ready, { ifVersion: 7 })).rejects.toMatchObject({
            code: 'HW_VERSION_CONFLICT',
          })
          await expect(mine.documents.put({ id: 'b', text: ' ' })).rejects.toMatchObject({
            code: 'HW_INVALID_DOCUMENT',
          })
          await expect(mine.documents.patch('none', { title: 'x' })).rejects.toMatchObject({ code: 'HW_NOT_FOUND' })
          await mine.documents.put(ready)
          return mine.documents.put({ id: 'c', text: 'Beside it.' })
        })
        await acme.waitFor(receipt, { timeoutMs: 20_000 })
        await store.relay.drain({ timeoutMs: 20_000 })
        const { hits } = await acme.search({ query: 'prepared outside', mode: 'vector' })
        expect(hits[0]).toMatchObject({ documentId: 'a', version: 1 })
        expect((await acme.documents.list()).items.map(({ id }) => id)).toEqual(['a', 'c'])
      })

      it('makes waitFor wait for a transaction that is open, and the wait does it no harm', async () => {
        const acme = tenant()
        let receipt: Receipt | undefined
        await caller.transaction(pool, async (trx) => {
          receipt = await acme.using(trx).documents.put({ id: 'a', text: 'Still open.' })
          await expect(acme.waitFor(receipt, { timeoutMs: 250 })).rejects.toMatchObject({ code: 'HW_TIMEOUT' })
        })
        await acme.waitFor(receipt!, { timeoutMs: 20_000 })
        expect((await acme.search({ query: 'still open' })).hits).toHaveLength(1)
      })
    })

    describe('what is no open transaction is refused before anything is written', () => {
      const refused = { code: 'HW_INVALID_ARGUMENT', path: 'transaction' }
      const writes = (handle: TenantHandle, on: CallerTransaction) => {
        const { documents } = handle.using(on)
        return [
          () => documents.put({ id: 'a', text: 'Never written.' }),
          () => documents.patch('a', { title: 'x' }),
          () => documents.delete('a'),
          () => documents.get('a'),
        ]
      }
      const nothingOf = async (handle: TenantHandle) =>
        expect(await rowsOf(handle)).toEqual({ documents: 0, chunks: 0, queue: 0 })

      it('a pool, Kysely and drizzle outside of a transaction', async () => {
        const wrong = {
          pool,
          kysely: new Kysely({ dialect: new PostgresDialect({ pool }) }),
          drizzle: drizzle(pool),
          adapter: { query: (text: string, values?: unknown[]) => pool.query(text, values) },
        }
        for (const [name, one] of Object.entries(wrong)) {
          const acme = store.forTenant(`no-transaction-${name}`)
          for (const write of writes(acme, one as unknown as CallerTransaction)) {
            await expect(write(), name).rejects.toMatchObject(refused)
          }
          await nothingOf(acme)
        }
      })

      it('a client before BEGIN, after COMMIT, and in the next transaction', async () => {
        const acme = store.forTenant('no-begin')
        const client = await pool.connect()
        try {
          for (const write of writes(acme, client)) await expect(write()).rejects.toMatchObject(refused)
          await client.query('BEGIN')
          const { documents } = acme.using(client)
          await documents.get('a')
          await client.query('COMMIT')
          await expect(documents.put({ id: 'a', text: 'Too late.' })).rejects.toMatchObject(refused)
          await client.query('BEGIN')
          // Its receipts would tell of the transaction before.
          await expect(documents.put({ id: 'a', text: 'Another one.' })).rejects.toMatchObject({ code: 'HW_CLOSED' })
          await acme.using(client).documents.put({ id: 'b', text: 'Of this one.' })
          await client.query('ROLLBACK')
        } finally {
          client.release()
        }
        await nothingOf(acme)
      })

      it('goes on after a rollback to a savepoint', async () => {
        const acme = store.forTenant('savepoint')
        await plain.transaction(pool, async (trx, run) => {
          await run('SAVEPOINT before')
          const { documents } = acme.using(trx)
          await documents.put({ id: 'a', text: 'Taken back.' })
          await run('ROLLBACK TO before')
          expect(await documents.get('a')).toBeNull()
          await run('SAVEPOINT between')
          await documents.put({ id: 'b', text: 'Kept.' })
        })
        expect((await acme.documents.list()).items.map(({ id }) => id)).toEqual(['b'])
      })
    })

    it('an id that Postgres would refuse is refused before it, and the transaction goes on', async () => {
      const acme = store.forTenant('nul')
      await plain.transaction(pool, async (trx) => {
        const { documents } = acme.using(trx)
        for (const refused of [
          () => documents.get('a\0b'),
          () => documents.getMany(['a', 'a\0b']),
          () => documents.patch('a\0b', {}),
          () => documents.delete('a\0b'),
        ]) {
          await expect(refused()).rejects.toMatchObject({ code: 'HW_INVALID_DOCUMENT' })
        }
        await documents.put({ id: 'a', text: 'Goes on.' })
      })
      expect(await acme.documents.get('a')).toMatchObject({ version: 1 })
    })

    it('finds nothing of the caller’s where a function of the server is meant, and gives his path and tenant back', async () => {
      await pool.query('CREATE SCHEMA IF NOT EXISTS planted; CREATE TABLE IF NOT EXISTS planted.mine (id int)')
      await pool.query(planted('planted'))
      const acme = store.forTenant('planted')
      await plain.transaction(pool, async (trx, run) => {
        await run(`SET LOCAL search_path TO planted, pg_catalog, public; SET LOCAL headwater.tenant TO 'his own'`)
        const { documents } = acme.using(trx)
        await documents.put({ id: 'a', text: 'Words.', metadata: { year: 2020 } })
        await documents.patch('a', { metadata: { year: 2021 } })
        expect(await documents.getMany(['a', 'b'])).toMatchObject([{ version: 2 }, null])
        expect(
          await run(
            `SELECT pg_catalog.current_setting('search_path') AS path, pg_catalog.current_setting('headwater.tenant') AS tenant`,
          ),
        ).toEqual([{ path: 'planted, pg_catalog, public', tenant: 'his own' }])
        await run('INSERT INTO mine VALUES (1)')
      })
      expect((await pool.query('SELECT * FROM planted.loot')).rows).toEqual([])
    })

    it('the caller’s statements between ours keep their path, sent at once', async () => {
      const acme = store.forTenant('between')
      await kysely.transaction(pool, async (trx, run) => {
        const { documents } = acme.using(trx)
        await Promise.all([
          documents.put({ id: 'a', text: 'Words.' }),
          ...Array.from({ length: 12 }, (_, at) => run(`INSERT INTO orders VALUES ('between ${at} ${place}')`)),
          documents.put({ id: 'b', text: 'More words.' }),
        ])
      })
      expect((await orders()).filter((id) => id.startsWith('between'))).toHaveLength(12)
    })

    it('refuses what is no transaction', async () => {
      for (const wrong of [undefined, null, {}, 'BEGIN', 7]) {
        await expect(
          (async () =>
            store
              .forTenant('acme')
              .using(wrong as CallerTransaction)
              .documents.get('a'))(),
          String(wrong),
        ).rejects.toMatchObject({ code: 'HW_INVALID_ARGUMENT', path: 'transaction' })
      }
    })
  })
}

const options = { embedder: { hashing: { dimensions: 64 } }, writer: { pollMs: 50 } } as const

describeWithPgvector('with a server', () => {
  const database = useDatabase(() => pgvectorUrl()!)
  usingSuite('a server', [plain, kysely, drizzled, adapter], async () => {
    const pool = new pg.Pool({ connectionString: database().url, max: 3 })
    return { pool, store: await openStore({ ...options, postgres: { url: database().url, max: 6 } }) }
  })
})

usingSuite('PGlite, one connection for all', [plain, kysely], async () => {
  const database = await PGlite.create({ dataDir: 'memory://', extensions: { vector } })
  class Client extends pg.Client {
    constructor(config?: object) {
      super({ ...config, ...createPgConfig(database) })
    }
  }
  const pool = new pg.Pool({ Client, max: 1 })
  return { pool, store: await openStore({ ...options, postgres: { pool } }), close: () => database.close() }
})
