import { beforeEach, describe, expect, it } from 'vitest'
import type { CallOptions } from '../../src/core/abort'
import { sleep } from '../../src/core/clock'
import { HeadwaterError } from '../../src/core/errors'
import { collectionName, tenantId } from '../../src/core/ids'
import { seededRandom } from '../../src/core/random'
import type { Generation, Target } from '../../src/repositories/generations'
import { textIndexOf, vectorIndexOf } from '../../src/repositories/generations'
import type { IndexEngines } from '../../src/repositories/index-engines'
import { MemoryTextRepository } from '../../src/repositories/memory/texts'
import { MemoryTruth } from '../../src/repositories/memory/truth'
import { MemoryVectorRepository } from '../../src/repositories/memory/vectors'
import { Searcher } from '../../src/search/search'
import { resolveCollections } from '../../src/store/store-options'
import { FakeClock } from '../../src/testing/fake-clock'
import { type WriterPorts, writerDefaults } from '../../src/writer/ports'
import { ensureGenerations } from '../../src/writer/rebuild/generations'
import { type RebuildOptions, rebuild } from '../../src/writer/rebuild/rebuild'
import { dropStandby } from '../../src/writer/rebuild/retention'
import { dropRetired } from '../../src/writer/rebuild/retired'
import { rollback } from '../../src/writer/rebuild/rollback'
import { IndexWatch } from '../../src/writer/reconcile/index-watch'
import { reconcile } from '../../src/writer/reconcile/reconcile'
import { ownEngines } from '../../src/writer/relay/served-engines'
import { type CoordinatedWriter, createWriter } from '../../src/writer/writer'
import { stepped } from '../interleavings/steps'

const collection = collectionName('documents')
const scope = { tenant: tenantId('acme'), collection }
const targets: readonly Target[] = ['vector', 'text']
const clean = { missing: 0, stale: 0, orphaned: 0, foreign: 0 }
const count = 40

