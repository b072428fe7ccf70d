const { openStore } = require('headwater')
const { createTestStore } = require('headwater/testing')

const url = process.env.HW_TEST_PGVECTOR_URL
const stores = [
  ['in memory', createTestStore],
  ...(url
    ? [['on a server', () => openStore({ postgres: { url, schema: 'consumer_jest' }, embedder: { hashing: {} } })]]
    : []),
]

test.each(stores)('a store %s', async (_, open) => {
  const store = await open()
  const acme = store.forTenant('acme')
  await acme.waitFor(await acme.documents.put({ id: 'a', text: 'Parental leave is sixteen weeks.' }))
  expect((await acme.search({ query: 'leave' })).hits[0].documentId).toBe('a')
  await store.close()
})
