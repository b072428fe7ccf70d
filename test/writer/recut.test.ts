import { beforeEach, describe, expect, it } from 'vitest'
import { HeadwaterError } from '../../src/core/errors'
import { collectionName, tenantId } from '../../src/core/ids'
import { seededRandom } from '../../src/core/random'
import type { Generation, Target } from '../../src/repositories/generations'
import { MemoryTextRepository } from '../../src/repositories/memory/texts'
import { MemoryTruth } from '../../src/repositories/memory/truth'
import { MemoryVectorRepository } from '../../src/repositories/memory/vectors'
import { Searcher } from '../../src/search/search'
import type { Splitter } from '../../src/splitter/splitter'
import { resolveCollections } from '../../src/store/store-options'
import { FakeClock } from '../../src/testing/fake-clock'
import { purgeExpired } from '../../src/writer/maintenance'
import { type WriterPorts, writerDefaults } from '../../src/writer/ports'
import { ensureGenerations } from '../../src/writer/rebuild/generations'
import { type RebuildProgress, rebuild, recut } from '../../src/writer/rebuild/rebuild'
import { dropStandby } from '../../src/writer/rebuild/retention'
import { rollback } from '../../src/writer/rebuild/rollback'
import { reconcile } from '../../src/writer/reconcile/reconcile'
import { type CoordinatedWriter, createWriter } from '../../src/writer/writer'
import { type Step, stepped } from '../interleavings/steps'

const collection = collectionName('documents')
const scope = { tenant: tenantId('acme'), collection }
const clean = { missing: 0, stale: 0, orphaned: 0, foreign: 0 }
const count = 30

/** Pieces of so many words. */
function words(id: string, size: number): Splitter {
  return {
    id,
    split: ({ text }) => {
      const found = [...text.matchAll(/\S+/g)]
      return Array.from({ length: Math.ceil(found.length / size) }, (_, at) => {
        const start = found[at * size]!.index
        const last = found[Math.min(found.length, (at + 1) * size) - 1]!
        const end = last.index + last[0].length
        return { text: text.slice(start, end), start, end }
      })
    },
  }
}
const pairs = words('pairs', 2)
const ones = words('ones', 1)

