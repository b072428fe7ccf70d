import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineEntity, openStore } from '../../index'
import { checkStatement } from '../../src/tenant/own-statement'
import { createTestStore } from '../../src/testing/test-store'
import { pgTransaction } from '../support/pg-transaction'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'

const notes = defineEntity('notes', z.object({ text: z.string(), size: z.int() }))
const options = { embedder: { hashing: { dimensions: 16 } }, relay: 'external', entities: { notes } } as const
const refused = { code: 'HW_INVALID_ARGUMENT', path: 'text' }

describe('a statement of the user', () => {
  it.each([
    'SELECT 1',
    ' -- a comment\n select 1;',
    '/* one /* within */ another */ (SELECT 1) UNION (SELECT 2) ;  -- end',
    "SELECT 'COMMIT; SELECT set_config(''role'', ''x'', true)'",
    "SELECT E'it\\'s; COMMIT', $$; COMMIT $1 $$, $tag$ $$; $tag$ FROM t WHERE a = $1 AND b=$2",
    'INSERT INTO t (a) VALUES ($1) RETURNING a',
    'WITH a AS (INSERT INTO t VALUES (1) RETURNING *) SELECT * FROM a',
    'MERGE INTO t USING s ON true WHEN MATCHED THEN DELETE',
    'SELECT "a;b", pg_advisory_xact_lock(1), a[1:2], b::text, current_setting($1) FROM t FOR UPDATE',
    'VALUES (1)',
    'TABLE t',
    'update t set a = 1e5, b$c = 2',
  ])('may be %s', (text) => expect(checkStatement(text)).toBe(text))

  it.each([
    '',
    ';',
    'COMMIT',
    'commit and chain',
    'ROLLBACK TO a',
    'SAVEPOINT a',
    'SET ROLE postgres',
    'SET LOCAL headwater.tenant = $1',
    '/* SELECT */ RESET ROLE',
    'DO $$ BEGIN COMMIT; END $$',
    'CALL f()',
    'PREPARE a AS SELECT 1',
    'LISTEN a',
    'COPY t TO STDOUT',
    'CREATE TEMP TABLE a (b int)',
    'LOCK TABLE t',
    'EXPLAIN ANALYZE SELECT 1',
    'SELECT 1; COMMIT',
    "SELECT 'a'; SELECT 'b'",
    'SELECT $$a$$; COMMIT',
    'SELECT 1;;',
    'SELECT a INTO b FROM t',
    'SELECT 1 INTO TEMP b',
    "SELECT set_config('role', 'none', true)",
    "SELECT pg_catalog.Set_Config('headwater.tenant', 'x', false)",
    'SELECT "set_config"($1, $2, true)',
    'SELECT U&"\\0073et_config"($1, $2, true)',
    'SELECT pg_advisory_lock(1)',
    'SELECT pg_try_advisory_lock_shared(1)',
    'SELECT pg_advisory_unlock_all()',
    "SELECT 'a\\'; COMMIT --'",
    "SELECT 'open",
    'SELECT "open',
    'SELECT $a$ open $b$',
    'SELECT /* open',
    'SELECT /* a /* b */ 1; COMMIT',
    'SELECT 1\0',
    'x'.repeat(1_048_577),
  ])('may not be %s', (text) => expect(() => checkStatement(text)).toThrow(expect.objectContaining(refused)))

  it('is read in a time of its length', () => {
    const text = `SELECT ${'a, "b", \'c\', $1, /* d */ '.repeat(8_000)} 1`
    const startedAt = performance.now()
    checkStatement(text)
    expect(performance.now() - startedAt).toBeLessThan(3_000)
  })
})

it('has no SQL in memory', async () => {
  const store = await createTestStore(options)
  const work = store.forTenant('acme').transaction((tx) => tx.query('SELECT 1'))
  await expect(work).rejects.toMatchObject({ code: 'HW_INVALID_ARGUMENT' })
  await store.close()
})

it('runs in PGlite', async () => {
  const store = await openStore({ ...options, embedded: { path: ':memory:' } })
  const acme = store.forTenant('acme')
  const { value } = await acme.transaction(async (tx) => {
    await tx.entities.notes.insertMany([1, 2, 3].map((size) => ({ text: 'a', size })))
    return tx.query<{ sum: number }>('SELECT sum(size)::int AS sum FROM headwater.e_notes WHERE size > $1', [1])
  })
  expect(value).toEqual({ rows: [{ sum: 5 }], rowCount: 1 })
  await store.close()
})

