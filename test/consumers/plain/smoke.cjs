// The same as CommonJS.
const assert = require('node:assert/strict')
const { openStore } = require('headwater')
const { createTestStore } = require('headwater/testing')

async function main() {
  for (const open of [
    () => openStore({ embedded: { path: ':memory:' }, embedder: { hashing: {} } }),
    createTestStore,
  ]) {
    const store = await open()
    try {
      const acme = store.forTenant('acme')
      await acme.waitFor(await acme.documents.put({ id: 'a', text: 'Parental leave is sixteen weeks.' }))
      const { hits } = await acme.search({ query: 'parental leave' })
      assert.equal(hits[0]?.documentId, 'a')
    } finally {
      await store.close()
    }
  }
  console.log('smoke: ok')
}

main().catch((error) => {
  console.error(error)
  process.exitCode = 1
})
