/**
 * Drain and claims of no-op jobs while 800 jobs/s come and go and somebody holds a snapshot: a transaction, and pg_dump.
 * Rows that are done with cannot be cleared away then, and whoever reads past them gets slower.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import pg from 'pg'
import { quoteName } from '../src/connections/postgres/row-security'
import { collectionName, tenantId } from '../src/core/ids'
import type { NewJob } from '../src/repositories/jobs'
import { findCommand } from '../test/support/server-process'
import { analyzeSchema, openCounting } from './counting-writer'
import { median } from './figures'
import { timedClaim } from './outbox'
import { ProcessMeter } from './processes'
import { add, argument, finish, note } from './report'

const seconds = Number(argument(0) ?? 120)
const url = argument(1) ?? process.env['DATABASE_URL'] ?? process.env['HW_TEST_PGVECTOR_URL']
if (!url) throw new Error('usage: npm run bench -- held [seconds] [POSTGRES_URL]')
const documents = 10_000
const jobsPerSecond = 800
const tickMs = 100
const claims = 40
const claimLimit = 250

const scope = { tenant: tenantId('bench'), collection: collectionName('documents') }
const store = await openCounting(url, `hw_bench_${randomBytes(5).toString('hex')}`, { relay: 'external' })
const schema = quoteName(store.schema)
const sql = store.connection.session({ worker: true })
const { jobs } = store.truth.session({ worker: true })
const meter = await ProcessMeter.open({ postgresUrl: url })
const all: NewJob[] = []
let next = 0

/** The next so many jobs, of documents in turn. */
function take(count: number): NewJob[] {
  return Array.from({ length: count }, () => all[next++ % all.length]!)
}

/** Jobs come, and a worker does them as they come; returns how many a second were done. */
async function load(forSeconds: number): Promise<number> {
  const stop = new AbortController()
  const worker = store.writer.relay.run({ signal: stop.signal })
  const before = store.vectors.written + store.texts.written
  const began = performance.now()
  for (let tick = 1; tick <= (forSeconds * 1_000) / tickMs; tick++) {
    await jobs.enqueue(take((jobsPerSecond * tickMs) / 1_000))
    await new Promise((resolve) => setTimeout(resolve, began + tick * tickMs - performance.now()))
  }
  const took = performance.now() - began
  stop.abort()
  await worker
  const done = store.vectors.written + store.texts.written - before
  await store.writer.relay.drain({ timeoutMs: 600_000 })
  return (done / took) * 1_000
}

interface Measured {
  /** No-op jobs a second. */
  readonly drain: number
  /** us of Postgres a job of the drain; 0 where it is not seen. */
  readonly postgresUs: number
  /** Median, ms. */
  readonly claim: number
  readonly dead: number
}

async function measure(): Promise<Measured> {
  await jobs.enqueue(take(all.length))
  const { result: drain, times } = await meter.during(async () => {
    const at = performance.now()
    const { applied } = await store.writer.relay.drain({ timeoutMs: 600_000 })
    if (applied !== all.length) throw new Error(`${applied} jobs were applied`)
    return (applied / (performance.now() - at)) * 1_000
  })
  const text = all.filter(({ target }) => target === 'text')
  const taken: number[] = []
  for (let claim = 0; claim < claims; claim++) {
    const from = (claim * claimLimit) % (text.length - claimLimit)
    await jobs.enqueue(text.slice(from, from + claimLimit))
    taken.push(await timedClaim(store.truth, 'text', claimLimit))
  }
  const { rows } = await sql.query<{ dead: string }>(
    'SELECT sum(n_dead_tup) AS dead FROM pg_stat_user_tables WHERE schemaname = $1',
    [store.schema],
  )
  const postgresUs = ((times.postgres ?? 0) * 1_000) / all.length
  return { drain, postgresUs, claim: median(taken), dead: Number(rows[0]!.dead) }
}

