const { openStore } = require('headwater')

test('an embedded store', async () => {
  const store = await openStore({ embedded: { path: ':memory:' }, embedder: { hashing: {} } })
  const acme = store.forTenant('acme')
  await acme.waitFor(await acme.documents.put({ id: 'a', text: 'Parental leave is sixteen weeks.' }))
  expect((await acme.search({ query: 'leave' })).hits[0].documentId).toBe('a')
  await store.close()
}, 120_000)
