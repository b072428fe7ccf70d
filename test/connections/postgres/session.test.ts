import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { PostgresConnection } from '../../../src/connections/postgres/connection'
import { useDatabase } from '../../support/postgres'
import { acme, globex, rejection, useConnections, worker } from './backends'

const connectTo = useConnections()
const database = useDatabase()

describe.each(['embedded', 'server', 'pool of the user'] as const)('sessions and transactions: %s', (kind) => {
  let connection: PostgresConnection
  let pool: pg.Pool | undefined
  const table = `public.items_${kind.length}`

  beforeAll(async () => {
    if (kind === 'pool of the user') pool = new pg.Pool({ connectionString: database().url, max: 3 })
    connection = connectTo(
      kind === 'embedded'
        ? { embedded: { path: ':memory:' } }
        : kind === 'server'
          ? { url: database().url, max: 4 }
          : { pool },
    )
    await connection.session(worker).query(`CREATE TABLE ${table} (id int PRIMARY KEY, note text)`)
  })
  afterAll(() => pool?.end())

  it('gives numbers, dates, parsed jsonb, and takes jsonb as JSON text', async () => {
    const { rows, rowCount } = await connection.session(acme).query(
      `SELECT 9007199254740991::int8 AS safe, 9007199254740993::int8 AS unsafe, ARRAY[1, NULL]::int8[] AS list,
          now() AS at, $1::jsonb AS json, NULL::int8 AS none, count(*) AS count FROM ${table}`,
      [JSON.stringify({ a: ["'", '\\', 'ü'] })],
    )
    expect(rowCount).toBe(1)
    expect(rows[0]).toEqual({
      safe: 9007199254740991,
      unsafe: '9007199254740993',
      list: [1, null],
      at: expect.any(Date),
      json: { a: ["'", '\\', 'ü'] },
      none: null,
      count: 0,
    })
    expect(pg.types.getTypeParser(20)('1')).toBe('1')
  })

  it('names statements where asked, again and again', async () => {
    for (let n = 0; n < 20; n++) {
      const { rows } = await connection.session(acme).query('SELECT $1::int + 1 AS n', [n], { name: 'hw_next' })
      expect(rows).toEqual([{ n: n + 1 }])
    }
  })

  it('commits what resolves, rolls back what rejects, and passes the error through', async () => {
    const mine = new Error('mine')
    const write = (id: number, fail: boolean) =>
      connection.transaction(acme, async (tx) => {
        const { rowCount } = await tx.query(`INSERT INTO ${table} VALUES ($1, 'x')`, [id])
        expect(rowCount).toBe(1)
        if (fail) throw mine
        return id
      })
    expect(await write(1, false)).toBe(1)
    expect(await rejection(write(2, true))).toBe(mine)
    const { rows } = await connection.session(acme).query(`SELECT id FROM ${table} ORDER BY id`)
    expect(rows).toEqual([{ id: 1 }])
  })

  it('sees the tenant inside a transaction and nothing of it afterwards', async () => {
    const text = "SELECT current_setting('headwater.tenant', true) AS tenant"
    const inside = await connection.transaction(globex, (tx) => tx.query(text))
    expect(inside.rows).toEqual([{ tenant: 'globex' }])
    const { rows } = await connection.session(worker).query<{ tenant: string | null }>(text)
    expect(rows[0]?.tenant ?? '').toBe('')
  })

  it('a statement refused by the server is HW_DATABASE with its SQLSTATE, and the connection stays', async () => {
    const before = connection.stats.total
    const error = await rejection(connection.session(acme).query(`INSERT INTO ${table} VALUES (1, 'twice')`))
    expect(error).toMatchObject({
      code: 'HW_DATABASE',
      details: { sqlState: '23505', table: table.replace('public.', '') },
    })
    expect(connection.stats.total).toBe(before)
  })

  it('COMMIT of a failed transaction rejects, with the first failure as the cause', async () => {
    const error = await rejection(
      connection.transaction(acme, async (tx) => {
        await tx.query(`INSERT INTO ${table} VALUES (50, 'lost')`)
        await tx.query(`INSERT INTO ${table} VALUES (1, 'twice')`).catch(() => {})
        return 'looks fine'
      }),
    )
    expect(error).toMatchObject({ code: 'HW_TRANSACTION_ABORTED', retryable: false })
    expect(error.cause).toMatchObject({ code: 'HW_DATABASE', details: { sqlState: '23505' } })
    const { rows } = await connection.session(acme).query(`SELECT id FROM ${table} WHERE id = 50`)
    expect(rows).toEqual([])
  })

  it('keeps the first failure when later statements say that the transaction is aborted', async () => {
    const error = await rejection(
      connection.transaction(acme, async (tx) => {
        await tx.query('SELECT 1/0').catch(() => {})
        await tx.query('SELECT 1')
      }),
    )
    expect(error).toMatchObject({ details: { sqlState: '22012' } })
  })

  it('a savepoint undoes a failure: what follows commits', async () => {
    await connection.transaction(acme, async (tx) => {
      await tx.query('SAVEPOINT s')
      await rejection(tx.query('SELECT 1/0'))
      await tx.query('ROLLBACK TO SAVEPOINT s')
      await tx.query(`INSERT INTO ${table} VALUES (60, 'kept')`)
    })
    const { rowCount } = await connection.session(acme).query(`DELETE FROM ${table} WHERE id = 60`)
    expect(rowCount).toBe(1)
  })

  it('of a transaction, statements by key alone are planned by keys, also after savepoints and failures', async () => {
    const text = `SELECT current_setting('plan_cache_mode') || ' ' || current_setting('enable_seqscan') AS mode`
    const mode = (rows: readonly { mode: string }[]) => rows[0]!.mode
    const byKeys = kind === 'server' ? 'force_generic_plan off' : 'auto on'
    await connection.transaction(acme, async (tx) => {
      const byKey = async () =>
        mode((await tx.query<{ mode: string }>(text, [], { name: 'hw_mode', byKey: true })).rows)
      const freely = async () => mode((await tx.query<{ mode: string }>(text)).rows)
      expect([await byKey(), await byKey(), await freely(), await byKey()]).toEqual([byKeys, byKeys, 'auto on', byKeys])
      await tx.query('SAVEPOINT s')
      expect(await byKey()).toBe(byKeys)
      await rejection(tx.query('SELECT 1/0'))
      await tx.query('ROLLBACK TO SAVEPOINT s')
      expect([await byKey(), await freely()]).toEqual([byKeys, 'auto on'])
      await tx.query('SAVEPOINT s')
      expect(await byKey()).toBe(byKeys)
      await tx.query('ROLLBACK TO SAVEPOINT s')
      expect([await freely(), await byKey()]).toEqual(['auto on', byKeys])
      // What the caller sets stays his.
      await tx.query('SET LOCAL enable_seqscan = off')
      expect([await byKey(), await freely()]).toEqual([kind === 'server' ? byKeys : 'auto off', 'auto off'])
      expect(await Promise.all([byKey(), freely(), byKey()])).toEqual([await byKey(), await freely(), await byKey()])
    })
    const { rows } = await connection.session(worker).query<{ mode: string }>(text)
    expect(mode(rows)).toBe('auto on')
  })

  it('statements that were not awaited are in before COMMIT, in their order', async () => {
    const seen = await connection.transaction(acme, async (tx) => {
      void tx.query(`INSERT INTO ${table} VALUES (70, 'a')`)
      void tx.query(`UPDATE ${table} SET note = note || 'b' WHERE id = 70`)
      const [first, second] = await Promise.all([tx.query('SELECT 1 AS n'), tx.query('SELECT 2 AS n')])
      void tx.query(`UPDATE ${table} SET note = note || 'c' WHERE id = 70`)
      return [first.rows, second.rows]
    })
    expect(seen).toEqual([[{ n: 1 }], [{ n: 2 }]])
    const { rows } = await connection.session(acme).query(`DELETE FROM ${table} WHERE id = 70 RETURNING note`)
    expect(rows).toEqual([{ note: 'abc' }])
  })

  it('a handle that outlives its transaction is refused', async () => {
    const handle = await connection.transaction(acme, async (tx) => ({ tx }))
    expect(await rejection(handle.tx.query('SELECT 1'))).toMatchObject({ code: 'HW_CLOSED' })
  })

  it('obeys isolation and read-only', async () => {
    const modes = await connection.transaction(
      acme,
      (tx) =>
        tx.query(
          "SELECT current_setting('transaction_isolation') AS isolation, current_setting('transaction_read_only') AS ro",
        ),
      { isolation: 'repeatable read', readOnly: true },
    )
    expect(modes.rows).toEqual([{ isolation: 'repeatable read', ro: 'on' }])
    const error = await rejection(
      connection.transaction(acme, (tx) => tx.query(`DELETE FROM ${table}`), { readOnly: true }),
    )
    expect(error).toMatchObject({ code: 'HW_READ_ONLY', details: { sqlState: '25006' } })
    await expect(connection.session(acme).query('SELECT 1 AS n')).resolves.toMatchObject({ rows: [{ n: 1 }] })
  })

  it('an aborted signal stops before anything is sent', async () => {
    const signal = AbortSignal.abort()
    expect(await rejection(connection.session(acme).query('SELECT 1', [], { signal }))).toMatchObject({
      code: 'HW_ABORTED',
    })
    expect(await rejection(connection.transaction(acme, async () => 1, { signal }))).toMatchObject({
      code: 'HW_ABORTED',
    })
  })

  it('an abort in the middle of a transaction rolls it back', async () => {
    const controller = new AbortController()
    const error = await rejection(
      connection.transaction(
        acme,
        async (tx) => {
          await tx.query(`INSERT INTO ${table} VALUES (80, 'never')`)
          controller.abort()
          await new Promise(() => {})
        },
        { signal: controller.signal },
      ),
    )
    expect(error).toMatchObject({ code: 'HW_ABORTED' })
    const { rows } = await connection.session(acme).query(`SELECT id FROM ${table} WHERE id = 80`)
    expect(rows).toEqual([])
  })

  it('health tells the version, the pool and the breaker', async () => {
    const health = await connection.health()
    expect(health).toMatchObject({ status: 'up', breaker: 'closed', error: undefined })
    expect(health.serverVersion).toMatch(/^18/)
    expect(health.latencyMs).toBeGreaterThan(0)
    expect(health.pool).toMatchObject({ leased: 0, max: { embedded: 1, server: 4, 'pool of the user': 3 }[kind] })
    expect(JSON.stringify(health)).not.toContain('headwater@')
  })

  it('after close calls are HW_CLOSED; a pool of the user stays open', async () => {
    const running = connection.session(acme).query('SELECT 1 AS n')
    const closed = connection.close()
    await expect(running).resolves.toMatchObject({ rows: [{ n: 1 }] })
    await closed
    expect(await rejection(connection.session(acme).query('SELECT 1'))).toMatchObject({ code: 'HW_CLOSED' })
    expect(await rejection(connection.transaction(acme, async () => 1))).toMatchObject({ code: 'HW_CLOSED' })
    expect(await connection.health()).toMatchObject({ status: 'down', error: { code: 'HW_CLOSED' } })
    if (pool) await expect(pool.query('SELECT 1 AS n')).resolves.toMatchObject({ rows: [{ n: 1 }] })
  })
})
