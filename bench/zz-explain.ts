import pg from 'pg'
import { openStore } from '../index'
const url = process.env['DATABASE_URL']!
const admin = new pg.Client({ connectionString: url }); await admin.connect()
const name = `zz_${Date.now()}`; await admin.query(`CREATE DATABASE ${name}`); await admin.end()
const own = new URL(url); own.pathname = `/${name}`
const store = await openStore({ postgres: { url: own.href }, embedder: { hashing: { dimensions: 384 } }, relay: 'external' } as never)
const acme = store.forTenant('acme')
await acme.documents.putMany(Array.from({ length: 3000 }, (_, i) => ({ id: `d${i}`, text: `some text of ${i}` })))
const seen = new Map<string, { text: string; values: unknown[] }>()
const real = pg.Client.prototype.query as any
;(pg.Client.prototype as any).query = function (...args: any[]) { const q = args[0]; if (q?.text && /fresh AS/.test(q.text)) seen.set(/UPDATE/.test(q.text) ? (/doomed/.test(q.text) ? 'erase' : 'change') : 'insert', q); return real.apply(this, args) }
const { Connection } = pg as any
const parse = Connection.prototype.parse
const texts = new Map<string, string>()
Connection.prototype.parse = function (q: any, more: any) { if (/fresh AS/.test(q.text)) texts.set(/UPDATE/.test(q.text) ? (/doomed/.test(q.text) ? 'erase' : 'change') : 'insert', q.text); return parse.call(this, q, more) }
const bind = Connection.prototype.bind
const bound: any[] = []
Connection.prototype.bind = function (c: any, more: any) { bound.push(c); return bind.call(this, c, more) }
const n = Number(process.argv[2] ?? 10)
for (const kind of ['change', 'erase']) {
  bound.length = 0
  const go = (i: number) => kind === 'change' ? acme.documents.put({ id: `d${i}`, text: `other text ${i}` }) : acme.documents.delete(`d${i}`)
  await Promise.all(Array.from({ length: n }, (_, i) => go(i + 50)))
  const text = texts.get(kind)!
  const c = new pg.Client({ connectionString: own.href }); await c.connect()
  const candidates = bound.filter((b) => b.values?.length > 6)
  const big = candidates.sort((a, b) => JSON.stringify(b.values).length - JSON.stringify(a.values).length)[0]
  const values = big.values.map((v: any) => v)
  await c.query('BEGIN')
  for (const [k, v] of [['plan_cache_mode','force_generic_plan'],['enable_seqscan','off'],['enable_hashjoin','off'],['enable_mergejoin','off'],['jit','off']]) await c.query(`SET LOCAL ${k}=${v}`)
  const lit = (v: any): string => v === null || v === undefined ? 'NULL' : typeof v === 'number' || typeof v === 'boolean' ? String(v) : Buffer.isBuffer(v) ? `'\\x${v.toString('hex')}'` : Array.isArray(v) ? pg.escapeLiteral(`{${v.map((x) => x === null ? 'NULL' : `"${String(x).replace(/["\\]/g, '\\$&')}"`).join(',')}}`) : pg.escapeLiteral(String(v))
  await c.query(`PREPARE zz AS ${text}`)
  try {
  const { rows } = await c.query(`EXPLAIN (ANALYZE, BUFFERS) EXECUTE zz(${values.map(lit).join(', ')})`)
  console.log(kind, '\n' + rows.map((r: any) => r['QUERY PLAN']).join('\n'))
  } catch (e) { console.log(kind, e, text.slice(0, 300)) }
  await c.query('ROLLBACK'); await c.end()
}
await store.close()
