import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { PostgresConnection } from '../../../src/connections/postgres/connection'
import { scopedQuery } from '../../../src/connections/postgres/scoped-query'
import { useDatabase } from '../../support/postgres'
import { TcpProxy } from '../../support/tcp-proxy'
import { acme, globex, rejection, useConnections, worker } from './backends'

const connectTo = useConnections()
const database = useDatabase()

/**
 * A superuser is not under policies, so its statements take on a role that is: ahead of a named statement, around others
 * in one go, and step by step.
 */
describe.each(['scoped', 'pipelined', 'step by step'] as const)('row level security, %s', (kind) => {
  let connection: PostgresConnection
  let pool: pg.Pool | undefined
  const name = kind.replaceAll(' ', '_')
  const table = `public.${name}`
  const run = <R>(as: typeof acme | typeof worker, text: string) =>
    connection.session(as).query<R>(text, [], kind === 'scoped' ? { name: `${name}: ${text}`.slice(0, 63) } : {})

  beforeAll(async () => {
    const role = `app_${database().name}_${name}`
    await database().admin(`
      CREATE ROLE ${role} NOLOGIN;
      CREATE TABLE ${table} (tenant text NOT NULL, id int PRIMARY KEY);
      ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY;
      ALTER TABLE ${table} FORCE ROW LEVEL SECURITY;
      CREATE POLICY own ON ${table} USING (tenant = current_setting('headwater.tenant', true));
      GRANT ALL ON ${table} TO ${role}`)
    if (kind === 'step by step') pool = new pg.Pool({ connectionString: database().url, max: 2 })
    connection = connectTo(pool ? { pool } : { url: database().url, max: 2 })
    connection.security = { active: true, appRole: role }
    await run(acme, `INSERT INTO ${table} VALUES ('acme', 1)`)
    await run(globex, `INSERT INTO ${table} VALUES ('globex', 2)`)
  })
  afterAll(async () => {
    await pool?.end()
    await database().admin(`DROP OWNED BY app_${database().name}_${name}; DROP ROLE app_${database().name}_${name}`)
  })

  const ids = async (as: typeof acme | typeof worker) =>
    (await run<{ id: number }>(as, `SELECT id FROM ${table} ORDER BY id`)).rows.map((row) => row.id)

  it('each sees its own without any WHERE, the worker sees all', async () => {
    expect(await ids(acme)).toEqual([1])
    expect(await ids(globex)).toEqual([2])
    expect(await ids(worker)).toEqual([1, 2])
    expect((await connection.transaction(acme, (tx) => tx.query(`SELECT id FROM ${table}`))).rows).toEqual([{ id: 1 }])
  })

  it('concurrent statements of two tenants on few connections never mix', async () => {
    const seen = await Promise.all(Array.from({ length: 40 }, (_, n) => ids(n % 2 === 0 ? acme : globex)))
    seen.forEach((found, n) => {
      expect(found).toEqual([n % 2 === 0 ? 1 : 2])
    })
  })

  it('a foreign row cannot be written, and the refusal is the statement’s own', async () => {
    const error = await rejection(run(acme, `INSERT INTO ${table} VALUES ('globex', 3)`))
    expect(error).toMatchObject({ code: 'HW_UNAUTHORIZED', details: { sqlState: '42501' } })
    const twice = await rejection(run(acme, `INSERT INTO ${table} VALUES ('acme', 1)`))
    expect(twice).toMatchObject({ code: 'HW_DATABASE', details: { sqlState: '23505' } })
    expect(await ids(worker)).toEqual([1, 2])
  })

  it('a role that is not there fails every statement and runs none of them', async () => {
    const security = connection.security
    connection.security = { active: true, appRole: 'nobody_made_this' }
    const error = await rejection(run(acme, `DELETE FROM ${table}`))
    connection.security = security
    expect(error).toMatchObject({ code: 'HW_DATABASE' })
    expect(error.message).toContain('nobody_made_this')
    expect(await ids(worker)).toEqual([1, 2])
  })

  it('leaves neither tenant nor role on the connection', async () => {
    await Promise.all([ids(acme), ids(globex)])
    const { rows } = await connection
      .session(worker)
      .query<{ tenant: string; role: string }>(
        "SELECT current_setting('headwater.tenant', true) AS tenant, current_setting('role') AS role",
      )
    expect(rows[0]?.tenant || '').toBe('')
    expect(rows[0]?.role).toBe('none')
  })

  it('a longer time of the call reaches the server', async () => {
    const strict = connectTo({ ...(pool ? { pool } : { url: database().url, max: 1 }), statementTimeoutMs: 50 })
    strict.security = connection.security
    const asked = strict
      .session(acme)
      .query<{ limit: string }>(`SELECT current_setting('statement_timeout') AS limit`, [], {
        timeoutMs: 10_000,
        ...(kind === 'scoped' && { name: 'limit' }),
      })
    expect((await asked).rows[0]?.limit).toBe('9s')
  })
})

it('a driver that sends no settings is found out', async () => {
  let finish: (error: Error | null) => void = () => undefined
  class Other {
    constructor(_query: unknown, _values: unknown, callback: (error: Error | null) => void) {
      finish = callback
    }
    handleError(error: Error): void {
      finish(error)
    }
  }
  const client = {
    query: (query: { name?: string; handleCommandComplete?(): void; handleReadyForQuery?(): void }) => {
      // As a Query whose `submit` no longer asks `prepare`: one statement is all that is completed.
      query.handleCommandComplete?.()
      query.handleReadyForQuery?.()
      return Promise.resolve({ rows: [], rowCount: 0 })
    },
    release: () => undefined,
    on: () => undefined,
    removeListener: () => undefined,
  }
  const answer = scopedQuery(Other)(client, [['headwater.tenant', 'acme']], { name: 'n', text: 'SELECT 1' })
  expect(await rejection(answer)).toMatchObject({ code: 'HW_INTERNAL' })
})

describe('a lost answer of a scoped statement', () => {
  it('is HW_COMMIT_UNKNOWN for a change', async () => {
    const proxy = await TcpProxy.to(database().url)
    const connection = connectTo({ url: proxy.url, max: 1, retry: { baseMs: 1, maxMs: 2 } })
    await database().admin('CREATE TABLE public.scoped_around (n int)')
    connection.security = { active: true }
    await connection.session(acme).query('SELECT 1', [], { name: 'first' })
    proxy.onRequest = (bytes) => (bytes.includes('scoped_around') ? 'cut-after' : 'pass')
    const change = connection.session(acme).query('INSERT INTO public.scoped_around VALUES (1)', [], { name: 'change' })
    expect(await rejection(change)).toMatchObject({ code: 'HW_COMMIT_UNKNOWN' })
    await proxy.close()
  })
})

describe('a lost COMMIT around a single statement', () => {
  it('is HW_COMMIT_UNKNOWN for a change and nothing for a read', async () => {
    const proxy = await TcpProxy.to(database().url)
    const connection = connectTo({ url: proxy.url, max: 1, retry: { baseMs: 1, maxMs: 2 } })
    await database().admin('CREATE TABLE public.around (n int)')
    connection.security = { active: true }
    await connection.session(acme).query('SELECT 1')
    proxy.onRequest = (bytes) => (bytes.includes('COMMIT') ? 'cut-after' : 'pass')
    const error = await rejection(connection.session(acme).query('INSERT INTO public.around VALUES (1)'))
    expect(error).toMatchObject({ code: 'HW_COMMIT_UNKNOWN' })
    await proxy.close()
  })
})
