import { expect, it } from 'vitest'
import type { Executor } from '../../src/connections/postgres/executor'
import { seededRandom } from '../../src/core/random'
import { PostgresTextRepository } from '../../src/repositories/bm25/texts'
import { PostgresVectorRepository } from '../../src/repositories/pgvector/vectors'
import type { IndexConnection } from '../../src/repositories/postgres-index/index-connection'
import { acme, globex, point, textEntry } from '../../src/testing/contracts/rows'
import { describeWithPgvector } from '../support/postgres'
import { usePgvectorServer, worker } from './index-backends'

/** The connection, with the plan of each statement that a tenant runs added to `plans`. */
function explained(connection: IndexConnection, plans: string[]): IndexConnection {
  const session: IndexConnection['session'] = (as) => {
    const real = connection.session(as)
    if (!('tenant' in as)) return real
    const executor: Executor = {
      async query<R>(text: string, values?: readonly unknown[]) {
        const plan = await real.query<Record<string, string>>(`EXPLAIN ${text}`, values)
        plans.push(plan.rows.map((row) => row['QUERY PLAN']).join('\n'))
        return real.query<R>(text, values)
      },
    }
    return executor
  }
  return { session, transaction: connection.transaction.bind(connection) }
}

describeWithPgvector('plans under row level security', () => {
  const backend = usePgvectorServer()
  const random = seededRandom(5)

  it('the app role is under the policies, and sees one tenant without any WHERE', async () => {
    const { schema, dispose } = await backend().schema()
    const { connection } = backend()
    const texts = new PostgresTextRepository(connection, { schema })
    const vectors = new PostgresVectorRepository(connection, { schema })
    const text = { name: 't', language: 'english' }
    const vector = { name: 'v', fingerprint: 'f', dimensions: 2 }
    await texts.create(text)
    await vectors.create(vector)
    for (const tenant of [acme, globex]) {
      await texts.upsert(text, [textEntry(tenant, 1, 'words', { tenant })])
      await vectors.upsert(vector, [point(tenant, 1, [1, 0], { tenant })])
    }
    const { rows } = await connection.session({ tenant: acme }).query(
      `SELECT rolsuper OR rolbypassrls AS bypasses, row_security_active('${schema}.t') AS active
         FROM pg_roles WHERE rolname = current_user`,
    )
    expect(rows).toEqual([{ bypasses: false, active: true }])
    for (const table of ['t', 't_segments', 't_postings', 'v']) {
      const seen = await connection.session({ tenant: acme }).query(`SELECT DISTINCT tenant FROM ${schema}.${table}`)
      expect([table, seen.rows]).toEqual([table, [{ tenant: acme }]])
      const all = await connection.session(worker).query(`SELECT DISTINCT tenant FROM ${schema}.${table}`)
      expect([table, all.rows.length]).toEqual([table, 2])
    }
    await dispose()
  })

  it.each([
    ['after ANALYZE', true],
    ['on tables that were never analysed', false],
  ])(
    'a text search goes through the btree on (tenant, bucket), and reads no large table whole: %s',
    async (_, known) => {
      const { schema, dispose } = await backend().schema()
      const plans: string[] = []
      const texts = new PostgresTextRepository(explained(backend().connection, plans), { schema })
      const index = { name: 't', language: 'english' }
      await texts.create(index)
      if (!known) {
        for (const table of ['t', 't_segments', 't_postings']) {
          await backend()
            .connection.session(worker)
            .query(`ALTER TABLE ${schema}.${table} SET (autovacuum_enabled = off)`)
        }
      }
      const word = () => `w${Math.floor(random.next() ** 3 * 5_000)}`
      await texts.upsert(
        index,
        Array.from({ length: 6_000 }, (_, i) =>
          textEntry(`p${i}`, 1, Array.from({ length: 40 }, word).join(' '), { tenant: i % 4 ? acme : globex }),
        ),
      )
      if (known) await backend().connection.session(worker).query('ANALYZE')
      plans.length = 0
      const hits = await texts.search(index, { tenant: acme, query: 'w1 w40 w999', limit: 20 })
      expect(hits.length).toBe(20)
      expect((await texts.search(index, { tenant: acme, query: 'w4', match: 'prefix', limit: 20 })).length).toBe(20)
      expect(
        (
          await texts.read(
            index,
            hits.map(({ id }) => id),
          )
        ).length,
      ).toBe(20)
      const postings = plans.find((plan) => plan.includes('t_postings'))!
      expect(postings).toMatch(/Index Scan (using|on) t_postings_pkey/)
      expect(postings).toMatch(/Index Cond: \(+tenant = .*bucket = k.bucket/)
      const entries = plans.find((plan) => plan.includes('t_tenant_number_idx'))!
      expect(entries).toMatch(/Index Cond: \(+tenant = .*number = k.wanted/)
      for (const plan of plans) expect(plan).not.toMatch(/Seq Scan on t(_postings)?\b(?!_)/)
      await dispose()
    },
  )

  it('a vector search of a tenant among many reads its own rows alone', async () => {
    const { schema, dispose } = await backend().schema()
    const plans: string[] = []
    const vectors = new PostgresVectorRepository(explained(backend().connection, plans), { schema })
    const index = { name: 'v', fingerprint: 'f', dimensions: 8 }
    await vectors.create(index)
    const vector = () => Array.from({ length: 8 }, () => random.next() - 0.5)
    await vectors.upsert(
      index,
      Array.from({ length: 4_000 }, (_, i) => point(`p${i}`, 1, vector(), { tenant: i % 100 ? globex : acme })),
    )
    await backend().connection.session(worker).query('ANALYZE')
    const hits = await vectors.search(index, { tenant: acme, vector: Float32Array.from(vector()), limit: 100 })
    expect(hits.length).toBe(40)
    expect(plans.at(-1)).toMatch(/Index Cond: \(tenant = /)
    await dispose()
  })
})
