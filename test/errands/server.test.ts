import pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { type Json, openStore, type Store } from '../../index'
import { PostgresConnection } from '../../src/connections/postgres/connection'
import { errandStatements } from '../../src/repositories/postgres/errand-sql'
import { PostgresTruth } from '../../src/repositories/postgres/truth'
import { type Child, startChild } from '../support/child'
import { createDatabase, describeWithPgvector, pgvectorUrl, type TestDatabase } from '../support/postgres'
import { TcpProxy } from '../support/tcp-proxy'
import type { Line } from './children/handling'
import { until } from './errand-suite'

const embedder = { hashing: { dimensions: 16 } }
const writer = { pollMs: 20, leaseMs: 1_000 }

describeWithPgvector('errands on a server, under fire', () => {
  let database: TestDatabase
  let store: Store
  const children: Child<Line>[] = []
  beforeAll(async () => {
    database = await createDatabase(pgvectorUrl()!)
    const postgres = { url: database.url, rowLevelSecurity: 'require' } as const
    store = await openStore({ postgres, embedder, writer, relay: 'external', onError: () => undefined })
  })
  beforeEach(() => database.admin('DELETE FROM headwater.errands'))
  afterAll(async () => {
    for (const child of children) child.process.kill('SIGKILL')
    await Promise.all(children.map(({ ended }) => ended))
    await store?.close()
    await database?.drop()
  })

  const worker = (name: string, ms = 0): Child<Line> => {
    const child = startChild<Line>('errands/children/handling.ts', database.url, name, String(ms))
    children.push(child)
    return child
  }
  const send = async (name: string, ...payloads: Json[]): Promise<void> => {
    await store.forTenant('acme').transaction(async (tx) => {
      for (const payload of payloads) await tx.afterCommit(name, payload)
    })
  }
  const none = async (): Promise<boolean> => (await store.errands.backlog()).length === 0

  it('a worker that is killed at its errand leaves it to another', async () => {
    const killed = worker('killed', 600_000)
    await send('killed', 'one')
    await killed.line(({ began }) => began === 'one')
    killed.process.kill('SIGKILL')
    const next = worker('killed')
    expect(await next.line(({ began }) => began === 'one')).toEqual({ began: 'one', attempt: 2 })
    await next.line(({ ended }) => ended === 'one')
    await until(none)
    next.process.kill('SIGTERM')
    expect(await next.ended).toEqual({ code: 0, signal: null, errors: '' })
  })

  it('what ends its process each time is parked, and the others go on', async () => {
    await send('stalls', 'stall')
    for (let attempt = 1; attempt <= 3; attempt++) {
      const child = worker('stalls')
      expect(await child.line(({ began }) => began === 'stall')).toEqual({ began: 'stall', attempt })
      child.process.kill('SIGKILL')
    }
    await send('stalls', 'good')
    const last = worker('stalls')
    await last.line(({ ended }) => ended === 'good')
    await until(async () => (await store.errands.parked()).length === 1)
    expect(last.lines.filter(({ began }) => began === 'stall')).toEqual([])
    const [parked] = await store.errands.parked({ name: 'stalls' })
    expect(parked).toMatchObject({ payload: 'stall', reason: expect.stringContaining('workers ended') })
    last.process.kill('SIGKILL')
  })

  it('each process takes the names that it handles', async () => {
    const [mail, hook] = [worker('mail'), worker('hook')]
    const payloads = Array.from({ length: 10 }, (_, at) => at)
    await send('mail', ...payloads)
    await send('hook', ...payloads.map((at) => at + 100))
    await send('nobody', 1)
    await until(async () => (await store.errands.backlog()).every(({ name }) => name === 'nobody'))
    const endedBy = ({ lines }: Child<Line>): number[] =>
      lines.flatMap(({ ended }) => (ended === undefined ? [] : Number(ended))).sort((a, b) => a - b)
    await until(() => endedBy(mail).length === 10 && endedBy(hook).length === 10)
    expect(endedBy(mail)).toEqual(payloads)
    expect(endedBy(hook)).toEqual(payloads.map((at) => at + 100))
    expect((await store.health()).errands?.unhandled).toEqual(['nobody'])
    for (const child of [mail, hook]) child.process.kill('SIGKILL')
  })

  it('an outage of Postgres while handlers work does no errand twice if it is short, and loses none', async () => {
    const proxy = await TcpProxy.to(database.url)
    const away = await openStore({
      postgres: { url: proxy.url, hints: false, connectionTimeoutMs: 1_000 },
      embedder,
      writer: { ...writer, leaseMs: 20_000 },
      onError: () => undefined,
    })
    try {
      const seen: Json[] = []
      let begun = 0
      let go = (): void => undefined
      const ended = new Promise<void>((resolve) => {
        go = resolve
      })
      away.on('outage', async ({ payload }) => {
        begun++
        await ended
        seen.push(payload)
      })
      await send('outage', 1, 2, 3)
      await until(() => begun === 3)
      proxy.refuse()
      go()
      await until(() => seen.length === 3)
      await new Promise((resolve) => setTimeout(resolve, 300))
      expect((await store.errands.backlog())[0]).toMatchObject({ claimed: 3 })
      proxy.resume()
      await until(none)
      expect([seen.sort(), begun]).toEqual([[1, 2, 3], 3])
    } finally {
      await away.close()
      await proxy.close()
    }
  })

  it('a claim from before a restore ends nothing', async () => {
    const other = await openStore({ postgres: { url: database.url }, embedder, writer, onError: () => undefined })
    try {
      const attempts: number[] = []
      let go = (): void => undefined
      other.on('restored', async ({ attempt, signal }) => {
        attempts.push(attempt)
        if (attempt > 1) return
        await new Promise<void>((resolve) => {
          go = resolve
          signal.addEventListener('abort', () => resolve())
        })
      })
      await send('restored', 1)
      await until(() => attempts.length === 1)
      await store.restored()
      go()
      await until(none)
      expect(attempts).toEqual([1, 2])
    } finally {
      await other.close()
    }
  })

  it('what becomes due late is found in time, though every claim is full', async () => {
    await using connection = new PostgresConnection({ url: database.url })
    const { errands } = new PostgresTruth(connection).session({ worker: true })
    const claim = (token: string) => errands.claim({ names: ['a', 'b'], limit: 2, token, leaseMs: 600_000 })
    const add = (name: string, ago: string, count: number, payload = 0) =>
      database.admin(
        `INSERT INTO headwater.errands (id, tenant, name, payload, created_at, due_at)
         SELECT gen_random_uuid(), 'acme', $1, to_jsonb($2::int), now(), now() - $3::interval + i * interval '1 ms'
         FROM generate_series(1, $4::int) i`,
        [name, payload, ago, count],
      )
    for (const name of ['a', 'b']) await add(name, '1 minute', 100)
    await claim('first')
    await claim('second')
    for (const name of ['a', 'b']) await add(name, '1 hour', 1, 1)
    const found: string[] = []
    for (let at = 0; at < 16; at++)
      for (const { name, payload } of await claim(`t${at}`)) if (payload === 1) found.push(name)
    expect(found.sort()).toEqual(['a', 'b'])
  })

  it('a claim reads what it takes, however much waits', async () => {
    const { text } = errandStatements().claim(8)
    await database.admin(
      `INSERT INTO headwater.errands (id, tenant, name, payload, created_at, due_at)
       SELECT gen_random_uuid(), 't' || i % 50, 'name' || i % 3, '{}', now(), now() - i * interval '1 ms'
       FROM generate_series(1, 50000) i`,
    )
    await database.admin('VACUUM ANALYZE headwater.errands')
    const client = new pg.Client({ connectionString: database.url })
    await client.connect()
    try {
      // As the server thinks best, and as our own pools ask for it.
      for (const settings of ['', 'SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off']) {
        await client.query(settings)
        const explain = `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`
        const values = [['name0', 'name1'], ['-infinity', '-infinity'], 'token', 60_000]
        await client.query('BEGIN')
        const { rows } = await client.query(explain, values)
        await client.query('ROLLBACK')
        const [{ Plan: plan }] = rows[0]['QUERY PLAN']
        expect(plan['Actual Rows']).toBe(16)
        expect(plan['Shared Hit Blocks'] + plan['Shared Read Blocks']).toBeLessThan(400)
      }
    } finally {
      await client.end()
    }
  })

  it('the role of tenants adds its own, and sees, changes and removes none', async () => {
    await send('walls', 'mine')
    const asTenant = (statement: string) =>
      database.admin(
        `BEGIN; SET LOCAL ROLE headwater_app; SELECT set_config('headwater.tenant', 'acme', true); ${statement}; ROLLBACK`,
      )
    const add = (tenant: string) =>
      asTenant(
        `INSERT INTO headwater.errands (id, tenant, name, payload, created_at, due_at)
         VALUES (gen_random_uuid(), '${tenant}', 'walls', '1', now(), now())`,
      )
    await add('acme')
    await expect(add('globex')).rejects.toThrow('row-level security')
    for (const statement of [
      'SELECT FROM headwater.errands',
      "UPDATE headwater.errands SET name = 'x'",
      'DELETE FROM headwater.errands',
    ]) {
      await expect(asTenant(statement)).rejects.toThrow('permission denied')
    }
  })
})
