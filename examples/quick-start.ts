import { defineMetadata, openStore } from 'headwater'

const store = await openStore({
  embedder: { hashing: {} },
  collections: { documents: { metadata: defineMetadata({ section: 'keyword', year: 'integer' }) } },
})
try {
  const acme = store.forTenant('acme')
  const receipt = await acme.documents.put({
    id: 'handbook',
    title: 'Handbook',
    text: 'Parental leave is sixteen weeks for everybody, and it can be taken in parts.',
    metadata: { section: 'hr', year: 2026 },
  })
  await acme.waitFor(receipt)
  const { hits } = await acme.search({ query: 'parental leave', filter: { section: 'hr', year: { gte: 2024 } } })
  for (const hit of hits) console.log(hit.score.toFixed(3), hit.title, hit.highlights?.[0])
} finally {
  await store.close()
}
