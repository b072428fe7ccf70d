/** Ingest into Postgres, Qdrant and Elasticsearch, and the same documents again, against the raw clients and LangChain.js. */
import { median } from './figures'
import { fullProfile } from './full-profile'
import { langchainRun, loadLangchain } from './peers/langchain'
import { RawLoop, type RawStore } from './raw-loop'
import { add, argument, finish, note } from './report'

const size = Number(argument(0) ?? 3_000)
const runs = Number(argument(1) ?? 3)
const profile = await fullProfile(size)
const peer = loadLangchain()
if (!peer) note('LangChain.js', 'not installed: npm install --prefix bench/peers')
const rate = (ms: number): number => (size / ms) * 1_000

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await work()
  return performance.now() - started
}

async function oursRun(): Promise<{ first: number; again: number; queued: boolean }> {
  const store = await profile.open()
  const { documents } = store.forTenant('bench')
  const inputs = (): object[] =>
    profile.documents.map(({ id, title, text, metadata }) => ({ id, title, text, metadata }))
  let queued = false
  const put = async (): Promise<number> => {
    const result = await documents.putMany(inputs() as never)
    if (result.failed.length > 0) throw result.failed[0]!.error
    queued ||= result.receipt.targets.vector === 'queued'
    await store.relay.drain()
    return result.written
  }
  let written = 0
  const first = await timed(async () => {
    written = await put()
  })
  const again = await timed(async () => {
    written += await put()
  })
  if (written !== size) throw new Error(`${written} documents were written, ${size} expected`)
  const { hits } = await store.forTenant('bench').search({ vector: profile.documents[5]!.vector, mode: 'vector' })
  if (hits[0]?.documentId !== 'document-5') throw new Error('the vectors are not there')
  await store.close()
  return { first, again, queued }
}

async function rawRun(only?: RawStore): Promise<number> {
  const loop = await RawLoop.open(profile)
  const ms = await timed(() => loop.ingest(only))
  await loop.close()
  return ms
}

const raw: number[] = []
const ours: { first: number; again: number; queued: boolean }[] = []
const theirs: { first: number; again: number }[] = []
// The first round only warms up.
for (let run = 0; run <= runs; run++) {
  const round = { raw: await rawRun(), ours: await oursRun(), theirs: peer && (await langchainRun(peer, profile)) }
  if (run === 0) continue
  raw.push(round.raw)
  ours.push(round.ours)
  if (round.theirs) theirs.push(round.theirs)
}
const ratios = ours.map(({ first }, at) => (raw[at]! / first).toFixed(2))
const first = median(ours.map((one) => one.first))
const again = median(ours.map((one) => one.again))
add('ingest against a hand-written loop', 'documents/s', rate(median(raw)), rate(first), {
  compare: 'ratio',
  atLeast: 0.8,
})
note('ratio of each run', ratios.join(', '))
if (theirs.length > 0) {
  const peerFirst = rate(median(theirs.map((one) => one.first)))
  const peerAgain = rate(median(theirs.map((one) => one.again)))
  add('ingest against LangChain.js', 'documents/s', peerFirst, rate(first), { compare: 'ratio', atLeast: 1 })
  add('unchanged against LangChain.js', 'documents/s', peerAgain, rate(again), { compare: 'ratio', atLeast: 5 })
} else note('unchanged', `${Math.round(rate(again))} documents/s`)
if (ours.some(({ queued }) => queued))
  note('jobs', 'some were left to the relay; the time until they were applied is counted')
for (const store of ['postgres', 'qdrant', 'elasticsearch'] as const) {
  note(`${store} alone, raw`, `${Math.round(rate(await rawRun(store)))} documents/s`)
}
await profile.close()
finish()
