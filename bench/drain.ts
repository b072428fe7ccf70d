/**
 * The relay's drain against loops by hand over the same rows: into Postgres with pgvector, and to targets that do nothing,
 * where documents are read and that is all.
 */
import { PostgresConnection } from '../src/connections/postgres/connection'
import { quoteName } from '../src/connections/postgres/row-security'
import { systemClock } from '../src/core/clock'
import { collectionName, tenantId } from '../src/core/ids'
import { systemRandom } from '../src/core/random'
import { migrate } from '../src/migrations/migrate'
import { PostgresTextRepository } from '../src/repositories/bm25/texts'
import { textIndexOf, vectorIndexOf } from '../src/repositories/generations'
import { PostgresVectorRepository } from '../src/repositories/pgvector/vectors'
import { PostgresTruth } from '../src/repositories/postgres/truth'
import type { VectorPoint } from '../src/repositories/vectors'
import { resolveCollections } from '../src/store/store-options'
import { ensureGenerations } from '../src/writer/rebuild/generations'
import { createWriter } from '../src/writer/writer'
import { analyzeSchema, openCounting } from './counting-writer'
import { costDuring, noteCost, watchWire } from './postgres-cost'
import { addProcessors, ProcessMeter } from './processes'
import { QueueByHand } from './queue-by-hand'
import { add, argument, finish, medianRun, note } from './report'

const count = Number(argument(0) ?? 5_000)
const url = argument(1) ?? process.env['DATABASE_URL'] ?? process.env['HW_TEST_PGVECTOR_URL']
if (!url) throw new Error('usage: npm run bench -- drain [documents] [POSTGRES_URL]')
const scope = { tenant: tenantId('bench'), collection: collectionName('documents') }
const words = 'alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau'.split(
  ' ',
)
let runs = 0
watchWire()
const meter = await ProcessMeter.open({ postgresUrl: url })
const inputs = Array.from({ length: count }, (_, at) => ({
  id: `document ${at}`,
  text: `${Array.from({ length: 60 }, (_, word) => words[(at * 7 + word * word) % words.length]).join(' ')} ${at}`,
}))

/** Everything in a schema of its own: what one has filled is no burden to the next. */
async function run(): Promise<{ upserts: number; loop: number; relay: number }> {
  const schema = `bench_drain_${process.pid}_${++runs}`
  const connection = new PostgresConnection({ url: url!, max: 10 })
  await migrate(connection, { schema })
  const [vectors, texts] = [
    new PostgresVectorRepository(connection, { schema }),
    new PostgresTextRepository(connection, { schema }),
  ]
  const { plans, embedders } = resolveCollections({ embedder: { hashing: { dimensions: 384 } } })
  const ports = {
    truth: new PostgresTruth(connection, { schema }),
    vectors,
    texts,
    collections: plans,
    embedders,
    clock: systemClock,
    random: systemRandom,
    options: { relay: 'external' as const },
  }
  try {
    await ensureGenerations(ports)
    const writer = createWriter(ports)
    await writer.putMany(scope, inputs)
    await analyzeSchema(connection, schema)
    const drained = performance.now()
    const { applied, remaining } = await writer.relay.drain({ timeoutMs: 600_000 })
    const relay = (count / (performance.now() - drained)) * 1_000
    if (applied !== count * 2 || remaining > 0) throw new Error(`${applied} jobs applied, ${remaining} left`)

    const generations = await ports.truth.session({ worker: true }).generations.list()
    const of = (target: string) => generations.find((one) => one.target === target)!
    const points = await held(vectors, vectorIndexOf(of('vector')))
    const entries = await held(texts, textIndexOf(of('text')))
    const places = async (part: string) => {
      const vectorIndex = { ...vectorIndexOf(of('vector')), name: `${part}_vectors` }
      const textIndex = { ...textIndexOf(of('text')), name: `${part}_texts` }
      await vectors.create(vectorIndex)
      await texts.create(textIndex)
      return { vectorIndex, textIndex }
    }
    const rate = async (work: readonly (() => Promise<void>)[]): Promise<number> => {
      const began = performance.now()
      await Promise.all(work.map((side) => side()))
      return (count / (performance.now() - began)) * 1_000
    }
    const { vectorIndex, textIndex } = await places('raw')
    const upserts = await rate([
      () => inOrder(points, (batch) => vectors.upsert(vectorIndex, batch)),
      () => inOrder(entries, (batch) => texts.upsert(textIndex, batch)),
    ])
    const hand = await places('hand')
    const { chunking, fingerprint } = of('vector')
    const queue = await QueueByHand.open(url!, schema, { chunking, fingerprint: fingerprint! })
    const loop = await rate([
      () => queue.drain('vector', (batch) => vectors.upsert(hand.vectorIndex, batch as VectorPoint[])),
      () => queue.drain('text', (batch) => texts.upsert(hand.textIndex, batch)),
    ])
    await queue.close()
    const counts = [vectors.count(hand.vectorIndex), texts.count(hand.textIndex)]
    if ((await Promise.all(counts)).some((held) => held !== count))
      throw new Error('the loop by hand left something out')
    return { upserts, loop, relay }
  } finally {
    await connection.session({ worker: true }).query(`DROP SCHEMA ${quoteName(schema)} CASCADE`)
    await connection.close()
  }
}

