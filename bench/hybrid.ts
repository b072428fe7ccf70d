/** Hybrid search with the query's vector at hand, hydration included, against both raw legs issued together. */
import { fullProfile } from './full-profile'
import { RawLoop } from './raw-loop'
import { add, argument, finish, inTurn, medianRun, note } from './report'

const size = Number(argument(0) ?? 3_000)
const profile = await fullProfile(size)
const loop = await RawLoop.open(profile)
await loop.ingest()
await loop.refresh()
const store = await profile.open()
const acme = store.forTenant('bench')
const inputs = profile.documents.map(({ id, title, text, metadata }) => ({ id, title, text, metadata }))
await acme.documents.putMany(inputs)
await store.relay.drain()
await profile.elasticsearch.indices.refresh({ index: '*' })

// As deep as headwater asks for a page of ten.
const depth = 200
const queryAt = (round: number) => {
  const { text, vector } = profile.documents[(round * 37) % size]!
  return { query: text.split(' ').slice(10, 14).join(' '), vector }
}
const search = async (round: number): Promise<void> => {
  const { hits, degraded } = await acme.search(queryAt(round))
  if (hits.length !== 10 || degraded.length > 0) throw new Error(`${hits.length} hits, ${JSON.stringify(degraded)}`)
}
const measure = () =>
  inTurn(400, {
    raw: (round) => loop.search(queryAt(round).query, queryAt(round).vector, depth),
    ours: search,
  })
const times = await medianRun(5, measure, ({ raw, ours }) => ours - raw)
add('hybrid', 'ms', times.raw / 1_000, times.ours / 1_000, { compare: 'difference', atMost: 2 })
note('depth of each leg', depth)
await loop.close()
await profile.close()
finish()
