/** The relay's drain against a loop that makes the same upserts and nothing else, into Postgres with pgvector. */

import { PostgresConnection } from '../src/connections/postgres/connection'
import { quoteName } from '../src/connections/postgres/row-security'
import { systemClock } from '../src/core/clock'
import { collectionName, tenantId } from '../src/core/ids'
import { systemRandom } from '../src/core/random'
import { migrate } from '../src/migrations/migrate'
import { textIndexOf, vectorIndexOf } from '../src/repositories/generations'
import { PostgresTextRepository } from '../src/repositories/postgres/texts'
import { PostgresTruth } from '../src/repositories/postgres/truth'
import { PostgresVectorRepository } from '../src/repositories/postgres/vectors'
import type { TextEntry, TextRepository } from '../src/repositories/texts'
import type { VectorPoint, VectorRepository } from '../src/repositories/vectors'
import { resolveCollections } from '../src/store-options'
import { ensureGenerations } from '../src/writer/generations'
import { createWriter } from '../src/writer/writer'
import { add, argument, finish, medianRun, note } from './report'

const count = Number(argument(0) ?? 5_000)
const url = argument(1) ?? process.env['DATABASE_URL'] ?? process.env['HW_TEST_PGVECTOR_URL']
if (!url) throw new Error('usage: npm run bench -- drain [documents] [POSTGRES_URL]')
const scope = { tenant: tenantId('bench'), collection: collectionName('documents') }
const words = 'alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau'.split(
  ' ',
)
let runs = 0

/** Everything in a schema of its own: what one has filled is no burden to the next. */
async function run(): Promise<{ raw: number; relay: number }> {
  const schema = `bench_drain_${process.pid}_${++runs}`
  const connection = new PostgresConnection({ url: url!, max: 10 })
  await migrate(connection, { schema })
  const [vectors, texts] = [
    new PostgresVectorRepository(connection, { schema }),
    new PostgresTextRepository(connection, { schema }),
  ]
  const points: (readonly VectorPoint[])[] = []
  const entries: (readonly TextEntry[])[] = []
  const { plans, embedders } = resolveCollections({ embedder: { hashing: { dimensions: 384 } } })
  const ports = {
    truth: new PostgresTruth(connection, { schema }),
    vectors: recording(vectors, (call) => points.push(call as readonly VectorPoint[])),
    texts: recording(texts, (call) => entries.push(call as readonly TextEntry[])),
    collections: plans,
    embedders,
    clock: systemClock,
    random: systemRandom,
    options: { relay: 'external' as const },
  }
  try {
    await ensureGenerations(ports)
    const writer = createWriter(ports)
    const inputs = Array.from({ length: count }, (_, at) => ({
      id: `document ${at}`,
      text: `${Array.from({ length: 60 }, (_, word) => words[(at * 7 + word * word) % words.length]).join(' ')} ${at}`,
    }))
    await writer.putMany(scope, inputs)
    const drained = performance.now()
    const { applied, remaining } = await writer.relay.drain({ timeoutMs: 600_000 })
    const relay = (count / (performance.now() - drained)) * 1_000
    if (applied !== count * 2 || remaining > 0) throw new Error(`${applied} jobs applied, ${remaining} left`)

    const generations = await ports.truth.session({ worker: true }).generations.list()
    const of = (target: string) => generations.find((one) => one.target === target)!
    const vectorIndex = { ...vectorIndexOf(of('vector')), name: 'raw_vectors' }
    const textIndex = { ...textIndexOf(of('text')), name: 'raw_texts' }
    await vectors.create(vectorIndex)
    await texts.create(textIndex)
    const began = performance.now()
    await Promise.all([
      inOrder(points, (batch) => vectors.upsert(vectorIndex, batch)),
      inOrder(entries, (batch) => texts.upsert(textIndex, batch)),
    ])
    return { raw: (count / (performance.now() - began)) * 1_000, relay }
  } finally {
    await connection.session({ worker: true }).query(`DROP SCHEMA ${quoteName(schema)} CASCADE`)
    await connection.close()
  }
}

/** Keeps what was upserted. */
function recording<T extends VectorRepository | TextRepository>(target: T, keep: (call: unknown) => void): T {
  return new Proxy(target, {
    get(object, key) {
      const method: unknown = Reflect.get(object, key)
      if (typeof method !== 'function') return method
      return (...args: unknown[]) => {
        if (key === 'upsert') keep(args[1])
        return Reflect.apply(method, object, args)
      }
    },
  })
}

async function inOrder<T>(batches: readonly T[], write: (batch: T) => Promise<unknown>): Promise<void> {
  for (const batch of batches) await write(batch)
}

const { raw, relay } = await medianRun(3, run, (one) => one.relay / one.raw)
add('relay drain', '/s', raw, relay, { compare: 'ratio', atLeast: 0.8 })
note('documents', `${count}, a chunk each, in both targets at once; raw makes the upserts that the relay made`)
finish()
