/** `documents.get` against the same prepared statement through the raw driver's pool, with and without row level security. */
import pg from 'pg'
import { openStore } from '../index'
import { documentStatements } from '../src/repositories/postgres/document-sql'
import { add, argument, finish, inTurn, medianRun } from './report'

const url = argument(0) ?? process.env['HW_TEST_PGVECTOR_URL']
if (!url) throw new Error('usage: npm run bench -- get POSTGRES_URL')
const raw = new pg.Pool({ connectionString: url, max: 1 })

for (const rowLevelSecurity of ['off', 'auto'] as const) {
  const store = await openStore({ embedder: { hashing: {} }, relay: 'external', postgres: { url, rowLevelSecurity } })
  const guarded = !(await store.health()).notices.some((notice) => notice.startsWith('Row level security'))
  const acme = store.forTenant('bench')
  await acme.documents.put({ id: 'one', title: 'One', text: 'a text of some words '.repeat(20), metadata: { year: 1 } })
  const { text, name } = documentStatements().get
  const values = ['bench', 'documents', 'one']
  const measure = () =>
    inTurn(4_000, {
      raw: () => raw.query({ ...(name !== undefined && { name }), text, values }),
      ours: () => acme.documents.get('one'),
    })
  const { raw: rawUs, ours } = await medianRun(5, measure, (times) => times.ours / times.raw)
  const row = guarded ? 'get, row level security' : 'get'
  add(row, 'us', rawUs, ours, { compare: 'ratio', atMost: guarded ? 1.4 : 1.15 })
  await store.close()
}
await raw.end()
finish()
