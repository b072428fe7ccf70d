import type { Scope } from '../../core/ids'
import type { DocumentChange, WithWrite } from '../../repositories/documents'
import type { TestRunner } from '../runner'
import { codeOf, fixtureTest } from '../runner'
import {
  acme,
  chunking,
  chunkRow,
  documentChange,
  documentRow,
  newRow,
  otherCollection,
  otherTenant,
  scope,
} from './rows'
import { bury, rolledBack, save, type TruthFixture, worker } from './truth'

/** What every `DocumentRepository` promises of writes that are one statement: rows, chunks, vectors, marker and jobs. */
export function documentWritesContract(runner: TestRunner, make: () => Promise<TruthFixture>): void {
  const { expect } = runner
  const test = fixtureTest(runner, async () => {
    const fixture = await make()
    return { ...fixture, documents: fixture.truth.session(worker).documents }
  })

  runner.describe('DocumentRepository, in one statement', () => {
    test('insert writes what is not there, with chunks and jobs, and leaves alone what is', async ({
      documents,
      truth,
    }) => {
      await save(truth, scope, [documentRow('there', 5)], [])
      await save(truth, scope, [documentRow('buried', 5)], [])
      await bury(truth, scope, ['buried'], 6)
      const rows = ['new', 'there', 'buried', 'other'].map((id) =>
        newRow(documentRow(id, 0, { title: `inserted ${id}` })),
      )
      const chunks = rows.map(({ id }) => chunkRow(scope, id, 0, 0))
      const session = truth.session({ tenant: acme })
      const { fences, claimed } = await session.documents.insert(scope, rows, {
        chunks,
        chunkings: [chunking],
        targets: ['text', 'vector'],
      })
      expect([...fences.keys()].sort()).toEqual(['new', 'other'])
      expect(claimed).toEqual([])
      const row = (await documents.get(scope, 'new'))!
      const fence = fences.get('new')!
      expect([row.title, row.version, row.fence, row.payloadFence]).toEqual(['inserted new', 1, fence, fence])
      expect((await documents.get(scope, 'there'))?.title).toBe('Title of there')
      expect(await documents.get(scope, 'buried')).toBe(null)
      const { chunks: cut, jobs } = truth.session(worker)
      expect((await cut.ofDocument(scope, 'new', chunking)).map((chunk) => chunk.fence)).toEqual([fence])
      expect(await cut.ofDocument(scope, 'there', chunking)).toEqual([])
      const waiting = await jobs.pending({ tenant: acme, upTo: Number.MAX_SAFE_INTEGER })
      expect(
        waiting.map((job) => [job.document, job.target, job.since, job.fence === fences.get(job.document)]).sort(),
      ).toEqual([
        ['new', 'text', 0, true],
        ['new', 'vector', 0, true],
        ['other', 'text', 0, true],
        ['other', 'vector', 0, true],
      ])
      const again = await session.documents.insert(scope, rows, { chunks, chunkings: [chunking], targets: ['text'] })
      expect(again.fences.size).toBe(0)
    })

    test('what is inserted together has one fence, above all that were before', async ({ truth }) => {
      const insert = (...ids: string[]) =>
        truth.transaction({ tenant: scope.tenant }, (session) => {
          const rows = ids.map((id) => newRow(documentRow(id, 0)))
          return session.documents.insert(scope, rows, { chunks: [], chunkings: [chunking], targets: ['text'] })
        })
      const first = [...(await insert('a', 'b', 'c')).fences.values()]
      const then = [...(await insert('c', 'd', 'e')).fences.values()]
      expect([new Set(first).size, new Set(then).size, first.length, then.length]).toEqual([1, 1, 3, 2])
      expect(then[0]).toBeGreaterThan(first[0]!)
    })

    test('insert with a claim makes no jobs but the claim', async ({ truth }) => {
      const claim = { token: 't', leaseMs: 600_000 }
      const rows = [newRow(documentRow('a', 0)), newRow(documentRow('b', 0))]
      const session = truth.session({ tenant: acme })
      const { claimed } = await session.documents.insert(scope, rows, {
        chunks: [],
        chunkings: [chunking],
        targets: ['text', 'vector'],
        claim,
      })
      expect(claimed.map(({ document, target, token }) => [document, target, token]).sort()).toEqual([
        ['a', 'text', 't'],
        ['a', 'vector', 't'],
        ['b', 'text', 't'],
        ['b', 'vector', 't'],
      ])
      const { jobs } = truth.session(worker)
      expect((await jobs.backlog()).claimed).toBe(4)
      expect(await jobs.settle(['t'], scope.collection)).toBe(4)
    })

    test('a rolled back insert leaves nothing', async ({ documents, truth }) => {
      await rolledBack(truth, { tenant: acme }, async (session) => {
        await session.documents.insert(scope, [newRow(documentRow('a', 0))], {
          chunks: [],
          chunkings: [chunking],
          targets: ['text'],
        })
      })
      expect(await documents.get(scope, 'a')).toBe(null)
      expect((await truth.session(worker).jobs.backlog()).waiting).toBe(0)
    })

    test('a write of one statement stores vectors and leaves its marker with it', async ({ truth }) => {
      const session = truth.session({ tenant: acme })
      const rows = [newRow(documentRow('a', 0)), newRow(documentRow('b', 0))]
      const vectors = { fingerprint: 'f', byHash: new Map([['h', Float32Array.of(1, 2)]]) }
      const going = { chunks: [], chunkings: [chunking], targets: [], vectors }
      const { fences } = await session.documents.insert(scope, rows, { ...going, marker: 'm1' })
      const found = await session.commits.find(acme, 'm1')
      expect(found?.receipt).toEqual([
        { id: 'a', version: 1, fence: fences.get('a') },
        { id: 'b', version: 1, fence: fences.get('b') },
      ])
      expect(await session.embeddings.getMany(acme, 'f', ['h'])).toEqual(vectors.byHash)
      // Nothing written, nothing said; a vector that is there already stays.
      const other = {
        fingerprint: 'f',
        byHash: new Map([
          ['h', Float32Array.of(3, 4)],
          ['i', Float32Array.of(5, 6)],
        ]),
      }
      await session.documents.insert(scope, rows, { ...going, vectors: other, marker: 'm2' })
      expect(await session.commits.find(acme, 'm2')).toBe(null)
      const stored = await session.embeddings.getMany(acme, 'f', ['h', 'i'])
      expect([...stored].sort()).toEqual([
        ['h', Float32Array.of(1, 2)],
        ['i', Float32Array.of(5, 6)],
      ])
      // A key that is taken, as by whoever took it for lost, fails the whole.
      expect(await session.commits.refute(acme, 'm3')).toBe(true)
      const late = session.documents.insert(scope, [newRow(documentRow('c', 0))], { ...going, marker: 'm3' })
      expect(typeof (await codeOf(late))).toBe('string')
      expect(await session.documents.heads(scope, ['c'])).toEqual([])
    })

    test('change writes a version over the fence that was read, chunks and jobs with it', async ({ truth }) => {
      const before = [chunkRow(scope, 'a', 0, 5), chunkRow(scope, 'a', 1, 5), chunkRow(scope, 'a', 2, 5)]
      await save(truth, scope, [documentRow('a', 5, { version: 3 })], before)
      await save(truth, otherTenant, [documentRow('a', 5, { version: 3 })])
      const session = truth.session({ tenant: acme })
      const fresh = chunkRow(scope, 'a', 3, 0)
      const change = documentChange(documentRow('a', 5, { version: 3 }), {
        document: newRow(documentRow('a', 0, { title: 'changed' })),
        upsert: [fresh],
        move: [{ ...before[1]!, ordinal: 7, start: 70, end: 79 }],
        remove: [before[2]!],
      })
      const options = { chunkings: [chunking], targets: ['text', 'vector'] as const, marker: 'm' }
      const fenceIn = async (of: Scope, ...changes: DocumentChange[]) =>
        (await session.documents.change(of, changes, options)).fences.get('a')
      expect(await fenceIn(scope, { ...change, since: 4 })).toBe(undefined)
      expect(await fenceIn(otherCollection, change)).toBe(undefined)
      // The fence of another life of the database.
      expect(await fenceIn(scope, { ...change, before: 'other' })).toBe(undefined)
      const changed = await session.documents.change(scope, [change], options)
      const fence = changed.fences.get('a')!
      expect(changed.claimed).toEqual([])
      const row = (await session.documents.get(scope, 'a'))!
      expect([row.title, row.version, row.fence, row.payloadFence]).toEqual(['changed', 4, fence, fence])
      const { chunks, jobs } = truth.session(worker)
      const cut = await chunks.ofDocument(scope, 'a', chunking)
      expect(cut.map((chunk) => [chunk.id, chunk.ordinal, chunk.fence])).toEqual([
        [before[0]!.id, 0, 5],
        [fresh.id, 3, fence],
        [before[1]!.id, 7, 5],
      ])
      const [state] = await chunks.states([{ ...scope, document: 'a', since: 5 }], chunking)
      expect(state!.removed).toEqual([{ id: before[2]!.id, fence }])
      const waiting = await jobs.pending({ tenant: acme, upTo: Number.MAX_SAFE_INTEGER })
      expect(waiting.map((job) => [job.target, job.since, job.fence]).sort()).toEqual([
        ['text', 5, fence],
        ['vector', 5, fence],
      ])
      expect((await session.commits.find(acme, 'm'))?.receipt).toEqual([{ id: 'a', version: 4, fence }])
      // The same once more is late by now; the other tenant's is as it was.
      expect(await fenceIn(scope, change)).toBe(undefined)
      expect((await truth.session(worker).documents.get(otherTenant, 'a'))?.version).toBe(3)
    })

    test('change writes several, each with what is its own, and leaves alone which is not as it was read', async ({
      truth,
    }) => {
      const ids = ['a', 'b', 'c']
      const before = ids.flatMap((id) => [0, 1].map((ordinal) => chunkRow(scope, id, ordinal, 5)))
      await save(
        truth,
        scope,
        ids.map((id) => documentRow(id, 5, { version: 3 })),
        before,
      )
      const session = truth.session({ tenant: acme })
      const fresh = ids.map((id) => chunkRow(scope, id, 2, 0))
      const changes = ids.map((id, at) =>
        documentChange(documentRow(id, 5, { version: 3 }), {
          document: newRow(documentRow(id, 0, { title: `changed ${id}` })),
          since: id === 'b' ? 4 : 5,
          samePayload: id === 'c',
          upsert: [fresh[at]!],
          move: [{ ...before[at * 2]!, ordinal: 7, start: 70, end: 79 }],
          remove: [before[at * 2 + 1]!],
        }),
      )
      const claim = { token: 't', leaseMs: 60_000 }
      const options = { chunkings: [chunking], targets: ['text', 'vector'] as const, marker: 'm', claim }
      // Not in the order of their ids.
      const { fences, claimed } = await session.documents.change(scope, changes.toReversed(), options)
      const fence = fences.get('a')!
      expect([...fences].sort()).toEqual([
        ['a', fence],
        ['c', fence],
      ])
      const jobs = claimed.map((job) => [job.document, job.target, job.since, job.fence])
      expect(jobs.sort()).toEqual([
        ['a', 'text', 5, fence],
        ['a', 'vector', 5, fence],
        ['c', 'text', 5, fence],
        ['c', 'vector', 5, fence],
      ])
      for (const [at, id] of ids.entries()) {
        const row = (await session.documents.get(scope, id))!
        const cut = await truth.session(worker).chunks.ofDocument(scope, id, chunking)
        const chunks = cut.map((chunk) => [chunk.id, chunk.ordinal, chunk.fence])
        if (id === 'b') {
          expect([row.title, row.version, row.fence]).toEqual(['Title of b', 3, 5])
          expect(chunks).toEqual(before.slice(2, 4).map((chunk) => [chunk.id, chunk.ordinal, 5]))
          continue
        }
        expect([row.title, row.version, row.fence, row.payloadFence]).toEqual([
          `changed ${id}`,
          4,
          fence,
          id === 'c' ? 5 : fence,
        ])
        expect(chunks).toEqual([
          [fresh[at]!.id, 2, fence],
          [before[at * 2]!.id, 7, 5],
        ])
      }
      const receipt = (await session.commits.find(acme, 'm'))?.receipt as unknown as { id: string }[]
      expect(receipt.map(({ id }) => id).sort()).toEqual(['a', 'c'])
    })

    test('change keeps the fence of a payload that is the same, revives a tombstone, takes along what waits', async ({
      truth,
    }) => {
      await save(truth, scope, [documentRow('a', 5, { version: 3 }), documentRow('b', 5, { version: 1 })])
      await bury(truth, scope, ['b'], 6)
      const { jobs, documents } = truth.session(worker)
      await jobs.enqueue([{ ...scope, target: 'text', document: 'a', fence: 5, since: 2 }])
      const session = truth.session({ tenant: acme })
      const change = documentChange(documentRow('a', 5, { version: 3 }), { samePayload: true })
      const options = { chunkings: [chunking], targets: ['text'] as const, claim: { token: 't', leaseMs: 60_000 } }
      const { fences, claimed } = await session.documents.change(scope, [change], options)
      const fence = fences.get('a')!
      const job = { ...scope, target: 'text' as const, document: 'a', since: 2, fence, token: 't', attempts: 0 }
      expect(claimed).toEqual([{ ...job, epoch: await truth.session(worker).registry.epoch() }])
      const backlog = await jobs.backlog()
      expect([backlog.waiting, backlog.claimed]).toEqual([0, 1])
      const row = (await documents.get(scope, 'a'))!
      expect([row.fence, row.payloadFence]).toEqual([fence, 5])
      const reborn = documentChange(documentRow('b', 5, { version: 2 }), { since: 6 })
      const bare = { chunkings: [chunking], targets: [] }
      expect((await session.documents.change(scope, [reborn], bare)).claimed).toEqual([])
      expect((await documents.get(scope, 'b'))?.version).toBe(3)
    })

    test('neither insert nor change writes for other chunkings than generations use', async ({ truth }) => {
      const { generations, documents } = truth.session(worker)
      await save(truth, scope, [documentRow('a', 5)])
      await generations.create({
        ...{ target: 'text', collection: scope.collection, chunking: 'c/1', state: 'live', prefix: 'p' },
        ...{ fingerprint: null, dimensions: null, language: 'english', format: { words: 3, payload: 2 } },
      } as const)
      const session = truth.session({ tenant: acme })
      const rows = [newRow(documentRow('new', 0))]
      const going = { targets: ['text'] as const, chunkings: ['c2'], marker: 'm' }
      const inserted = await session.documents.insert(scope, rows, { ...going, chunks: [] })
      expect([inserted.fences.size, inserted.otherChunkings]).toEqual([0, ['c/1']])
      const change = documentChange(documentRow('a', 5, { version: 1 }))
      expect((await session.documents.change(scope, [change], going)).fences.size).toBe(0)
      expect(await session.commits.find(acme, 'm')).toBe(null)
      expect((await documents.get(scope, 'a'))?.fence).toBe(5)
      const asUsed = { ...going, chunkings: ['c/1'] }
      const again = await session.documents.insert(scope, rows, { ...asUsed, chunks: [] })
      expect([again.fences.size, again.otherChunkings]).toEqual([1, undefined])
      expect((await session.documents.change(scope, [change], { ...asUsed, marker: 'n' })).fences.size).toBe(1)
    })

    test('erase buries a document with its chunks, and says what it was', async ({ documents, truth }) => {
      const cut = [chunkRow(scope, 'a', 0, 5), chunkRow(scope, 'a', 1, 5)]
      await save(truth, scope, [documentRow('a', 5, { version: 3 })], cut)
      await save(truth, otherTenant, [documentRow('a', 5)])
      const session = truth.session({ tenant: acme })
      const options = { targets: ['text'] as const, at: 1000, marker: 'm' }
      const nothing = { tombstone: null, chunks: [] }
      const erase = (id: string, more: { ifVersion?: number; claim?: WithWrite['claim']; marker?: string } = {}) =>
        session.documents.erase(scope, [{ id, ifVersion: more.ifVersion }], { ...options, ...more })
      expect(await erase('b')).toEqual({ documents: new Map(), claimed: [] })
      const head = { id: 'a', version: 3, fence: 5, deleted: false }
      const kept = { documents: new Map([['a', { head, ...nothing }]]), claimed: [] }
      expect(await erase('a', { ifVersion: 2 })).toEqual(kept)
      const { documents: of, claimed } = await erase('a', { ifVersion: 3, claim: { token: 't', leaseMs: 60_000 } })
      const erased = of.get('a')!
      const { fence } = erased.tombstone!
      expect([erased.head, erased.tombstone]).toEqual([head, { id: 'a', version: 4, fence }])
      expect(erased.chunks.map(({ id }) => id).sort()).toEqual(cut.map(({ id }) => id).sort())
      expect(claimed.map(({ target, since, fence: at }) => [target, since, at])).toEqual([['text', 5, fence]])
      expect(await documents.get(scope, 'a')).toBe(null)
      const [state] = await truth.session(worker).chunks.states([{ ...scope, document: 'a', since: 5 }], chunking)
      expect([state!.payload, state!.removed.map((one) => one.fence)]).toEqual([null, [fence, fence]])
      expect((await session.commits.find(acme, 'm'))?.receipt).toEqual([{ id: 'a', version: 4, fence }])
      const dead = { head: { id: 'a', version: 4, fence, deleted: true }, ...nothing }
      expect(await erase('a', { marker: 'n' })).toEqual({ documents: new Map([['a', dead]]), claimed: [] })
      expect(await session.commits.find(acme, 'n')).toBe(null)
      expect((await documents.get(otherTenant, 'a')) !== null).toBe(true)
    })

    test('erase buries several, each at its own version, with the chunks that are its own', async ({ truth }) => {
      const ids = ['a', 'b', 'c', 'd']
      const cut = ids.flatMap((id) => [0, 1].map((ordinal) => chunkRow(scope, id, ordinal, 5)))
      await save(
        truth,
        scope,
        ids.map((id) => documentRow(id, 5, { version: 3 })),
        cut,
      )
      const session = truth.session({ tenant: acme })
      const claim = { token: 't', leaseMs: 60_000 }
      const asked = [{ id: 'd' }, { id: 'none' }, { id: 'b', ifVersion: 2 }, { id: 'a', ifVersion: 3 }]
      const options = { targets: ['text'] as const, at: 1000, marker: 'm', claim }
      const { documents, claimed } = await session.documents.erase(scope, asked, options)
      expect([...documents].map(([id, { tombstone }]) => [id, tombstone?.version]).sort()).toEqual([
        ['a', 4],
        ['b', undefined],
        ['d', 4],
      ])
      const fence = documents.get('a')!.tombstone!.fence
      for (const [at, id] of [
        [0, 'a'],
        [3, 'd'],
      ] as const) {
        const own = cut.slice(at * 2, at * 2 + 2).map((chunk) => chunk.id)
        expect([...documents.get(id)!.chunks].map((chunk) => chunk.id).sort()).toEqual(own.sort())
      }
      const jobs = claimed.map((job) => [job.document, job.since, job.fence]).sort()
      expect(jobs).toEqual([
        ['a', 5, fence],
        ['d', 5, fence],
      ])
      expect((await session.documents.getMany(scope, ids)).map(({ id }) => id).sort()).toEqual(['b', 'c'])
      const states = await truth.session(worker).chunks.states(
        ids.map((document) => ({ ...scope, document, since: 0 })),
        chunking,
      )
      expect(states.map(({ chunks }) => chunks.length)).toEqual([0, 2, 2, 0])
    })
  })
}
