import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../src/core/random'
import { PostgresVectorRepository } from '../../src/repositories/pgvector/vectors'
import { filterCases } from '../../src/testing/contracts/filters'
import { acme, entryId, globex, point } from '../../src/testing/contracts/rows'
import { vectorRepositoryContract } from '../../src/testing/contracts/vectors'
import { describeWithPgvector } from '../support/postgres'
import { type IndexBackend, usePglite, usePgvectorServer, worker } from './index-backends'

const runner = { describe, it, expect }
const index = { name: 'vectors "of" 東京', fingerprint: 'f', dimensions: 8 }
const random = seededRandom(3)

function randomVector(): number[] {
  return Array.from({ length: index.dimensions }, () => random.next() - 0.5)
}

function cosine(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, value, i) => sum + value * y[i]!, 0)
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))
}

function suite(backend: () => IndexBackend): void {
  vectorRepositoryContract(runner, async () => {
    const { schema, dispose } = await backend().schema()
    return { vectors: new PostgresVectorRepository(backend().connection, { schema }), dispose }
  })

  async function withVectors(work: (vectors: PostgresVectorRepository, schema: string) => Promise<void>) {
    const { schema, dispose } = await backend().schema()
    try {
      const vectors = new PostgresVectorRepository(backend().connection, { schema })
      await vectors.create(index)
      await work(vectors, schema)
    } finally {
      await dispose()
    }
  }

  it('gives the very vector back, bit by bit', () =>
    withVectors(async (vectors) => {
      const values = [1e-38, -1e-45, 0, -0, 3.4028234663852886e38, 0.1, 1 / 3, Math.fround(Math.PI)]
      await vectors.upsert(index, [point('a', 1, values)])
      const [read] = await vectors.read(index, [entryId('a')])
      expect([...read!.vector]).toEqual([...Float32Array.from(values)])
    }))

  it('an id of another tenant is neither overwritten nor removed', () =>
    withVectors(async (vectors) => {
      await vectors.upsert(index, [point('a', 5, randomVector())])
      const foreign = point('a', 9, randomVector(), { tenant: globex })
      await vectors.upsert(index, [foreign])
      const { vector: _, ...payload } = foreign
      await vectors.setPayload(index, [payload])
      await vectors.remove(index, [{ id: foreign.id, tenant: globex, fence: 9, when: 'atMost' }])
      expect((await vectors.scan(index, { limit: 9 })).map(({ tenant, fence }) => [tenant, fence])).toEqual([[acme, 5]])
    }))

  it('of an id twice in a call the last counts, unless its fence is lower', () =>
    withVectors(async (vectors) => {
      const entry = (fence: number, version: number) => point('a', fence, randomVector(), { version })
      await vectors.upsert(index, [entry(1, 1), entry(1, 2), point('b', 3, randomVector()), entry(1, 3)])
      expect((await vectors.read(index, [entryId('a')]))[0]!.payload.version).toBe(3)
      await vectors.upsert(index, [entry(4, 4), entry(3, 5)])
      expect((await vectors.read(index, [entryId('a')]))[0]!.payload.version).toBe(4)
    }))

  it('a vector of zeros scores 0 and comes last', () =>
    withVectors(async (vectors) => {
      await vectors.upsert(index, [point('zero', 1, Array(8).fill(0)), point('minus', 1, Array(8).fill(-1))])
      const hits = await vectors.search(index, { tenant: acme, vector: new Float32Array(8).fill(1), limit: 5 })
      expect(hits.map(({ document }) => document)).toEqual(['minus', 'zero'])
      expect(hits[1]!.score).toBe(0)
    }))

  it('a table of that name with another fingerprint is HW_FINGERPRINT_MISMATCH', () =>
    withVectors(async (vectors) => {
      await expect(vectors.create({ ...index, fingerprint: 'g' })).rejects.toMatchObject({
        code: 'HW_FINGERPRINT_MISMATCH',
      })
    }))

  it('writers of the same points in opposite order do not block each other for good', () =>
    withVectors(async (vectors) => {
      const points = Array.from({ length: 200 }, (_, i) => point(`p${i}`, 1, randomVector()))
      await Promise.all(
        [1, 2, 3, 4, 5, 6].map((fence) => {
          const mine = points.map((one) => ({ ...one, fence }))
          return vectors.upsert(index, fence % 2 ? mine : mine.reverse())
        }),
      )
      const scanned = await vectors.scan(index, { limit: 1000 })
      expect(scanned.map(({ fence }) => fence)).toEqual(points.map(() => 6))
    }))
}

describe('vectors on PGlite', () => {
  suite(usePglite())
})

describeWithPgvector('vectors on a server', () => {
  const backend = usePgvectorServer()
  suite(backend)

  it('finds by HNSW in a large table, exactly for a small tenant or a selective filter', async () => {
    const { schema, dispose } = await backend().schema()
    const vectors = new PostgresVectorRepository(backend().connection, { schema, hnsw: { threshold: 1_000 } })
    await vectors.create(index)
    const points = Array.from({ length: 3_000 }, (_, i) =>
      point(`p${i}`, 1, randomVector(), {
        tenant: i % 100 === 0 ? globex : acme,
        leaves: i === 1_234 ? { 's:section': ['hr'] } : {},
      }),
    )
    await vectors.upsert(index, points)
    const hnsw = async () =>
      (
        await backend()
          .connection.session(worker)
          .query(`SELECT 1 FROM pg_indexes WHERE schemaname = $1 AND indexdef ~ 'hnsw'`, [schema])
      ).rows.length
    await vectors.refresh(index, { timeoutMs: 5_000 })
    expect(await hnsw()).toBe(0)
    await Promise.all([vectors.refresh(index), vectors.refresh(index)])
    expect(await hnsw()).toBe(1)

    // Looks for the index anew: one that another process built.
    const other = new PostgresVectorRepository(backend().connection, { schema, hnsw: { threshold: 1_000 } })
    let found = 0
    for (let i = 0; i < 20; i++) {
      const vector = Float32Array.from(randomVector())
      const expected = points
        .filter(({ payload }) => payload.tenant === acme)
        .map((one) => ({ id: one.id, score: cosine(one.vector, vector) }))
        .sort((a, b) => b.score - a.score)
        .slice(0, 10)
      const hits = await other.search(index, { tenant: acme, vector, limit: 10 })
      expect(hits.length).toBe(10)
      expect(hits.map(({ score }) => score)).toEqual(hits.map(({ score }) => score).sort((a, b) => b - a))
      found += hits.filter(({ id }) => expected.some((one) => one.id === id)).length
    }
    expect(found / 200).toBeGreaterThan(0.95)

    const vector = Float32Array.from(randomVector())
    expect((await other.search(index, { tenant: globex, vector, limit: 100 })).length).toBe(30)
    const filter = filterCases.find(({ name }) => name === 'eq a string, by case')!.filter
    const hits = await other.search(index, { tenant: acme, vector, filter, limit: 5 })
    expect(hits.map(({ document }) => document)).toEqual(['p1234'])
    await dispose()
  })
})
