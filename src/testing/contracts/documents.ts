import type { Scope } from '../../core/ids'
import { parseFilter } from '../../filter/parse'
import type { DocumentRepository, DocumentRow } from '../../repositories/documents'
import type { GenerationState } from '../../repositories/generations'
import { codeOf, fixtureTest, type TestRunner } from '../runner'
import { filterCases, filterSubjects, is } from './filters'
import {
  acme,
  chunking,
  chunkRow,
  documentRow,
  hostileStrings,
  idsByBytes,
  otherCollection,
  otherTenant,
  scope,
} from './rows'
import { bury, farFuture, rolledBack, save, type TruthFixture, worker } from './truth'

/** What every `DocumentRepository` promises. */
export function documentRepositoryContract(runner: TestRunner, make: () => Promise<TruthFixture>): void {
  const { expect } = runner
  const test = fixtureTest(runner, async () => {
    const fixture = await make()
    return { ...fixture, documents: fixture.truth.session(worker).documents }
  })
  const ids = (rows: readonly { readonly id: string }[]): string[] => rows.map(({ id }) => id)
  const list = async (documents: DocumentRepository, of: Scope = scope): Promise<string[]> =>
    ids(await documents.list(of, { limit: 1000 }))

  runner.describe('DocumentRepository', () => {
    test('keeps every field of a document', async ({ documents, truth }) => {
      const row = documentRow('a', 2 ** 41 + 5, {
        text: hostileStrings.join('\n'),
        title: '',
        source: null,
        contentType: 'text/markdown',
        status: 'draft',
        metadata: { a: { b: [1, 2.5, -1e-9, 'x', true, null, {}, []] }, __proto_: 1, 'it"s': '' },
        leaves: { 'n:a.b': [1, 2.5, -1e-9], 's:a.b': ['x'], 'b:a.b': [true], 'd:at': [1_700_000_000_000] },
        version: 7,
        payloadFence: 2 ** 41,
        blob: { hash: 'a'.repeat(64), size: 2 ** 42, contentType: 'video/mp4; codecs="av1"' },
      })
      await save(truth, scope, [row])
      expect(await documents.get(scope, 'a')).toEqual(row)
      expect(await documents.getMany(scope, ['a'])).toEqual([row])
      expect(await documents.list(scope, { limit: 1 })).toEqual([row])
      expect(await documents.get(scope, 'b')).toBe(null)
    })

    test('keeps hostile ids and texts as they are', async ({ documents, truth }) => {
      const rows = hostileStrings.map((text) =>
        documentRow(text, 1, { title: text, text, metadata: { text }, leaves: { 's:text': [text] }, source: text }),
      )
      await save(truth, scope, rows)
      for (const row of rows) expect(await documents.get(scope, row.id)).toEqual(row)
      expect((await documents.getMany(scope, hostileStrings)).length).toBe(rows.length)
      expect(await documents.get(scope, 'é is not é')).toBe(null)
    })

    test('keeps a key that JavaScript objects inherit', async ({ documents, truth }) => {
      const metadata = JSON.parse('{"__proto__":{"x":1},"constructor":"c"}') as DocumentRow['metadata']
      await save(truth, scope, [documentRow('a', 1, { metadata })])
      expect(JSON.stringify((await documents.get(scope, 'a'))?.metadata)).toBe(JSON.stringify(metadata))
    })

    for (const [what, other] of [
      ['tenants', otherTenant],
      ['collections', otherCollection],
    ] as const) {
      test(`${what} are apart, also with the same ids`, async ({ documents, truth }) => {
        await save(truth, scope, [documentRow('same', 1, { title: 'ours' }), documentRow('ours', 1)])
        expect(await documents.get(other, 'same')).toBe(null)
        expect(await documents.getMany(other, ['same', 'ours'])).toEqual([])
        expect(await list(documents, other)).toEqual([])
        expect(await documents.count(other)).toBe(0)
        expect(await documents.heads(other, ['same'])).toEqual([])
        await truth.transaction(worker, async (session) => {
          expect(await session.documents.lock(other, ['same'], { create: false })).toEqual([])
        })

        await save(truth, other, [documentRow('same', 2, { title: 'theirs' })])
        expect((await documents.get(scope, 'same'))?.title).toBe('ours')
        await truth.transaction(worker, async (session) => {
          await session.documents.lock(other, ['same'], { create: false })
          await session.documents.restamp(other, [{ id: 'same', fence: 3 }])
        })
        expect((await documents.get(scope, 'same'))?.fence).toBe(1)
        await bury(truth, other, ['same'], 4)
        expect(await list(documents)).toEqual(['ours', 'same'])
        expect(await documents.purge({ before: farFuture, limit: 10 })).toBe(1)
        expect(await documents.count(scope)).toBe(2)
      })
    }

    test('lists by the UTF-8 bytes of the id, page after page', async ({ documents, truth }) => {
      await save(
        truth,
        scope,
        [...idsByBytes].reverse().map((id) => documentRow(id, 1)),
      )
      expect(await list(documents)).toEqual(idsByBytes)
      const seen: string[] = []
      for (;;) {
        const page = await documents.list(scope, { after: seen.at(-1), limit: 2 })
        if (page.length === 0) break
        expect(page.length).toBeLessThan(3)
        seen.push(...ids(page))
      }
      expect(seen).toEqual(idsByBytes)
      expect(ids(await documents.list(scope, { after: 'AA', limit: 2 }))).toEqual(['Z', 'a'])
    })

    test('lists and counts by title, status and content type', async ({ documents, truth }) => {
      const rows = [
        documentRow('a', 1, { title: 'Leave', status: 'draft', contentType: 'text/markdown' }),
        documentRow('b', 1, { title: '', status: 'active', contentType: 'text/plain' }),
      ]
      await save(truth, scope, rows)
      const found = async (filter: Record<string, unknown>): Promise<string[]> => {
        const parsed = parseFilter(filter, undefined, { of: 'documents' })
        const listed = ids(await documents.list(scope, { filter: parsed, limit: 10 }))
        expect(await documents.count(scope, parsed)).toBe(listed.length)
        return listed
      }
      expect(await found({ $status: 'draft' })).toEqual(['a'])
      expect(await found({ $status: { ne: 'draft' } })).toEqual(['b'])
      expect(await found({ $title: 'leave' })).toEqual([])
      expect(await found({ $title: { exists: false } })).toEqual(['b'])
      expect(await found({ $title: '' })).toEqual([])
      expect(await found({ $contentType: { in: ['text/markdown', 'x'] } })).toEqual(['a'])
      expect(await found({ NOT: { $contentType: { exists: true } } })).toEqual([])
    })

    test('lists and counts by filter', async ({ documents, truth }) => {
      await save(
        truth,
        scope,
        filterSubjects.map(({ id, ...subject }) => documentRow(id, 1, subject)),
      )
      for (const { name, filter, ids: expected } of filterCases) {
        expect([name, ...ids(await documents.list(scope, { filter, limit: 10 }))]).toEqual([name, ...expected])
        expect([name, await documents.count(scope, filter)]).toEqual([name, expected.length])
      }
      const paged = await documents.list(scope, { filter: is('tags', 's', 'y'), after: 'a', limit: 1 })
      expect(ids(paged)).toEqual(['b'])
    })

    test('a buried document is out of sight but for its head', async ({ documents, truth }) => {
      await save(truth, scope, [documentRow('a', 1), documentRow('b', 1)])
      await bury(truth, scope, ['a'], 5)
      expect(await documents.get(scope, 'a')).toBe(null)
      expect(ids(await documents.getMany(scope, ['a', 'b']))).toEqual(['b'])
      expect(await list(documents)).toEqual(['b'])
      expect(await documents.count(scope)).toBe(1)
      const [head] = await documents.heads(scope, ['a'])
      expect([head?.deleted, head?.version, head?.fence]).toEqual([true, 2, 5])
      await truth.transaction({ tenant: acme }, async (session) => {
        const [locked] = await session.documents.lock(scope, ['a'], { create: false })
        expect([locked?.deleted, locked?.version, locked?.fence]).toEqual([true, 2, 5])
      })
    })

    test('saving brings a buried document back', async ({ documents, truth }) => {
      await save(truth, scope, [documentRow('a', 1)])
      await bury(truth, scope, ['a'], 5)
      const row = documentRow('a', 6, { version: 3, title: 'again' })
      await save(truth, scope, [row])
      expect(await documents.get(scope, 'a')).toEqual(row)
      expect((await documents.heads(scope, ['a']))[0]?.deleted).toBe(false)
      expect(await documents.purge({ before: farFuture, limit: 10 })).toBe(0)
    })

    test('heads tell what a writer needs', async ({ documents, truth }) => {
      const blob = { hash: 'f'.repeat(64), size: 7, contentType: 'image/png' }
      const row = documentRow('a', 9, { version: 3, payloadFence: 4, blob })
      await save(truth, scope, [row])
      const { contentHash, payloadHash, version, fence, payloadFence, createdAt } = row
      const stamps = { version, fence, payloadFence, createdAt }
      const head = { id: 'a', contentHash, payloadHash, ...stamps, blobKey: blob.hash, deleted: false, cut: false }
      expect(await documents.heads(scope, ['a', 'absent'])).toEqual([head])
      await truth.transaction({ tenant: acme }, async (session) => {
        expect(await session.documents.lock(scope, ['a', 'absent', 'a'], { create: false })).toEqual([head])
      })
    })

    test('what a new content is compared with comes at once, of nobody else', async ({ documents, truth }) => {
      const row = documentRow('a', 2 ** 41 + 5)
      const kept = [chunkRow(scope, 'a', 0, 5), chunkRow(scope, 'a', 1, 5)]
      const gone = chunkRow(scope, 'a', 2, 5)
      const elsewhere = { ...chunkRow(scope, 'a', 3, 5), chunking: 'other' }
      const vector = Float32Array.of(1, -2.5)
      const entries = [
        { inputHash: 'stored', vector },
        { inputHash: 'not asked for', vector },
      ]
      await save(truth, scope, [row, documentRow('bare', 1)])
      await truth.transaction({ tenant: acme }, async ({ chunks, embeddings }) => {
        await chunks.apply(scope, chunking, { upsert: [...kept, gone], move: [], remove: [] })
        await chunks.apply(scope, chunking, { upsert: [], move: [], remove: [{ id: gone.id, fence: 6 }] })
        await chunks.apply(scope, 'other', { upsert: [elsewhere], move: [], remove: [] })
        await embeddings.setMany(acme, 'space', entries)
        await embeddings.setMany(acme, 'another', [{ inputHash: 'missing', vector }])
      })
      const wanted = { chunkings: [chunking], fingerprint: 'space', inputHashes: ['stored', 'missing'] }
      const { heads, chunks, vectors } = await documents.known(scope, ['a', 'none', 'bare'], wanted)
      const byId = (one: { id: string }, other: { id: string }) => (one.id < other.id ? -1 : 1)
      expect(heads.toSorted(byId)).toEqual((await documents.heads(scope, ['a', 'bare'])).toSorted(byId))
      expect(heads.toSorted(byId).map(({ id, cut }) => [id, cut])).toEqual([
        ['a', true],
        ['bare', false],
      ])
      const places = kept.map(({ id, document, ordinal, start, end, inputHash }) => {
        return { id, document, chunking, ordinal, start, end, inputHash }
      })
      expect([...chunks].sort((a, b) => a.ordinal - b.ordinal)).toEqual(places)
      expect([...vectors]).toEqual([['stored', vector]])
      const nothing = { chunkings: [chunking], fingerprint: 'none', inputHashes: [] }
      const bare = await documents.known(scope, ['bare'], nothing)
      expect([bare.heads.map(({ id }) => id), bare.chunks, bare.vectors.size]).toEqual([['bare'], [], 0])
      for (const other of [otherTenant, otherCollection]) {
        const none = await documents.known(other, ['a'], nothing)
        expect([none.heads, none.chunks]).toEqual([[], []])
      }
    })

    test('lock makes rows that are not there, gone again if nothing is saved', async ({ documents, truth }) => {
      await save(truth, scope, [documentRow('a', 1)])
      await truth.transaction({ tenant: acme }, async (session) => {
        const heads = await session.documents.lock(scope, ['new', 'a', 'other'], { create: true })
        const made = heads.map(({ id, deleted, version, fence }) => [id, deleted, version, fence])
        expect(made.sort()).toEqual([
          ['a', false, 1, 1],
          ['new', true, 0, 0],
          ['other', true, 0, 0],
        ])
        await session.documents.save(scope, [documentRow('new', 2)])
      })
      expect(await list(documents)).toEqual(['a', 'new'])
      expect(await documents.get(scope, 'other')).toBe(null)
      expect(await documents.count(scope)).toBe(2)
      for (const head of await documents.heads(scope, ['other'])) {
        expect([head.deleted, head.version, head.fence]).toEqual([true, 0, 0])
      }
    })

    test('fences ascend within their epoch and never come twice, not even after a rollback', async ({
      documents,
      truth,
    }) => {
      const epoch = await truth.session(worker).registry.epoch()
      const seen = await documents.fences(3)
      await rolledBack(truth, worker, async (session) => {
        seen.push(...(await session.documents.fences(2)))
      })
      seen.push(...(await documents.fences(600)))
      expect(seen.length).toBe(605)
      expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b))
      expect(seen[0]!).toBeGreaterThan(epoch * 2 ** 40)
      expect(seen.at(-1)!).toBeLessThan((epoch + 1) * 2 ** 40)
      expect(await documents.fences(0)).toEqual([])
    })

    test('stamps are fences, with the chunkings that generations use', async ({ truth }) => {
      const { generations } = truth.session(worker)
      const stamps = (count: number, collection = scope.collection) =>
        truth.transaction({ tenant: acme }, (session) => session.documents.stamps(collection, count))
      const fresh = await stamps(3)
      expect(fresh.chunkings).toEqual([])
      expect(fresh.fences).toEqual([...new Set(fresh.fences)].sort((a, b) => a - b))
      expect((await stamps(0)).fences).toEqual([])
      const made = {
        fingerprint: null,
        dimensions: null,
        language: 'english',
        prefix: 'p',
        format: { words: 3, payload: 2 },
      } as const
      const create = (chunking: string, state: GenerationState) =>
        generations.create({ ...made, target: 'text', collection: scope.collection, chunking, state })
      const [live] = [await create('c2', 'live'), await create('c1', 'building'), await create('c2', 'standby')]
      await create('c0', 'dropped')
      const { fences, chunkings } = await stamps(2)
      expect([fences.length, chunkings]).toEqual([2, ['c1', 'c2']])
      expect(fences[0]!).toBeGreaterThan(fresh.fences.at(-1)!)
      expect((await stamps(1, otherCollection.collection)).chunkings).toEqual([])
      await generations.update(live.id, { state: 'dropped' })
      expect((await stamps(1)).chunkings).toEqual(['c1', 'c2'])
    })

    test('advance moves the fence of a live row and not that of its payload', async ({ documents, truth }) => {
      const row = documentRow('a', 5, { version: 3, payloadFence: 2 })
      await save(truth, scope, [row, documentRow('gone', 5)])
      await bury(truth, scope, ['gone'], 6)
      await truth.transaction(worker, async (session) => {
        await session.documents.lock(scope, ['a', 'gone'], { create: false })
        await session.documents.advance(scope, [
          { id: 'a', fence: 9 },
          { id: 'gone', fence: 9 },
        ])
        await session.documents.advance(scope, [])
      })
      expect(await documents.get(scope, 'a')).toEqual({ ...row, fence: 9 })
      expect((await documents.heads(scope, ['gone'])).map(({ fence }) => fence)).toEqual([6])
    })

    test('uncut finds live documents without a chunk, page by page', async ({ documents, truth }) => {
      const places = [
        [otherTenant, 'z'],
        [scope, 'a'],
        [scope, '\uff5e'],
        [otherTenant, 'a'],
        [scope, 'cut'],
        [scope, '\u{1F600}'],
        [scope, 'half'],
      ] as const
      for (const [of, id] of places) await save(truth, of, [documentRow(id, 5, { text: 'é' })])
      await save(truth, otherCollection, [documentRow('a', 5)])
      await save(truth, scope, [documentRow('gone', 5)])
      await bury(truth, scope, ['gone'], 6)
      await truth.transaction({ tenant: acme }, async ({ documents: within, chunks }) => {
        await within.lock(scope, ['cut', 'half'], { create: false })
        const [cut, half] = [chunkRow(scope, 'cut', 0, 5), chunkRow(scope, 'half', 0, 5)]
        await chunks.apply(scope, chunking, { upsert: [cut, half], move: [], remove: [] })
        await chunks.apply(scope, chunking, { upsert: [], move: [], remove: [{ id: half.id, fence: 6 }] })
      })
      const of = { collection: scope.collection, chunking }
      const all = await documents.uncut({ ...of, limit: 100 })
      const expected = [
        [acme, 'a'],
        [acme, 'half'],
        [acme, '\uff5e'],
        [acme, '\u{1F600}'],
        [otherTenant.tenant, 'a'],
        [otherTenant.tenant, 'z'],
      ]
      expect(all.map(({ tenant, id }) => [tenant, id])).toEqual(expected)
      expect(all[0]!.bytes).toBe(2)
      const heads = await documents.heads(scope, ['cut', 'half', 'a'])
      expect(heads.filter(({ cut }) => cut).map(({ id }) => id)).toEqual(['cut'])
      const locked = await truth.transaction({ tenant: acme }, ({ documents: within }) =>
        within.lock(scope, ['cut', 'half', 'new'], { create: true }),
      )
      expect(locked.filter(({ cut }) => cut).map(({ id }) => id)).toEqual(['cut'])
      const paged: unknown[] = []
      for (let after: (typeof all)[number] | undefined; ; ) {
        const page = await documents.uncut({ ...of, after, limit: 2 })
        paged.push(...page)
        after = page.at(-1)
        if (!after) break
      }
      expect(paged).toEqual(all)
      expect(await documents.countUncut(scope.collection, chunking)).toBe(6)
      expect(await documents.countUncut(scope.collection, 'another')).toBe(7)
    })

    test('restamp gives a live row a new fence and nothing else', async ({ documents, truth }) => {
      const row = documentRow('a', 5, { version: 3, payloadFence: 2 })
      await save(truth, scope, [row, documentRow('gone', 5)])
      await bury(truth, scope, ['gone'], 6)
      await truth.transaction(worker, async (session) => {
        await session.documents.lock(scope, ['a', 'gone'], { create: false })
        await session.documents.restamp(scope, [
          { id: 'a', fence: 9 },
          { id: 'gone', fence: 9 },
        ])
      })
      expect(await documents.get(scope, 'a')).toEqual({ ...row, fence: 9, payloadFence: 9 })
      const [gone] = await documents.heads(scope, ['gone'])
      expect([gone?.deleted, gone?.fence]).toEqual([true, 6])
    })

    test('purge forgets old tombstones, up to the limit', async ({ documents, truth }) => {
      await save(
        truth,
        scope,
        ['a', 'b', 'c', 'live'].map((id) => documentRow(id, 1)),
      )
      await bury(truth, scope, ['a'], 5, 1000)
      await bury(truth, scope, ['b', 'c'], 6, 2000)
      expect(await documents.purge({ before: 1000, limit: 10 })).toBe(0)
      expect(await documents.purge({ before: 1001, limit: 10 })).toBe(1)
      expect(await documents.heads(scope, ['a'])).toEqual([])
      expect(await documents.purge({ before: farFuture, limit: 1 })).toBe(1)
      expect((await documents.heads(scope, ['b', 'c'])).length).toBe(1)
      expect(await documents.purge({ before: farFuture, limit: 10 })).toBe(1)
      expect(await list(documents)).toEqual(['live'])
      await save(truth, scope, [documentRow('a', 7)])
      expect(await list(documents)).toEqual(['a', 'live'])
    })

    test('purge keeps what a job needs', async ({ documents, truth }) => {
      await save(truth, scope, [documentRow('a', 1)])
      await save(truth, otherTenant, [documentRow('a', 1)])
      await bury(truth, scope, ['a'], 5)
      await bury(truth, otherTenant, ['a'], 5)
      const { jobs } = truth.session(worker)
      const job = { ...scope, target: 'text' as const, document: 'a', fence: 5, since: 1 }
      await jobs.enqueue([job], { claim: { token: 't', leaseMs: 60_000 } })
      expect(await documents.purge({ before: farFuture, limit: 10 })).toBe(1)
      expect((await documents.heads(scope, ['a'])).length).toBe(1)
      expect(await documents.heads(otherTenant, ['a'])).toEqual([])
      expect(await jobs.settle(['t'], scope.collection)).toBe(1)
      expect(await documents.purge({ before: farFuture, limit: 10 })).toBe(1)
    })

    test('a rolled back transaction leaves every row as it was', async ({ documents, truth }) => {
      const row = documentRow('a', 1)
      await save(truth, scope, [row, documentRow('b', 1)])
      await rolledBack(truth, { tenant: acme }, async (session) => {
        await session.documents.lock(scope, ['a', 'b', 'new'], { create: true })
        await session.documents.save(scope, [documentRow('a', 2, { title: 'changed' }), documentRow('new', 2)])
        await session.documents.bury(scope, [{ id: 'b', version: 2, fence: 2, at: 1 }])
        expect(ids(await session.documents.list(scope, { limit: 9 }))).toEqual(['a', 'new'])
      })
      expect(await documents.get(scope, 'a')).toEqual(row)
      expect(await list(documents)).toEqual(['a', 'b'])
      expect(await documents.heads(scope, ['new'])).toEqual([])
    })

    test('empty lists are no-ops, repeated ids are one', async ({ documents, truth }) => {
      await save(truth, scope, [])
      await bury(truth, scope, [], 1)
      await truth.transaction({ tenant: acme }, async (session) => {
        expect(await session.documents.lock(scope, [], { create: true })).toEqual([])
        await session.documents.restamp(scope, [])
      })
      expect(await documents.getMany(scope, [])).toEqual([])
      expect(await documents.heads(scope, [])).toEqual([])
      await save(truth, scope, [documentRow('a', 1)])
      expect(ids(await documents.getMany(scope, ['a', 'a']))).toEqual(['a'])
      expect(ids(await documents.heads(scope, ['a', 'a']))).toEqual(['a'])
    })

    test('takes batches of 600', async ({ documents, truth }) => {
      const rows = Array.from({ length: 600 }, (_, i) => documentRow(`d${i}`, i + 1))
      await save(truth, scope, rows)
      expect(await documents.count(scope)).toBe(600)
      expect((await documents.getMany(scope, ids(rows))).length).toBe(600)
      expect((await documents.heads(scope, ids(rows))).length).toBe(600)
      await bury(truth, scope, ids(rows), 1000)
      expect(await documents.count(scope)).toBe(0)
      expect(await documents.purge({ before: farFuture, limit: 1000 })).toBe(600)
    })

    test('does not share memory with the caller', async ({ documents, truth }) => {
      const mine = documentRow('a', 1)
      await save(truth, scope, [mine])
      mine.metadata['section'] = 'changed'
      mine.leaves['s:section']?.push('changed')
      const read = await documents.get(scope, 'a')
      expect(read).toEqual(documentRow('a', 1))
      read!.metadata['section'] = 'changed'
      read!.leaves['s:section']?.push('changed')
      expect(await documents.get(scope, 'a')).toEqual(documentRow('a', 1))
    })

    test('an aborted signal ends a read', async ({ documents }) => {
      const call = { signal: AbortSignal.abort() }
      expect(await codeOf(documents.get(scope, 'a', call))).toBe('HW_ABORTED')
      expect(await codeOf(documents.getMany(scope, ['a'], call))).toBe('HW_ABORTED')
      expect(await codeOf(documents.list(scope, { limit: 1 }, call))).toBe('HW_ABORTED')
    })
  })
}
