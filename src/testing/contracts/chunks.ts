import { createHash } from 'node:crypto'
import { parseFilter } from '../../filter/parse'
import type { ParsedFilter } from '../../filter/parsed'
import type { ChunkChanges, ChunkEntry, ChunkRepository } from '../../repositories/chunks'
import { codeOf, fixtureTest, type TestRunner } from '../runner'
import {
  acme,
  chunking,
  chunkRow,
  documentRow,
  documents,
  hostileStrings,
  otherCollection,
  otherTenant,
  scope,
} from './rows'
import { bury, farFuture, rolledBack, save, type TruthFixture, worker } from './truth'

/** What every `ChunkRepository` promises. */
export function chunkRepositoryContract(runner: TestRunner, make: () => Promise<TruthFixture>): void {
  const { expect } = runner
  const test = fixtureTest(runner, async () => {
    const fixture = await make()
    const { chunks } = fixture.truth.session(worker)
    const apply = (changes: Partial<ChunkChanges>, of = scope, under = chunking): Promise<void> =>
      fixture.truth.transaction({ tenant: of.tenant }, async (session) => {
        await session.documents.lock(of, ['a', 'b'], { create: false })
        await session.chunks.apply(of, under, { upsert: [], move: [], remove: [], ...changes })
      })
    return { ...fixture, chunks, apply }
  })
  const three = [chunkRow(scope, 'a', 0, 5), chunkRow(scope, 'a', 1, 5), chunkRow(scope, 'a', 2, 5)] as const
  const [first, second, third] = three
  const ofA = async (chunks: ChunkRepository): Promise<string[]> =>
    (await chunks.ofDocument(scope, 'a', chunking)).map(({ id }) => id)
  const state = async (chunks: ChunkRepository, since: number, document = 'a') =>
    (await chunks.states([{ ...scope, document, since }], chunking))[0]!

  runner.describe('ChunkRepository', () => {
    test('keeps the chunks of a document, in order', async ({ chunks, truth }) => {
      const hostile = chunkRow(scope, 'a', 3, 5, { text: hostileStrings.join('\n'), metadata: { x: [null, { y: 1 }] } })
      await save(truth, scope, [documentRow('a', 5)], [hostile, third, first, second])
      expect(await chunks.ofDocument(scope, 'a', chunking)).toEqual([first, second, third, hostile])
      expect(await chunks.ofDocument(scope, 'absent', chunking)).toEqual([])
    })

    test('gives the heads of several documents', async ({ chunks, truth }) => {
      const other = chunkRow(scope, 'b', 0, 5)
      await save(truth, scope, [documentRow('a', 5), documentRow('b', 5)], [first, other])
      const heads = await chunks.heads(scope, ['b', 'a', 'absent'], [chunking])
      const expected = [first, other].map(({ id, document, chunking, ordinal, start, end, inputHash }) => ({
        id,
        document,
        chunking,
        ordinal,
        start,
        end,
        inputHash,
      }))
      expect(heads.sort((a, b) => (a.document < b.document ? -1 : 1))).toEqual(expected)
      expect(await chunks.heads(scope, [], [chunking])).toEqual([])
    })

    test('gives the heads in several chunkings, which may hold the same chunk', async ({ chunks, truth, apply }) => {
      await save(truth, scope, [documentRow('a', 5)], [first, second])
      await apply({ upsert: [{ ...first, chunking: 'c2', fence: 6 }] }, scope, 'c2')
      const found = await chunks.heads(scope, ['a'], [chunking, 'c2', 'c3'])
      expect(found.map(({ chunking: of, id }) => [of, id]).sort()).toEqual(
        [
          [chunking, first.id],
          [chunking, second.id],
          ['c2', first.id],
        ].sort(),
      )
      expect((await chunks.heads(scope, ['a'], ['c2'])).length).toBe(1)
      expect(await chunks.heads(scope, ['a'], [])).toEqual([])
      expect((await chunks.hydrate(scope, 'c2', [first.id, second.id])).map(({ id }) => id)).toEqual([first.id])
      await apply({ remove: [{ id: first.id, fence: 7 }] }, scope, 'c2')
      expect(await ofA(chunks)).toEqual([first.id, second.id])
    })

    test('purges a chunking that no generation uses, up to the limit', async ({ chunks, truth, apply }) => {
      await save(truth, scope, [documentRow('a', 5)], three)
      await apply({ upsert: three.map((row) => ({ ...row, chunking: 'c2' })) }, scope, 'c2')
      await save(truth, otherCollection, [documentRow('a', 5)], [chunkRow(otherCollection, 'a', 0, 5)])
      const { generations } = truth.session(worker)
      const made = {
        target: 'text',
        collection: documents,
        chunking,
        state: 'standby',
        prefix: 'p',
        format: { words: 3, payload: 2 },
      } as const
      const used = await generations.create({ ...made, fingerprint: null, dimensions: null, language: 'english' })
      const purge = (of: string, limit = 10): Promise<number> =>
        truth.transaction(worker, async (session) => {
          await session.generations.lock('text', documents)
          return session.chunks.purge({ collection: documents, chunking: of, limit })
        })
      expect(await purge(chunking)).toBe(0)
      expect([await purge('c2', 2), await purge('c2', 2), await purge('c2', 2)]).toEqual([2, 1, 0])
      expect(await ofA(chunks)).toEqual([first.id, second.id, third.id])
      await generations.update(used.id, { state: 'dropped' })
      expect(await purge(chunking)).toBe(3)
      expect(await ofA(chunks)).toEqual([])
      expect((await chunks.ofDocument(otherCollection, 'a', chunking)).length).toBe(1)
    })

    for (const [what, other] of [
      ['tenants', otherTenant],
      ['collections', otherCollection],
    ] as const) {
      test(`${what} are apart, also with the same document ids`, async ({ chunks, truth, apply }) => {
        await save(truth, scope, [documentRow('a', 5)], three)
        await save(truth, other, [documentRow('a', 6)], [chunkRow(other, 'a', 0, 6)])
        expect((await chunks.ofDocument(other, 'a', chunking)).length).toBe(1)
        expect((await chunks.heads(other, ['a'], [chunking])).length).toBe(1)
        expect(await chunks.hydrate(other, chunking, [first.id])).toEqual([])
        const [theirs] = await chunks.states([{ ...other, document: 'a', since: 0 }], chunking)
        expect([theirs?.fence, theirs?.chunks.length]).toEqual([6, 1])
        expect(await chunks.count(scope, chunking)).toBe(3)
        expect(await chunks.count(other, chunking)).toBe(1)
        const move = [{ id: first.id, ordinal: 9, start: 0, end: 0 }]
        await apply({ move, remove: [{ id: second.id, fence: 9 }] }, other)
        await truth.transaction({ tenant: other.tenant }, (session) =>
          session.chunks.buryDocuments(other, [{ document: 'a', fence: 9 }]),
        )
        expect(await chunks.ofDocument(scope, 'a', chunking)).toEqual([...three])
        expect(await chunks.count(other, chunking)).toBe(0)
      })
    }

    test('two chunkings coexist, with the same chunk ids', async ({ chunks, truth, apply }) => {
      await save(truth, scope, [documentRow('a', 5)], three)
      await apply({ upsert: [{ ...first, chunking: 'c2', ordinal: 7 }] }, scope, 'c2')
      expect((await chunks.ofDocument(scope, 'a', 'c2')).map(({ ordinal }) => ordinal)).toEqual([7])
      expect((await chunks.ofDocument(scope, 'a', chunking)).length).toBe(3)
      expect((await chunks.hydrate(scope, 'c2', [first.id, second.id])).length).toBe(1)
      await apply({ remove: [{ id: first.id, fence: 6 }] }, scope, 'c2')
      expect(await chunks.count(scope, 'c2')).toBe(0)
      expect(await chunks.count(scope, chunking)).toBe(3)
      const [other] = await chunks.states([{ ...scope, document: 'a', since: 0 }], 'c2')
      expect(other?.removed).toEqual([{ id: first.id, fence: 6 }])
      expect((await state(chunks, 0)).removed).toEqual([])
    })

    test('a move changes place and offsets, not the fence', async ({ chunks, truth, apply }) => {
      await save(truth, scope, [documentRow('a', 5)], three)
      await apply({ move: [{ id: first.id, ordinal: 5, start: 100, end: 120 }] })
      expect(await chunks.ofDocument(scope, 'a', chunking)).toEqual([
        second,
        third,
        { ...first, ordinal: 5, start: 100, end: 120 },
      ])
    })

    test('a removed chunk is a tombstone until it is put again', async ({ chunks, truth, apply }) => {
      await save(truth, scope, [documentRow('a', 5)], three)
      await apply({ remove: [{ id: second.id, fence: 6 }] })
      expect(await ofA(chunks)).toEqual([first.id, third.id])
      expect((await chunks.heads(scope, ['a'], [chunking])).length).toBe(2)
      expect(await chunks.hydrate(scope, chunking, [second.id])).toEqual([])
      expect(await chunks.count(scope, chunking)).toBe(2)
      expect((await chunks.scan({ collection: documents, chunking, limit: 9 })).length).toBe(2)
      expect((await state(chunks, 5)).removed).toEqual([{ id: second.id, fence: 6 }])
      await apply({ upsert: [{ ...second, fence: 7 }] })
      expect(await ofA(chunks)).toEqual([first.id, second.id, third.id])
      expect((await state(chunks, 0)).removed).toEqual([])
    })

    test('burying documents buries their chunks in every chunking', async ({ chunks, truth, apply }) => {
      await save(truth, scope, [documentRow('a', 5), documentRow('b', 5)], [...three, chunkRow(scope, 'b', 0, 5)])
      await apply({ upsert: [{ ...first, chunking: 'c2' }], remove: [] }, scope, 'c2')
      await apply({ remove: [{ id: third.id, fence: 6 }] })
      await bury(truth, scope, ['a'], 8)
      expect(await ofA(chunks)).toEqual([])
      expect(await chunks.count(scope, chunking)).toBe(1)
      expect(await chunks.count(scope, 'c2')).toBe(0)
      const gone = await state(chunks, 0)
      expect([gone.fence, gone.payload, gone.chunks]).toEqual([8, null, []])
      const fences = new Map(gone.removed.map(({ id, fence }) => [id, fence]))
      expect([fences.get(first.id), fences.get(second.id), fences.get(third.id)]).toEqual([8, 8, 6])
    })

    test('hydrates live chunks with what their document says', async ({ chunks, truth }) => {
      const row = documentRow('a', 5, { version: 4, source: null })
      await save(truth, scope, [row], three)
      const { title, source, status, contentType, metadata, leaves, version, createdAt, updatedAt } = row
      const { id, document, ordinal, start, end, text, heading, tableHeader, fence } = second
      expect(await chunks.hydrate(scope, chunking, [second.id])).toEqual([
        {
          ...{ id, document, ordinal, start, end, text, heading, tableHeader, fence, chunkMetadata: second.metadata },
          ...{ title, source, status, contentType, metadata, leaves, version, createdAt, updatedAt },
        },
      ])
    })

    test('hydration leaves out what is gone, buried or another’s', async ({ chunks, truth, apply }) => {
      const foreign = chunkRow(otherTenant, 'a', 0, 5)
      const ofB = chunkRow(scope, 'b', 0, 5)
      await save(truth, otherTenant, [documentRow('a', 5)], [foreign])
      await save(truth, scope, [documentRow('a', 5), documentRow('b', 5)], [...three, ofB])
      await apply({ remove: [{ id: second.id, fence: 6 }] })
      await truth.transaction({ tenant: acme }, async (session) => {
        await session.documents.lock(scope, ['b'], { create: false })
        await session.documents.bury(scope, [{ id: 'b', version: 2, fence: 6, at: 1 }])
      })
      const absent = chunkRow(scope, 'never', 0, 5)
      const asked = [first, second, foreign, ofB, absent, third, first].map(({ id }) => id)
      const ids = (await chunks.hydrate(scope, chunking, asked)).map(({ id }) => id)
      expect([...new Set(ids)].sort()).toEqual([first.id, third.id].sort())
      expect(await chunks.hydrate(scope, chunking, [])).toEqual([])
    })

    test('a state holds what changed after since', async ({ chunks, truth, apply }) => {
      await save(truth, scope, [documentRow('a', 5)], three)
      await apply({
        upsert: [{ ...second, fence: 7, text: 'new' }],
        remove: [{ id: first.id, fence: 7 }],
      })
      await save(truth, scope, [documentRow('a', 7, { payloadFence: 5, version: 2 })])
      const changed = await state(chunks, 5)
      const { id, heading, tableHeader, inputHash, metadata } = second
      expect(changed.chunks).toEqual([{ id, text: 'new', heading, tableHeader, inputHash, metadata, fence: 7 }])
      expect(changed.removed).toEqual([{ id: first.id, fence: 7 }])
      expect([changed.fence, changed.tenant, changed.collection, changed.document]).toEqual([7, acme, documents, 'a'])
      const all = await state(chunks, 0)
      expect(all.chunks.map((chunk) => [chunk.id, chunk.fence])).toEqual([
        [second.id, 7],
        [third.id, 5],
      ])
      const none = await state(chunks, 7)
      expect([none.fence, none.chunks, none.removed]).toEqual([7, [], []])
    })

    test('a payload that changed makes every chunk part of the state, with its own fence', async ({
      chunks,
      truth,
    }) => {
      await save(truth, scope, [documentRow('a', 5)], three)
      const row = documentRow('a', 9, { version: 2, title: 'new' })
      await save(truth, scope, [row])
      const changed = await state(chunks, 5)
      expect(changed.chunks.map(({ fence }) => fence)).toEqual([5, 5, 5])
      const { title, source, status, contentType, leaves, payloadHash, payloadFence, version } = row
      const { createdAt, updatedAt } = row
      const shown = { title, source, status, contentType, leaves, version, createdAt, updatedAt }
      const payload = { ...shown, payloadHash, payloadFence }
      expect(changed.payload).toEqual(payload)
    })

    test('states come in the order asked, of any tenant, and for what never was', async ({ chunks, truth }) => {
      await save(truth, scope, [documentRow('a', 5)], three)
      await save(truth, otherTenant, [documentRow('a', 6)], [chunkRow(otherTenant, 'a', 0, 6)])
      const asked = [
        { ...otherTenant, document: 'a', since: 0 },
        { ...scope, document: 'never', since: 0 },
        { ...scope, document: 'a', since: 0 },
        { ...scope, document: 'a', since: 5 },
      ]
      const states = await chunks.states(asked, chunking)
      expect(states.map(({ tenant, document, fence, chunks: held }) => [tenant, document, fence, held.length])).toEqual(
        [
          [otherTenant.tenant, 'a', 6, 1],
          [acme, 'never', 0, 0],
          [acme, 'a', 5, 3],
          [acme, 'a', 5, 0],
        ],
      )
      expect([states[1]?.payload, states[1]?.removed]).toEqual([null, []])
      expect(await chunks.states([], chunking)).toEqual([])
    })

    test('scans by ascending id: effective fences and hashes, by page, range and tenant', async ({ chunks, truth }) => {
      const theirs = Array.from({ length: 4 }, (_, i) => chunkRow(otherTenant, 'a', i, 8))
      const row = documentRow('a', 9, { payloadFence: 7 })
      await save(truth, scope, [row], [...three.slice(0, 2), { ...third, fence: 9 }])
      await save(truth, otherTenant, [documentRow('a', 8)], theirs)
      await save(truth, otherCollection, [documentRow('a', 8)], [chunkRow(otherCollection, 'a', 0, 8)])
      const { payloadHash } = row
      const expected: ChunkEntry[] = [
        ...three.map(({ id, inputHash }, i) => ({
          ...{ id, inputHash, payloadHash, tenant: acme, document: 'a' },
          fence: i === 2 ? 9 : 7,
        })),
        ...theirs.map(({ id, inputHash }) => ({
          ...{ id, inputHash, payloadHash, tenant: otherTenant.tenant, document: 'a', fence: 8 },
        })),
      ].sort((a, b) => (a.id < b.id ? -1 : 1))
      const seen: ChunkEntry[] = []
      for (;;) {
        const page = await chunks.scan({ collection: documents, chunking, after: seen.at(-1)?.id, limit: 3 })
        if (page.length === 0) break
        seen.push(...page)
      }
      expect(seen).toEqual(expected)
      const range = { collection: documents, chunking, after: expected[1]!.id, upTo: expected[4]!.id }
      expect(await chunks.scan({ ...range, limit: 9 })).toEqual(expected.slice(2, 5))
      const mine = await chunks.scan({ collection: documents, chunking, tenant: acme, limit: 9 })
      expect(mine).toEqual(expected.filter(({ tenant }) => tenant === acme))
      expect(await chunks.count({ collection: documents }, chunking)).toBe(7)
    })

    test('gives what a rebuild copies: entries with their content, and the vectors of a space', async ({
      chunks,
      truth,
    }) => {
      const row = documentRow('a', 9, { payloadFence: 7, source: null })
      const theirs = chunkRow(otherTenant, 'a', 0, 8)
      await save(truth, scope, [row], [first, second, { ...third, fence: 9 }])
      await save(truth, otherTenant, [documentRow('a', 8)], [theirs])
      const { embeddings } = truth.session(worker)
      const stored = { inputHash: second.inputHash, vector: Float32Array.of(1, 0.1, -2) }
      await embeddings.setMany(acme, 'space', [stored])
      await embeddings.setMany(otherTenant.tenant, 'space', [stored])
      await embeddings.setMany(acme, 'other', [{ inputHash: first.inputHash, vector: Float32Array.of(3) }])
      const entries = await chunks.scan({ collection: documents, chunking, limit: 9 })
      const { title, source, status, contentType, leaves, version, createdAt, updatedAt } = row
      const ofA = { title, source, status, contentType, leaves, version, createdAt, updatedAt }
      const texts = await chunks.contents({ collection: documents, chunking, limit: 9 }, null)
      expect(texts.map(({ id }) => id)).toEqual(entries.map(({ id }) => id))
      expect(texts.find(({ id }) => id === third.id)).toEqual({
        ...entries.find(({ id }) => id === third.id)!,
        ...{ ...ofA, chunkMetadata: third.metadata, text: third.text, vector: null },
        ...{ heading: third.heading, tableHeader: third.tableHeader },
      })
      const contents = await chunks.contents({ collection: documents, chunking, limit: 9 }, 'space')
      const held = (id: string) => contents.find((one) => one.id === id)!
      expect([...held(second.id).vector!]).toEqual([...stored.vector])
      expect([held(second.id).text, held(second.id).fence, held(second.id).title]).toEqual(['', 7, title])
      expect([held(first.id).text, held(first.id).vector]).toEqual([first.text, null])
      expect([held(theirs.id).text, held(theirs.id).tenant]).toEqual([theirs.text, otherTenant.tenant])
      const page = { collection: documents, chunking, after: entries[0]!.id, limit: 2 }
      expect((await chunks.contents(page, 'space')).map(({ id }) => id)).toEqual([entries[1]!.id, entries[2]!.id])
      const ids = [third.id, first.id, chunkRow(scope, 'never', 0, 5).id]
      const some = await chunks.contents({ collection: documents, chunking, ids }, null)
      expect(some.map(({ id }) => id)).toEqual([first.id, third.id].sort())
      expect(await chunks.contents({ collection: documents, chunking, ids: [] }, null)).toEqual([])
      await bury(truth, scope, ['a'], 10)
      expect((await chunks.contents({ collection: documents, chunking, ids }, 'space')).length).toBe(0)
      expect((await chunks.contents({ collection: documents, chunking: 'none', limit: 9 }, null)).length).toBe(0)
    })

    test('digests a range as its entries would', async ({ chunks, truth }) => {
      await save(truth, scope, [documentRow('a', 9, { payloadFence: 7 })], [...three])
      await save(truth, otherTenant, [documentRow('a', 8)], [chunkRow(otherTenant, 'a', 0, 8)])
      const range = { collection: documents, chunking }
      const entries = await chunks.scan({ ...range, limit: 9 })
      expect(await chunks.digest({ ...range, space: 's' })).toEqual({ count: 4, sum: digestOf(entries, 's') })
      expect((await chunks.digest({ ...range, space: 'é' })).sum).toBe(digestOf(entries, 'é'))
      const part = { after: entries[0]!.id, upTo: entries[2]!.id }
      const middle = await chunks.digest({ ...range, ...part, space: 's' })
      expect(middle).toEqual({ count: 2, sum: digestOf(entries.slice(1, 3), 's') })
      const mine = await chunks.digest({ ...range, tenant: acme, space: 's' })
      const held = entries.filter(({ tenant }) => tenant === acme)
      expect(mine).toEqual({ count: 3, sum: digestOf(held, 's') })
      expect(await chunks.digest({ ...range, chunking: 'none', space: 's' })).toEqual({ count: 0, sum: '0' })
    })

    test('tombstones of chunks are purged with nobody left to need them', async ({ chunks, truth, apply }) => {
      await save(truth, scope, [documentRow('a', 5), documentRow('b', 5)], [...three, chunkRow(scope, 'b', 0, 5)])
      await apply({ remove: [{ id: first.id, fence: 6 }] })
      await bury(truth, scope, ['b'], 6)
      const { documents: rows, jobs } = truth.session(worker)
      const job = { ...scope, target: 'text' as const, document: 'a', fence: 6, since: 5 }
      await jobs.enqueue([job], { claim: { token: 't', leaseMs: 60_000 } })
      expect(await rows.purge({ before: farFuture, limit: 10 })).toBe(1)
      expect((await state(chunks, 0, 'b')).removed).toEqual([])
      expect((await state(chunks, 0)).removed.length).toBe(1)
      expect(await jobs.settle(['t'], scope.collection)).toBe(1)
      expect(await rows.purge({ before: 0, limit: 10 })).toBe(0)
      expect((await state(chunks, 0)).removed.length).toBe(1)
      expect(await rows.purge({ before: farFuture, limit: 10 })).toBe(0)
      expect((await state(chunks, 0)).removed).toEqual([])
      expect(await ofA(chunks)).toEqual([second.id, third.id])
    })

    test('a rolled back transaction leaves every chunk as it was', async ({ chunks, truth }) => {
      await save(truth, scope, [documentRow('a', 5)], [first, second])
      await rolledBack(truth, { tenant: acme }, async (session) => {
        const move = [{ id: first.id, ordinal: 4, start: 1, end: 2 }]
        await session.chunks.apply(scope, chunking, { upsert: [third], move, remove: [{ id: second.id, fence: 9 }] })
        expect((await session.chunks.ofDocument(scope, 'a', chunking)).length).toBe(2)
        await session.chunks.buryDocuments(scope, [{ document: 'a', fence: 9 }])
        expect(await session.chunks.ofDocument(scope, 'a', chunking)).toEqual([])
      })
      expect(await chunks.ofDocument(scope, 'a', chunking)).toEqual([first, second])
    })

    test('takes batches of 600, and empty changes', async ({ chunks, truth, apply }) => {
      await apply({})
      const batch = Array.from({ length: 600 }, (_, i) => chunkRow(scope, 'a', i, 5))
      await save(truth, scope, [documentRow('a', 5)], batch)
      expect((await chunks.ofDocument(scope, 'a', chunking)).map(({ ordinal }) => ordinal)).toEqual(
        batch.map(({ ordinal }) => ordinal),
      )
      const ids = batch.map(({ id }) => id)
      expect((await chunks.hydrate(scope, chunking, ids)).length).toBe(600)
      await apply({ move: batch.map(({ id, ordinal, start, end }) => ({ id, ordinal: 599 - ordinal, start, end })) })
      expect((await chunks.ofDocument(scope, 'a', chunking))[0]?.id).toBe(ids.at(-1))
      await apply({ remove: ids.map((id) => ({ id, fence: 6 })) })
      expect((await state(chunks, 0)).removed.length).toBe(600)
    })

    test('does not share memory with the caller', async ({ chunks, truth }) => {
      const metadata = { page: 0 }
      await save(truth, scope, [documentRow('a', 5)], [{ ...first, metadata }])
      metadata.page = 9
      const [read] = await chunks.ofDocument(scope, 'a', chunking)
      expect(read).toEqual(first)
      read!.metadata['page'] = 9
      const [hydrated] = await chunks.hydrate(scope, chunking, [first.id])
      expect(hydrated?.chunkMetadata).toEqual({ page: 0 })
      hydrated!.metadata['section'] = 'changed'
      expect((await chunks.hydrate(scope, chunking, [first.id]))[0]?.metadata).toEqual(documentRow('a', 5).metadata)
    })

    test('finds words in the truth: beginnings, rarer ones first, in its tenant and filter alone', async ({
      chunks,
      truth,
    }) => {
      const text = (at: number, words: string, of = scope) => chunkRow(of, at < 3 ? 'a' : 'b', at, 5, { text: words })
      const rows = [
        text(0, 'Parental LEAVE is sixteen weeks.'),
        text(1, 'You may leave the office.'),
        text(2, 'Nothing of the kind; a transparent box.'),
        text(3, 'To leave, and leave, and leave.'),
      ]
      const years = (id: string, year: number) => documentRow(id, 5, { title: 'Manual', leaves: { 'n:year': [year] } })
      await save(truth, scope, [years('a', 2024), years('b', 2026)], rows)
      await save(truth, otherTenant, [documentRow('a', 6)], [text(0, 'Parental leave of others', otherTenant)])
      const found = async (words: string[], more: { filter?: ParsedFilter; limit?: number } = {}) =>
        (await chunks.searchWords(scope, chunking, { words, limit: 10, among: 100, ...more })).hits.map(({ id }) => id)
      const [a, b, c, d] = rows.map(({ id }) => id)
      expect((await found(['parent', 'leav']))[0]).toBe(a)
      expect((await found(['parent', 'leav'])).sort()).toEqual([a, b, d].sort())
      expect(await found(['parent'])).toEqual([a])
      expect((await found(['leav']))[0]).toBe(d)
      expect((await found(['manual'])).sort()).toEqual([a, b, c, d].sort())
      expect((await found(['leav'], { limit: 1 })).length).toBe(1)
      expect(await found(['leav'], { filter: parseFilter({ year: { gte: 2025 } }) })).toEqual([d])
      expect(await found(['%', "';", 'a(b', '\\'])).toEqual([])
      expect(await found([])).toEqual([])
      const [hit] = (await chunks.searchWords(scope, chunking, { words: ['parent'], limit: 1, among: 100 })).hits
      expect({ ...hit, score: hit!.score > 0 }).toEqual({ id: a, document: 'a', fence: 5, score: true })
      const some = await chunks.searchWords(scope, chunking, { words: ['manual'], limit: 10, among: 3 })
      expect([some.hits.length, some.bounded]).toEqual([3, true])
      const none = await chunks.searchWords(scope, chunking, { words: ['nowhere'], limit: 10, among: 3 })
      expect(none).toEqual({ hits: [], bounded: true })
      const all = await chunks.searchWords(scope, chunking, { words: ['manual'], limit: 10, among: 4 })
      expect([all.hits.length, all.bounded]).toEqual([4, false])
      await bury(truth, scope, ['a'], 9)
      expect(await found(['leav'])).toEqual([d])
    })

    test('an aborted signal ends a read', async ({ chunks }) => {
      const call = { signal: AbortSignal.abort() }
      expect(await codeOf(chunks.hydrate(scope, chunking, [first.id], call))).toBe('HW_ABORTED')
      expect(await codeOf(chunks.states([{ ...scope, document: 'a', since: 0 }], chunking, call))).toBe('HW_ABORTED')
      expect(await codeOf(chunks.scan({ collection: documents, chunking, limit: 1 }, call))).toBe('HW_ABORTED')
    })
  })
}

function digestOf(entries: readonly ChunkEntry[], space: string): string {
  const hex = (algorithm: string, text: string): string => createHash(algorithm).update(text).digest('hex')
  let sum = 0n
  for (const { id, fence, inputHash, payloadHash, tenant, document } of entries) {
    const stamp = `${hex('sha256', `${inputHash}${space}`).slice(0, 16)}${payloadHash.slice(0, 16)}`
    sum += BigInt(`0x${hex('md5', `${id}:${fence}:${stamp}:${tenant}:${document}`).slice(0, 15)}`)
  }
  return String(sum)
}
