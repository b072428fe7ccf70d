import { beforeEach, describe, expect, it } from 'vitest'
import { HeadwaterError } from '../../src/core/errors'
import { collectionName, tenantId } from '../../src/core/ids'
import { seededRandom } from '../../src/core/random'
import { HashingEmbedder } from '../../src/embeddings/hashing'
import { type Generation, type Target, vectorIndexOf } from '../../src/repositories/generations'
import { MemoryTextRepository } from '../../src/repositories/memory/texts'
import { MemoryTruth } from '../../src/repositories/memory/truth'
import { MemoryVectorRepository } from '../../src/repositories/memory/vectors'
import { resolveCollections } from '../../src/store/store-options'
import { FakeClock } from '../../src/testing/fake-clock'
import { type WriterPorts, writerDefaults } from '../../src/writer/ports'
import { ensureGenerations, liveGeneration } from '../../src/writer/rebuild/generations'
import { type RebuildOptions, type RebuildProgress, rebuild } from '../../src/writer/rebuild/rebuild'
import { dropExpired, dropStandby } from '../../src/writer/rebuild/retention'
import { rollback } from '../../src/writer/rebuild/rollback'
import { markerIn } from '../../src/writer/reconcile/index-state'
import { IndexWatch } from '../../src/writer/reconcile/index-watch'
import { reconcile } from '../../src/writer/reconcile/reconcile'
import { type CoordinatedWriter, createWriter } from '../../src/writer/writer'
import { type Step, stepped, steppedTruth } from '../interleavings/steps'

const collection = collectionName('documents')
const scope = { tenant: tenantId('acme'), collection }
const clean = { missing: 0, stale: 0, orphaned: 0, foreign: 0 }
const count = 60