describeWithPgvector('on a server', () => {
  const database = useDatabase(() => pgvectorUrl()!)
  const opened = () => openStore({ ...options, postgres: { url: database().url, rowLevelSecurity: 'require', max: 1 } })
  let store: Awaited<ReturnType<typeof opened>>
  beforeAll(async () => {
    store = await opened()
    await database().admin(`CREATE FUNCTION public.become(name text, value text) RETURNS text LANGUAGE sql
      AS $$ SELECT set_config(name, value, true) $$`)
  })
  afterAll(() => store?.close())
  const text = 'SELECT text, size FROM headwater.e_notes ORDER BY size'

  it('sees and changes rows of its tenant alone, with what the transaction wrote', async () => {
    const [acme, globex] = [store.forTenant('acme'), store.forTenant('globex')]
    await globex.entities.notes.insert({ text: 'theirs', size: 0 })
    await acme.transaction(async (tx) => {
      await tx.entities.notes.insert({ text: 'mine', size: 1 })
      expect((await tx.query(text)).rows).toEqual([{ text: 'mine', size: 1 }])
      expect(await tx.query('UPDATE headwater.e_notes SET size = size + $1', [1])).toMatchObject({ rowCount: 1 })
      const insert = 'INSERT INTO headwater.e_notes (tenant, id, text, size, version, created_at, updated_at)'
      const values = 'VALUES ($1, gen_random_uuid(), $2, 1, 1, now(), now())'
      await tx.query(`${insert} ${values}`, ['acme', 'by hand'])
      // All at once, in the order in which they were asked for.
      const [one, two] = await Promise.all([
        tx.query('DELETE FROM headwater.e_notes WHERE text = $1 RETURNING text', ['by hand']),
        tx.query(text),
      ])
      expect([one.rows, two.rows]).toEqual([[{ text: 'by hand' }], [{ text: 'mine', size: 2 }]])
    })
    const foreign = acme.transaction((tx) =>
      tx.query(`INSERT INTO headwater.e_notes (tenant, id, text, size, version, created_at, updated_at)
        VALUES ('globex', gen_random_uuid(), 'x', 1, 1, now(), now())`),
    )
    await expect(foreign).rejects.toMatchObject({ code: 'HW_UNAUTHORIZED' })
    expect(await globex.entities.notes.count()).toBe(1)
  })

  it('is undone with its transaction, and ends it when the server refuses', async () => {
    const acme = store.forTenant('undone')
    const failed = acme.transaction(async (tx) => {
      await tx.entities.notes.insert({ text: 'x', size: 1 })
      await tx.query('SELECT 1 / $1::int', [0]).catch(() => undefined)
    })
    await expect(failed).rejects.toMatchObject({ code: 'HW_TRANSACTION_ABORTED' })
    expect(await acme.entities.notes.count()).toBe(0)
    const kinds = [null, 'a', 1.5, true, 10n, new Date(0), Buffer.from([1]), [1, 2], { a: [1] }]
    const casts = ['text', 'text', 'float8', 'boolean', 'bigint', 'timestamptz', 'bytea', 'int[]', 'jsonb']
    const fields = casts.map((type, at) => `$${at + 1}::${type} AS v${at}`)
    const { value } = await acme.transaction((tx) => tx.query(`SELECT ${fields.join(', ')}`, kinds))
    expect(Object.values(value.rows[0]!)).toEqual(kinds.map((one) => (one === 10n ? 10 : one)))
    const late = await acme.transaction(async (tx) => tx).then(({ value }) => value)
    await expect(late.query('SELECT 1')).rejects.toMatchObject({ code: 'HW_CLOSED' })
  })

  it('fails with its transaction where a function changes what it runs under', async () => {
    const acme = store.forTenant('becomes')
    for (const [name, value] of [
      ['headwater.tenant', 'globex'],
      ['role', 'none'],
      ['search_path', 'public'],
    ]) {
      let told: unknown
      const work = acme.transaction(async (tx) => {
        await tx.entities.notes.insert({ text: 'x', size: 1 })
        await tx.query('SELECT public.become($1, $2), n.* FROM headwater.e_notes n', [name, value]).catch((error) => {
          told = error
        })
      })
      await expect(work).rejects.toMatchObject({ code: expect.stringMatching(/^HW_/) })
      expect(told).toMatchObject(refused)
    }
    expect(await acme.entities.notes.count()).toBe(0)
    // The connection, which is the only one, is as it was.
    const { value } = await acme.transaction((tx) => tx.query(`SELECT current_user::text AS role`))
    expect(value.rows).toEqual([{ role: 'headwater_app' }])
  })

  it('refuses what is no statement or no list of values', async () => {
    const acme = store.forTenant('acme')
    const asked = (...args: unknown[]) => acme.transaction((tx) => tx.query(...(args as [string])))
    await expect(asked('COMMIT')).rejects.toMatchObject(refused)
    await expect(asked(5)).rejects.toMatchObject(refused)
    await expect(asked('SELECT 1', { length: 1 })).rejects.toMatchObject({
      code: 'HW_INVALID_ARGUMENT',
      path: 'values',
    })
    const endless: unknown[] = []
    endless.push(endless)
    await expect(asked('SELECT $1', [endless])).rejects.toMatchObject({ code: 'HW_INVALID_ARGUMENT' })
    await expect(asked('SELECT $1', [Symbol('a')])).rejects.toMatchObject({ code: 'HW_INVALID_ARGUMENT' })
    await expect(asked('SELECT 1', [], { limit: 1 })).rejects.toMatchObject({ path: 'limit' })
    await expect(asked('SELECT pg_sleep(5)', [], { timeoutMs: 50 })).rejects.toMatchObject({ code: 'HW_TIMEOUT' })
  })

  it('runs in a transaction of the caller, under the tenant', async () => {
    const pool = new pg.Pool({ connectionString: database().url, max: 1 })
    const acme = store.forTenant('caller')
    await pgTransaction(pool, async (client) => {
      const tx = acme.using(client)
      await tx.entities.notes.insert({ text: 'in theirs', size: 3 })
      const { rows } = await tx.query(`${text.replace(' ORDER', ' WHERE tenant = $1 ORDER')}`, ['caller'])
      expect(rows).toEqual([{ text: 'in theirs', size: 3 }])
      const { rows: after } = await client.query(`SELECT current_setting('headwater.tenant', true) AS tenant`)
      expect(after[0].tenant).toBe('')
      await expect(tx.query('ROLLBACK')).rejects.toMatchObject(refused)
    })
    expect(await acme.entities.notes.count()).toBe(1)
    await pool.end()
  })
})