/** Two engines of each target, `here` and `there`; a narrow process has `here` alone, a wide one both. */
describe('indexes in several engines', () => {
  let clock: FakeClock
  let truth: MemoryTruth
  let narrow: WriterPorts
  let wide: WriterPorts
  let narrowWriter: CoordinatedWriter
  let wideWriter: CoordinatedWriter
  let there: { vectors: MemoryVectorRepository; texts: MemoryTextRepository }

  beforeEach(async () => {
    clock = new FakeClock()
    truth = new MemoryTruth({ clock })
    const here = { vectors: new MemoryVectorRepository(), texts: new MemoryTextRepository() }
    there = { vectors: new MemoryVectorRepository(), texts: new MemoryTextRepository() }
    const only: IndexEngines = {
      vector: { main: 'here', others: new Map() },
      text: { main: 'here', others: new Map() },
    }
    const both: IndexEngines = {
      vector: { main: 'here', others: new Map([['there', { repository: there.vectors, prefix: 'p_' }]]) },
      text: { main: 'here', others: new Map([['there', { repository: there.texts }]]) },
    }
    const make = (engines: IndexEngines, seed: number): WriterPorts => {
      const { plans, embedders } = resolveCollections({
        embedder: { hashing: { dimensions: 16 } },
        collections: { documents: {}, questions: {} },
      })
      const random = seededRandom(seed)
      return { truth, ...here, engines, collections: plans, embedders, clock, random, options: { copyBatch: 10 } }
    }
    narrow = make(only, 1)
    wide = make(both, 2)
    await ensureGenerations(narrow)
    narrowWriter = createWriter(narrow)
    wideWriter = createWriter(wide)
    await narrowWriter.putMany(
      scope,
      Array.from({ length: count }, (_, at) => ({ id: `d${at}`, text: `text number ${at}` })),
    )
  })

  const move = (target: Target, engine = 'there', over: WriterPorts = wide, options: Partial<RebuildOptions> = {}) =>
    rebuild(over, { target, engine, collection: wideWriter.plan('documents'), ...options })
  const rows = async (target: Target): Promise<Generation[]> =>
    truth.session({ worker: true }).generations.list({ target, collection })
  const places = async (target: Target) => (await rows(target)).map(({ engine, state }) => `${engine}: ${state}`)
  const backlog = () => truth.session({ worker: true }).jobs.backlog()
  const seen = (ports: WriterPorts) =>
    truth.session({ worker: true }).registry.heartbeat(`worker of ${ownEngines(ports)}`, ownEngines(ports))
  const searching = (ports: WriterPorts) => new Searcher(ports)
  async function through<T>(work: Promise<T>): Promise<T> {
    let over = false
    const end = (): void => {
      over = true
    }
    work.then(end, end)
    while (!over) await clock.advance(50)
    return work
  }
  const drained = (writer: CoordinatedWriter, timeoutMs = 5_000) => through(writer.relay.drain({ timeoutMs }))

  it.each(targets)('%s: moves there, is fed in both, and comes back with what was written since', async (target) => {
    const result = await move(target)
    expect(result).toMatchObject({ engine: 'there', copied: count, mended: 0 })
    expect(await places(target)).toEqual(['here: standby', 'there: live'])
    const [, moved] = (await rows(target)) as [Generation, Generation]
    expect(moved.name).toMatch(target === 'vector' ? /^p_vector_/ : /^text_/)
    const held = target === 'vector' ? there.vectors.count(vectorIndexOf(moved)) : there.texts.count(textIndexOf(moved))
    expect(await held).toBe(count)

    await wideWriter.put(scope, { id: 'later', text: 'written after the change' })
    await wideWriter.delete(scope, 'd0')
    const page = await searching(wide).search(scope, undefined, { query: 'written after', mode: target, limit: 1 })
    expect(page).toMatchObject({ degraded: [], hits: [{ documentId: 'later' }] })
    expect(await reconcile(wide, { target, deep: true })).toMatchObject({ ...clean, checked: 2 * count })

    // Of itself it stays where it is, and goes back with all that came meanwhile.
    expect((await rebuild(wide, { target, collection: wideWriter.plan('documents') })).engine).toBe('there')
    await through(dropStandby(wide, target, collection, {}))
    await move(target, 'here')
    const back = await rollback(wide, target, collection, {})
    expect(back.mended).toBe(0)
    expect((await rows(target)).find(({ state }) => state === 'live')?.engine).toBe('there')
    expect(await reconcile(wide, { target, deep: true })).toMatchObject(clean)
  })

  it('an engine has the time that it needs before the switch, until it is fast to search', async () => {
    let ready: () => void = () => undefined
    const refreshing = new Promise<void>((begun) => {
      there.vectors.refresh = async (_index, call) => {
        expect(call?.timeoutMs).toBeUndefined()
        begun()
        await new Promise<void>((resolve) => {
          ready = resolve
        })
      }
    })
    const moving = move('vector')
    await refreshing
    expect(await places('vector')).toEqual(['here: live', 'there: building'])
    ready()
    await moving
    expect(await places('vector')).toEqual(['here: standby', 'there: live'])
  })

  it.each(targets)(
    '%s: a write does not wait long for an index that is not live, and the live one has it',
    async (target) => {
      await move(target)
      await rollback(wide, target, collection, {})
      const slow = target === 'vector' ? there.vectors : there.texts
      let asked = 0
      slow.upsert = (_index: unknown, _entries: unknown, call?: CallOptions) => {
        asked++
        return sleep(clock, call?.timeoutMs ?? 60_000, call?.signal).then(() => {
          throw new HeadwaterError('HW_TIMEOUT', 'It takes its time')
        })
      }
      const startedAt = clock.monotonic()
      const receipt = await through(wideWriter.put(scope, { id: 'later', text: 'written meanwhile' }))
      expect(clock.monotonic() - startedAt).toBeLessThan(1_500)
      expect(asked).toBe(1)
      expect(receipt.targets[target]).toBe('queued')
      const page = await searching(wide).search(scope, undefined, { query: 'meanwhile', mode: target, limit: 1 })
      expect(page).toMatchObject({ degraded: [], hits: [{ documentId: 'later' }] })
      // It says nothing of the index that the writer had no time for it.
      expect((await rows(target)).map(({ error }) => error)).toEqual([null, null])
    },
  )

  it.each(targets)('%s: an engine that this process has not is refused by name', async (target) => {
    await expect(move(target, 'nowhere')).rejects.toMatchObject({
      code: 'HW_INVALID_OPTIONS',
      path: 'engine',
      message: expect.stringContaining('here, there'),
    })
    await expect(move(target, 'there', narrow)).rejects.toMatchObject({ code: 'HW_INVALID_OPTIONS', path: 'engine' })
    expect(await places(target)).toEqual(['here: live'])
  })

  it.each(targets)(
    '%s: after the switch a process without the engine degrades, writes on and leaves the jobs',
    async (target) => {
      await move(target)
      const other = target === 'vector' ? 'text' : 'vector'
      const receipt = await narrowWriter.put(scope, { id: 'later', text: 'written after the change' })
      expect(receipt.targets[target]).toBe('queued')
      const reason = expect.stringMatching(
        /^HW_TOPOLOGY_MISMATCH: documents: .* is in there, which this process has not/,
      )
      const page = await searching(narrow).search(scope, undefined, { query: 'text number 7' })
      expect(page.degraded).toMatchObject([{ leg: target, reason }])
      expect(page.hits.length).toBeGreaterThan(0)
      await expect(
        searching(narrow).search(scope, undefined, { query: 'text number 7', mode: target }),
      ).rejects.toMatchObject({ code: 'HW_TOPOLOGY_MISMATCH' })
      expect((await searching(narrow).search(scope, undefined, { query: 'after', mode: other })).degraded).toEqual([])
      // Its worker serves what it can, and says why the rest is left.
      const questions = { ...scope, collection: collectionName('questions') }
      await narrowWriter.put(questions, { id: 'q', text: 'who serves this' }, { embed: 'deferred' })
      const left = await drained(narrowWriter, 1_000)
      expect(left).toMatchObject({ remaining: 1, unavailable: { code: 'HW_TOPOLOGY_MISMATCH' } })
      expect(left.unavailable?.message).toContain('is in there')
      const pending = await truth.session(scope).jobs.pending({ tenant: scope.tenant, upTo: Number.MAX_SAFE_INTEGER })
      expect(pending.map((job) => [job.target, job.document, job.attempts])).toEqual([[target, 'later', 0]])
      const late = narrowWriter.waitFor(scope.tenant, receipt, { timeoutMs: 500 })
      late.catch(() => undefined)
      await expect(through(late)).rejects.toMatchObject({
        details: { targets: [{ target, code: 'HW_TOPOLOGY_MISMATCH' }] },
      })

      expect(await drained(wideWriter)).toMatchObject({ remaining: 0 })
      await through(narrowWriter.waitFor(scope.tenant, receipt))
      expect(await reconcile(wide, { deep: true })).toMatchObject(clean)
      await expect(reconcile(narrow, { target })).rejects.toMatchObject({ code: 'HW_TOPOLOGY_MISMATCH' })
      // A process that starts now is told what to configure.
      await expect(ensureGenerations(narrow)).rejects.toMatchObject({
        code: 'HW_TOPOLOGY_MISMATCH',
        path: 'topology',
        details: { recorded: 'there', configured: ['here'] },
      })
      await ensureGenerations(wide)
    },
  )

  it('while it is built: who lacks the engine brings the live index on and hands the job to a worker that has it', async () => {
    const stopped = new AbortController()
    const onProgress = (): void => stopped.abort()
    await expect(move('vector', 'there', wide, { onProgress, signal: stopped.signal })).rejects.toThrow()
    expect(await places('vector')).toEqual(['here: live', 'there: building'])
    await seen(wide)
    const receipt = await narrowWriter.put(scope, { id: 'later', text: 'written meanwhile' })
    expect(receipt.targets.vector).toBe('queued')
    expect(
      (await searching(narrow).search(scope, undefined, { query: 'meanwhile', mode: 'vector' })).hits[0],
    ).toMatchObject({ documentId: 'later' })
    expect(await drained(narrowWriter, 500)).toMatchObject({ applied: 0, remaining: 1 })
    expect((await rows('vector'))[1]?.error).toBe(null)
    expect(await drained(wideWriter)).toMatchObject({ applied: 1, remaining: 0 })
    expect((await move('vector')).mended).toBe(0)
    expect(await reconcile(wide, { deep: true })).toMatchObject(clean)
  })

  it('while it is built and nobody serves it: no job waits for it, and the next rebuild mends what it missed', async () => {
    const stopped = new AbortController()
    const onProgress = (): void => stopped.abort()
    await expect(move('vector', 'there', wide, { onProgress, signal: stopped.signal })).rejects.toThrow()
    await seen(wide)
    await clock.advance(61_000)
    // Below the checkpoint and above it.
    for (let at = 0; at < count; at += 4) await narrowWriter.put(scope, { id: `d${at}`, text: `changed ${at}` })
    expect(await backlog()).toMatchObject({ waiting: 0, claimed: 0 })
    expect((await rows('vector'))[1]?.error).toContain('is in there, which this process has not configured')
    const { mended, copied } = await through(move('vector'))
    expect(mended).toBeGreaterThan(0)
    expect(copied).toBeLessThan(count)
    expect(await places('vector')).toEqual(['here: standby', 'there: live'])
    expect(await reconcile(wide, { deep: true })).toMatchObject(clean)
  })

  it('of two changes at once one is made, and the other is told', async () => {
    const outcomes = await Promise.allSettled([move('vector'), move('vector', 'here')])
    const made = outcomes.filter(({ status }) => status === 'fulfilled')
    expect(made.length).toBeGreaterThan(0)
    for (const one of outcomes) {
      if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'HW_REBUILD_FAILED' })
    }
    expect((await rows('vector')).filter(({ state }) => state === 'live').length).toBe(1)
    expect((await rows('vector')).filter(({ state }) => state === 'building')).toEqual([])
    await through(dropRetired(wide))
    expect(await reconcile(wide, { deep: true })).toMatchObject(clean)
  })

  it.each(targets)('%s: a query that began before the switch is answered from what is live by then', async (target) => {
    let switched = false
    const before = { vectors: wide.vectors, texts: wide.texts }
    const step = async (name: string, _args: readonly unknown[], call: () => Promise<unknown>): Promise<unknown> => {
      if (name === 'search' && !switched) {
        switched = true
        await move(target)
        await wideWriter.put(scope, { id: 'later', text: 'written after the change' })
      }
      return call()
    }
    const slow = {
      ...wide,
      vectors: target === 'vector' ? stepped(before.vectors, step) : before.vectors,
      texts: target === 'text' ? stepped(before.texts, step) : before.texts,
    }
    const searcher = searching(slow)
    switched = true
    await searcher.search(scope, undefined, { query: 'text number 3', mode: target })
    switched = false
    const page = await searcher.search(scope, undefined, { query: 'text number 3', mode: target })
    expect(page).toMatchObject({ degraded: [] })
    expect(page.hits.map(({ documentId }) => documentId)).toContain('d3')
    expect(await places(target)).toEqual(['here: standby', 'there: live'])
  })

  it('a rollback is refused where what it goes back to cannot be reached, and what is dropped is left to who can', async () => {
    await move('vector')
    await rollback(wide, 'vector', collection, {})
    expect(await places('vector')).toEqual(['here: live', 'there: standby'])
    const [, standby] = (await rows('vector')) as [Generation, Generation]
    await expect(rollback(narrow, 'vector', collection, {})).rejects.toMatchObject({ code: 'HW_TOPOLOGY_MISMATCH' })
    // Fed or not, the standby one keeps nobody from the live one.
    await narrowWriter.put(scope, { id: 'later', text: 'written after the way back' })
    expect(await backlog()).toMatchObject({ waiting: 0, claimed: 0 })
    const again = await rollback(wide, 'vector', collection, {})
    expect(again.mended).toBe(1)
    await rollback(wide, 'vector', collection, {})

    expect(await dropStandby(narrow, 'vector', collection, {})).toEqual([standby.name])
    expect(await there.vectors.exists(vectorIndexOf(standby))).toBe(true)
    await dropRetired(wide)
    expect(await there.vectors.exists(vectorIndexOf(standby))).toBe(false)
  })

  it('what was waited for is found in what a rollback makes live, too, where an engine shows what it was last asked to', async () => {
    const lazy = new LazyTexts()
    const others = new Map([['there', { repository: lazy }]])
    const over = { ...wide, engines: { ...wide.engines!, text: { main: 'here', others } } }
    const writer = createWriter(over)
    await move('text', 'there', over)
    await rollback(over, 'text', collection, {})
    expect(await places('text')).toEqual(['here: live', 'there: standby'])
    const receipt = await writer.put(scope, { id: 'seen', text: 'everywhere' })
    const standby = textIndexOf((await rows('text'))[1]!)
    const found = () => lazy.search(standby, { tenant: scope.tenant, query: 'everywhere', limit: 1 })
    expect(await found()).toEqual([])
    await writer.waitFor(scope.tenant, receipt)
    expect(await found()).toMatchObject([{ document: 'seen' }])
    // It is nobody's yet: that it is away is no reason to wait for.
    lazy.refresh = () => Promise.reject(new HeadwaterError('HW_UNAVAILABLE', 'away'))
    await writer.waitFor(scope.tenant, await writer.put(scope, { id: 'more', text: 'everywhere' }))
  })

  it('a worker that lacks an engine keeps nobody from looking after what is in it', async () => {
    await move('vector')
    const [, moved] = (await rows('vector')) as [Generation, Generation]
    await there.vectors.drop(vectorIndexOf(moved))
    const { signal } = new AbortController()
    const options = writerDefaults
    await new IndexWatch(narrow, options, 'narrow').round(signal)
    expect(await there.vectors.exists(vectorIndexOf(moved))).toBe(false)
    const watch = new IndexWatch(wide, options, 'wide')
    await watch.round(signal)
    expect(await there.vectors.exists(vectorIndexOf(moved))).toBe(true)
    await drained(wideWriter)
    expect(await reconcile(wide, { deep: true })).toMatchObject(clean)
  })
})

/** Shows to searches what was written before the last refresh, as Elasticsearch does. */
class LazyTexts extends MemoryTextRepository {
  readonly #unseen: (() => Promise<void>)[] = []

  override async upsert(...write: Parameters<MemoryTextRepository['upsert']>): Promise<void> {
    this.#unseen.push(() => super.upsert(...write))
  }

  override async remove(...write: Parameters<MemoryTextRepository['remove']>): Promise<void> {
    this.#unseen.push(() => super.remove(...write))
  }

  override async refresh(): Promise<void> {
    for (const write of this.#unseen.splice(0)) await write()
  }

  override async scan(...asked: Parameters<MemoryTextRepository['scan']>): ReturnType<MemoryTextRepository['scan']> {
    await this.refresh()
    return super.scan(...asked)
  }
}