describe('rebuild', () => {
  let clock: FakeClock
  let ports: WriterPorts
  let writer: CoordinatedWriter

  beforeEach(async () => {
    const { plans, embedders } = resolveCollections({ embedder: { hashing: { dimensions: 16 } } })
    clock = new FakeClock()
    ports = {
      truth: new MemoryTruth({ clock }),
      vectors: new MemoryVectorRepository(),
      texts: new MemoryTextRepository(),
      collections: plans,
      embedders,
      clock,
      random: seededRandom(3),
      options: { copyBatch: 10 },
    }
    await ensureGenerations(ports)
    writer = createWriter(ports)
    await writer.putMany(
      scope,
      Array.from({ length: count }, (_, at) => ({ id: `d${at}`, text: `text number ${at}` })),
    )
  })

  const run = (target: Target, options: Partial<RebuildOptions> = {}, over: WriterPorts = ports) =>
    rebuild(over, { target, collection: writer.plan('documents'), ...options })
  const generations = async (target: Target): Promise<Generation[]> =>
    ports.truth.session({ worker: true }).generations.list({ target })
  const states = async (target: Target) => (await generations(target)).map(({ state }) => state)
  const stepping = (inVectors: Step): WriterPorts => ({ ...ports, vectors: stepped(ports.vectors, inVectors) })
  /** Lets virtual time pass until the work is over. */
  async function through<T>(work: Promise<T>): Promise<{ value: T; ms: number }> {
    const from = clock.monotonic()
    let over = false
    const end = (): void => {
      over = true
    }
    work.then(end, end)
    while (!over) await clock.advance(50)
    return { value: await work, ms: clock.monotonic() - from }
  }

  it('an index keeps the format that it was made with until it is made anew; one of a later version is let alone', async () => {
    const before = ports.vectors.format
    const later = { ...before, payload: before.payload + 1 }
    Object.assign(ports.vectors, { format: later })
    await writer.put(scope, { id: 'd0', text: 'another text' })
    expect(await reconcile(ports, { target: 'vector' })).toMatchObject(clean)
    expect((await generations('vector')).map(({ format }) => format)).toEqual([before])
    await ensureGenerations(ports)
    await run('vector')
    expect((await generations('vector')).map(({ state, format }) => [state, format])).toEqual([
      ['standby', before],
      ['live', later],
    ])
    expect((await generations('text')).map(({ format }) => format)).toEqual([ports.texts.format])

    Object.assign(ports.vectors, { format: before })
    const refusal = { code: 'HW_TOPOLOGY_MISMATCH', message: expect.stringContaining('later version') }
    await expect(ensureGenerations(ports)).rejects.toMatchObject(refusal)
    await writer.put(scope, { id: 'd1', text: 'yet another text' })
    const { value } = await through(writer.relay.drain({ timeoutMs: 1_000 }))
    expect(value).toMatchObject({ remaining: 1, parked: 0, unavailable: { code: 'HW_TOPOLOGY_MISMATCH' } })
  })

  it('keeps to its rate, and says how fast it is and how long it will take', async () => {
    const seen: RebuildProgress[] = []
    const { ms } = await through(run('vector', { rate: 20, onProgress: (progress) => seen.push(progress) }))
    // 60 to copy and 60 to compare, 20 a second.
    expect(ms).toBeGreaterThan(4_500)
    const copied = seen.filter(({ phase }) => phase === 'copy')
    expect(copied.map(({ done }) => done)).toEqual([10, 20, 30, 40, 50, 60, 60])
    expect(copied.every(({ total }) => total === count)).toBe(true)
    const { perSecond, etaMs } = copied[3]!
    expect(perSecond).toBeGreaterThan(15)
    expect(perSecond).toBeLessThan(35)
    expect(etaMs).toBe(Math.round((20 * 1_000) / perSecond))
    expect(seen.at(-1)).toMatchObject({ phase: 'switch', done: count, etaMs: 0 })
    for (const rate of [0, -1, Number.NaN]) {
      await expect(run('vector', { rate })).rejects.toMatchObject({ code: 'HW_INVALID_OPTIONS', path: 'rate' })
    }
  })

  it('rests when a store says that it has too much to do, and goes on', async () => {
    let overloads = 0
    const busy = stepping(async (call, _args, go) => {
      if (call !== 'upsert' || overloads === 3) return go()
      overloads++
      throw new HeadwaterError('HW_OVERLOADED', '429', { retryAfterMs: 2_000 })
    })
    const { value, ms } = await through(run('vector', {}, busy))
    expect(value).toMatchObject({ copied: count, mended: 0 })
    expect(ms).toBeGreaterThanOrEqual(6_000)
    expect(await reconcile(ports, { deep: true })).toMatchObject(clean)
  })

  it('does not switch to a generation of a Postgres that was set back and gave its id again', async () => {
    let back = false
    const truth = steppedTruth(ports.truth, async (call, _args, go) => {
      const answer = await go()
      if (call !== 'generations.list' || !back) return answer
      return (answer as Generation[]).map((one) => ({
        ...one,
        name: one.state === 'live' ? one.name : `${one.name}_e2`,
      }))
    })
    const work = run('vector', { onProgress: ({ phase }) => (back ||= phase === 'verify') }, { ...ports, truth })
    await expect(work).rejects.toMatchObject({ code: 'HW_REBUILD_FAILED' })
    expect(await states('vector')).toEqual(['live', 'building'])
  })

  it('begins anew when the index that it had begun was wiped meanwhile', async () => {
    const kill = new AbortController()
    const killed = run('vector', { signal: kill.signal, onProgress: ({ done }) => done === 30 && kill.abort() })
    await expect(killed).rejects.toMatchObject({ code: 'HW_ABORTED' })
    const begun = (await generations('vector')).find(({ state }) => state === 'building')!
    await ports.vectors.drop(vectorIndexOf(begun))
    await ports.vectors.create(vectorIndexOf(begun))
    const { generation, copied } = await run('vector')
    expect(copied).toBe(count)
    expect(generation).not.toBe(begun.name)
    expect(await ports.vectors.exists(vectorIndexOf(begun))).toBe(false)
    expect(await reconcile(ports, { deep: true })).toMatchObject({ ...clean, checked: 3 * count })
  })

  it('leaves a document that every index refuses to its job, and refuses to lose one that only the new one refuses', async () => {
    const refusing = stepping(async (call, args, go) => {
      const isIt =
        call === 'upsert' && args[1].some((point: { payload: { document: string } }) => point.payload.document === 'd7')
      if (isIt) throw new HeadwaterError('HW_DATABASE', 'no d7 here')
      return go()
    })
    await expect(run('vector', {}, refusing)).rejects.toMatchObject({ code: 'HW_DATABASE', message: 'no d7 here' })
    expect(await states('vector')).toEqual(['live', 'building'])
    const external = createWriter({ ...refusing, options: { relay: 'external', maxAttempts: 1 } })
    await external.put(scope, { id: 'd7', text: 'refused everywhere' })
    await external.relay.drain({ timeoutMs: 0 })
    expect(await run('vector', {}, refusing)).toMatchObject({ mended: 0 })
    const report = await reconcile(ports, { target: 'vector' })
    expect(report).toMatchObject(clean)
    // Once it is taken, all of it comes, though its job was about a part.
    await ports.truth.session({ worker: true }).jobs.redrive({})
    await writer.relay.drain()
    expect(await reconcile(ports, { deep: true })).toMatchObject(clean)
  })

  it('what failed on a standby index is mended before it is live again, or by a worker', async () => {
    await run('vector')
    const [old] = await generations('vector')
    const failing = stepping(async (call, args, go) => {
      if (call === 'upsert' && args[0].name === old!.name) throw new HeadwaterError('HW_UNAVAILABLE', 'away')
      return go()
    })
    await createWriter(failing).put(scope, { id: 'd1', text: 'not on the standby' })
    expect((await generations('vector')).map(({ error }) => error)).toEqual(['away', null])
    expect(await reconcile(ports, { target: 'vector' })).toMatchObject({ ...clean, missing: 1 })
    expect(await rollback(ports, 'vector', collection, {})).toMatchObject({ generation: old!.name, mended: 1 })
    expect(await reconcile(ports, { deep: true })).toMatchObject(clean)
    await rollback(ports, 'vector', collection, {})
    await createWriter(failing).put(scope, { id: 'd2', text: 'not on the standby either' })
    expect(await reconcile(ports, { target: 'vector' })).toMatchObject({ ...clean, missing: 1 })
    await new IndexWatch(ports, { ...writerDefaults, markMs: 0 }, 'worker').round(new AbortController().signal)
    await writer.relay.drain()
    expect((await generations('vector')).map(({ error }) => error)).toEqual([null, null])
    expect(await reconcile(ports, { deep: true })).toMatchObject(clean)
  })

  it('goes back to what was live before, and ahead again; both take all writes', async () => {
    const next = new HashingEmbedder({ dimensions: 32 })
    ports.embedders.set(next.fingerprint, next)
    const [first] = await generations('vector')
    const built = await run('vector', { embedder: next })
    await writer.put(scope, { id: 'd1', text: 'changed after the switch' })
    await writer.delete(scope, 'd2')
    await expect(rollback(ports, 'text', collection, {})).rejects.toMatchObject({ code: 'HW_NOT_FOUND' })
    const back = await rollback(ports, 'vector', collection, {})
    expect(back).toMatchObject({ generation: first!.name, fingerprint: first!.fingerprint, mended: 0 })
    expect(await liveGeneration(ports, 'vector', collection)).toMatchObject({ name: first!.name })
    await writer.put(scope, { id: 'd3', text: 'changed after the rollback' })
    expect(await rollback(ports, 'vector', collection, {})).toMatchObject({ generation: built.generation, mended: 0 })
    expect(await states('vector')).toEqual(['standby', 'live'])
    await writer.relay.drain()
    expect(await reconcile(ports, { deep: true })).toMatchObject({ ...clean, checked: 3 * (count - 1) })
    const alone: WriterPorts = { ...ports, embedders: new Map([[next.fingerprint, next]]) }
    await expect(rollback(alone, 'vector', collection, {})).rejects.toMatchObject({ code: 'HW_FINGERPRINT_MISMATCH' })
  })

  it('what was prepared before another model went live, and after, keeps each to its own space', async () => {
    const prepared = (ids: readonly string[]) =>
      Promise.all(ids.map((id) => writer.prepare(scope, { id, text: `prepared as ${id}` })))
    const [a, b, c, d] = await prepared(['a', 'b', 'c', 'd'])
    const next = new HashingEmbedder({ dimensions: 32 })
    ports.embedders.set(next.fingerprint, next)
    await run('vector', { embedder: next })
    ports.collections.set(collection, { ...writer.plan('documents'), embedder: next })
    const [e, f, g] = await prepared(['e', 'f', 'g'])
    await writer.putMany(scope, [a!, e!, { id: 'h', text: 'not prepared' }])
    await writer.putMany(scope, [b!, f!], { embed: 'deferred' })
    // The first is applied alone, the others together.
    const puts = [{ id: 'i', text: 'first' }, c!, g!].map((input) => writer.put(scope, input, { embed: 'deferred' }))
    for (const { targets } of await Promise.all([...puts, writer.put(scope, d!)])) {
      expect(targets).toEqual({ vector: 'applied', text: 'applied' })
    }
    await writer.relay.drain()
    expect((await generations('vector')).map(({ state, error }) => [state, error])).toEqual([
      ['standby', null],
      ['live', null],
    ])
    expect(await reconcile(ports, { deep: true })).toMatchObject({ ...clean, checked: 3 * (count + 9) })
  })

  it('keeps what was live for its time, and no longer', async () => {
    await run('vector')
    const [old] = await generations('vector')
    await dropExpired(ports, 1_000, {})
    expect(await states('vector')).toEqual(['standby', 'live'])
    await clock.advance(1_000)
    await dropExpired(ports, 1_000, {})
    expect(await states('vector')).toEqual(['live'])
    expect(await ports.vectors.exists(vectorIndexOf(old!))).toBe(false)
    await run('vector')
    expect(await dropStandby(ports, 'vector', collection, {})).toHaveLength(1)
    expect(await dropStandby(ports, 'vector', collection, {})).toEqual([])
    expect(await states('vector')).toEqual(['live'])
  })

  it('an index that could not be dropped is dropped later', async () => {
    await run('vector')
    const [old] = await generations('vector')
    const away = stepping(async (call, _args, go) => {
      if (call === 'drop') throw new HeadwaterError('HW_UNAVAILABLE', 'away')
      return go()
    })
    await run('vector', {}, away)
    expect(await ports.vectors.exists(vectorIndexOf(old!))).toBe(true)
    await dropExpired(ports, 1_000_000, {})
    expect(await ports.vectors.exists(vectorIndexOf(old!))).toBe(false)
    expect(await states('vector')).toEqual(['standby', 'live'])
  })

  it('moves to another language', async () => {
    await run('text', { language: 'german' })
    expect(await liveGeneration(ports, 'text', collection)).toMatchObject({ language: 'german' })
    await writer.put(scope, { id: 'd1', text: 'changed after the switch' })
    expect(await reconcile(ports, { deep: true })).toMatchObject(clean)
  })

  it('one that is beaten by another of the target says so', async () => {
    const next = new HashingEmbedder({ dimensions: 32 })
    ports.embedders.set(next.fingerprint, next)
    const codeOf = (work: Promise<unknown>): Promise<string> =>
      work.then(
        () => 'ok',
        (error: HeadwaterError) => error.code,
      )
    let other: Promise<string> | undefined
    const slow = run('vector', {
      onProgress: ({ phase }) => {
        if (phase === 'copy') other ??= codeOf(run('vector', { embedder: next }))
      },
    })
    const codes = [await codeOf(slow), await other]
    expect((await states('vector')).filter((state) => state === 'live')).toHaveLength(1)
    expect(codes.sort()).toEqual(['HW_REBUILD_FAILED', 'ok'])
    expect(await reconcile(ports, { deep: true })).toMatchObject(clean)
  })

  it('a repair of a whole index is the sweep that was due', async () => {
    const live = await liveGeneration(ports, 'vector', collection)
    await ports.vectors.drop(vectorIndexOf(live))
    await reconcile(ports, { target: 'vector', repair: true })
    await writer.relay.drain()
    expect(await ports.truth.session({ worker: true }).registry.read(`index:${live.id}`)).toMatchObject({ sweep: null })
    expect((await markerIn(ports, live, {}))?.generation).toBe(live.id)
    expect(await reconcile(ports, { deep: true })).toMatchObject(clean)
  })
})
