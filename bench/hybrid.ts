/**
 * Hybrid search with the query's vector at hand, hydration included, against both raw legs issued together, alone and by
 * twenty callers at once; and what each leg takes alone, and a search that is cached in Redis.
 */
import { percentile } from './figures'
import { fullProfile } from './full-profile'
import { addProcessors } from './processes'
import { RawLoop } from './raw-loop'
import { openRedis } from './redis-server'
import { add, argument, finish, medianRun, note, timesInTurn } from './report'

const size = Number(argument(0) ?? 3_000)
const rounds = Number(argument(2) ?? 400)
const profile = await fullProfile(size, { descriptions: argument(1), pgvector: process.argv.includes('--pgvector') })
const loop = await RawLoop.open(profile)
await loop.ingest()
await loop.refresh()
const store = await profile.open()
const acme = store.forTenant('bench')
const inputs = profile.documents.map(({ id, title, text, metadata }) => ({ id, title, text, metadata }))
const { receipt } = await acme.documents.putMany(inputs)
await store.relay.drain()
// With time enough for an HNSW index to be built.
await acme.waitFor(receipt, { timeoutMs: 600_000 })
await profile.elasticsearch.indices.refresh({ index: '*' })

// As deep as headwater asks for a page of ten.
const depth = 200
const queries = await Promise.all(
  Array.from({ length: rounds }, async (_, at) => {
    const words = profile.documents[(at * 37) % size]!.text.split(/\s+/)
    const query = words.slice(10, 14).join(' ') || words.join(' ')
    const [vector] = await profile.hashing.embed([query])
    return { query, vector: vector! }
  }),
)
const queryAt = (round: number) => queries[round]!
const search = (mode: 'hybrid' | 'text' | 'vector') => async (round: number) => {
  const { hits, degraded } = await acme.search({ ...queryAt(round), mode })
  if (hits.length === 0 || degraded.length > 0) throw new Error(`${hits.length} hits, ${JSON.stringify(degraded)}`)
}
const redis = await openRedis()
const caching = await profile.reopen({ redis: { url: redis.url }, search: { cache: true } })
/** Where the machine is busy, Redis may answer too late to be waited for. */
let missed = 0
const cached = async (round: number): Promise<void> => {
  const page = await caching.forTenant('bench').search(queryAt(round))
  if (!page.cached) missed++
}
// The first says that the collection is settled; what the others find is kept.
for (const query of [queryAt(0), ...queries]) await caching.forTenant('bench').search(query)
const measure = () =>
  timesInTurn(rounds, {
    'raw text leg': (round) => loop.searchTexts(queryAt(round).query, depth),
    'raw vector leg': (round) => loop.searchVectors(queryAt(round).vector, depth),
    'raw legs together': (round) => loop.search(queryAt(round).query, queryAt(round).vector, depth),
    'text alone': search('text'),
    'vector alone': search('vector'),
    hybrid: search('hybrid'),
    'hybrid, cached': cached,
  })
const p50 = (times: readonly number[]): number => percentile(times, 0.5) / 1_000
const p95 = (times: readonly number[]): number => percentile(times, 0.95) / 1_000
const times = await medianRun(5, measure, (run) => p50(run.hybrid) - p50(run['raw legs together']))
if (missed > rounds / 2) throw new Error(`${missed} searches were not cached`)
for (const [name, all] of Object.entries(times))
  note(name, `p50 ${p50(all).toFixed(1)} ms, p95 ${p95(all).toFixed(1)} ms`)
for (const [name, of] of [['hybrid, p50', p50] as const, ['hybrid, p95', p95] as const]) {
  add(name, 'ms', of(times['raw legs together']), of(times.hybrid), { compare: 'difference', atMost: 2 })
}
const callers = 20
const crowded = (call: (round: number) => Promise<unknown>) =>
  profile.meter.during(async () => {
    let next = 0
    const caller = async (): Promise<void> => {
      for (let round = next++; round < rounds; round = next++) await call(round)
    }
    const began = performance.now()
    await Promise.all(Array.from({ length: callers }, caller))
    return (rounds / (performance.now() - began)) * 1_000
  })
const crowd = await medianRun(
  3,
  async () => ({
    raw: await crowded((round) => loop.search(queryAt(round).query, queryAt(round).vector, depth)),
    ours: await crowded(search('hybrid')),
  }),
  ({ raw, ours }) => ours.result / raw.result,
)
add('hybrid, twenty callers', '/s', crowd.raw.result, crowd.ours.result, { compare: 'ratio', atLeast: 0.8 })
addProcessors('hybrid, twenty callers', 'call', rounds, crowd.raw.times, crowd.ours.times, {
  node: 1.25,
  // By hand nothing is read of it, unless it has the vectors.
  ...(profile.pgvector && { postgres: 1.25 }),
  elasticsearch: 1.25,
  ...(profile.qdrantKind === 'real' && { qdrant: 1.25 }),
})
const { postgres } = crowd.ours.times
if (postgres !== undefined) note('processor of postgres, a hybrid search', `${(postgres / rounds).toFixed(2)} ms`)
note('chunks, and depth of each leg', `${size}, ${depth}`)
await loop.close()
await profile.close()
await redis.stop()
finish()
