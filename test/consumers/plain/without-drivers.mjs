// What is not installed is told with the line that installs it.
import assert from 'node:assert/strict'
import { ElasticsearchConnection, openStore, QdrantConnection, RedisConnection } from 'headwater'

const unhealthy = async (connection) => {
  throw (await connection.health()).error
}
const url = 'http://127.0.0.1:1'
const uses = {
  '@electric-sql/pglite@0.5.14 @electric-sql/pglite-pgvector@0.0.15': () =>
    openStore({ embedded: { path: ':memory:' }, embedder: { hashing: {} } }),
  '@qdrant/js-client-rest undici': () => unhealthy(new QdrantConnection({ url })),
  '@elastic/elasticsearch@8': () => unhealthy(new ElasticsearchConnection({ url })),
  ioredis: () => unhealthy(new RedisConnection({ url: 'redis://127.0.0.1:1' })),
}
for (const [packages, use] of Object.entries(uses)) {
  await assert.rejects(use, (error) => {
    assert.equal(error.code, 'HW_DRIVER_MISSING', String(error))
    assert.ok(error.message.includes(`npm install ${packages}`), error.message)
    return true
  })
}
console.log('without drivers: ok')
