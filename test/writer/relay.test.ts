import { describe, expect, it, vi } from 'vitest'
import { HeadwaterError } from '../../src/core/errors'
import { collectionName, tenantId } from '../../src/core/ids'
import { seededRandom } from '../../src/core/random'
import type { Embedder } from '../../src/embeddings/embedder'
import { MemoryTextRepository } from '../../src/repositories/memory/texts'
import { MemoryTruth } from '../../src/repositories/memory/truth'
import { MemoryVectorRepository } from '../../src/repositories/memory/vectors'
import { resolveCollections } from '../../src/store/store-options'
import { FakeClock } from '../../src/testing/fake-clock'
import type { WriterOptions, WriterPorts } from '../../src/writer/ports'
import { ensureGenerations } from '../../src/writer/rebuild/generations'
import { createWriter } from '../../src/writer/writer'

const scope = { tenant: tenantId('acme'), collection: collectionName('documents') }

async function setUp(options: Partial<WriterOptions> = {}) {
  const clock = new FakeClock()
  const { plans, embedders } = resolveCollections({ embedder: { hashing: { dimensions: 32 } } })
  /** What the text engine throws for a batch; the test sets it. */
  const engine = {
    fail: (_documents: string[]): HeadwaterError | undefined => undefined,
    before: async (): Promise<void> => undefined,
  }
  const memoryTexts = new MemoryTextRepository()
  const texts = new Proxy(memoryTexts, {
    get(target, key) {
      const method = Reflect.get(target, key)
      if (key !== 'upsert') return typeof method === 'function' ? method.bind(target) : method
      return async (index: never, entries: { payload: { document: string } }[], call: never) => {
        const documents = entries.map((entry) => entry.payload.document)
        await engine.before()
        const error = engine.fail(documents)
        if (error) throw error
        return target.upsert(index, entries as never, call)
      }
    },
  })
  const ports: WriterPorts = {
    truth: new MemoryTruth({ clock }),
    vectors: new MemoryVectorRepository(),
    texts,
    collections: plans,
    embedders,
    clock,
    random: seededRandom(7),
    options: { relay: 'external', maxAttempts: 3, ...options },
  }
  await ensureGenerations(ports)
  return { clock, ports, writer: createWriter(ports), engine, jobs: ports.truth.session({ worker: true }).jobs }
}

function raise(error: Error): () => never {
  return () => {
    throw error
  }
}

