/**
 * A truth that grows: documents of three chunks through putMany on a real Postgres, with projections that only count.
 * Rate, memory, and what pages and claims take the larger it is, as rows and as a plot.
 */
import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { collectionName, tenantId } from '../src/core/ids'
import { stampOf } from '../src/repositories/entry-stamp'
import type { Generation } from '../src/repositories/generations'
import type { IndexEntry, IndexScan } from '../src/repositories/index-entry'
import { spaceOf } from '../src/writer/rebuild/generations'
import { findDrift } from '../src/writer/reconcile/drift'
import { openCounting } from './counting-writer'
import { median } from './figures'
import { timedClaim } from './outbox'
import { ProcessMeter, type ProcessorTimes } from './processes'
import { add, argument, finish, note } from './report'
import { type PlotPanel, svgPlot } from './svg-plot'

const total = Number(argument(0) ?? 100_000)
const file = argument(1) ?? 'docs/benchmarks/grow.svg'
const url = process.env['DATABASE_URL'] ?? process.env['HW_TEST_PGVECTOR_URL']
if (!url) throw new Error('bench grow: set DATABASE_URL')
const chunksEach = 3
/** Documents of one point of the plot. */
const window = Math.max(1_000, total / 40)
const pageLimit = 2_000
const claimLimit = 250
const perSample = 8

const scope = { tenant: tenantId('bench'), collection: collectionName('documents') }
const store = await openCounting(
  url,
  `hw_bench_${randomBytes(5).toString('hex')}`,
  { relay: 'background' },
  { embedder: { hashing: { dimensions: 16 } }, splitter: { size: 120 } },
)
const external = store.another({ relay: 'external' })
const session = store.truth.session({ worker: true })
const meter = await ProcessMeter.open({ postgresUrl: url })

/** What an index that is in step would hold, read from the truth; its time is not the comparison's. */
let mirrorMs = 0
async function mirror(generation: Generation, scan: IndexScan): Promise<IndexEntry[]> {
  const { collection, chunking } = generation
  const at = performance.now()
  const entries = await session.chunks.scan({ collection, chunking, ...scan })
  mirrorMs += performance.now() - at
  return entries.map(({ id, tenant, document, fence, inputHash, payloadHash }) => {
    return { id, tenant, document, fence, stamp: stampOf(inputHash, payloadHash, spaceOf(generation)) }
  })
}
const generations = await session.generations.list()
const text = generations.find(({ target }) => target === 'text')!
store.texts.mirror = (_index, scan) => mirror(text, scan)

const words = Array.from({ length: 4_000 }, (_, at) => `${'bcdfgklmnprstv'[at % 14]}${(at * 7_919).toString(36)}`)
function* documents(from: number, count: number, revision = 0) {
  for (let at = from; at < from + count; at++) {
    const sentence = (part: number): string =>
      `${Array.from({ length: 14 }, (_, word) => words[(at * 31 + part * 97 + revision * 7 + word * word * 13) % words.length]).join(' ')}.`
    yield {
      id: `document-${at}`,
      text: Array.from({ length: chunksEach }, (_, part) => sentence(part)).join('\n\n'),
      metadata: { section: `s${at % 9}`, year: 2000 + (at % 25) },
    }
  }
}

interface Sample {
  /** Documents so far. */
  readonly size: number
  readonly rate: number
  readonly times: ProcessorTimes
  readonly rssMiB: number
  readonly heapMiB: number
  /** Of one page or claim, ms, medians. */
  readonly keysetMs: number
  readonly reconcileMs: number
  readonly listMs: number
  readonly claimMs: number
}

/** Places all over the ids, which are hashes. */
const places = Array.from({ length: perSample }, (_, at) => {
  const first = Math.floor((at * 256) / perSample)
  return `${first.toString(16).padStart(2, '0')}000000-0000-0000-0000-000000000000`
})

async function medianOf(work: (place: string, at: number) => Promise<number>): Promise<number> {
  const times: number[] = []
  for (const [at, place] of places.entries()) times.push(await work(place, at))
  return median(times)
}

async function took(work: () => Promise<unknown>): Promise<number> {
  const at = performance.now()
  await work()
  return performance.now() - at
}

/** How often documents were put for the claims: the same again, changed. */
let claimed = 0

