import { beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/core/clock'
import { HeadwaterError } from '../../src/core/errors'
import { collectionName, tenantId } from '../../src/core/ids'
import { seededRandom } from '../../src/core/random'
import { type Generation, textIndexOf, vectorIndexOf } from '../../src/repositories/generations'
import { MemoryTextRepository } from '../../src/repositories/memory/texts'
import { MemoryTruth } from '../../src/repositories/memory/truth'
import { MemoryVectorRepository } from '../../src/repositories/memory/vectors'
import { resolveCollections } from '../../src/store/store-options'
import type { WriterPorts } from '../../src/writer/ports'
import { ensureGenerations, liveGeneration } from '../../src/writer/rebuild/generations'
import { rebuild } from '../../src/writer/rebuild/rebuild'
import { dueSweep, readIndexState } from '../../src/writer/reconcile/index-state'
import { reconcile } from '../../src/writer/reconcile/reconcile'
import { sweepIndex } from '../../src/writer/reconcile/sweep'
import { type CoordinatedWriter, createWriter } from '../../src/writer/writer'

const collection = collectionName('documents')
const scope = { tenant: tenantId('acme'), collection }
const clean = { missing: 0, stale: 0, orphaned: 0, foreign: 0 }

describe('reconcile', () => {
  let ports: WriterPorts
  let writer: CoordinatedWriter
  let vector: Generation
  let text: Generation

  beforeEach(async () => {
    const { plans, embedders } = resolveCollections({ embedder: { hashing: { dimensions: 32 } } })
    ports = {
      truth: new MemoryTruth(),
      vectors: new MemoryVectorRepository(),
      texts: new MemoryTextRepository(),
      collections: plans,
      embedders,
      clock: systemClock,
      random: seededRandom(3),
    }
    await ensureGenerations(ports)
    writer = createWriter(ports)
    await writer.putMany(
      scope,
      Array.from({ length: 50 }, (_, at) => ({ id: `d${at}`, text: `text number ${at}`, metadata: { at } })),
    )
    vector = await liveGeneration(ports, 'vector', collection)
    text = await liveGeneration(ports, 'text', collection)
  })

  const vectorIds = async () => (await ports.vectors.scan(vectorIndexOf(vector), { limit: 1_000 })).map(({ id }) => id)
  const remove = (ids: readonly string[]) =>
    ports.vectors.remove(
      vectorIndexOf(vector),
      ids.map((id) => ({ id, tenant: scope.tenant, fence: Number.MAX_SAFE_INTEGER, when: 'atMost' })),
    )

  it('finds nothing where nothing drifted, and a repair of nothing changes nothing', async () => {
    expect(await reconcile(ports, { deep: true })).toMatchObject({ checked: 100, ...clean })
    expect(await reconcile(ports, { repair: true })).toMatchObject({ ...clean, repaired: 0 })
  })

  it('finds exactly what is missing, repairs it, and is then quiet', async () => {
    const gone = (await vectorIds()).filter((_, at) => at % 7 === 0)
    await remove(gone)
    const found = await reconcile(ports, { target: 'vector' })
    expect(found).toMatchObject({ ...clean, missing: gone.length, repaired: 0 })
    expect(found.differences.map(({ chunk }) => chunk).sort()).toEqual([...gone].sort())
    expect(await vectorIds()).toHaveLength(50 - gone.length)
    expect(await reconcile(ports, { target: 'vector', repair: true })).toMatchObject({ missing: gone.length })
    await writer.relay.drain()
    expect(await vectorIds()).toHaveLength(50)
    expect(await reconcile(ports, { deep: true, repair: true })).toMatchObject({ ...clean, repaired: 0 })
    expect((await ports.truth.session(scope).documents.get(scope, 'd0'))!.version).toBe(1)
  })

  it('a wiped index is made anew and filled', async () => {
    await ports.vectors.drop(vectorIndexOf(vector))
    expect(await reconcile(ports, { target: 'vector' })).toMatchObject({ missing: 50 })
    await reconcile(ports, { target: 'vector', repair: true })
    await writer.relay.drain()
    expect(await reconcile(ports, { deep: true })).toMatchObject(clean)
  })

  it('copies to an index that holds nothing, without a job, at the fences that the truth has', async () => {
    const before = await ports.vectors.scan(vectorIndexOf(vector), { limit: 1_000 })
    await remove(before.map(({ id }) => id))
    expect(await vectorIds()).toEqual([])
    const report = await reconcile(ports, { target: 'vector', repair: true })
    expect(report).toMatchObject({ ...clean, checked: 50, missing: 50, repaired: 50 })
    expect(await ports.vectors.scan(vectorIndexOf(vector), { limit: 1_000 })).toEqual(before)
    expect(await ports.truth.session({ worker: true }).jobs.backlog()).toMatchObject({ waiting: 0, claimed: 0 })
    expect(await reconcile(ports, { deep: true, repair: true })).toMatchObject({ ...clean, repaired: 0 })
  })

  it('a document that is deleted while its chunk is on its way to an empty index does not stay there', async () => {
    await ports.vectors.drop(vectorIndexOf(vector))
    const { vectors } = ports
    let first = true
    const upsert: typeof vectors.upsert = async (...args) => {
      if (first) {
        first = false
        await writer.delete(scope, 'd7')
        await writer.put(scope, { id: 'd8', text: 'written while a copy of it is on its way' })
        await writer.relay.drain()
      }
      return MemoryVectorRepository.prototype.upsert.apply(vectors, args)
    }
    Object.defineProperty(vectors, 'upsert', { value: upsert, configurable: true })
    await reconcile(ports, { target: 'vector', repair: true })
    Reflect.deleteProperty(vectors, 'upsert')
    await writer.relay.drain()
    expect(await vectorIds()).toHaveLength(49)
    expect(await reconcile(ports, { deep: true })).toMatchObject({ checked: 98, ...clean })
  })

  it('a worker goes on where one that filled an empty index died, and leaves what was refused to jobs', async () => {
    ports = { ...ports, options: { copyBatch: 8 } }
    await ports.vectors.drop(vectorIndexOf(vector))
    const { registry } = ports.truth.session({ worker: true })
    await dueSweep(ports, registry, vector.id, 'gone')
    const options = { sweepMs: 1e9, sweepSlice: 100 }
    const call = { signal: new AbortController().signal }
    let pages = 0
    await sweepIndex(ports, vector, options, call, async () => ++pages < 3)
    const { sweep } = await readIndexState(registry, vector.id)
    const part = await vectorIds()
    expect(part.length).toBeGreaterThanOrEqual(24)
    expect(part.length).toBeLessThan(50)
    expect(sweep?.filled).toBe(part[23])
    const refused = (await ports.truth.session({ worker: true }).chunks.scan({ ...vector, limit: 100 })).at(-1)!
    const { vectors } = ports
    const written: string[] = []
    const upsert: typeof vectors.upsert = async (index, points, ...rest) => {
      if (points.some(({ id }) => id === refused.id)) throw new HeadwaterError('HW_INVALID_DOCUMENT', 'refused')
      written.push(...points.map(({ id }) => id))
      return MemoryVectorRepository.prototype.upsert.call(vectors, index, points, ...rest)
    }
    Object.defineProperty(vectors, 'upsert', { value: upsert, configurable: true })
    await sweepIndex(ports, vector, options, call, async () => true)
    Reflect.deleteProperty(vectors, 'upsert')
    expect(written.filter((id) => part.slice(0, 24).includes(id))).toEqual([])
    expect((await readIndexState(registry, vector.id)).sweep).toBeNull()
    expect(await vectorIds()).toHaveLength(49)
    await writer.relay.drain()
    expect(await vectorIds()).toHaveLength(50)
    expect(await reconcile(ports, { deep: true })).toMatchObject(clean)
  })

  it('removes orphans, within its cap', async () => {
    const [point] = await ports.vectors.read(vectorIndexOf(vector), [(await vectorIds())[0]!])
    const orphans = Array.from({ length: 5 }, (_, at) => ({
      ...point!,
      id: `00000000-0000-5000-8000-00000000000${at}`,
      payload: { ...point!.payload, document: 'never-there' },
    }))
    await ports.vectors.upsert(vectorIndexOf(vector), orphans)
    expect(await reconcile(ports, { target: 'vector' })).toMatchObject({ ...clean, orphaned: 5 })
    const capped = await reconcile(ports, { target: 'vector', repair: true, maxDeletes: 2 })
    expect(capped).toMatchObject({ orphaned: 5, repaired: 2, spared: 3 })
    expect(await reconcile(ports, { target: 'vector', repair: true })).toMatchObject({ orphaned: 3, repaired: 3 })
    expect(await vectorIds()).toHaveLength(50)
  })

  it('mends points that are stale, of a fence from nowhere, or of another document', async () => {
    const ids = await vectorIds()
    const [old, future, foreign] = await ports.vectors.read(vectorIndexOf(vector), ids.slice(0, 3))
    await remove(ids.slice(0, 3))
    await ports.vectors.upsert(vectorIndexOf(vector), [
      { ...old!, fence: old!.fence - 1 },
      { ...future!, fence: future!.fence + 1_000_000 },
      { ...foreign!, payload: { ...foreign!.payload, document: 'somebody-else' } },
    ])
    expect(await reconcile(ports, { target: 'vector' })).toMatchObject({ ...clean, stale: 2, foreign: 1 })
    await reconcile(ports, { target: 'vector', repair: true })
    await writer.relay.drain()
    expect(await reconcile(ports, { deep: true })).toMatchObject(clean)
  })

  it('deep sees what a hand changed under an unchanged stamp', async () => {
    const ids = await vectorIds()
    const [edited] = await ports.vectors.read(vectorIndexOf(vector), [ids[0]!])
    await ports.vectors.upsert(vectorIndexOf(vector), [{ ...edited!, vector: edited!.vector.map((value) => -value) }])
    const [entry] = await ports.texts.read(textIndexOf(text), [ids[1]!])
    await ports.texts.upsert(textIndexOf(text), [{ ...entry!, text: 'forged' }])
    expect(await reconcile(ports, {})).toMatchObject(clean)
    expect(await reconcile(ports, { deep: true })).toMatchObject({ ...clean, stale: 2 })
    await reconcile(ports, { deep: true, repair: true })
    await writer.relay.drain()
    expect(await reconcile(ports, { deep: true })).toMatchObject(clean)
  })

  it('leaves alone what a job covers', async () => {
    const external = createWriter({ ...ports, options: { relay: 'external' } })
    await external.put(scope, { id: 'd1', text: 'changed, and not projected yet' })
    await external.delete(scope, 'd2')
    expect(await reconcile(ports, {})).toMatchObject(clean)
    await external.relay.drain()
    expect(await reconcile(ports, { deep: true })).toMatchObject(clean)
  })

  it('a rebuild under writes ends equal; a run that was killed is resumed', async () => {
    let copied = 0
    const plan = writer.plan('documents')
    await writer.putMany(
      scope,
      Array.from({ length: 1_200 }, (_, at) => ({ id: `e${at}`, text: `more text ${at}` })),
    )
    const kill = new AbortController()
    const killed = rebuild(ports, {
      target: 'vector',
      collection: plan,
      signal: kill.signal,
      onProgress: (progress) => {
        copied = progress.done
        kill.abort()
      },
    })
    await expect(killed).rejects.toMatchObject({ code: 'HW_ABORTED' })
    expect(copied).toBe(500)
    const writes = (async () => {
      for (let at = 0; at < 60; at++) {
        await writer.put(scope, { id: `e${at}`, text: `changed ${at}` })
        await writer.delete(scope, `e${at + 600}`)
      }
    })()
    const result = await rebuild(ports, { target: 'vector', collection: plan })
    await writes
    expect(result.copied).toBeLessThan(1_250)
    expect(await liveGeneration(ports, 'vector', collection)).toMatchObject({ name: result.generation })
    await writer.relay.drain()
    expect(await reconcile(ports, { deep: true })).toMatchObject(clean)
    const states = (await ports.truth.session({ worker: true }).generations.list({ target: 'vector' })).map(
      (g) => g.state,
    )
    expect(states).toEqual(['standby', 'live'])
  })

  it('two rebuilds at once end with one live generation', async () => {
    const plan = writer.plan('documents')
    const results = await Promise.all([
      rebuild(ports, { target: 'text', collection: plan }),
      rebuild(ports, { target: 'text', collection: plan }),
    ])
    expect(results[0]!.generation).toBe(results[1]!.generation)
    const all = await ports.truth.session({ worker: true }).generations.list({ target: 'text' })
    expect(all.filter(({ state }) => state === 'live')).toHaveLength(1)
    expect(await reconcile(ports, { deep: true })).toMatchObject(clean)
  })
})
