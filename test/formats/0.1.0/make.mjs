// Makes the store of 0.1.0 that open.test.ts opens; see README.md. To be run in a worktree of that commit.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import pg from 'pg'

const [kind, out] = process.argv.slice(2)
const { FIXTURE_POSTGRES_URL, FIXTURE_ELASTICSEARCH_URL, PG_DUMP = 'pg_dump' } = process.env
const from = (file) => import(pathToFileURL(path.resolve(file)).href)
const { openStore, defineMetadata } = await from('index.ts')

const documents = JSON.parse(fs.readFileSync(new URL('corpus.json', import.meta.url), 'utf8'))

async function query(url, text) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

/** Passes requests on, and keeps those that wrote. */
async function recorder(target) {
  const written = []
  const server = http.createServer((request, response) => {
    const parts = []
    request.on('data', (part) => parts.push(part))
    request.on('end', () => {
      const body = Buffer.concat(parts)
      const { host, ...headers } = request.headers
      const passed = http.request(new URL(request.url, target), { method: request.method, headers }, (answer) => {
        response.writeHead(answer.statusCode, answer.headers)
        answer.pipe(response)
        const reads = /_search|_count|_refresh|_mget|_msearch|points\/(scroll|query|count|search)|points$/
        const isRead = request.method === 'GET' || (request.method === 'POST' && reads.test(request.url.split('?')[0]))
        if (isRead || answer.statusCode >= 400 || /canary/.test(request.url)) return
        written.push({ method: request.method, path: request.url, body: body.toString() })
      })
      passed.end(body)
    })
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${server.address().port}`, written, close: () => server.close() }
}

const name = `fixture_${process.pid}`
await query(FIXTURE_POSTGRES_URL, `CREATE DATABASE ${name}`)
const url = Object.assign(new URL(FIXTURE_POSTGRES_URL), { pathname: `/${name}` }).href

const options = {
  postgres: { url },
  embedder: { hashing: { dimensions: 16 } },
  collections: { documents: { metadata: defineMetadata({ section: 'keyword', year: 'integer', at: 'datetime' }) } },
  relay: 'external',
}
const recorders = {}
let double
if (kind === 'full') {
  const { startQdrantDouble } = await from('test/support/qdrant-double/index.ts')
  double = await startQdrantDouble()
  recorders.qdrant = await recorder(double.url)
  recorders.elasticsearch = await recorder(FIXTURE_ELASTICSEARCH_URL)
  options.qdrant = { url: recorders.qdrant.url }
  options.elasticsearch = { url: recorders.elasticsearch.url, texts: { analysis: 'library' } }
}

const store = await openStore(options)
const [acme, globex] = [store.forTenant('acme'), store.forTenant('globex')]
const { failed } = await acme.documents.putMany([...documents, { id: 'deleted', text: 'Leave that is deleted.' }])
if (failed.length > 0) throw failed[0].error
await globex.documents.put({ id: 'handbook', text: 'Leave of another tenant.', metadata: { section: 'hr' } })
await store.relay.drain()
// Tombstones of chunks and of a document; then a standby generation of each target.
await acme.documents.patch('travel', { text: 'Trains are booked by the office. Leave your receipts there.' })
await acme.documents.delete('deleted')
await store.relay.drain()
for (const target of ['vector', 'text']) await store.rebuild({ target, collection: 'documents' })

for (const id of ['waiting', 'claimed', 'parked']) await acme.documents.put({ id, text: `Leave that is ${id}.` })
await acme.documents.patch('canteen', { metadata: { year: 2030 } })
await acme.documents.put({ id: 'short', text: 'Leave that was short.' })
await acme.documents.delete('short')
await query(
  url,
  `UPDATE headwater.jobs SET claim_token = 'of a process that died', lease_until = now() + interval '30 seconds',
     due_at = now() + interval '30 seconds' WHERE document = 'claimed';
   UPDATE headwater.jobs SET parked_at = now(), attempts = 8, reason = 'HW_DATABASE: refused' WHERE document = 'parked'`,
)
await store.close()

const write = (file, text) => fs.writeFileSync(path.join(out, file), text)
const dump = execFileSync(
  PG_DUMP,
  ['--schema=headwater', '--no-owner', '--no-privileges', '--inserts', '--dbname', url],
  { encoding: 'utf8', maxBuffer: 2 ** 28 },
)
const lines = dump.split('\n').filter((line) => line !== '' && !/^(--|\\|SET transaction_timeout)/.test(line))
write(`${kind}.sql`, `${lines.join('\n').replaceAll(`TO ${new URL(url).username} USING`, 'TO CURRENT_USER USING')}\n`)
for (const [engine, { written, close }] of Object.entries(recorders)) {
  write(`${engine}.jsonl`, `${written.map((request) => JSON.stringify(request)).join('\n')}\n`)
  close()
}
if (kind === 'full') {
  const [{ value }] = await query(url, `SELECT value FROM headwater.registry WHERE name = 'installation'`)
  await fetch(`${FIXTURE_ELASTICSEARCH_URL}/_index_template/headwater_${value}-guard`, { method: 'DELETE' })
  const indexes = await (
    await fetch(`${FIXTURE_ELASTICSEARCH_URL}/_cat/indices/headwater_${value}*?format=json`)
  ).json()
  for (const { index } of indexes) await fetch(`${FIXTURE_ELASTICSEARCH_URL}/${index}`, { method: 'DELETE' })
  await double.close()
}
await query(FIXTURE_POSTGRES_URL, `DROP DATABASE ${name} WITH (FORCE)`)
