// Qdrant's client and undici in these versions: what passes through them of an answer, an overload and an abort. The
// server is none, only what it says.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { QdrantConnection } from 'headwater'

const answers = {
  '/': [200, '{"title":"qdrant","version":"1.18.3"}'],
  '/collections': [200, '{"result":{"collections":[]},"status":"ok"}'],
  '/aliases': [429, '{"status":{"error":"too many"}}', { 'retry-after': '30' }],
  '/collections/slow/exists': undefined,
}
let ended = 0
const server = createServer((request, response) => {
  const answer = answers[request.url]
  if (answer) response.writeHead(answer[0], { 'content-type': 'application/json', ...answer[2] }).end(answer[1])
  else request.on('close', () => ended++)
})
await once(server.listen(0, '127.0.0.1'), 'listening')

const connection = new QdrantConnection({ url: `http://127.0.0.1:${server.address().port}`, retry: { maxAttempts: 1 } })
assert.deepEqual(await connection.call({ operation: 'getCollections' }), { collections: [] })
await assert.rejects(connection.call({ operation: 'getCollectionsAliases' }), {
  code: 'HW_OVERLOADED',
  retryAfterMs: 30_000,
})
const signal = AbortSignal.timeout(200)
await assert.rejects(connection.call({ operation: 'collectionExists', collection: 'slow' }, { signal }), {
  code: 'HW_TIMEOUT',
})
await connection.close()
while (ended === 0) await new Promise((resolve) => setTimeout(resolve, 10))
assert.equal(connection.sockets, 0)
server.closeAllConnections()
server.close()
console.log('qdrant: ok')
