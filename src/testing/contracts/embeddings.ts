import { codeOf, fixtureTest, type TestRunner } from '../runner'
import { acme, chunking, chunkRow, documentRow, globex, scope } from './rows'
import { farFuture, rolledBack, save, type TruthFixture, worker } from './truth'

const space = 'hashing/v1/3'

/** What every `EmbeddingRepository` promises. */
export function embeddingRepositoryContract(runner: TestRunner, make: () => Promise<TruthFixture>): void {
  const { expect } = runner
  const test = fixtureTest(runner, async () => {
    const fixture = await make()
    return { ...fixture, embeddings: fixture.truth.session(worker).embeddings }
  })
  const entry = (inputHash: string, ...numbers: number[]) => ({ inputHash, vector: Float32Array.from(numbers) })
  const plain = (found: ReadonlyMap<string, Float32Array>) =>
    Object.fromEntries([...found].map(([hash, vector]) => [hash, [...vector]]))

  runner.describe('EmbeddingRepository', () => {
    test('keeps vectors to the bit, by input hash', async ({ embeddings }) => {
      const odd = [0.1, -1e-30, 3.4e38, 0, 1 / 3]
      await embeddings.setMany(acme, space, [entry('h1', ...odd), entry('h2', 1, 2, 3, 4, 5)])
      const found = await embeddings.getMany(acme, space, ['h2', 'absent', 'h1'])
      expect(found.size).toBe(2)
      expect([...found.get('h1')!]).toEqual([...Float32Array.from(odd)])
      expect(found.get('h1') instanceof Float32Array).toBe(true)
    })

    test('keeps tenants and fingerprints apart', async ({ embeddings }) => {
      await embeddings.setMany(acme, space, [entry('h', 1)])
      await embeddings.setMany(globex, space, [entry('h', 2)])
      await embeddings.setMany(acme, 'other space', [entry('h', 3)])
      expect(plain(await embeddings.getMany(acme, space, ['h']))).toEqual({ h: [1] })
      expect(plain(await embeddings.getMany(globex, space, ['h']))).toEqual({ h: [2] })
      expect(plain(await embeddings.getMany(acme, 'other space', ['h']))).toEqual({ h: [3] })
      expect((await embeddings.getMany(globex, 'other space', ['h'])).size).toBe(0)
    })

    test('reserves a text for one at a time, until it is given up or the time is over', async ({ embeddings }) => {
      const [one, two] = ['one', 'two'].map((token) => ({ token, leaseMs: farFuture }))
      const reserved = async (hashes: string[], claim = one!, tenant = acme, fingerprint = space) =>
        (await embeddings.reserve(tenant, fingerprint, hashes, claim)).sort()
      expect(await reserved(['a', 'b', 'a'])).toEqual(['a', 'b'])
      expect(await reserved(['a', 'b', 'c'], two)).toEqual(['c'])
      expect(await reserved(['a', 'c'])).toEqual(['a'])
      expect(await reserved(['a'], two, globex)).toEqual(['a'])
      expect(await reserved(['a'], two, acme, 'other space')).toEqual(['a'])
      await embeddings.unreserve(acme, space, ['a', 'c'], 'one')
      expect(await reserved(['a', 'b', 'c'], { token: 'three', leaseMs: 0 })).toEqual(['a'])
      expect(await reserved(['a'], two)).toEqual(['a'])
    })

    test('gives the vectors of live chunks, of one tenant and space', async ({ embeddings, truth }) => {
      const [one, two] = [chunkRow(scope, 'a', 0, 1), chunkRow(scope, 'a', 1, 1)]
      await save(truth, scope, [documentRow('a', 1)], [one, two])
      await embeddings.setMany(acme, space, [entry(one.inputHash, 1), entry(two.inputHash, 2)])
      await embeddings.setMany(globex, space, [entry(one.inputHash, 3)])
      const ids = [two.id, one.id, chunkRow(scope, 'b', 0, 1).id]
      const ofChunks = async (of = scope, fingerprint = space) =>
        plain(await embeddings.ofChunks(of, chunking, fingerprint, ids))
      expect(await ofChunks()).toEqual({ [one.id]: [1], [two.id]: [2] })
      expect(await ofChunks(scope, 'other space')).toEqual({})
      expect(await ofChunks({ ...scope, tenant: globex })).toEqual({})
      await truth.transaction({ tenant: acme }, (session) =>
        session.chunks.apply(scope, chunking, { upsert: [], move: [], remove: [{ id: one.id, fence: 2 }] }),
      )
      expect(await ofChunks()).toEqual({ [two.id]: [2] })
    })

    test('the first to store a vector wins', async ({ embeddings }) => {
      await embeddings.setMany(acme, space, [entry('h', 1)])
      await embeddings.setMany(acme, space, [entry('h', 2), entry('new', 3), entry('new', 3)])
      expect(plain(await embeddings.getMany(acme, space, ['h', 'new', 'h']))).toEqual({ h: [1], new: [3] })
    })

    test('purges what is old and used by no live chunk, up to the limit', async ({ embeddings, truth }) => {
      const chunk = chunkRow(scope, 'a', 0, 1)
      await save(truth, scope, [documentRow('a', 1)], [chunk])
      const unused = Array.from({ length: 5 }, (_, i) => entry(`unused${i}`, i))
      await embeddings.setMany(acme, space, [entry(chunk.inputHash, 1), ...unused])
      await embeddings.setMany(globex, space, [entry(chunk.inputHash, 1)])
      expect(await embeddings.purge({ before: 0, limit: 10 })).toBe(0)
      expect(await embeddings.purge({ before: farFuture, limit: 2 })).toBe(2)
      expect(await embeddings.purge({ before: farFuture, limit: 10 })).toBe(4)
      expect((await embeddings.getMany(acme, space, [chunk.inputHash])).size).toBe(1)
      await truth.transaction({ tenant: acme }, (session) =>
        session.chunks.apply(scope, chunking, { upsert: [], move: [], remove: [{ id: chunk.id, fence: 2 }] }),
      )
      expect(await embeddings.purge({ before: farFuture, limit: 10 })).toBe(1)
      expect((await embeddings.getMany(acme, space, [chunk.inputHash])).size).toBe(0)
    })

    test('a rolled back transaction leaves no vector', async ({ embeddings, truth }) => {
      await rolledBack(truth, { tenant: acme }, async (session) => {
        await session.embeddings.setMany(acme, space, [entry('h', 1)])
        expect((await session.embeddings.getMany(acme, space, ['h'])).size).toBe(1)
      })
      expect((await embeddings.getMany(acme, space, ['h'])).size).toBe(0)
    })

    test('takes batches of 600, and empty ones', async ({ embeddings }) => {
      await embeddings.setMany(acme, space, [])
      expect((await embeddings.getMany(acme, space, [])).size).toBe(0)
      const batch = Array.from({ length: 600 }, (_, i) => entry(`h${i}`, i, i / 3))
      await embeddings.setMany(acme, space, batch)
      const found = await embeddings.getMany(
        acme,
        space,
        batch.map(({ inputHash }) => inputHash),
      )
      expect(found.size).toBe(600)
      expect(found.get('h599')?.[0]).toBe(599)
    })

    test('does not share memory with the caller', async ({ embeddings }) => {
      const mine = entry('h', 1, 2)
      await embeddings.setMany(acme, space, [mine])
      mine.vector.fill(9)
      const read = (await embeddings.getMany(acme, space, ['h'])).get('h')!
      expect([...read]).toEqual([1, 2])
      read.fill(9)
      expect(plain(await embeddings.getMany(acme, space, ['h']))).toEqual({ h: [1, 2] })
    })

    test('an aborted signal ends a call before it begins', async ({ embeddings }) => {
      const call = { signal: AbortSignal.abort() }
      expect(await codeOf(embeddings.setMany(acme, space, [entry('h', 1)], call))).toBe('HW_ABORTED')
      expect(await codeOf(embeddings.getMany(acme, space, ['h'], call))).toBe('HW_ABORTED')
      expect((await embeddings.getMany(acme, space, ['h'])).size).toBe(0)
    })
  })
}
