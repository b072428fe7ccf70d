import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { PostgresConnection } from '../../src/connections/postgres/connection'
import { systemClock } from '../../src/core/clock'
import { HeadwaterError } from '../../src/core/errors'
import { collectionName, tenantId } from '../../src/core/ids'
import { seededRandom } from '../../src/core/random'
import type { Embedder } from '../../src/embeddings/embedder'
import { migrate } from '../../src/migrations/migrate'
import { MemoryTextRepository } from '../../src/repositories/memory/texts'
import { MemoryVectorRepository } from '../../src/repositories/memory/vectors'
import { PostgresTruth } from '../../src/repositories/postgres/truth'
import { resolveCollections } from '../../src/store/store-options'
import type { WriterOptions } from '../../src/writer/ports'
import { ensureGenerations } from '../../src/writer/rebuild/generations'
import { type CoordinatedWriter, createWriter } from '../../src/writer/writer'
import { useDatabase } from '../support/postgres'

const patience = { timeout: 30_000, interval: 20 }
const lasting = 600_000
const everything = { timeoutMs: 60_000 }

/** Workers of their own, each with its connections, over one Postgres and one text engine that does as it is told. */
describe.each([{ hints: false }, { hints: true }])('workers over one Postgres, hints: $hints', ({ hints }) => {
  const database = useDatabase()
  const texts = new MemoryTextRepository()
  const vectors = new MemoryVectorRepository()
  const connections: PostgresConnection[] = []
  let scope = { tenant: tenantId('none'), collection: collectionName('documents') }
  let tenants = 0

  beforeAll(async () => {
    await migrate({ url: database().url })
  })
  beforeEach(() => {
    scope = { ...scope, tenant: tenantId(`t${++tenants}`) }
  })
  afterEach(async () => {
    const { jobs } = new PostgresTruth(connections[0]!).session({ worker: true })
    expect(await jobs.backlog()).toMatchObject({ waiting: 0, claimed: 0, parked: 0 })
    await Promise.all(connections.splice(0).map((connection) => connection.close()))
  })
  afterAll(() => Promise.all(connections.map((connection) => connection.close())))

  async function worker(options: Partial<WriterOptions> = {}) {
    const connection = new PostgresConnection({ url: database().url, max: 6, hints })
    connections.push(connection)
    const { plans, embedders } = resolveCollections({ embedder: { hashing: { dimensions: 16 } } })
    /** What this worker's text engine does before it obeys. */
    const engine = { before: async (_documents: readonly string[], _signal?: AbortSignal): Promise<void> => undefined }
    const applied: string[] = []
    /** Texts that this worker's own embedder was given. */
    const embedded: string[] = []
    const model = { before: async (): Promise<void> => undefined }
    const [[fingerprint, hashing]] = [...embedders] as [[string, Embedder]]
    embedders.set(fingerprint, {
      fingerprint,
      dimensions: hashing.dimensions,
      maxTokens: hashing.maxTokens,
      embed: async (given, call) => {
        embedded.push(...given)
        await model.before()
        return hashing.embed(given, call)
      },
    })
    const own = new Proxy(texts, {
      get(target, key) {
        const method = Reflect.get(target, key)
        if (key !== 'upsert') return typeof method === 'function' ? method.bind(target) : method
        return async (index: never, entries: { payload: { document: string } }[], call: { signal?: AbortSignal }) => {
          const documents = entries.map((entry) => entry.payload.document)
          await engine.before(documents, call.signal)
          applied.push(...documents)
          return target.upsert(index, entries as never, call)
        }
      },
    })
    const truth = new PostgresTruth(connection)
    const ports = {
      truth,
      vectors,
      texts: own,
      collections: plans,
      embedders,
      clock: systemClock,
      random: seededRandom(connections.length),
      options: { relay: 'external' as const, pollMs: 100, ...options },
    }
    await ensureGenerations(ports)
    const writer = createWriter(ports)
    return { writer, engine, model, applied, embedded, jobs: truth.session({ worker: true }).jobs, connection }
  }

  function running(writer: CoordinatedWriter) {
    const stop = new AbortController()
    const done = writer.relay.run({ signal: stop.signal })
    return async (): Promise<void> => {
      stop.abort()
      await done
    }
  }

  /** Until `open` is called, calls wait, or for ever where they do not heed an abort. */
  function gate() {
    let open = (): void => undefined
    const opened = new Promise<void>((resolve) => {
      open = resolve
    })
    return { open, opened }
  }

  it('two of them share the jobs, and each document is applied once', async () => {
    const [a, b] = [await worker({ claimBatch: 10 }), await worker({ claimBatch: 10 })]
    const ids = Array.from({ length: 200 }, (_, at) => `d${at}`)
    await a.writer.putMany(
      scope,
      ids.map((id) => ({ id, text: `text of ${id}` })),
    )
    const stops = [running(a.writer), running(b.writer)]
    await vi.waitFor(async () => expect((await a.jobs.backlog()).oldestMs).toBeNull(), patience)
    await Promise.all(stops.map((stop) => stop()))
    expect([...a.applied, ...b.applied].sort()).toEqual([...ids].sort())
    expect(a.applied.length).toBeGreaterThan(0)
    expect(b.applied.length).toBeGreaterThan(0)
  })

  it('a claim that ran out while its holder worked: what the late one completes is not completed', async () => {
    const [slow, other] = [await worker(), await worker()]
    await slow.writer.put(scope, { id: 'a', text: 'first words' })
    await slow.jobs.claim({ targets: ['text'], limit: 1, token: 'slow', leaseMs: 1 })
    await vi.waitFor(async () => {
      const again = await other.jobs.claim({ targets: ['text'], limit: 1, token: 'other', leaseMs: lasting })
      expect(again).toMatchObject([{ document: 'a', token: 'other' }])
    }, patience)
    const key = { target: 'text' as const, ...scope, document: 'a' }
    expect(await slow.jobs.settle(['slow'], scope.collection)).toBe(0)
    await slow.jobs.settle(['slow'], scope.collection, [{ ...key, reason: 'late', delayMs: 0, parks: true }])
    expect(await slow.jobs.backlog()).toMatchObject({ claimed: 1, parked: 0 })
    await other.jobs.settle(['other'], scope.collection, [{ ...key, releasedMs: 0 }])
    expect(await other.writer.relay.drain(everything)).toMatchObject({ remaining: 0 })
  })

  it('renewal keeps a batch that takes many times as long as its lease', async () => {
    const [slow, other] = [await worker({ leaseMs: 300 }), await worker({ leaseMs: 300 })]
    const { open, opened } = gate()
    slow.engine.before = () => opened
    await slow.writer.put(scope, { id: 'a', text: 'some words' })
    const draining = slow.writer.relay.drain(everything)
    await vi.waitFor(async () => expect(await slow.jobs.backlog()).toMatchObject({ waiting: 0, claimed: 1 }), patience)
    const lease = () =>
      slow.connection
        .session({ worker: true })
        .query<{ until: Date }>('SELECT lease_until AS until FROM headwater.claims WHERE tenant = $1', [scope.tenant])
    const first = (await lease()).rows[0]!.until.getTime()
    await vi.waitFor(async () => {
      expect(await other.jobs.claim({ targets: ['text'], limit: 1, token: 'x', leaseMs: 300 })).toEqual([])
      expect((await lease()).rows[0]!.until.getTime()).toBeGreaterThan(first + 900)
    }, patience)
    open()
    expect(await draining).toMatchObject({ remaining: 0 })
    expect(other.applied).toEqual([])
  })

  it('what a worker held that died in the middle of a batch is taken over after its lease', async () => {
    const [dead, other] = [await worker(), await worker()]
    await dead.writer.putMany(scope, [
      { id: 'a', text: 'some words' },
      { id: 'b', text: 'other words' },
    ])
    expect(await dead.jobs.claim({ targets: ['text', 'vector'], limit: 9, token: 'dead', leaseMs: 500 })).toHaveLength(
      4,
    )
    await dead.connection.destroy()
    connections.shift()
    expect(await other.writer.relay.drain(everything)).toMatchObject({ applied: 4, remaining: 0 })
    expect(other.applied.sort()).toEqual(['a', 'b'])
  })

  it('an abort gives back at once what is held: another needs not wait for the lease', async () => {
    const [stopped, other] = [await worker({ leaseMs: lasting }), await worker({ leaseMs: lasting })]
    stopped.engine.before = (_documents, signal) =>
      new Promise((_resolve, reject) => {
        signal!.addEventListener('abort', () => reject(new HeadwaterError('HW_ABORTED', 'stopped')))
      })
    await other.writer.put(scope, { id: 'a', text: 'some words' })
    const stop = running(stopped.writer)
    await vi.waitFor(async () => expect(await other.jobs.backlog()).toMatchObject({ waiting: 0, claimed: 1 }), patience)
    await stop()
    expect(await other.jobs.backlog()).toMatchObject({ waiting: 1, claimed: 0 })
    expect(await other.writer.relay.drain(everything)).toMatchObject({ applied: 1, remaining: 0 })
  })

  it('poison is parked after its attempts, listed with its reason, and done after a redrive', async () => {
    const { writer, engine, jobs } = await worker({ maxAttempts: 3, backoffMs: 1 })
    engine.before = async (documents) => {
      if (documents.includes('poison')) throw new HeadwaterError('HW_DATABASE', 'mapping refused')
    }
    await writer.putMany(
      scope,
      ['a', 'poison', 'c'].map((id) => ({ id, text: `text of ${id}` })),
    )
    expect(await writer.relay.drain(everything)).toMatchObject({ parked: 1, remaining: 0 })
    const reason = expect.stringContaining('mapping refused')
    expect(await jobs.parked({ tenant: scope.tenant, limit: 5 })).toMatchObject([
      { target: 'text', document: 'poison', attempts: 3, reason },
    ])
    engine.before = async () => undefined
    expect(await jobs.redrive({ tenant: scope.tenant })).toBe(1)
    expect(await writer.relay.drain(everything)).toMatchObject({ applied: 1, parked: 0, remaining: 0 })
  })

  it('a text that several documents share is embedded once, by whichever worker', async () => {
    const [a, b] = [await worker({ claimBatch: 3, maxWorkers: 1 }), await worker({ claimBatch: 3, maxWorkers: 1 })]
    // Each is in the middle of it when the other comes to the same texts.
    const busy = [a, b].map(({ model }) => {
      const { open, opened } = gate()
      model.before = () => opened
      return open
    })
    const inputs = Array.from({ length: 30 }, (_, at) => ({ id: `d${at}`, text: `shared text ${at % 3}` }))
    await a.writer.putMany(scope, inputs, { embed: 'deferred' })
    const drains = [a, b].map(({ writer }) => writer.relay.drain(everything))
    await vi.waitFor(async () => {
      expect(a.embedded.length + b.embedded.length).toBeGreaterThan(0)
      const claims = await database().admin("SELECT DISTINCT token FROM headwater.claims WHERE 'vector' = ANY(targets)")
      expect(claims.rowCount).toBe(2)
    }, patience)
    for (const open of busy) open()
    for (const drain of drains) expect(await drain).toMatchObject({ remaining: 0 })
    expect([...a.embedded, ...b.embedded].sort()).toEqual([0, 1, 2].map((at) => `shared text ${at}`))
  })

  it('a text that a worker was embedding when it died is embedded by another after its lease', async () => {
    const [dead, other] = [await worker({ leaseMs: 1_000 }), await worker({ leaseMs: 1_000 })]
    dead.model.before = () => new Promise(() => undefined)
    await other.writer.put(scope, { id: 'a', text: 'shared text' }, { embed: 'deferred' })
    void dead.writer.relay.drain(everything).catch(() => undefined)
    await vi.waitFor(() => expect(dead.embedded).toEqual(['shared text']), patience)
    await other.writer.put(scope, { id: 'b', text: 'shared text' }, { embed: 'deferred' })
    await dead.connection.destroy()
    connections.shift()
    expect(await other.writer.relay.drain(everything)).toMatchObject({ remaining: 0 })
    expect(other.embedded).toEqual(['shared text'])
  })

  if (!hints) return
  it('a worker that hardly ever polls hears of a write elsewhere', async () => {
    const [listening, writing] = [await worker({ pollMs: lasting }), await worker()]
    const stop = running(listening.writer)
    const listeners =
      "SELECT FROM pg_stat_activity WHERE application_name = 'headwater listener' AND query LIKE 'NOTIFY%'"
    await vi.waitFor(async () => expect((await database().admin(listeners)).rowCount).toBe(1), patience)
    await writing.writer.put(scope, { id: 'a', text: 'some words' })
    await vi.waitFor(async () => expect((await writing.jobs.backlog()).oldestMs).toBeNull(), patience)
    expect(listening.applied).toEqual(['a'])
    await stop()
  })
})
