/**
 * Ingest into Postgres, Qdrant and Elasticsearch, and the same documents again, against the raw clients and LangChain.js;
 * what it costs each process, and what it costs Postgres for each document.
 */
import { median } from './figures'
import { fullProfile } from './full-profile'
import { langchainRun, loadLangchain } from './peers/langchain'
import { costDuring, noteCost, type PostgresCost, rowsOf, watchWire } from './postgres-cost'
import { addProcessors, type ProcessorTimes } from './processes'
import { RawLoop, type RawStore } from './raw-loop'
import { add, argument, finish, note } from './report'

const size = Number(argument(0) ?? 3_000)
const runs = Number(argument(1) ?? 3)
watchWire()
const profile = await fullProfile(size, { sink: process.argv.includes('--sink') })
const peer = loadLangchain()
if (!peer) note('LangChain.js', 'not installed: npm install --prefix bench/peers')
const rate = (ms: number): number => (size / ms) * 1_000
const inputs = profile.documents.map(({ id, title, text, metadata }) => ({ id, title, text, metadata }))

interface Measured {
  readonly ms: number
  readonly times: ProcessorTimes
  readonly cost: PostgresCost
}

async function measured(url: string, work: () => Promise<unknown>): Promise<Measured> {
  const { result, cost } = await costDuring(url, () =>
    profile.meter.during(async () => {
      const started = performance.now()
      await work()
      return performance.now() - started
    }),
  )
  return { ms: result.result, times: result.times, cost }
}

let queued = false

async function oursRun(): Promise<{ first: Measured; again: Measured }> {
  const store = await profile.open()
  const { documents } = store.forTenant('bench')
  const put = async (wanted: 'written' | 'unchanged'): Promise<void> => {
    const result = await documents.putMany(inputs)
    if (result.failed.length > 0) throw result.failed[0]!.error
    queued ||= result.receipt.targets.vector === 'queued'
    await store.relay.drain()
    if (result[wanted] !== size) throw new Error(`${result[wanted]} documents were ${wanted}, ${size} expected`)
  }
  const first = await measured(profile.opened(), () => put('written'))
  const again = await measured(profile.opened(), () => put('unchanged'))
  // Nothing is found in a sink.
  if (profile.qdrantKind !== 'sink') {
    const { hits } = await store.forTenant('bench').search({ vector: profile.documents[5]!.vector, mode: 'vector' })
    if (hits[0]?.documentId !== 'document-5') throw new Error('the vectors are not there')
  }
  await store.close()
  return { first, again }
}

async function rawRun(only?: RawStore): Promise<Measured> {
  const loop = await RawLoop.open(profile)
  const run = await measured(loop.url, () => loop.ingest(only))
  await loop.close()
  return run
}

/** Warms up, and counts rows: what the second writing of the same would add is not in it. */
async function rowsRun() {
  const loop = await RawLoop.open(profile)
  await loop.ingest()
  await loop.close()
  const store = await profile.open()
  await store.forTenant('bench').documents.putMany(inputs)
  await store.relay.drain()
  await store.close()
  if (peer) await langchainRun(peer, profile)
  return { raw: await rowsOf(loop.url), ours: await rowsOf(profile.opened()) }
}

const rows = await rowsRun()
const raw: Measured[] = []
const ours: Measured[] = []
const unchanged: Measured[] = []
const theirs: { first: number; again: number }[] = []
for (let run = 0; run < runs; run++) {
  raw.push(await rawRun())
  const { first, again } = await oursRun()
  ours.push(first)
  unchanged.push(again)
  if (peer) theirs.push(await langchainRun(peer, profile))
}

const middle = (all: readonly Measured[]): number => rate(median(all.map(({ ms }) => ms)))
const processors = (all: readonly Measured[]): ProcessorTimes => {
  const names = Object.keys(all[0]!.times) as (keyof ProcessorTimes)[]
  return Object.fromEntries(names.map((name) => [name, median(all.map(({ times }) => times[name]!))]))
}
const byWal = (all: readonly Measured[]): PostgresCost => {
  const costs = all.map(({ cost }) => cost).sort((a, b) => a.walBytes - b.walBytes)
  return costs[Math.floor(costs.length / 2)]!
}
add('ingest against a hand-written loop', 'documents/s', middle(raw), middle(ours), { compare: 'ratio', atLeast: 0.8 })
note('ratio of each run', ours.map(({ ms }, at) => (raw[at]!.ms / ms).toFixed(2)).join(', '))
// The double computes a filter for each point in JavaScript: its time says nothing of a server's.
const goals = {
  node: 1.25,
  postgres: 1.25,
  elasticsearch: 1.25,
  ...(profile.qdrantKind !== 'double' && { qdrant: 1.5 }),
}
addProcessors('ingest', 'document', size, processors(raw), processors(ours), goals)
noteCost('by hand', size, byWal(raw), rows.raw)
noteCost('headwater', size, byWal(ours), rows.ours)
if (theirs.length > 0) {
  const peerFirst = rate(median(theirs.map((one) => one.first)))
  const peerAgain = rate(median(theirs.map((one) => one.again)))
  add('ingest against LangChain.js', 'documents/s', peerFirst, middle(ours), { compare: 'ratio', atLeast: 1 })
  add('unchanged against LangChain.js', 'documents/s', peerAgain, middle(unchanged), { compare: 'ratio', atLeast: 5 })
} else note('unchanged', `${Math.round(middle(unchanged))} documents/s`)
noteCost('unchanged', size, byWal(unchanged))
if (queued) note('jobs', 'some were left to the relay; the time until they were applied is counted')
for (const store of ['postgres', 'qdrant', 'elasticsearch'] as const) {
  note(`${store} alone, raw`, `${Math.round(middle([await rawRun(store)]))} documents/s`)
}
await profile.close()
finish()
