import { openStore } from 'headwater'

const store = openStore({ embedded: { path: ':memory:' }, embedder: { hashing: {} } })
export const dynamic = 'force-dynamic'

export async function GET() {
  const acme = (await store).forTenant('acme')
  await acme.waitFor(await acme.documents.put({ id: 'a', text: 'Parental leave is sixteen weeks.' }))
  const { hits } = await acme.search({ query: 'parental leave' })
  return Response.json(hits.map((hit) => hit.documentId))
}
