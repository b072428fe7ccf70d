/** Claims while 1,000 and while 1,000,000 jobs wait, in turn, also under a long snapshot; then what jobs leave behind. */
import pg from 'pg'
import { PostgresConnection } from '../src/connections/postgres/connection'
import { quoteName } from '../src/connections/postgres/row-security'
import { collectionName, tenantId } from '../src/core/ids'
import { migrate } from '../src/migrations/migrate'
import { PostgresTruth } from '../src/repositories/postgres/truth'
import { percentile } from './figures'
import { timedClaim } from './outbox'
import { add, argument, finish, note } from './report'

const many = Number(argument(0) ?? 1_000_000)
const url = argument(1) ?? process.env['DATABASE_URL'] ?? process.env['HW_TEST_PGVECTOR_URL']
if (!url) throw new Error('usage: npm run bench -- claim [jobs] [POSTGRES_URL]')
const few = 1_000
const batch = 250
const rounds = 160
const completedUnderSnapshot = many / 5

const connection = new PostgresConnection({ url, max: 4, statementTimeoutMs: 600_000, queryTimeoutMs: 700_000 })
const sql = connection.session({ worker: true })
const scope = { tenant: tenantId('bench'), collection: collectionName('documents') }

/** The jobs of a schema of its own. */
class Outbox {
  readonly schema: string
  readonly table: string
  truth: PostgresTruth
  made = 0

  constructor(name: string) {
    this.schema = `bench_claim_${process.pid}_${name}`
    this.table = `${quoteName(this.schema)}.queue`
    this.truth = this.open()
  }

  /** As a process that has just begun. */
  open(): PostgresTruth {
    this.truth = new PostgresTruth(connection, { schema: this.schema })
    return this.truth
  }

  /** Jobs that are due, each later than those before. */
  async insert(count: number): Promise<void> {
    await sql.query(
      `INSERT INTO ${this.table} (target, tenant, collection, document, since, fence, first, created_at, due_at)
       SELECT 'text', 'bench', 'documents', 'document ' || i, 0, i, i, clock_timestamp(), clock_timestamp()
       FROM generate_series($1::bigint, $2::bigint) AS i`,
      [this.made + 1, this.made + count],
    )
    this.made += count
  }

  /** One batch from claim to completion; the time of the claim alone, ms. */
  work(limit: number): Promise<number> {
    return timedClaim(this.truth, 'text', limit)
  }
}

const small = new Outbox('few')
const large = new Outbox('many')

/** Claims of both in turn; what is done is made up for. */
async function compare(name: string): Promise<void> {
  const times = new Map([small, large].map((one) => [one, [] as number[]]))
  for (let round = 0; round < rounds; round++) {
    for (const [outbox, taken] of times) {
      taken.push(await outbox.work(batch))
      await outbox.insert(batch)
    }
  }
  const steady = (of: Outbox): number[] => times.get(of)!.slice(rounds / 10)
  const mean = (of: Outbox): number => steady(of).reduce((sum, time) => sum + time, 0) / steady(of).length
  const [raw, ours] = [percentile(steady(small), 0.5), percentile(steady(large), 0.5)]
  add(name, 'ms', raw, ours, { compare: 'ratio', atMost: 1.5 })
  note('means of the same', `${mean(small).toFixed(2)} ms, ${mean(large).toFixed(2)} ms`)
}

const size = async (): Promise<number> => {
  const { rows } = await sql.query<{ size: number }>(`SELECT pg_total_relation_size('${large.table}') AS size`)
  return Number(rows[0]!.size) / 2 ** 20
}

try {
  for (const { schema } of [small, large]) await migrate(connection, { schema })
  await small.insert(few)
  await large.insert(many)
  await compare(`claim, ${many} wait against ${few}`)

  const holder = new pg.Client({ connectionString: url })
  await holder.connect()
  await holder.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
  await holder.query(`SELECT count(*) FROM ${large.table} WHERE tenant = 'nobody'`)
  for (let done = 0; done < completedUnderSnapshot; done += 1_000) await large.work(1_000)
  await compare(`under a snapshot ${completedUnderSnapshot} jobs old`)
  // It knows no floor yet.
  large.open()
  note('the first claim of a process then', `${(await large.work(batch)).toFixed(2)} ms`)
  await holder.query('COMMIT')
  await holder.end()

  await sql.query(`DELETE FROM ${large.table}`)
  await sql.query(`VACUUM FULL ${large.table}`)
  const before = await size()
  const { jobs } = large.truth.session({ worker: true })
  const perTurn = 1_000
  let largest = 0
  for (let done = 0; done < many; done += perTurn) {
    const fresh = Array.from({ length: perTurn }, (_, at) => {
      const fence = ++large.made
      return { ...scope, target: 'text' as const, document: `churn ${done + at}`, since: 0, fence }
    })
    await jobs.enqueue(fresh)
    await large.work(perTurn)
    if (done % 50_000 === 0) largest = Math.max(largest, await size())
  }
  const after = await size()
  note(
    `after ${many} jobs came and went, at most ${perTurn} at once`,
    `${before.toFixed(1)} MB before, ${after.toFixed(1)} MB after, ${Math.max(largest, after).toFixed(1)} MB at most`,
  )
  await sql.query(`VACUUM ${large.table}`)
  note('and when autovacuum has been there', `${(await size()).toFixed(1)} MB`)
} finally {
  for (const { schema } of [small, large]) await sql.query(`DROP SCHEMA IF EXISTS ${quoteName(schema)} CASCADE`)
  await connection.close()
}
finish()
