// What is not installed is told with the line that installs it.
import assert from 'node:assert/strict'
import { openStore } from 'headwater'

const servers = {
  '@electric-sql/pglite@0.5.14 @electric-sql/pglite-pgvector@0.0.15': { embedded: { path: ':memory:' } },
}
for (const [packages, options] of Object.entries(servers)) {
  await assert.rejects(openStore({ ...options, embedder: { hashing: {} } }), (error) => {
    assert.equal(error.code, 'HW_DRIVER_MISSING')
    assert.ok(error.message.includes(`npm install ${packages}`), error.message)
    return true
  })
}
console.log('without drivers: ok')