describe('a rebuild with another splitter', () => {
  let ports: WriterPorts
  let writer: CoordinatedWriter

  function process(splitter: Splitter, others: readonly Splitter[] = []): WriterPorts {
    const { plans, embedders } = resolveCollections({ embedder: { hashing: { dimensions: 16 } }, splitter })
    const cutFirst = new Map([...plans].map(([name, plan]) => [name, { ...plan, cutFirst: 'pairs' }]))
    return { ...ports, collections: cutFirst, embedders, splitters: new Map(others.map((one) => [one.id, one])) }
  }

  beforeEach(async () => {
    const clock = new FakeClock()
    const { plans, embedders } = resolveCollections({ embedder: { hashing: { dimensions: 16 } }, splitter: pairs })
    ports = {
      truth: new MemoryTruth({ clock }),
      vectors: new MemoryVectorRepository(),
      texts: new MemoryTextRepository(),
      collections: plans,
      embedders,
      splitters: new Map([['ones', ones]]),
      clock,
      random: seededRandom(3),
      options: { copyBatch: 10 },
    }
    await ensureGenerations(ports)
    writer = createWriter(ports)
    await writer.putMany(
      scope,
      Array.from({ length: count }, (_, at) => ({ id: `d${at}`, text: `text number ${at} ends` })),
    )
  })

  const run = (over: WriterPorts = ports, options: object = {}) =>
    until(recut(over, { collection: writer.plan('documents'), splitter: ones, ...options }))
  const generations = async (): Promise<Generation[]> => ports.truth.session({ worker: true }).generations.list()
  const states = async (target: Target) =>
    (await generations()).filter((one) => one.target === target).map(({ state, chunking }) => `${state} ${chunking}`)
  const textsOf = async (id: string, chunking: string) =>
    (await ports.truth.session(scope).chunks.ofDocument(scope, id, chunking)).map(({ text }) => text)
  const found = async (query: string): Promise<string[]> => {
    const searcher = new Searcher({ ...ports })
    const { hits } = await searcher.search(scope, undefined, { query, mode: 'text', limit: 50 })
    return hits.map(({ documentId, text }) => `${documentId}: ${text}`).sort()
  }
  const drained = async (): Promise<void> => {
    expect((await until(writer.relay.drain({ timeoutMs: 10_000 }))).remaining).toBe(0)
  }
  /** Lets virtual time pass until the work is over. */
  async function until<T>(work: Promise<T>): Promise<T> {
    let over = false
    const end = (): void => {
      over = true
    }
    work.then(end, end)
    while (!over) await (ports.clock as FakeClock).advance(50)
    return work
  }

  it('cuts beside the live chunks, builds both targets and switches both at once', async () => {
    const seen: RebuildProgress[] = []
    const result = await run(ports, { onProgress: (progress: RebuildProgress) => seen.push(progress) })
    expect(result).toMatchObject({ chunking: 'ones', cut: count, copied: 2 * 4 * count, mended: 0 })
    expect(await states('vector')).toEqual(['standby pairs', 'live ones'])
    expect(await states('text')).toEqual(['standby pairs', 'live ones'])
    const names = (await generations()).filter(({ state }) => state === 'live').map(({ name }) => name)
    expect(Object.values(result.generations).sort()).toEqual(names.sort())
    expect([await textsOf('d7', 'pairs'), await textsOf('d7', 'ones')]).toEqual([
      ['text number', '7 ends'],
      ['text', 'number', '7', 'ends'],
    ])
    expect(await found('7')).toEqual(['d7: 7'])
    expect(await reconcile(ports, { deep: true })).toMatchObject({ ...clean, checked: 2 * (2 + 4) * count })
    const phases = [...new Set(seen.map(({ phase }) => phase))]
    expect(phases).toEqual(['cut', 'copy', 'verify', 'switch'])
    expect(seen.filter(({ phase }) => phase === 'cut').at(-1)).toMatchObject({ done: count, total: count })
    expect(seen.filter(({ phase }) => phase === 'copy').at(-1)).toMatchObject({ done: 8 * count, total: 8 * count })
  })

  it('leaves documents as they are: what was put before is unchanged after, at the same version', async () => {
    await run()
    const next = createWriter(process(ones, [pairs]))
    for (const one of [writer, next]) {
      const again = await one.put(scope, { id: 'd3', text: 'text number 3 ends' })
      expect([again.unchanged, again.version]).toEqual([true, 1])
      const patched = await one.patch(scope, 'd3', { text: 'text number 3 ends' })
      expect([patched.unchanged, patched.version]).toEqual([true, 1])
    }
    const changed = await next.patch(scope, 'd3', { text: 'three four five' }, { ifVersion: 1 })
    expect(changed.version).toBe(2)
    expect([await textsOf('d3', 'pairs'), await textsOf('d3', 'ones')]).toEqual([
      ['three four', 'five'],
      ['three', 'four', 'five'],
    ])
  })

  it('writes meanwhile cut for both, deletes bury in both, and both stay in step after the switch', async () => {
    let begun = 0
    const meanwhile: Step = async (call, _args, go) => {
      if (call === 'upsert' && ++begun === 2) {
        await writer.put(scope, { id: 'd1', text: 'a new one' })
        await writer.put(scope, { id: 'late', text: 'came while it was copied' })
        await writer.delete(scope, 'd2')
        await writer.patch(scope, 'd4', { metadata: { section: 'hr' } })
      }
      return go()
    }
    await run({ ...ports, vectors: stepped(ports.vectors, meanwhile) })
    await drained()
    await writer.put(scope, { id: 'd5', text: 'after the switch' })
    await writer.delete(scope, 'd6')
    await drained()
    expect(await reconcile(ports, { deep: true })).toMatchObject(clean)
    expect(await found('came')).toEqual(['late: came'])
    for (const [id, one, two] of [
      ['d1', ['a', 'new', 'one'], ['a new', 'one']],
      ['d5', ['after', 'the', 'switch'], ['after the', 'switch']],
      ['d6', [], []],
    ] as const) {
      expect([await textsOf(id, 'ones'), await textsOf(id, 'pairs')]).toEqual([one, two])
    }
    await rollback(ports, undefined, collection, {})
    expect(await found('came')).toEqual(['late: came while'])
    expect(await reconcile(ports, { deep: true })).toMatchObject(clean)
  })

  it('rolls back and ahead again, both targets at once, whichever is named', async () => {
    await run()
    const back = await rollback(ports, 'text', collection, {})
    expect(back.beside).toBeDefined()
    expect([...(await states('vector')), ...(await states('text'))]).toEqual([
      'live pairs',
      'standby ones',
      'live pairs',
      'standby ones',
    ])
    expect(await found('7')).toEqual(['d7: 7 ends'])
    await expect(rollback({ ...ports, splitters: new Map() }, 'vector', collection, {})).rejects.toMatchObject({
      code: 'HW_TOPOLOGY_MISMATCH',
      path: 'collections.documents.splitter',
    })
    await rollback(process(ones), undefined, collection, {})
    expect(await states('vector')).toEqual(['standby pairs', 'live ones'])
    await expect(rollback(ports, undefined, collectionName('other'), {})).rejects.toMatchObject({ path: 'target' })
  })

  it('what a process does not know how to cut is left empty by it, never stale, and cut by one that does', async () => {
    await run()
    const old = createWriter({ ...ports, splitters: new Map() })
    await old.put(scope, { id: 'd1', text: 'written by another' })
    expect([await textsOf('d1', 'pairs'), await textsOf('d1', 'ones')]).toEqual([['written by', 'another'], []])
    expect(await found('number')).not.toContain('d1: number')
    // Not by its own relay, which counts no attempt.
    expect((await until(old.relay.drain({ timeoutMs: 500 }))).remaining).toBe(2)
    const able = createWriter(process(pairs, [ones]))
    expect((await until(able.relay.drain({ timeoutMs: 60_000 }))).remaining).toBe(0)
    expect(await textsOf('d1', 'ones')).toEqual(['written', 'by', 'another'])
    expect(await found('written')).toEqual(['d1: written'])
    expect(await reconcile(ports, { deep: true })).toMatchObject(clean)
  })

  it('cuts before the switch what was written meanwhile by who could not', async () => {
    const old = createWriter({ ...ports, splitters: new Map() })
    let scans = 0
    const meanwhile: Step = async (call, _args, go) => {
      if (call === 'scan' && ++scans === 1) await old.put(scope, { id: 'late', text: 'by the old one' })
      return go()
    }
    const { mended } = await run({ ...ports, texts: stepped(ports.texts, meanwhile) })
    expect(mended).toBeGreaterThan(0)
    await drained()
    expect(await textsOf('late', 'ones')).toEqual(['by', 'the', 'old', 'one'])
    expect(await found('old')).toEqual(['late: old'])
    expect(await reconcile(ports, { deep: true })).toMatchObject(clean)
  })

  it("keeps a caller's own chunks in each chunking, also through a patch", async () => {
    const chunks = [{ text: 'mine alone' }, { text: 'and this too' }]
    await writer.put(scope, { id: 'own', text: 'mine alone and this too', chunks })
    await run()
    const both = [await textsOf('own', 'pairs'), await textsOf('own', 'ones')]
    expect(both).toEqual([
      ['mine alone', 'and this too'],
      ['mine alone', 'and this too'],
    ])
    await createWriter(process(ones)).patch(scope, 'own', { metadata: { section: 'hr' } })
    expect([await textsOf('own', 'pairs'), await textsOf('own', 'ones')]).toEqual(both)
    await drained()
    expect(await reconcile(ports, { deep: true })).toMatchObject(clean)
  })

  it('moves to another embedder in the same step', async () => {
    const [next] = resolveCollections({ embedder: { hashing: { dimensions: 24 } } }).embedders.values()
    ports.embedders.set(next!.fingerprint, next!)
    const { fingerprint } = await run(ports, { embedder: next })
    expect(fingerprint).toBe(next!.fingerprint)
    expect(await reconcile(ports, { deep: true })).toMatchObject(clean)
    const back = await rollback(ports, undefined, collection, {})
    expect(back.fingerprint).not.toBe(fingerprint)
  })

  it('a run that was ended goes on where it was: nothing is cut or copied twice', async () => {
    const kill = new AbortController()
    const ended = run(ports, {
      signal: kill.signal,
      onProgress: ({ phase, done }: RebuildProgress) => phase === 'copy' && done === 50 && kill.abort(),
    })
    await expect(ended).rejects.toMatchObject({ code: 'HW_ABORTED' })
    expect(await states('text')).toEqual(['live pairs', 'building ones'])
    await writer.put(scope, { id: 'd1', text: 'meanwhile' })
    const { cut, copied } = await run()
    expect(cut).toBe(0)
    expect(copied).toBeLessThan(8 * count - 20)
    expect(await reconcile(ports, { deep: true })).toMatchObject(clean)
  })

  it('refuses a document that the splitter finds nothing in, by name, and leaves what is live', async () => {
    const picky: Splitter = { id: 'picky', split: (input) => (input.text.includes('13') ? [] : ones.split(input)) }
    await expect(run(ports, { splitter: picky })).rejects.toMatchObject({
      code: 'HW_INVALID_DOCUMENT',
      details: { id: 'd13', chunking: 'picky' },
    })
    expect(await states('vector')).toEqual(['live pairs', 'building picky'])
    // Writes go on.
    await writer.put(scope, { id: 'd13', text: 'still 13' })
    expect(await found('still')).toEqual(['d13: still 13'])
  })

  it('two at once: of the same splitter they help each other, of two the first wins', async () => {
    const [one, two] = await Promise.all([run(), run()])
    expect(one.generations).toEqual(two.generations)
    const other = words('threes', 3)
    const results = await Promise.allSettled([run(ports, { splitter: other }), run(ports, { splitter: pairs })])
    const lost = results.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[]
    expect(lost.length).toBeLessThan(2)
    for (const { reason } of lost) expect(reason).toMatchObject({ code: 'HW_REBUILD_FAILED' })
    const live = (await generations()).filter(({ state }) => state === 'live')
    expect(new Set(live.map(({ chunking }) => chunking)).size).toBe(1)
    expect(await reconcile(ports, { deep: true })).toMatchObject(clean)
  })

  it('a rebuild of one target is cut as what is live, and gives up what can no longer be switched to', async () => {
    await run()
    await rebuild(ports, { target: 'vector', collection: writer.plan('documents') })
    expect(await states('vector')).toEqual(['standby ones', 'live ones'])
    expect(await states('text')).toEqual(['live ones'])
    expect(await reconcile(ports, { deep: true })).toMatchObject(clean)
  })

  it('drops both, and what nobody uses any more is purged, also before it is taken up again', async () => {
    await run()
    expect((await dropStandby(ports, 'text', collection, {})).length).toBe(2)
    expect([...(await states('vector')), ...(await states('text'))]).toEqual(['live ones', 'live ones'])
    await writer.put(scope, { id: 'd1', text: 'not cut in pairs' })
    expect(await textsOf('d2', 'pairs')).toEqual(['text number', '2 ends'])
    // The chunks of before are no cut of what the documents are now.
    await run(ports, { splitter: pairs })
    expect(await textsOf('d1', 'pairs')).toEqual(['not cut', 'in pairs'])
    await dropStandby(ports, 'vector', collection, {})
    await purgeExpired(ports, writerDefaults)
    expect(await textsOf('d2', 'ones')).toEqual([])
    expect(await textsOf('d2', 'pairs')).toEqual(['text number', '2 ends'])
    expect(await reconcile(ports, { deep: true })).toMatchObject(clean)
  })

  it('a job that fails on one of both asks for another check', async () => {
    let failing = true
    const broken: Step = async (call, args, go) => {
      const isNew = (await generations()).some(({ name, state }) => name === args[0]?.name && state === 'building')
      if (
        call === 'upsert' &&
        failing &&
        isNew &&
        args[1].some((one: { payload: { document: string } }) => one.payload.document === 'x')
      ) {
        failing = false
        throw new HeadwaterError('HW_UNAVAILABLE', 'once')
      }
      return go()
    }
    const over = { ...ports, texts: stepped(ports.texts, broken) }
    const other = createWriter(over)
    let scans = 0
    const late: Step = async (call, _args, go) => {
      const answer = await go()
      if (call === 'scan' && ++scans === 1) await other.put(scope, { id: 'x', text: 'x y' })
      return answer
    }
    await run({ ...ports, texts: stepped(ports.texts, late) })
    expect([failing, scans]).toEqual([false, 2])
    await drained()
    expect(await found('y')).toEqual(['x: y'])
    expect(await reconcile(ports, { deep: true })).toMatchObject(clean)
  })
})