/** Jobs a second of one process whose targets do nothing, both at once; and of a queue by hand that reads the same. */
async function noopRun() {
  const embedder = { hashing: { dimensions: 384 } }
  const store = await openCounting(url!, `bench_drain_${process.pid}_${++runs}`, { relay: 'external' }, { embedder })
  try {
    await store.writer.putMany(scope, inputs)
    await analyzeSchema(store.connection, store.schema)
    const measured = (work: () => Promise<unknown>) =>
      costDuring(url!, () =>
        meter.during(async () => {
          const at = performance.now()
          await work()
          return ((count * 2) / (performance.now() - at)) * 1_000
        }),
      )
    const relay = await measured(async () => {
      const { applied, remaining } = await store.writer.relay.drain({ timeoutMs: 600_000 })
      if (applied !== count * 2 || remaining > 0) throw new Error(`${applied} jobs applied, ${remaining} left`)
    })
    if (store.vectors.written !== count || store.texts.written !== count)
      throw new Error('documents were not handed over')
    const generations = await store.truth.session({ worker: true }).generations.list()
    const { chunking, fingerprint } = generations.find(({ target }) => target === 'vector')!
    const queue = await QueueByHand.open(url!, store.schema, { chunking, fingerprint: fingerprint! })
    const noop = async (): Promise<void> => undefined
    const hand = await measured(() => Promise.all([queue.drain('vector', noop), queue.drain('text', noop)]))
    await queue.close()
    return { relay, hand }
  } finally {
    await store.close()
  }
}

/** All that an index holds, in batches as the relay made them: by document. */
async function held<I, E>(
  repository: {
    scan(index: I, scan: { limit: number }): Promise<{ readonly id: string; readonly document: string }[]>
    read(index: I, ids: readonly string[]): Promise<E[]>
  },
  index: I,
): Promise<E[][]> {
  const number = ({ document }: { readonly document: string }): number => Number(document.split(' ')[1])
  const all = (await repository.scan(index, { limit: count })).sort((a, b) => number(a) - number(b))
  const batches: E[][] = []
  for (let at = 0; at < all.length; at += 250) {
    const ids = all.slice(at, at + 250).map(({ id }) => id)
    batches.push(await repository.read(index, ids))
  }
  return batches
}

async function inOrder<T>(batches: readonly T[], write: (batch: T) => Promise<unknown>): Promise<void> {
  for (const batch of batches) await write(batch)
}

const { upserts, loop, relay } = await medianRun(3, run, (one) => one.relay / one.loop)
add('relay drain, a loop by hand', '/s', loop, relay, { compare: 'ratio', atLeast: 0.8 })
add('relay drain, its upserts alone', '/s', upserts, relay, { compare: 'ratio', atLeast: 0.8 })
const { relay: here, hand } = await medianRun(3, noopRun, (one) => one.relay.result.result / one.hand.result.result)
add('no-op jobs, a queue by hand', '/s', hand.result.result, here.result.result, { compare: 'ratio', atLeast: 0.8 })
add('no-op jobs, and 11,000/s', '/s', 11_000, here.result.result, { compare: 'ratio', atLeast: 1 })
addProcessors('no-op jobs', 'job', count * 2, hand.result.times, here.result.times, { node: 1.25, postgres: 1.25 })
noteCost('job by hand', count * 2, hand.cost)
noteCost('job of the relay', count * 2, here.cost)
note('documents', `${count}, a chunk each, in both targets at once`)
finish()
