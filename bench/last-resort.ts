/** Searches while both legs are down: the truth itself answers. 10,000 chunks of one tenant, and more. */
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { openStore, type Store } from '../index'
import { HeadwaterError } from '../src/core/errors'
import { CountingTexts, CountingVectors } from './counting-projections'
import { percentile } from './figures'
import { ProcessMeter } from './processes'
import { fillTruth } from './rebuild-truth'
import { add, argument, finish, note } from './report'

const few = 10_000
const many = Number(argument(0) ?? 60_000)
const rounds = Number(argument(1) ?? 60)
const url = process.env['DATABASE_URL'] ?? process.env['HW_TEST_PGVECTOR_URL']
if (!url) throw new Error('bench last-resort: set DATABASE_URL')
const dimensions = 16

class DownVectors extends CountingVectors {
  override search(): Promise<never> {
    return Promise.reject(new HeadwaterError('HW_UNAVAILABLE', 'the vector leg was taken down'))
  }
}

class DownTexts extends CountingTexts {
  override search(): Promise<never> {
    return Promise.reject(new HeadwaterError('HW_UNAVAILABLE', 'the text leg was taken down'))
  }
}

const name = `hw_bench_${randomBytes(5).toString('hex')}`
const client = new pg.Client({ connectionString: url })
const meter = await ProcessMeter.open({ postgresUrl: url })

interface Filled {
  readonly store: Store
  readonly schema: string
  readonly taken: number[]
}

async function fill(count: number): Promise<Filled> {
  const schema = `${name}_${count}`
  const store = await openStore({
    postgres: { url: url!, schema },
    embedder: { hashing: { dimensions } },
    relay: 'external',
    repositories: { vectors: new DownVectors(), texts: new DownTexts() },
  })
  await fillTruth(client, schema, count, dimensions, 1)
  return { store, schema, taken: [] }
}

/** Three words that are in a hundredth of the chunks, and the beginning of one that is in a third. */
const queryAt = (round: number): string =>
  [round * 37, round * 101 + 1, round * 211 + 2].map((each) => `w${1_000 + (each % 4_000)}`).join(' ') +
  ` w${round % 9}`

await client.connect()
const sides: Filled[] = []
try {
  for (const count of [few, many]) sides.push(await fill(count))
  const processor: number[] = []
  for (let round = 0; round < rounds; round++) {
    for (const { store, taken } of sides) {
      const { times } = await meter.during(async () => {
        const at = performance.now()
        const { hits, degraded } = await store.forTenant('tenant-0').search({ query: queryAt(round) })
        taken.push(performance.now() - at)
        if (hits.length === 0 || degraded.length === 0) throw new Error(`${hits.length} hits, not degraded`)
      })
      if (store === sides.at(-1)!.store && times.postgres !== undefined) processor.push(times.postgres)
    }
  }
  const [small, large] = sides.map(({ taken }) => taken.slice(Math.floor(rounds / 10))) as [number[], number[]]
  for (const [row, part] of [['p50', 0.5] as const, ['p95', 0.95] as const]) {
    const times = [percentile(small, part), percentile(large, part)] as const
    add(`last resort, ${row}, ${many} and ${few} chunks`, 'ms', ...times, { compare: 'ratio', atMost: 2 })
  }
  if (processor.length > 0) note(`processor of Postgres at ${many}`, `${percentile(processor, 0.5).toFixed(1)} ms`)
} finally {
  for (const { store, schema } of sides) {
    await store.close()
    await client.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`)
  }
  await client.end()
}
finish()