async function sampled(size: number) {
  const keysetMs = await medianOf((after) =>
    took(() => session.chunks.scan({ collection: scope.collection, chunking: text.chunking, after, limit: pageLimit })),
  )
  const reconcileMs = await medianOf(async (after) => {
    const [at, mirroredBefore] = [performance.now(), mirrorMs]
    for await (const { drift } of findDrift(store.ports, text, { deep: false, after })) {
      if (drift.length > 0) throw new Error(`${drift.length} entries have drifted`)
      break
    }
    return performance.now() - at - (mirrorMs - mirroredBefore)
  })
  const tenantSession = store.truth.session(scope)
  const listMs = await medianOf((_, at) => {
    const after = `document-${Math.floor((size / perSample) * at)}`
    return took(() => tenantSession.documents.list(scope, { after, limit: 1_000 }))
  })
  // Left by a writer that applies nothing, and done with in the end: nothing waits while documents are put.
  await external.putMany(scope, documents(total, perSample * claimLimit, ++claimed))
  const claimMs = await medianOf(() => timedClaim(store.truth, 'text', claimLimit))
  await external.relay.drain({ timeoutMs: 600_000 })
  return { keysetMs, reconcileMs, listMs, claimMs }
}

const samples: Sample[] = []
try {
  for (let size = 0; size < total; ) {
    const count = Math.min(window, total - size)
    const { result: ms, times } = await meter.during(() =>
      took(async () => {
        const { written, failed } = await store.writer.putMany(scope, documents(size, count))
        if (written !== count || failed.length > 0) throw new Error(`${written} of ${count} documents were written`)
      }),
    )
    size += count
    globalThis.gc?.()
    const { rss, heapUsed } = process.memoryUsage()
    samples.push({
      size,
      rate: (count / ms) * 1_000,
      times: Object.fromEntries(Object.entries(times).map(([name, spent]) => [name, (spent * 1_000) / count])),
      rssMiB: rss / 2 ** 20,
      heapMiB: heapUsed / 2 ** 20,
      ...(await sampled(size)),
    })
  }
  const chunks = await session.chunks.count({ collection: scope.collection }, text.chunking)
  note('documents and chunks', `${total}, ${chunks}; a point of the plot each ${window}`)
} finally {
  await store.close()
}

const at = (size: number): Sample => samples.find((one) => one.size >= size) ?? samples.at(-1)!
const [first, last] = [at(10_000), samples.at(-1)!]
for (const size of [10_000, 100_000, 1_000_000].filter((one) => one <= total)) {
  const { rate, times, rssMiB, heapMiB, keysetMs, reconcileMs, listMs, claimMs } = at(size)
  note(
    `at ${size}`,
    `${Math.round(rate)} documents/s, processor ${Object.entries(times)
      .map(([name, us]) => `${name} ${Math.round(us)} us`)
      .join(', ')} a document, ${Math.round(rssMiB)} MiB resident, ${Math.round(heapMiB)} MiB heap; ` +
      `chunk page ${keysetMs.toFixed(1)} ms, reconcile page ${reconcileMs.toFixed(1)} ms, document page ` +
      `${listMs.toFixed(1)} ms, claim ${claimMs.toFixed(1)} ms`,
  )
}
const flat = { compare: 'ratio', atMost: 1.3 } as const
add(`ms for 1,000 documents, ${first.size} and ${last.size}`, 'ms', 1e6 / first.rate, 1e6 / last.rate, flat)
for (const name of ['node', 'postgres'] as const) {
  const [before, after] = [first.times[name], last.times[name]]
  if (before !== undefined && after !== undefined)
    add(`processor of ${name}, the same`, 'us/document', before, after, flat)
}
add('resident memory, the same', 'MiB', first.rssMiB, last.rssMiB, { compare: 'ratio', atMost: 1.5 })
for (const [name, of] of [
  ['chunk page', 'keysetMs'],
  ['reconcile page', 'reconcileMs'],
  ['document page', 'listMs'],
  ['claim', 'claimMs'],
] as const) {
  add(`${name}, the same`, 'ms', first[of], last[of], { compare: 'ratio', atMost: 1.5 })
}

const line = (name: string, of: (sample: Sample) => number | undefined) => ({
  name,
  points: samples.map((sample) => [sample.size, of(sample) ?? 0] as const),
})
const panels: PlotPanel[] = [
  { title: 'Rate, documents/s', lines: [line('putMany', ({ rate }) => rate)] },
  {
    title: 'Processor time, us a document',
    lines: [line('Node', ({ times }) => times.node), line('Postgres', ({ times }) => times.postgres)],
  },
  {
    title: 'Memory of the process, MiB',
    lines: [line('resident', ({ rssMiB }) => rssMiB), line('heap', ({ heapMiB }) => heapMiB)],
  },
  {
    title: 'A page or claim, ms (medians of 8)',
    lines: [
      line('chunk page', ({ keysetMs }) => keysetMs),
      line('reconcile page', ({ reconcileMs }) => reconcileMs),
      line('document page', ({ listMs }) => listMs),
      line('claim', ({ claimMs }) => claimMs),
    ],
  },
]
mkdirSync(dirname(file), { recursive: true })
writeFileSync(file, svgPlot(`${total} documents of ${chunksEach} chunks, projections that count`, 'documents', panels))
note('plot', file)
finish()
