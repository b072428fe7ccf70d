/** A rebuild from stored vectors against raw upserts of the same rows, in pgvector, and the memory it takes. */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { openStore } from '../index'
import { add, argument, finish, note } from './report'

const dimensions = 64
const batch = 500
const filling = process.argv[2] === 'fill'
const wanted = Number((filling ? process.argv[3] : argument(0)) ?? 20_000)
const url = process.env['DATABASE_URL']
if (!url) throw new Error('bench rebuild: set DATABASE_URL to a Postgres server that has pgvector')

const schema = 'headwater_bench_rebuild'
const open = () =>
  openStore({
    postgres: { url, schema },
    embedder: { hashing: { dimensions } },
    relay: filling ? 'background' : 'external',
  })
const rss = (): number => process.memoryUsage.rss() / 2 ** 20

/** In a process of its own, so that what it leaves in memory is not counted. */
async function fill(): Promise<void> {
  const store = await open()
  const { documents } = store.forTenant('bench')
  const source = function* () {
    for (let at = 0; at < wanted; at++) yield { id: `d${at}`, text: `a small chunk, number ${at}` }
  }
  await documents.putMany(source())
  await store.relay.drain({ timeoutMs: 3_600_000 })
  await store.close()
}

/** The same rows by hand: read by id, and put into a table of the same make. */
async function raw(client: pg.Client): Promise<number> {
  const { rows } = await client.query(
    `SELECT name FROM ${schema}.generations WHERE target = 'vector' AND state = 'live'`,
  )
  const live = `${schema}.${rows[0].name}`
  // The index for searches is made after the copy, there as here.
  await client.query(`CREATE TABLE ${schema}.raw (LIKE ${live} INCLUDING STORAGE, PRIMARY KEY (id))`)
  await client.query(`CREATE INDEX ON ${schema}.raw (tenant)`)
  const columns = (
    await client.query(
      `SELECT attname AS name, format_type(atttypid, NULL) AS type FROM pg_attribute
       WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
      [live],
    )
  ).rows as { name: string; type: string }[]
  const names = columns.map(({ name }) => name)
  const text = `INSERT INTO ${schema}.raw (${names}) SELECT * FROM unnest(${columns.map(({ type }, at) => `$${at + 1}::${type}[]`)})
    ON CONFLICT (id) DO UPDATE SET ${names.filter((name) => name !== 'id').map((name) => `${name} = excluded.${name}`)}`
  let spentMs = 0
  let after = '00000000-0000-0000-0000-000000000000'
  for (;;) {
    const page = await client.query(
      `SELECT ${names.map((name) => `${name}::text`)} FROM ${live} WHERE id > $1 ORDER BY id LIMIT ${batch}`,
      [after],
    )
    if (page.rows.length === 0) return spentMs
    after = page.rows.at(-1).id
    const values = names.map((name) => page.rows.map((row) => row[name]))
    const startedAt = performance.now()
    await client.query({ name: 'raw-upsert', text, values })
    spentMs += performance.now() - startedAt
  }
}

async function measure(): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`)
  try {
    await new Promise<void>((resolve, reject) => {
      const child = fork(fileURLToPath(import.meta.url), ['fill', String(wanted)])
      child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`filling ended with code ${code}`))))
    })
    // As autovacuum does within a minute; without statistics each batch is read by a plan that is hundreds of times slower.
    for (const table of ['documents', 'chunks', 'embeddings']) await client.query(`ANALYZE ${schema}.${table}`)
    const store = await open()
    const idle = rss()
    let peak = idle
    let copyMs = 0
    const startedAt = performance.now()
    const { copied } = await store.rebuild({
      target: 'vector',
      onProgress: ({ phase }) => {
        peak = Math.max(peak, rss())
        if (phase === 'copy') copyMs = performance.now() - startedAt
      },
    })
    const wholeMs = performance.now() - startedAt
    await store.close()
    const rawMs = await raw(client)
    const rate = (ms: number): number => Math.round((wanted / ms) * 1_000)
    note('chunks', copied)
    add('copy against raw upserts', '/s', rate(rawMs), rate(copyMs), { compare: 'ratio', atLeast: 0.9 })
    note('with check and switch', `${rate(wholeMs)}/s`)
    add('memory above idle', 'MiB', idle, peak, { compare: 'difference', atMost: 200 })
    finish()
  } finally {
    await client.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`)
    await client.end()
  }
}

if (filling) await fill()
else await measure()
