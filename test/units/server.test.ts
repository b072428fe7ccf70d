import { sql as drizzleSql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { Kysely, sql as kyselySql, PostgresDialect } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type CallerTransaction, openStore } from '../../index'
import { pgTransaction } from '../support/pg-transaction'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'
import { TcpProxy } from '../support/tcp-proxy'
import { entities, refusal } from './unit-suite'

type Run = (text: string) => Promise<unknown>
type Work<T> = (transaction: CallerTransaction, run: Run) => Promise<T>

describeWithPgvector('units of work on a server', () => {
  const database = useDatabase(() => pgvectorUrl()!)
  const embedder = { hashing: { dimensions: 16 } }
  const opened = (url: string) => openStore({ entities, embedder, relay: 'external', postgres: { url, hints: false } })
  let store: Awaited<ReturnType<typeof opened>>
  let pool: pg.Pool
  let tenants = 0
  const tenant = () => store.forTenant(`s${++tenants}`)
  beforeAll(async () => {
    store = await opened(database().url)
    pool = new pg.Pool({ connectionString: database().url, max: 3 })
  })
  afterAll(async () => {
    await store?.close()
    await pool?.end()
  })

  const callers: readonly (readonly [string, <T>(work: Work<T>) => Promise<T>])[] = [
    ['pg', (work) => pgTransaction(pool, (client) => work(client, (text) => client.query(text)))],
    [
      'Kysely',
      (work) =>
        new Kysely({ dialect: new PostgresDialect({ pool }) })
          .transaction()
          .execute((trx) => work(trx, (text) => kyselySql.raw(text).execute(trx))),
    ],
    [
      'drizzle',
      (work) => drizzle(pool).transaction((tx) => work(tx, async (text) => tx.execute(drizzleSql.raw(text)))),
    ],
  ]

  it.each(callers)('errands and savepoints inside a transaction of %s, and its own savepoints', async (name, begin) => {
    const acme = tenant()
    await begin(async (trx, run) => {
      const tx = acme.using(trx)
      await tx.afterCommit(`kept-${name}`, 1)
      await tx
        .savepoint(async (part) => {
          await part.afterCommit(`undone-${name}`, 2)
          await part.entities.accounts.insert({ name: 'a', sum: 1 })
          await part.entities.accounts.insert({ name: 'a', sum: 2 })
        })
        .then(
          () => expect.fail('resolved'),
          (error: unknown) => expect(error).toMatchObject({ code: 'HW_CONFLICT' }),
        )
      await run('SAVEPOINT mine')
      await tx.afterCommit(`undone-${name}`, 3)
      await run('ROLLBACK TO SAVEPOINT mine')
      await tx.savepoint(async (part) => {
        await part.documents.put({ id: 'kept', text: 'kept' })
        const { rows: found } = await part.query<{ id: string }>(
          'SELECT id FROM headwater.documents WHERE tenant = $1',
          [acme.tenant],
        )
        expect(found).toEqual([{ id: 'kept' }])
      })
      await tx.entities.accounts.insert({ name: 'b', sum: 1 })
      // The path and the tenant of ours are not left behind.
      await run('CREATE TEMPORARY TABLE own (id int) ON COMMIT DROP')
    })
    const found = (await store.errands.backlog()).filter(({ name: one }) => one.endsWith(name))
    expect(found.map(({ name: one, waiting }) => [one, waiting])).toEqual([[`kept-${name}`, 1]])
    expect([await acme.documents.count(), await acme.entities.accounts.count()]).toEqual([1, 1])
    await begin((trx) =>
      acme
        .using(trx)
        .afterCommit(`never-${name}`, 1)
        .then(() => Promise.reject(new RangeError('no'))),
    ).catch((error: unknown) => expect(error).toBeInstanceOf(RangeError))
    expect((await store.errands.backlog()).filter(({ name: one }) => one === `never-${name}`)).toEqual([])
  })

  it('deadlocks are run again', async () => {
    const acme = tenant()
    await acme.entities.accounts.insertMany([
      { name: 'a', sum: 1 },
      { name: 'b', sum: 2 },
    ])
    let met = 0
    let runs = 0
    let go = (): void => undefined
    const both = new Promise<void>((resolve) => {
      go = resolve
    })
    const crossing = (first: string, second: string) =>
      acme.transaction(async (tx) => {
        runs++
        await tx.entities.accounts.update(first, { sum: 10 * runs })
        if (++met === 2) go()
        await both
        await tx.entities.accounts.update(second, { sum: 10 * runs + 1 })
      })
    await Promise.all([crossing('a', 'b'), crossing('b', 'a')])
    expect(runs).toBe(3)
    expect((await acme.entities.accounts.get('a'))?.version).toBe(3)
  })

  it('what was read stays as it was above read committed, and a conflict reaches who wants no retry', async () => {
    const acme = tenant()
    await acme.entities.accounts.insert({ name: 'a', sum: 1 })
    const meeting = async (options: object) =>
      acme.transaction(async (tx) => {
        const before = (await tx.entities.accounts.get('a'))!.sum
        await pool.query(
          `UPDATE headwater.e_accounts SET sum = sum + 1, version = version + 1 WHERE tenant = '${acme.tenant}'`,
        )
        const after = (await tx.entities.accounts.get('a'))!.sum
        return after - before
      }, options)
    expect((await meeting({})).value).toBe(1)
    expect((await meeting({ isolation: 'repeatable read' })).value).toBe(0)
    expect((await meeting({ isolation: 'repeatable read', readOnly: true })).value).toBe(0)
    let runs = 0
    const losing = (options: object) =>
      acme.transaction(async (tx) => {
        runs++
        await tx.entities.accounts.get('a')
        await pool.query(`UPDATE headwater.e_accounts SET sum = sum + 1 WHERE tenant = '${acme.tenant}'`)
        await tx.entities.accounts.update('a', { sum: 0 })
      }, options)
    const strict = { isolation: 'repeatable read' } as const
    expect(await refusal(losing({ ...strict, retries: 0 }))).toMatchObject({ code: 'HW_CONFLICT', retryable: true })
    expect(runs).toBe(1)
    expect(await refusal(losing({ ...strict, retries: 3 }))).toMatchObject({ code: 'HW_CONFLICT' })
    expect(runs).toBe(5)
    const startedAt = performance.now()
    const late = await refusal(losing({ ...strict, retries: 1_000, timeoutMs: 1_000 }))
    expect(['HW_CONFLICT', 'HW_TIMEOUT']).toContain(late.code)
    expect(performance.now() - startedAt).toBeLessThan(3_000)
  })

  it('a lost answer to COMMIT says nothing of one that is read only', async () => {
    const proxy = await TcpProxy.to(database().url)
    const away = await opened(proxy.url)
    try {
      const acme = away.forTenant('readers')
      let cut = false
      proxy.onRequest = (bytes) => {
        if (cut || !bytes.includes('COMMIT\0')) return 'pass'
        cut = true
        return 'cut-after'
      }
      const { value } = await acme.transaction((tx) => tx.entities.accounts.count(), { readOnly: true })
      expect([value, cut]).toEqual([0, true])
    } finally {
      await away.close()
      await proxy.close()
    }
  })
})