function compare(held: string, before: Measured, then: Measured): void {
  add(`drain, ${held}`, 'jobs/s', before.drain, then.drain, { compare: 'ratio', atLeast: 0.67 })
  add(`claim, ${held}`, 'ms', before.claim, then.claim, { compare: 'ratio', atMost: 1.5 })
  if (then.postgresUs > 0) {
    const goal = { compare: 'ratio', atMost: 1.5 } as const
    add(`processor of postgres, ${held}`, 'us/job', before.postgresUs, then.postgresUs, goal)
  }
  note('dead rows then', then.dead)
}

async function vacuum(): Promise<void> {
  const client = new pg.Client({ connectionString: url! })
  await client.connect()
  const { rows } = await client.query('SELECT tablename FROM pg_tables WHERE schemaname = $1', [store.schema])
  await client.query(`VACUUM ANALYZE ${rows.map(({ tablename }) => `${schema}.${tablename}`)}`)
  await client.end()
}

/** Nobody reads what it writes until `end`: it waits in the middle of a table, with its snapshot. */
async function startDump(command: string): Promise<{ running(): boolean; end(): Promise<void> }> {
  const child: ChildProcess = spawn(command, ['--schema', store.schema, '--dbname', url!], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  child.stderr!.on('data', (bytes: Buffer) => {
    said += bytes
  })
  const closed = once(child, 'close')
  child.stdout!.pause()
  for (let tries = 0; tries < 100 && !(await isDumping()); tries++) {
    if (child.exitCode !== null) throw new Error(`pg_dump ended: ${said}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return {
    running: () => child.exitCode === null,
    async end() {
      child.stdout!.resume()
      const [code] = await closed
      if (code !== 0) throw new Error(`pg_dump: ${said}`)
    },
  }
}

async function isDumping(): Promise<boolean> {
  const { rows } = await sql.query<{ count: string }>(
    `SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pg_dump' AND query LIKE 'COPY %'`,
  )
  return Number(rows[0]!.count) > 0
}

/** The newest that there is: one that is older than the server refuses it. */
function dumpCommand(): string | undefined {
  return process.env['PG_DUMP'] ?? findCommand('pg_dump')
}

try {
  const filler = 'a text of some words, long enough that a dump of all of them does not fit into a pipe '
  await store.writer.putMany(
    scope,
    Array.from({ length: documents }, (_, at) => ({ id: `document ${at}`, text: `${filler.repeat(3)}${at}` })),
  )
  await store.writer.relay.drain({ timeoutMs: 600_000 })
  const { rows } = await sql.query<{ id: string; fence: string }>(`SELECT id, fence FROM ${schema}.documents`)
  for (const { id, fence } of rows) {
    const job = { ...scope, document: id, since: 0, fence: Number(fence) }
    all.push({ ...job, target: 'vector' }, { ...job, target: 'text' })
  }
  await analyzeSchema(store.connection, store.schema)
  await load(Math.min(10, seconds))
  await vacuum()
  const before = await measure()
  note('dead rows without a snapshot', before.dead)

  const holder = new pg.Client({ connectionString: url })
  await holder.connect()
  await holder.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
  await holder.query(`SELECT count(*) FROM ${schema}.documents`)
  const kept = await load(seconds)
  add(`done of ${jobsPerSecond} jobs/s, a snapshot held`, '/s', jobsPerSecond, kept, {
    compare: 'ratio',
    atLeast: 0.97,
  })
  compare(`a snapshot of ${seconds} s`, before, await measure())
  await holder.query('COMMIT')
  await holder.end()
  await vacuum()

  const command = dumpCommand()
  if (!command) {
    console.error('bench held: NOT RUN while pg_dump runs: it is not in the PATH, set PG_DUMP')
    note('pg_dump', 'NOT RUN: it is not in the PATH, set PG_DUMP')
  } else {
    const dump = await startDump(command)
    const done = await load(seconds)
    add(`done of ${jobsPerSecond} jobs/s, pg_dump`, '/s', jobsPerSecond, done, { compare: 'ratio', atLeast: 0.97 })
    const then = await measure()
    if (!dump.running()) throw new Error('pg_dump had ended before the measuring')
    await dump.end()
    compare(`pg_dump for ${seconds} s`, before, then)
  }
} finally {
  await store.close()
}
finish()
