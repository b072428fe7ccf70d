import { createTestStore } from 'headwater/testing'
import { expect, test } from 'vitest'

test('a store in memory', async () => {
  const store = await createTestStore()
  const acme = store.forTenant('acme')
  await acme.waitFor(await acme.documents.put({ id: 'a', text: 'Parental leave is sixteen weeks.' }))
  expect((await acme.search({ query: 'leave' })).hits[0]?.documentId).toBe('a')
  await store.close()
})
