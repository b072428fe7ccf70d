import type { VectorIndex, VectorPoint, VectorRepository } from '../../repositories/vectors'
import { codeOf, type Fixture, fixtureTest, type TestRunner } from '../runner'
import { filterCases, filterSubjects, is } from './filters'
import { indexMarkerContract } from './index-marker'
import { indexScanContract } from './index-scan'
import { acme, entryId, globex, hostileStrings, payload, point } from './rows'

export interface VectorFixture extends Fixture {
  readonly vectors: VectorRepository
}

const index: VectorIndex = { name: 'contract_vector_1', fingerprint: 'contract-fingerprint', dimensions: 3 }
const second: VectorIndex = { ...index, name: 'contract_vector_2' }
const x = [1, 0, 0]
const y = [0, 1, 0]

/** What every `VectorRepository` promises. `make` gives an empty one; the suite creates its own indexes. */
export function vectorRepositoryContract(runner: TestRunner, make: () => Promise<VectorFixture>): void {
  const { expect } = runner
  const test = fixtureTest(runner, async () => {
    const fixture = await make()
    await fixture.vectors.create(index)
    return fixture
  })
  const held = async (vectors: VectorRepository, name: string): Promise<VectorPoint | undefined> =>
    (await vectors.read(index, [entryId(name)]))[0]
  const search = async (vectors: VectorRepository, vector: readonly number[], limit = 10) => {
    await vectors.refresh(index)
    return vectors.search(index, { tenant: acme, vector: Float32Array.from(vector), limit })
  }

  runner.describe('VectorRepository', () => {
    test('creates an index once, keeps what it holds, and drops it', async ({ vectors }) => {
      expect(await vectors.exists(second)).toBe(false)
      await vectors.create(second)
      await vectors.upsert(second, [point('a', 1, x)])
      await vectors.create(second)
      expect(await vectors.exists(second)).toBe(true)
      expect(await vectors.count(second)).toBe(1)
      await vectors.drop(second)
      expect(await vectors.exists(second)).toBe(false)
      await vectors.drop(second)
    })

    indexMarkerContract(runner, test, ({ vectors }) => vectors, index, second)

    test('a missing index is HW_GENERATION_MISSING', async ({ vectors }) => {
      expect(await codeOf(vectors.upsert(second, [point('a', 1, x)]))).toBe('HW_GENERATION_MISSING')
      const query = { tenant: acme, vector: Float32Array.from(x), limit: 1 }
      expect(await codeOf(vectors.search(second, query))).toBe('HW_GENERATION_MISSING')
    })

    test('keeps what was written: fence, stamp, payload and vector', async ({ vectors }) => {
      const written = point('a', 7, [0.6, 0.8, 0], {
        source: null,
        version: 3,
        leaves: { 's:t': hostileStrings.slice(), 'n:n': [2.5, -1], 'b:b': [true, false], 'd:at': [1_700_000_000_000] },
      })
      await vectors.upsert(index, [written])
      const read = await held(vectors, 'a')
      expect({ ...read, vector: null }).toEqual({ ...written, vector: null })
      for (const [i, value] of written.vector.entries()) expect(read!.vector[i]).toBeCloseTo(value, 5)
    })

    test('a write below the stored fence is left alone; at it or above, it replaces', async ({ vectors }) => {
      await vectors.upsert(index, [point('a', 5, x)])
      await vectors.upsert(index, [point('a', 4, y, { version: 9 })])
      expect((await held(vectors, 'a'))?.fence).toBe(5)
      expect((await held(vectors, 'a'))?.payload.version).toBe(1)
      expect((await search(vectors, x))[0]?.score).toBeCloseTo(1, 5)
      await vectors.upsert(index, [point('a', 5, y, { version: 2 })])
      expect((await held(vectors, 'a'))?.payload.version).toBe(2)
      await vectors.upsert(index, [point('a', 6, x, { version: 3 })])
      expect((await held(vectors, 'a'))?.payload.version).toBe(3)
      expect((await search(vectors, x))[0]?.fence).toBe(6)
    })

    test('fences near 2^53 compare exactly', async ({ vectors }) => {
      const top = 2 ** 53 - 2
      await vectors.upsert(index, [point('a', top, x)])
      await vectors.upsert(index, [point('a', top - 1, y, { version: 2 })])
      expect((await held(vectors, 'a'))?.fence).toBe(top)
      expect((await held(vectors, 'a'))?.payload.version).toBe(1)
    })

    test('one stale point in a batch does not keep the others out', async ({ vectors }) => {
      await vectors.upsert(index, [point('a', 5, x)])
      await vectors.upsert(index, [point('a', 4, y), point('b', 4, y)])
      expect((await held(vectors, 'a'))?.fence).toBe(5)
      expect((await held(vectors, 'b'))?.fence).toBe(4)
    })

    test('setPayload changes payload, stamp and fence but never the vector', async ({ vectors }) => {
      await vectors.upsert(index, [point('a', 5, [0, 0.6, 0.8]), point('b', 9, x)])
      const { vector: _a, ...a } = point('a', 6, x, { version: 2, leaves: { 's:section': ['it'] } })
      const { vector: _b, ...b } = point('b', 8, x, { version: 2 })
      const { vector: _c, ...absent } = point('absent', 8, x)
      await vectors.setPayload(index, [a, b, absent])
      const read = await held(vectors, 'a')
      expect({ ...read, vector: null }).toEqual({ ...a, vector: null })
      expect(read!.vector[1]).toBeCloseTo(0.6, 5)
      expect((await held(vectors, 'b'))?.payload.version).toBe(1)
      expect(await held(vectors, 'absent')).toBe(undefined)
      const filtered = { tenant: acme, vector: Float32Array.from(x), limit: 5 }
      await vectors.refresh(index)
      const hits = await vectors.search(index, { ...filtered, filter: is('section', 's', 'it') })
      expect(hits.map((hit) => hit.id)).toEqual([entryId('a')])
    })

    test('setPayload leaves a vector alone that is of another input', async ({ vectors }) => {
      await vectors.upsert(index, [point('a', 5, x), point('b', 5, x)])
      const { vector: _a, ...a } = point('a', 6, x, { version: 2 })
      const { vector: _b, ...b } = point('b', 6, x, { version: 2 })
      await vectors.setPayload(index, [{ ...a, stamp: `${'0'.repeat(16)}${a.stamp.slice(16)}` }, b])
      expect([(await held(vectors, 'a'))?.fence, (await held(vectors, 'b'))?.fence]).toEqual([5, 6])
    })

    test('ranks by cosine similarity, whatever the lengths, ties by id', async ({ vectors }) => {
      const twins = ['t1', 't2', 't3']
      await vectors.upsert(index, [
        point('near', 1, [10, 1, 0]),
        point('far', 1, [0, 0, 0.1]),
        point('opposite', 1, [-2, 0, 0]),
        ...twins.map((name) => point(name, 1, [1, 1, 0])),
      ])
      const hits = await search(vectors, [3, 0, 0])
      const tied = twins.map(entryId).sort()
      expect(hits.map((hit) => hit.id)).toEqual([entryId('near'), ...tied, entryId('far'), entryId('opposite')])
      expect(hits[0]!.score).toBeCloseTo(10 / Math.sqrt(101), 5)
      expect(hits[1]!.score).toBeCloseTo(Math.SQRT1_2, 5)
      expect(hits[4]!.score).toBeCloseTo(0, 5)
      expect(hits[5]!.score).toBeCloseTo(-1, 5)
      expect(hits[0]!.document).toBe('near')
      expect((await search(vectors, [3, 0, 0], 2)).map((hit) => hit.id)).toEqual([entryId('near'), tied[0]])
    })

    test('a search sees its own tenant alone', async ({ vectors }) => {
      await vectors.upsert(index, [point('mine', 1, x), point('theirs', 1, x, { tenant: globex })])
      expect((await search(vectors, x)).map((hit) => hit.id)).toEqual([entryId('mine')])
      const theirs = await vectors.search(index, { tenant: globex, vector: Float32Array.from(x), limit: 10 })
      expect(theirs.map((hit) => hit.id)).toEqual([entryId('theirs')])
      expect(await vectors.count(index, acme)).toBe(1)
      expect(await vectors.count(index)).toBe(2)
    })

    test('indexes are apart', async ({ vectors }) => {
      await vectors.create(second)
      await vectors.upsert(index, [point('a', 5, x)])
      await vectors.upsert(second, [point('a', 4, y), point('b', 4, y)])
      expect((await held(vectors, 'a'))?.fence).toBe(5)
      expect(await vectors.count(index)).toBe(1)
      await vectors.drop(second)
      expect(await vectors.count(index)).toBe(1)
    })

    test('filters are pushed down, before the limit', async ({ vectors }) => {
      await vectors.upsert(
        index,
        filterSubjects.map(({ id, ...rest }) => point(id, 1, x, rest)),
      )
      await vectors.refresh(index)
      for (const { name, filter, ids } of filterCases) {
        const query = { tenant: acme, vector: Float32Array.from(x), filter, limit: 10 }
        const hits = await vectors.search(index, query)
        expect([name, ...hits.map((hit) => hit.document).sort()]).toEqual([name, ...ids])
        const limited = await vectors.search(index, { ...query, limit: 1 })
        expect([name, limited.length]).toEqual([name, Math.min(1, ids.length)])
      }
    })

    test('empty lists are no-ops and an empty index finds nothing', async ({ vectors }) => {
      await vectors.upsert(index, [])
      await vectors.setPayload(index, [])
      await vectors.remove(index, [])
      expect(await vectors.read(index, [])).toEqual([])
      expect(await search(vectors, x)).toEqual([])
      expect(await vectors.count(index)).toBe(0)
    })

    test('one that is no vector of the space among 500 is HW_INVALID_VECTOR and writes nothing', async ({
      vectors,
    }) => {
      const { NaN: none, POSITIVE_INFINITY: over, NEGATIVE_INFINITY: under } = Number
      for (const bad of [[], [1, 0], [1, 0, 0, 0], [none, 0, 0], [0, over, 0], [0, 0, under]]) {
        const batch = Array.from({ length: 500 }, (_, at) => point(`p${at}`, 1, at === 250 ? bad : x))
        expect(await codeOf(vectors.upsert(index, batch))).toBe('HW_INVALID_VECTOR')
        expect(await codeOf(search(vectors, bad))).toBe('HW_INVALID_VECTOR')
      }
      expect(await vectors.count(index)).toBe(0)
    })

    test('takes batches of 600', async ({ vectors }) => {
      const batch = Array.from({ length: 600 }, (_, i) => point(`p${i}`, 1, [i + 1, 1, 0]))
      await vectors.upsert(index, batch)
      expect(await vectors.count(index)).toBe(600)
      const all = await vectors.read(
        index,
        batch.map(({ id }) => id),
      )
      expect(all.length).toBe(600)
      expect((await search(vectors, x, 1000)).length).toBe(600)
      await vectors.remove(
        index,
        batch.map(({ id }) => ({ id, tenant: acme, fence: 1, when: 'atMost' as const })),
      )
      expect(await vectors.count(index)).toBe(0)
    })

    test('does not share memory with the caller', async ({ vectors }) => {
      const mine = point('a', 1, [...x])
      await vectors.upsert(index, [mine])
      mine.vector.fill(9)
      mine.payload.leaves['s:section']?.push('changed')
      const read = await held(vectors, 'a')
      expect(read!.payload.leaves).toEqual(payload('a').leaves)
      read!.vector.fill(9)
      read!.payload.leaves['s:other'] = ['x']
      expect((await held(vectors, 'a'))!.payload.leaves).toEqual(payload('a').leaves)
      expect((await search(vectors, x))[0]!.score).toBeCloseTo(1, 5)
    })

    test('a call under an aborted signal is HW_ABORTED and does nothing', async ({ vectors }) => {
      const call = { signal: AbortSignal.abort() }
      expect(await codeOf(vectors.upsert(index, [point('a', 1, x)], call))).toBe('HW_ABORTED')
      const query = { tenant: acme, vector: Float32Array.from(x), limit: 1 }
      expect(await codeOf(vectors.search(index, query, call))).toBe('HW_ABORTED')
      expect(await vectors.count(index)).toBe(0)
    })

    indexScanContract(runner, {
      test,
      index,
      repository: ({ vectors }) => vectors,
      entry: (name, fence, changes) => point(name, fence, x, changes),
    })
  })
}
