// What a service asks of a store, twenty times. `scripts/check-types.mjs` compiles this against the declarations of the
// build and counts what it costs the compiler; nothing here runs.
import { type DateTime, defineMetadata, type Filter, openStore, parseFilter, type SearchHit } from 'headwater'

const metadata = defineMetadata({
  section: 'keyword',
  year: 'integer',
  rate: 'float',
  open: 'boolean',
  at: 'datetime',
  tags: 'keyword[]',
  'author.name': 'text',
  'author.team.name': 'keyword',
})

interface Question {
  topic: string
  asked: DateTime
  answers: { text: string; votes: number; by: { name: string; roles: string[] } }[]
}

export async function queries(trx: { query(text: string, values?: unknown[]): Promise<{ rows: never[] }> }) {
  const store = await openStore({ collections: { documents: { metadata }, notes: {} } })
  const acme = store.forTenant('acme')
  const { documents } = acme
  // 1, 2: a document, a time given as a Date
  const receipt = await documents.put({ id: 'a', title: 'A', text: 'text', metadata: { section: 'hr', year: 2026 } })
  await documents.put({ id: 'b', text: 'text', metadata: { at: new Date(0), author: { team: { name: 'x' } } } })
  // 3: many
  await documents.putMany([{ id: 'c', text: 'text', metadata: { tags: ['x'], open: true, rate: 0.5 } }])
  // 4, 5: patches, within an object too
  await documents.patch('a', { metadata: { year: 2027, section: null } }, { ifVersion: receipt.version })
  await documents.patch('b', { title: 'B', metadata: { author: { name: null } } })
  // 6 to 9: reads
  const year = (await documents.get('a', { after: receipt }))?.metadata.year?.toFixed()
  const { items, cursor } = await documents.list({ filter: { section: 'hr', tags: { in: ['x', 'y'] } }, limit: 10 })
  const next = await documents.list({ filter: { section: 'hr' }, cursor })
  const open = await documents.count({ open: true, rate: { gt: 0.5 } })
  // 10 to 14: searches with filters
  const page = await acme.search({ query: 'leave', filter: { section: 'hr', year: { gte: 2024, lt: 2027 } }, limit: 5 })
  await acme.search({ query: 'leave', filter: { OR: [{ 'author.name': 'x' }, { NOT: { at: { lt: new Date() } } }] } })
  await acme.search({ query: 'leave', filter: { AND: [{ 'author.team.name': { in: ['a'] } }, { $status: 'active' }] } })
  await acme.searchMany([
    { query: 'one', filter: { tags: 'x' } },
    { query: ['two', 'three'], groupBy: 'document' },
  ])
  await acme.similar('a', { filter: { year: { exists: true } }, limit: 3 })
  // 15: facets, and a reranker that knows the metadata
  const byYear = (hits: readonly SearchHit<{ year?: number | undefined }>[]) =>
    hits.map((hit) => hit.metadata.year ?? 0)
  const counted = await acme.search({
    query: 'leave',
    facets: ['section', 'author.name', '$source'],
    rerank: { rank: (_query, hits) => byYear(hits) },
  })
  // 16: a collection without a declaration
  await acme.collection('notes').documents.put({ id: 'n', text: 'text', metadata: { any: { thing: [1, 'two'] } } })
  // 17: a transaction
  const { value } = await acme.transaction(async (tx) => {
    await tx.documents.put({ id: 'a', text: 'text', metadata: { section: 'ops' } })
    return (await tx.documents.get('b'))?.metadata.at
  })
  // 18: the caller's own
  await acme.using(trx).documents.put(await documents.prepare({ id: 'd', text: 'text' }))
  // 19: a filter of one's own
  const filter: Filter<{ section: string; year: number }> = { section: { ne: 'hr' }, NOT: { year: { lte: 2000 } } }
  const parsed = parseFilter(filter, metadata)
  // 20: an interface of one's own
  const asked = (await openStore<{ documents: Question }>()).forTenant('acme')
  await asked.search({ query: 'x', filter: { 'answers.by.name': 'x', 'answers.votes': { gt: 5 }, asked: { gte: 0 } } })
  return { year, items, next, open, page, counted, value, parsed }
}