describe('relay', () => {
  it('external: a write leaves its jobs to workers, which drain them', async () => {
    const { writer, jobs } = await setUp()
    const receipt = await writer.put(scope, { id: 'a', text: 'some words' })
    expect(receipt.targets).toEqual({ vector: 'queued', text: 'queued' })
    expect(await jobs.backlog()).toMatchObject({ waiting: 2 })
    expect(await writer.relay.drain()).toMatchObject({ applied: 2, parked: 0, remaining: 0 })
    await writer.waitFor(scope.tenant, receipt)
    expect(await writer.put(scope, { id: 'a', text: 'some words' })).toMatchObject({
      unchanged: true,
      targets: { vector: 'applied', text: 'applied' },
    })
  })

  it('a change of status, content type or metadata alone rewrites payloads, and no vector', async () => {
    const { writer, ports } = await setUp()
    await writer.put(scope, { id: 'a', text: 'some words', title: 'T' })
    await writer.relay.drain()
    const [vectors, payloads] = [vi.spyOn(ports.vectors, 'upsert'), vi.spyOn(ports.vectors, 'setPayload')]
    const changes = [{ status: 'final' }, { contentType: 'text/x' }, { metadata: { a: 1 } }]
    for (const [at, change] of changes.entries()) {
      await writer.patch(scope, 'a', change)
      expect(await writer.relay.drain()).toMatchObject({ remaining: 0 })
      expect([vectors.mock.calls.length, payloads.mock.calls.length]).toEqual([0, at + 1])
    }
    const held = payloads.mock.lastCall![1][0]!.payload.leaves
    expect(held).toMatchObject({ 's:$status': ['final'], 's:$contentType': ['text/x'], 's:$title': ['T'], 'n:a': [1] })
    // What is embedded begins with the title.
    await writer.patch(scope, 'a', { title: 'U' })
    await writer.relay.drain()
    expect(vectors).toHaveBeenCalledTimes(1)
  })

  it('finds the one poison document of a batch, parks it after its attempts, and redrives it', async () => {
    const { writer, jobs, engine, clock } = await setUp()
    engine.fail = (documents) =>
      documents.includes('poison') ? new HeadwaterError('HW_DATABASE', 'mapping refused') : undefined
    const inputs = Array.from({ length: 20 }, (_, at) => ({ id: at === 13 ? 'poison' : `d${at}`, text: `text ${at}` }))
    const { receipt } = await writer.putMany(scope, inputs)
    const draining = writer.relay.drain({ timeoutMs: 600_000 })
    for (let i = 0; i < 200; i++) await clock.advance(1_000)
    expect(await draining).toMatchObject({ parked: 1, remaining: 0 })
    const [parked] = await jobs.parked({ limit: 10 })
    expect(parked).toMatchObject({ document: 'poison', target: 'text', attempts: 3 })
    expect(parked!.reason).toContain('mapping refused')
    await expect(writer.waitFor(scope.tenant, { ...receipt, ids: ['poison'] })).rejects.toMatchObject({
      code: 'HW_JOB_PARKED',
    })
    await writer.waitFor(scope.tenant, { ...receipt, ids: ['d3'] })
    engine.fail = () => undefined
    expect(await jobs.redrive({})).toBe(1)
    expect(await writer.relay.drain()).toMatchObject({ parked: 0, remaining: 0 })
    await writer.waitFor(scope.tenant, receipt)
  })

  const failures: [string, (texts: readonly string[]) => Float32Array[]][] = [
    ['throws', raise(new TypeError('cannot read this'))],
    ['refuses', raise(new HeadwaterError('HW_EMBEDDER_FAILED', 'refused', { retryable: false }))],
    ['calls too long', raise(new HeadwaterError('HW_LIMIT_EXCEEDED', 'too long'))],
    ['answers with no number', (texts) => texts.map(() => new Float32Array(32).fill(Number.NaN))],
    ['answers with another dimension', (texts) => texts.map(() => new Float32Array(31).fill(1))],
    ['answers with too few vectors', () => []],
  ]
  it.each(failures)(
    'a text that the embedder %s is parked; where it does so with every text, none is',
    async (_how, fail) => {
      const { writer, ports, jobs, clock } = await setUp()
      const [[fingerprint, hashing]] = [...ports.embedders] as [[string, Embedder]]
      let down = true
      const picky: Embedder = {
        fingerprint,
        dimensions: hashing.dimensions,
        maxTokens: hashing.maxTokens,
        embed: (texts, options) => {
          if (!down && !texts.some((text) => text.includes('poison'))) return hashing.embed(texts, options)
          return new Promise((resolve) => resolve(fail(texts)))
        },
      }
      ports.embedders.set(fingerprint, picky)
      const inputs = ['one', 'two', 'poison', 'four'].map((id) => ({ id, text: `text of ${id}` }))
      await writer.putMany(scope, inputs, { embed: 'deferred' })
      const drain = async (): Promise<unknown> => {
        const draining = writer.relay.drain({ timeoutMs: 60_000 })
        for (let i = 0; i < 25; i++) await clock.advance(3_000)
        return draining
      }
      expect(await drain()).toMatchObject({ remaining: 4, parked: 0 })
      const waiting = await jobs.pending({ tenant: scope.tenant, upTo: Number.MAX_SAFE_INTEGER })
      expect(waiting.map(({ attempts }) => attempts)).toEqual([0, 0, 0, 0])
      down = false
      expect(await drain()).toMatchObject({ remaining: 0, parked: 1 })
      expect(await jobs.parked({ limit: 5 })).toMatchObject([{ document: 'poison', target: 'vector', attempts: 3 }])
    },
  )

  it("an engine's outage counts no attempt and stops only its own target", async () => {
    const { writer, jobs, engine, clock, ports } = await setUp()
    engine.fail = () => new HeadwaterError('HW_UNAVAILABLE', 'down')
    await writer.put(scope, { id: 'a', text: 'some words' })
    const draining = writer.relay.drain({ timeoutMs: 30_000 })
    for (let i = 0; i < 100; i++) await clock.advance(500)
    expect(await draining).toMatchObject({
      applied: 1,
      remaining: 1,
      unavailable: {
        code: 'HW_UNAVAILABLE',
        message: 'text is paused: down',
        details: { targets: ['text'] },
        cause: { message: 'down' },
      },
    })
    const [left] = await jobs.pending({ tenant: scope.tenant, upTo: Number.MAX_SAFE_INTEGER })
    expect(left).toMatchObject({ target: 'text', attempts: 0, parked: false })
    const [vector] = await ports.truth.session({ worker: true }).generations.list({ target: 'vector' })
    expect(vector!.state).toBe('live')
    engine.fail = () => undefined
    expect(await writer.relay.drain()).toMatchObject({ remaining: 0 })
  })

  it('a drain whose time is up names every target that is paused; one that is served again ends it early', async () => {
    const { writer, ports, engine, clock } = await setUp()
    const [fingerprint, hashing] = [...ports.embedders][0]!
    engine.fail = () => new HeadwaterError('HW_UNAUTHORIZED', 'the key has expired')
    await writer.put(scope, { id: 'a', text: 'some words' }, { embed: 'deferred' })
    ports.embedders.clear()
    const draining = writer.relay.drain({ timeoutMs: 10_000 })
    for (let i = 0; i < 40; i++) await clock.advance(500)
    const { remaining, unavailable } = await draining
    expect(remaining).toBe(2)
    expect(unavailable!.details!['targets']).toEqual(expect.arrayContaining(['vector', 'text']))
    expect(unavailable!.message).toContain('text is paused: the key has expired')
    expect(unavailable!.message).toMatch(/vector is paused: .*embedder/)
    let endedAt = Number.POSITIVE_INFINITY
    const startedAt = clock.monotonic()
    const again = writer.relay.drain({ timeoutMs: 600_000 }).finally(() => {
      endedAt = clock.monotonic()
    })
    await clock.advance(500)
    engine.fail = () => undefined
    ports.embedders.set(fingerprint, hashing)
    for (let i = 0; i < 1_300 && endedAt === Number.POSITIVE_INFINITY; i++) await clock.advance(500)
    expect(await again).toEqual({ applied: 2, parked: 0, remaining: 0 })
    expect(endedAt - startedAt).toBeLessThan(120_000)
  })

  it('a drain names no target whose jobs another has done, and no deadline of its own as the reason', async () => {
    const { writer, ports, engine, clock } = await setUp()
    const drain = async (relay: typeof writer.relay) => {
      const draining = relay.drain({ timeoutMs: 5_000 })
      for (let i = 0; i < 20; i++) await clock.advance(500)
      return (await draining).unavailable
    }
    engine.fail = () => new HeadwaterError('HW_UNAVAILABLE', 'down')
    await writer.put(scope, { id: 'a', text: 'some words' })
    expect(await drain(writer.relay)).toMatchObject({ message: 'text is paused: down' })
    // The engine hangs now: what ends the attempt is the end of the drain.
    let release = (): void => undefined
    const hanging = new Promise<void>((resolve) => {
      release = resolve
    })
    engine.before = () => hanging
    const cut = drain(writer.relay)
    await clock.advance(6_000)
    engine.fail = () => new HeadwaterError('HW_TIMEOUT', 'The deadline passed')
    release()
    expect(await cut).toMatchObject({ code: 'HW_UNAVAILABLE', message: 'text is paused: down' })

    engine.fail = () => undefined
    ports.embedders.clear()
    await writer.put(scope, { id: 'b', text: 'other words' }, { embed: 'deferred' })
    const other = createWriter(ports)
    expect((await drain(other.relay))!.details!['targets']).toEqual(['vector'])
    expect((await drain(writer.relay))!.details!['targets']).toEqual(['vector'])
  })

  describe('a wait whose time is up says what has not followed, and why', () => {
    const waited = async (
      { writer, clock }: Awaited<ReturnType<typeof setUp>>,
      { run }: { run: boolean },
    ): Promise<HeadwaterError> => {
      const stop = new AbortController()
      const running = run && writer.relay.run({ signal: stop.signal })
      const receipt = await writer.put(scope, { id: 'a', text: 'some words' })
      const waiting = writer.waitFor(scope.tenant, receipt, { timeoutMs: 3_000 }).catch((error: unknown) => error)
      for (let i = 0; i < 40; i++) await clock.advance(100)
      stop.abort()
      await running
      return (await waiting) as HeadwaterError
    }

    it('an engine that is down', async () => {
      const parts = await setUp()
      parts.engine.fail = () => new HeadwaterError('HW_UNAVAILABLE', 'nobody at text:9200')
      expect(await waited(parts, { run: true })).toMatchObject({
        code: 'HW_TIMEOUT',
        message: expect.stringMatching(/text \(1 jobs left\): it is paused: HW_UNAVAILABLE: nobody at text:9200/),
        details: { targets: [{ target: 'text', jobs: 1, code: 'HW_UNAVAILABLE' }] },
      })
    })

    it('a document that is refused', async () => {
      const parts = await setUp({ maxAttempts: 50 })
      parts.engine.fail = () => new HeadwaterError('HW_DATABASE', 'mapping refused')
      expect((await waited(parts, { run: true })).message).toMatch(/text .* a was refused \d+ times .*mapping refused/)
    })

    it('nobody who works', async () => {
      expect(await waited(await setUp(), { run: false })).toMatchObject({
        message: expect.stringContaining('no worker was seen'),
        details: { targets: expect.arrayContaining([expect.objectContaining({ target: 'vector', jobs: 1 })]) },
      })
    })

    it('an index that does not answer a refresh', async () => {
      const parts = await setUp()
      Object.assign(parts.ports.vectors, { refresh: () => new Promise(() => undefined) })
      const { message } = await waited(parts, { run: true })
      expect(message).toMatch(/vector\S* did not answer a refresh/)
    })
  })

  it('a failure on a generation that is not live is kept there and blocks nobody', async () => {
    const { writer, ports, jobs } = await setUp()
    const { generations } = ports.truth.session({ worker: true })
    const standby = await generations.create({
      target: 'text',
      collection: scope.collection,
      fingerprint: null,
      dimensions: null,
      language: 'english',
      chunking: [...ports.collections.values()][0]!.splitter.id,
      format: ports.texts.format,
      state: 'building',
      prefix: 'never_made',
    })
    await writer.put(scope, { id: 'a', text: 'some words' })
    expect(await writer.relay.drain()).toMatchObject({ remaining: 0, parked: 0 })
    const after = (await generations.list({ target: 'text' })).find(({ id }) => id === standby.id)
    expect(after!.error).toBeTruthy()
    expect(await jobs.backlog()).toMatchObject({ waiting: 0 })
  })

  it('run polls on the clock, wakes at a nudge, and ends at an abort without a timer left', async () => {
    const { writer, ports, jobs, clock } = await setUp({ pollMs: 1_000 })
    const stop = new AbortController()
    const running = writer.relay.run({ signal: stop.signal })
    await clock.advance(10)
    // Another process writes: this one's relay is not nudged by it.
    await createWriter(ports).put(scope, { id: 'a', text: 'some words' })
    expect((await jobs.backlog()).waiting).toBe(2)
    await clock.advance(1_000)
    expect((await jobs.backlog()).waiting).toBe(0)
    await writer.put(scope, { id: 'b', text: 'other words' })
    await clock.advance(1)
    expect((await jobs.backlog()).waiting).toBe(0)
    stop.abort()
    await clock.advance(0)
    await running
    expect(clock.pending).toBe(0)
  })

  it('an edit while its job is being applied is not lost: the job stays for what came after', async () => {
    const { writer, engine, jobs, ports } = await setUp()
    await writer.put(scope, { id: 'a', text: 'first words' })
    let edited = false
    engine.before = async () => {
      if (edited) return
      edited = true
      await writer.put(scope, { id: 'a', text: 'second words' })
    }
    expect(await writer.relay.drain()).toMatchObject({ remaining: 0 })
    expect(await jobs.backlog()).toMatchObject({ waiting: 0, claimed: 0 })
    const [index] = await ports.truth.session({ worker: true }).generations.list({ target: 'text' })
    const entries = await ports.texts.scan({ name: index!.name, language: 'english' }, { limit: 10 })
    const held = await ports.texts.read(
      { name: index!.name, language: 'english' },
      entries.map(({ id }) => id),
    )
    expect(held.map(({ text }) => text)).toEqual(['second words'])
  })
})
