import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { tenantId } from '../../../src/core/ids'
import { defineMetadata } from '../../../src/filter/declaration'
import { acme, entryId, globex, point } from '../../../src/testing/contracts/rows'
import { rejection } from '../../connections/postgres/backends'
import { freshIndex, realUrl, useQdrant } from './backend'

const onDouble = it.skipIf(realUrl !== undefined)

describe('QdrantVectorRepository', () => {
  const backend = useQdrant()
  const raw = (path: string, body: object, method = 'POST') =>
    fetch(`${backend().url}/collections/${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })

  it('one request of many fences compares each point with its own', async () => {
    const vectors = backend().vectors()
    const index = freshIndex(2)
    await vectors.create(index)
    const held = { a: 5, b: 50, c: 7, e: 10, f: 20 }
    await vectors.upsert(
      index,
      Object.entries(held).map(([name, fence]) => point(name, fence, [1, 0])),
    )
    // No fence for the whole request would do: it had to be at least 20 for f, and below 10 for e.
    const sent = { a: 6, b: 40, c: 7, d: 1, e: 9, f: 21 }
    await vectors.upsert(
      index,
      Object.entries(sent).map(([name, fence]) => point(name, fence, [0, 1], { version: 2 })),
    )
    const read = await vectors.read(index, Object.keys(sent).map(entryId))
    expect(read.map(({ payload, fence, vector }) => [payload.document, fence, payload.version, vector[1]])).toEqual([
      ['a', 6, 2, 1],
      ['b', 50, 1, 0],
      ['c', 7, 2, 1],
      ['d', 1, 2, 1],
      ['e', 10, 1, 0],
      ['f', 21, 2, 1],
    ])
    const strip = ({ vector: _, ...rest }: ReturnType<typeof point>) => rest
    await vectors.setPayload(index, [
      strip(point('a', 6, [], { version: 9 })),
      strip(point('b', 51, [], { version: 9 })),
    ])
    const patched = await vectors.read(index, ['a', 'b'].map(entryId))
    expect(patched.map(({ fence, payload, vector }) => [fence, payload.version, vector[1]])).toEqual([
      [6, 2, 1],
      [51, 9, 0],
    ])
    await vectors.drop(index)
  })

  it('of an id twice in a call the last counts, unless its fence is lower', async () => {
    const vectors = backend().vectors({ batch: { points: 1 } })
    const index = freshIndex(2)
    await vectors.create(index)
    await vectors.upsert(index, [point('a', 1, [1, 0]), point('a', 3, [1, 0], { version: 3 }), point('a', 2, [1, 0])])
    expect((await vectors.read(index, [entryId('a')]))[0]!.payload.version).toBe(3)
    await vectors.drop(index)
  })

  it('a point of another tenant, or without a fence, is not overwritten; what was seen is removed', async () => {
    const vectors = backend().vectors()
    const index = freshIndex(2)
    await vectors.create(index)
    await vectors.upsert(index, [point('a', 5, [1, 0])])
    await vectors.upsert(index, [point('a', 9, [0, 1], { tenant: globex })])
    expect(await vectors.scan(index, { limit: 9 })).toMatchObject([{ tenant: acme, fence: 5 }])
    const vector = { [index.fingerprint]: [1, 0] }
    const points = [
      { id: entryId('none'), vector, payload: { tenant: 'acme' } },
      { id: entryId('text'), vector, payload: { tenant: 'acme', f: 'seven' } },
      { id: entryId('bare'), vector, payload: {} },
      { id: 7, vector, payload: { tenant: 'acme', f: 1 } },
    ]
    expect((await raw(`${index.name}/points?wait=true`, { points }, 'PUT')).status).toBe(200)
    await vectors.upsert(index, [point('none', 2 ** 52, [0, 1])])
    const strays = (await vectors.scan(index, { limit: 9 })).filter(({ fence }) => fence === null)
    expect(strays.map(({ tenant }) => tenant).sort()).toEqual(['', 'acme', 'acme'])
    await vectors.remove(
      index,
      strays.map(({ id, tenant }) => ({ id, tenant, fence: null, when: 'atMost' as const })),
    )
    expect(await vectors.count(index)).toBe(5)
    await vectors.remove(
      index,
      strays.map(({ id, tenant }) => ({ id, tenant, fence: null, when: 'exactly' as const })),
    )
    // The numeric id is nobody's of ours: neither scanned nor removed.
    expect((await vectors.scan(index, { limit: 9 })).map(({ id }) => id)).toEqual([entryId('a')])
    expect(await vectors.count(index)).toBe(2)
    await vectors.drop(index)
  })

  it('makes a collection with every setting, its payload indexes, and those that were left out', async () => {
    const metadata = [defineMetadata({ section: 'keyword', 'author.age': 'integer', open: 'boolean', at: 'datetime' })]
    const index = freshIndex(8)
    await backend().vectors().create(index)
    const vectors = backend().vectors({ metadata, quantization: true })
    await vectors.create(index)
    const [stats] = await vectors.stats(index)
    expect(stats).toMatchObject({ collection: index.name, status: 'green', optimizerStatus: 'ok', points: 0 })
    expect(stats!.payloadIndexes).toEqual({
      tenant: 'keyword',
      created: 'datetime',
      f: 'integer',
      tokens: 'keyword',
      n_author_2eage: 'float',
      d_at: 'float',
    })
    expect(stats!.config).toMatchObject({
      params: { vectors: { [index.fingerprint]: { size: 8, distance: 'Cosine' } }, on_disk_payload: true },
      hnsw_config: { m: 16, ef_construct: 100, full_scan_threshold: 10_000, max_indexing_threads: 0, on_disk: false },
      optimizer_config: {
        indexing_threshold: 20_000,
        memmap_threshold: 50_000,
        default_segment_number: 2,
        max_segment_size: 200_000,
      },
      quantization_config: null,
    })
    const info = (await (await fetch(`${backend().url}/collections/${index.name}`)).json()) as {
      result: { payload_schema: Record<string, { params?: unknown }> }
    }
    expect(info.result.payload_schema['tenant']?.params).toMatchObject({ is_tenant: true })
    const quantized = freshIndex(8)
    await vectors.create(quantized)
    expect((await vectors.stats(quantized))[0]!.config).toMatchObject({
      quantization_config: { scalar: { type: 'int8', quantile: 0.99, always_ram: true } },
    })
    for (const each of [index, quantized]) await vectors.drop(each)
  })

  it('a collection has indexes for its own declaration alone, and one of the first format those of its keys', async () => {
    const declared = {
      people: defineMetadata({ age: 'integer' }),
      jobs: defineMetadata({ pay: 'float', open: 'boolean' }),
    }
    const vectors = backend().vectors({ metadataOf: (collection) => Reflect.get(declared, collection) })
    const indexed = async (collection: string, payload: number): Promise<string[]> => {
      const index = freshIndex(2, { collection, format: { words: 1, payload } })
      await vectors.create(index)
      const [stats] = await vectors.stats(index)
      await vectors.drop(index)
      return Object.keys(stats!.payloadIndexes).filter((key) => /^[snbd]_|^document$/.test(key))
    }
    expect(await indexed('people', 2)).toEqual(['n_age'])
    expect(await indexed('jobs', 2)).toEqual(['n_pay'])
    expect(await indexed('others', 2)).toEqual([])
    expect((await indexed('jobs', 1)).sort()).toEqual(['b_open', 'document', 'n_pay'])
  })

  it('a collection of another fingerprint is HW_FINGERPRINT_MISMATCH, on creating and on use', async () => {
    const vectors = backend().vectors()
    const index = freshIndex(2)
    await vectors.create(index)
    const other = { ...index, fingerprint: 'fingerprint-2' }
    expect(await rejection(vectors.create(other))).toMatchObject({ code: 'HW_FINGERPRINT_MISMATCH' })
    const query = { tenant: acme, vector: Float32Array.of(1, 0), limit: 1 }
    expect(await rejection(vectors.search(other, query))).toMatchObject({ code: 'HW_FINGERPRINT_MISMATCH' })
    expect(await rejection(vectors.upsert(other, [point('a', 1, [1, 0])]))).toMatchObject({
      code: 'HW_FINGERPRINT_MISMATCH',
    })
    await vectors.drop(index)
  })

  it('384, 768 and 1536 dimensions side by side', async () => {
    const vectors = backend().vectors()
    for (const dimensions of [384, 768, 1536]) {
      const index = freshIndex(dimensions, { fingerprint: `space-${dimensions}` })
      await vectors.create(index)
      const axis = (at: number) => Array.from({ length: dimensions }, (_, i) => (i === at ? 1 : 0))
      await vectors.upsert(index, [point('a', 1, axis(0)), point('b', 1, axis(dimensions - 1))])
      const query = { tenant: acme, vector: Float32Array.from(axis(dimensions - 1)), limit: 1 }
      expect((await vectors.search(index, query)).map(({ document }) => document)).toEqual(['b'])
      await vectors.drop(index)
    }
  })

  it('ranks by dot product, and by distance with the nearest first', async () => {
    const points = [point('big', 1, [3, 4]), point('near', 1, [2, 0]), point('behind', 1, [-1, 0])]
    const query = { tenant: acme, vector: Float32Array.of(2, 1), limit: 3 }
    for (const [distance, wanted] of [
      ['dot', { big: 10, near: 4, behind: -2 }],
      ['euclid', { near: -1, big: -Math.sqrt(10), behind: -Math.sqrt(10) }],
    ] as const) {
      const vectors = backend().vectors({ distance })
      const index = freshIndex(2)
      await vectors.create(index)
      await vectors.upsert(index, points)
      const hits = await vectors.search(index, query)
      expect(hits[0]!.document).toBe(distance === 'dot' ? 'big' : 'near')
      for (const { document, score } of hits) expect(score).toBeCloseTo(wanted[document as 'big'], 5)
      expect([...(await vectors.read(index, [entryId('big')]))[0]!.vector]).toEqual([3, 4])
      await vectors.drop(index)
    }
  })

  it('ties across the limit come in the order of their ids, however many there are', async () => {
    const vectors = backend().vectors()
    const index = freshIndex(2)
    await vectors.create(index)
    const names = Array.from({ length: 60 }, (_, i) => `twin${i}`)
    await vectors.upsert(
      index,
      names.map((name) => point(name, 1, [1, 1])),
    )
    const query = { tenant: acme, vector: Float32Array.of(1, 1), limit: 5 }
    const wanted = names.map(entryId).sort().slice(0, 5)
    expect((await vectors.search(index, query)).map(({ id }) => id)).toEqual(wanted)
    const many = await vectors.searchMany(index, [query, { ...query, limit: 2 }, { ...query, tenant: globex }])
    expect(many.map((hits) => hits.map(({ id }) => id))).toEqual([wanted, wanted.slice(0, 2), []])
    await vectors.drop(index)
  })

  it('groups by document', async () => {
    const vectors = backend().vectors()
    const index = freshIndex(2)
    await vectors.create(index)
    await vectors.upsert(index, [
      ...[1, 2, 3].map((n) => ({ ...point('x', 1, [1, n / 10]), id: entryId(`x${n}`) })),
      point('y', 1, [1, 1]),
      point('theirs', 1, [1, 0], { tenant: globex }),
    ])
    const query = { tenant: acme, vector: Float32Array.of(1, 0), limit: 5, groupSize: 2 }
    const groups = await vectors.searchGroups(index, query)
    expect(groups.map(({ document, hits }) => [document, ...hits.map(({ id }) => id)])).toEqual([
      ['x', entryId('x1'), entryId('x2')],
      ['y', entryId('y')],
    ])
    expect(await vectors.searchGroups(index, { ...query, limit: 0 })).toEqual([])
    await vectors.drop(index)
  })

  it('what is no fence or no time is refused before anything is sent', async () => {
    const vectors = backend().vectors()
    const index = freshIndex(2)
    await vectors.create(index)
    for (const fence of [-1, 1.5, 2 ** 53]) {
      expect(await rejection(vectors.upsert(index, [point('a', fence, [1, 0])]))).toMatchObject({
        code: 'HW_INVALID_ARGUMENT',
        path: 'points[0].fence',
      })
    }
    const late = point('a', 1, [1, 0], { createdAt: 8.64e15 })
    expect(await rejection(vectors.upsert(index, [late]))).toMatchObject({ path: 'payload.createdAt' })
    expect(await vectors.count(index)).toBe(0)
    await vectors.drop(index)
  })

  it('batches stay within bytes; one point above 32 MiB is HW_LIMIT_EXCEEDED and counts against nobody', async () => {
    const vectors = backend().vectors({ batch: { bytes: 300_000 } })
    const index = freshIndex(2)
    await vectors.create(index)
    const long = (name: string, length: number) =>
      point(name, 1, [1, 0], { leaves: { 's:text': ['x'.repeat(length)] } })
    await vectors.upsert(
      index,
      Array.from({ length: 12 }, (_, i) => long(`p${i}`, 100_000)),
    )
    expect(await vectors.count(index)).toBe(12)
    const error = await rejection(vectors.upsert(index, [long('huge', 33 * 2 ** 20)]))
    expect(error).toMatchObject({ code: 'HW_LIMIT_EXCEEDED', retryable: false })
    expect(await vectors.count(index)).toBe(12)
    expect(await backend().connection.health()).toMatchObject({ status: 'up', breaker: 'closed' })
    await vectors.drop(index)
  })

  it('snapshots: create, list, download, restore elsewhere, delete', async () => {
    const vectors = backend().vectors()
    const index = freshIndex(2)
    const copy = freshIndex(2)
    await vectors.create(index)
    await vectors.upsert(index, [point('a', 1, [1, 0]), point('b', 2, [0, 1])])
    const { name, size } = await vectors.snapshots.create(index)
    expect(size).toBeGreaterThan(0)
    expect((await vectors.snapshots.list(index)).map((one) => one.name)).toEqual([name])
    const chunks: Uint8Array[] = []
    for await (const chunk of await vectors.snapshots.download(index, name)) chunks.push(chunk)
    const bytes = Buffer.concat(chunks)
    expect(bytes.byteLength).toBeGreaterThan(0)
    await vectors.snapshots.restore(copy, Readable.from([bytes.subarray(0, 10), bytes.subarray(10)]))
    expect(await vectors.scan(copy, { limit: 9 })).toEqual(await vectors.scan(index, { limit: 9 }))
    await vectors.snapshots.delete(index, name)
    expect(await vectors.snapshots.list(index)).toEqual([])
    expect(await rejection(vectors.snapshots.download(index, name))).toMatchObject({ code: 'HW_NOT_FOUND' })
    const nowhere = vectors.snapshots.restore(copy, { location: 'file:///nowhere/x.snapshot' })
    expect(await rejection(nowhere)).toMatchObject({ code: 'HW_DATABASE', retryable: false })
    for (const each of [index, copy]) await vectors.drop(each)
  })

  it('a collection a tenant: apart on the server, one index from here, long names too', async () => {
    const vectors = backend().vectors({ layout: 'per-tenant' })
    const index = freshIndex(2)
    const long = tenantId('t'.repeat(128))
    await vectors.create(index)
    await vectors.upsert(index, [
      point('a', 1, [1, 0]),
      point('b', 1, [1, 0], { tenant: globex }),
      point('c', 1, [1, 0], { tenant: long }),
    ])
    expect((await vectors.stats(index)).map(({ collection, points }) => [collection, points]).sort()).toEqual(
      [globex, acme, long].map((tenant) => [`${index.name}~${tenant}`, 1]).sort(),
    )
    const vector = Float32Array.of(1, 0)
    expect((await vectors.search(index, { tenant: long, vector, limit: 5 })).map(({ document }) => document)).toEqual([
      'c',
    ])
    const nobody = { tenant: tenantId('nobody'), vector, limit: 5 }
    expect(await vectors.search(index, nobody)).toEqual([])
    expect(await vectors.searchMany(index, [nobody, { ...nobody, tenant: acme }])).toMatchObject([[], [{}]])
    expect(await vectors.count(index)).toBe(3)
    await vectors.drop(index)
    expect(await rejection(vectors.search(index, nobody))).toMatchObject({ code: 'HW_GENERATION_MISSING' })
    const names = (await (await fetch(`${backend().url}/collections`)).json()) as {
      result: { collections: { name: string }[] }
    }
    expect(names.result.collections.filter(({ name }) => name.startsWith(index.name))).toEqual([])
  })

  it('a name that no collection can have is refused', async () => {
    for (const name of ['', 'a/b', 'a~b', 'x'.repeat(161)]) {
      const error = await rejection(backend().vectors().create(freshIndex(2, { name })))
      expect(error).toMatchObject({ code: 'HW_INVALID_ARGUMENT', path: 'index.name' })
    }
  })

  it('options that make no sense name themselves', () => {
    for (const [options, path] of [
      [{ distance: 'manhattan' as 'dot' }, 'qdrant.vectors.distance'],
      [{ batch: { bytes: 33 * 2 ** 20 } }, 'qdrant.vectors.batch.bytes'],
      [{ hnsw: { m: -1 } }, 'qdrant.vectors.hnsw.m'],
      [{ quantization: { quantile: 2 } }, 'qdrant.vectors.quantization.quantile'],
    ] as const) {
      expect(() => backend().vectors(options)).toThrowError(
        expect.objectContaining({ code: 'HW_INVALID_OPTIONS', path }),
      )
    }
  })

  onDouble('waits for indexing, and no longer than its deadline', async () => {
    const vectors = backend().vectors()
    const index = freshIndex(2)
    await vectors.create(index)
    expect(await vectors.waitForIndexing(index)).toMatchObject([{ status: 'green' }])
    const faults = backend().faults!
    faults.optimizing = true
    try {
      const startedAt = performance.now()
      const error = await rejection(vectors.waitForIndexing(index, { timeoutMs: 200 }))
      expect(error).toMatchObject({ code: 'HW_TIMEOUT' })
      expect(performance.now() - startedAt).toBeLessThan(300)
    } finally {
      delete faults.optimizing
    }
    await vectors.drop(index)
  })

  onDouble('a refresh that may take its time waits for indexing, as long as that is allowed to take', async () => {
    const vectors = backend().vectors()
    const index = freshIndex(2)
    await vectors.create(index)
    const faults = backend().faults!
    faults.optimizing = true
    try {
      await vectors.refresh(index, { timeoutMs: 5_000 })
      let over = false
      const refreshed = vectors.refresh(index).then(() => {
        over = true
      })
      await vectors.waitForIndexing(index, { timeoutMs: 200 }).catch(() => undefined)
      expect(over).toBe(false)
      // It is no reason not to go on, and an abort is none to go on.
      await backend().vectors({ indexingTimeoutMs: 100 }).refresh(index)
      const abort = AbortSignal.timeout(50)
      expect(await rejection(vectors.refresh(index, { signal: abort }))).toMatchObject({ code: 'HW_TIMEOUT' })
      expect(over).toBe(false)
      faults.optimizing = false
      await refreshed
    } finally {
      delete faults.optimizing
    }
    await vectors.drop(index)
  })

  onDouble('a write that the server has not completed is HW_TIMEOUT', async () => {
    const vectors = backend().vectors()
    const index = freshIndex(2)
    await vectors.create(index)
    const faults = backend().faults!
    faults.lateApply = true
    try {
      const call = { timeoutMs: 300 }
      expect(await rejection(vectors.upsert(index, [point('a', 1, [1, 0])], call))).toMatchObject({
        code: 'HW_TIMEOUT',
      })
      const removal = { id: entryId('a'), tenant: acme, fence: 1, when: 'atMost' as const }
      expect(await rejection(vectors.remove(index, [removal], call))).toMatchObject({ code: 'HW_TIMEOUT' })
    } finally {
      delete faults.lateApply
    }
    await vectors.drop(index)
  })
})
