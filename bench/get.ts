/** `documents.get` against one prepared statement of the raw driver, in turn, with and without row level security. */
import pg from 'pg'
import { openStore } from '../index'
import { ms, percentile } from './figures'

const url = process.argv[2]
if (!url) throw new Error('usage: npm run bench -- get POSTGRES_URL')
const rounds = 3_000
const raw = new pg.Pool({ connectionString: url, max: 1 })

for (const rowLevelSecurity of ['off', 'auto'] as const) {
  const store = await openStore({ embedder: { hashing: {} }, postgres: { url, rowLevelSecurity } })
  const acme = store.forTenant('bench')
  await acme.documents.put({ id: 'one', title: 'One', text: 'a text of some words '.repeat(20), metadata: { year: 1 } })
  const query = {
    name: 'get',
    text: `SELECT * FROM headwater.documents WHERE tenant = $1 AND collection = $2 AND id = $3 AND deleted_at IS NULL`,
    values: ['bench', 'documents', 'one'],
  }
  const times: Record<'raw' | 'ours', number[]> = { raw: [], ours: [] }
  for (let at = 0; at < rounds; at++) {
    let started = performance.now()
    await raw.query(query)
    times.raw.push(performance.now() - started)
    started = performance.now()
    await acme.documents.get('one')
    times.ours.push(performance.now() - started)
  }
  const [rawMs, oursMs] = [percentile(times.raw.slice(200), 0.5), percentile(times.ours.slice(200), 0.5)]
  console.log(
    `row level security ${rowLevelSecurity}: raw ${ms(rawMs)}, get ${ms(oursMs)}, ratio ${(oursMs / rawMs).toFixed(2)}`,
  )
  await store.close()
}
await raw.end()
