import pg from 'pg'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openStore } from '../../index'
import { PostgresConnection } from '../../src/connections/postgres/connection'
import { HeadwaterError } from '../../src/core/errors'
import type { JsonObject } from '../../src/core/json'
import { type ChannelEvents, type ChannelName, listen } from '../../src/observability/channels'
import { Policy } from '../../src/resilience/policy'
import type { TransactionHandle } from '../../src/tenant/transaction-handle'
import { createTestStore } from '../../src/testing'
import { FakeClock } from '../../src/testing/fake-clock'
import { createDatabase } from '../support/postgres'
import { startQdrantDouble } from '../support/qdrant-double'

function heard<N extends ChannelName>(name: N): ChannelEvents[N][] {
  const events: ChannelEvents[N][] = []
  onTestFinished(listen(name, (event) => events.push(event)))
  return events
}

async function open(options: Parameters<typeof createTestStore>[0] = {}) {
  const store = await createTestStore({ embedder: { hashing: { dimensions: 32 } }, ...options })
  onTestFinished(() => store.close())
  return { store, acme: store.forTenant('acme') }
}

const place = { tenant: 'acme', collection: 'documents' }
const call = { ...place, by: 'call' }
const well = { code: null, durationMs: expect.any(Number) }

describe('what is told', () => {
  it('headwater:call: a call to a store, well and failed', async () => {
    const calls = heard('headwater:call')
    const connection = new PostgresConnection({ embedded: { path: ':memory:' } })
    onTestFinished(() => connection.close())
    await connection.session({ worker: true }).query('SELECT 1')
    expect(calls).toContainEqual({ store: 'postgres', ...well })
    await connection
      .session({ worker: true })
      .query('SELECT nothing')
      .catch(() => undefined)
    expect(calls.at(-1)).toMatchObject({ store: 'postgres', code: expect.stringMatching(/^HW_/) })
  })

  it('headwater:breaker: open, tried, closed', async () => {
    const clock = new FakeClock()
    const policy = await Policy.create(
      'qdrant',
      { retry: { maxAttempts: 1 }, breaker: { minimumCalls: 2, window: 2 } },
      { clock },
    )
    const states = heard('headwater:breaker')
    const fail = () => Promise.reject(new HeadwaterError('HW_UNAVAILABLE', 'away'))
    for (let at = 0; at < 5; at++) await policy.call(fail, { idempotent: false }).catch(() => undefined)
    await clock.advance(60_000)
    await policy.call(async () => 1, { idempotent: false })
    expect(states.map(({ store, state }) => `${store} ${state}`)).toEqual([
      'qdrant open',
      'qdrant half-open',
      'qdrant closed',
    ])
  })

  it('headwater:write: written, unchanged, failed', async () => {
    const { acme } = await open()
    const writes = heard('headwater:write')
    await acme.documents.put({ id: 'a', text: 'some words' })
    await acme.documents.put({ id: 'a', text: 'some words' })
    await acme.documents.putMany([
      { id: 'a', text: 'some words' },
      { id: 'b', text: 'others' },
    ])
    await acme.documents.put({ id: 'a', text: 'new words' }, { ifVersion: 9 }).catch(() => undefined)
    expect(writes).toEqual([
      { ...call, ...well, written: 1, unchanged: 0, truncated: 0 },
      { ...call, ...well, written: 0, unchanged: 1, truncated: 0 },
      { ...call, ...well, written: 1, unchanged: 1, truncated: 0 },
      { ...call, ...well, written: 0, unchanged: 0, truncated: 0, code: 'HW_VERSION_CONFLICT' },
    ])
  })

  it('headwater:write of a transaction: after its commit, for each collection, and when it fails', async () => {
    const { acme } = await open({ collections: { documents: {}, notes: {} } } as object)
    await acme.documents.put({ id: 'b', text: 'there already' })
    const writes = heard('headwater:write')
    const during: number[] = []
    const transaction = { ...place, by: 'transaction' }
    await acme.transaction(async (inner) => {
      await inner.documents.put({ id: 'a', text: 'some words' })
      await inner.documents.put({ id: 'b', text: 'there already' })
      const { documents: notes } = (inner as unknown as TransactionHandle<{ notes: JsonObject }>).collection('notes')
      await notes.put({ id: 'n', text: 'a note' })
      await inner.documents.put({ id: 'a', text: 'x' }, { ifVersion: 9 }).catch(() => undefined)
      await inner.documents.delete('b')
      during.push(writes.length)
    })
    expect(during).toEqual([0])
    expect(writes.splice(0)).toEqual([
      { ...transaction, ...well, written: 2, unchanged: 1, truncated: 0 },
      { ...transaction, ...well, collection: 'notes', written: 1, unchanged: 0, truncated: 0 },
    ])
    const failing = acme.transaction(async (inner) => {
      await inner.documents.put({ id: 'c', text: 'never there' })
      throw new HeadwaterError('HW_LIMIT_EXCEEDED', 'on second thoughts')
    })
    await expect(failing).rejects.toThrow('on second thoughts')
    // What only reads is no write.
    await acme.transaction(async (inner) => inner.documents.get('a'))
    expect(writes).toEqual([
      { ...transaction, ...well, written: 0, unchanged: 0, truncated: 0, code: 'HW_LIMIT_EXCEEDED' },
    ])
  })

  it('headwater:write of using: with each receipt, before anybody knows of a commit', async () => {
    const database = await createDatabase()
    onTestFinished(() => database.drop())
    const double = await startQdrantDouble()
    onTestFinished(() => double.close())
    const store = await openStore({
      embedder: { hashing: { dimensions: 16 } },
      postgres: { url: database.url },
      qdrant: { url: double.url },
    })
    onTestFinished(() => store.close())
    const acme = store.forTenant('acme')
    const writes = heard('headwater:write')
    const client = new pg.Client({ connectionString: database.url })
    await client.connect()
    try {
      await client.query('BEGIN')
      const inner = acme.using(client)
      await inner.documents.put({ id: 'a', text: 'some words' })
      await inner.documents.put({ id: 'a', text: 'some words' })
      await inner.documents.patch('none', { title: 'x' }).catch(() => undefined)
      await client.query('ROLLBACK')
    } finally {
      await client.end()
    }
    const using = { ...place, by: 'using' }
    expect(writes).toEqual([
      { ...using, ...well, written: 1, unchanged: 0, truncated: 0 },
      { ...using, ...well, written: 0, unchanged: 1, truncated: 0 },
      { ...using, ...well, written: 0, unchanged: 0, truncated: 0, code: 'HW_NOT_FOUND' },
    ])
  })

  it('headwater:search: mode, hits and the legs that did not answer', async () => {
    const { store, acme } = await open()
    await acme.documents.put({ id: 'a', text: 'some words' })
    const searches = heard('headwater:search')
    await acme.search({ query: 'words' })
    store.faults.down('text')
    await acme.search({ query: 'words' }, {})
    await acme.search({ query: 'some words', mode: 'text' }).catch(() => undefined)
    expect(searches).toMatchObject([
      { ...place, ...well, mode: 'hybrid', hits: 1, degraded: [], cached: false },
      { ...place, ...well, mode: 'hybrid', hits: 1 },
      { ...place, mode: 'text' },
    ])
  })

  it('headwater:batch: inline and by the relay', async () => {
    const { store, acme } = await open()
    const batches = heard('headwater:batch')
    await acme.documents.put({ id: 'a', text: 'some words' })
    expect(batches).toContainEqual({ ...well, target: 'text', claimed: 1, applied: 1, failed: 0 })
    expect(batches).toContainEqual({ ...well, target: 'vector', claimed: 1, applied: 1, failed: 0 })
    batches.length = 0
    store.faults.down('text')
    await acme.documents.put({ id: 'b', text: 'other words' })
    expect(batches).toContainEqual({
      ...well,
      target: 'text',
      claimed: 1,
      applied: 0,
      failed: 0,
      code: 'HW_UNAVAILABLE',
    })
    store.faults.up('text')
    batches.length = 0
    await store.relay.drain()
    expect(batches).toContainEqual({ ...well, target: 'text', claimed: 1, applied: 1, failed: 0 })
  })

  it('headwater:parked: the document and its reason', async () => {
    const poison = (texts: readonly string[]) => {
      if (texts.some((text) => text.includes('poison'))) throw new HeadwaterError('HW_INVALID_DOCUMENT', 'not this')
      return texts.map(() => Float32Array.of(1, 0))
    }
    const { store, acme } = await open({
      relay: 'external',
      writer: { maxAttempts: 1 },
      embedder: {
        fingerprint: 'picky',
        dimensions: 2,
        maxTokens: 100,
        embed: async (texts: readonly string[]) => poison(texts),
      } as never,
    })
    const parked = heard('headwater:parked')
    await acme.documents.put({ id: 'bad', text: 'poison' })
    await store.relay.drain()
    expect(parked).toEqual([
      { ...place, document: 'bad', target: 'vector', reason: expect.stringContaining('HW_INVALID_DOCUMENT') },
    ])
  })

  it('headwater:backlog: with the heartbeat', async () => {
    const clock = new FakeClock()
    const { store, acme } = await open({ clock, relay: 'external' })
    store.faults.down('text')
    await acme.documents.put({ id: 'a', text: 'some words' })
    const backlogs = heard('headwater:backlog')
    const stop = new AbortController()
    const running = store.relay.run({ signal: stop.signal })
    await clock.advance(11_000)
    stop.abort()
    await clock.advance(0)
    await running
    expect(backlogs.length).toBeGreaterThanOrEqual(2)
    const last = backlogs.at(-1)!
    expect(last.waiting + last.claimed).toBe(1)
    expect(last).toMatchObject({ parked: 0, oldestAgeMs: expect.any(Number) })
  })

  it('headwater:rebuild: its phases, and its failure', async () => {
    const { store, acme } = await open()
    await acme.documents.put({ id: 'a', text: 'some words' })
    const steps = heard('headwater:rebuild')
    await store.rebuild({ target: 'text' })
    const of = { target: 'text', collection: 'documents', code: null, done: 1 }
    expect(steps).toEqual(['copy', 'verify', 'switch'].map((phase) => ({ ...of, phase })))
    store.faults.down('text')
    await store.rebuild({ target: 'text' }).catch(() => undefined)
    expect(steps.at(-1)).toMatchObject({ phase: 'failed', code: 'HW_UNAVAILABLE' })
  })

  it('headwater:reconcile: what was found', async () => {
    const { store, acme } = await open()
    await acme.documents.put({ id: 'a', text: 'some words' })
    const found = heard('headwater:reconcile')
    await store.reconcile({ target: 'text' })
    expect(found).toEqual([
      { ...well, checked: 1, missing: 0, stale: 0, orphaned: 0, foreign: 0, damaged: 0, repaired: 0 },
    ])
  })

  it("headwater:reconcile: a worker's sweep, and what it mended", async () => {
    const clock = new FakeClock()
    const { store, acme } = await open({ clock, relay: 'external', writer: { sweepMs: 3_600_000 } })
    await acme.documents.put({ id: 'a', text: 'some words' })
    await store.relay.drain()
    const found = heard('headwater:reconcile')
    const stop = new AbortController()
    const running = store.relay.run({ signal: stop.signal })
    await clock.advance(3_700_000)
    stop.abort()
    await clock.advance(0)
    await running
    expect(found.length).toBeGreaterThanOrEqual(2)
    expect(found).toContainEqual({
      ...well,
      checked: 1,
      missing: 0,
      stale: 0,
      orphaned: 0,
      foreign: 0,
      damaged: 0,
      repaired: 0,
    })
  })
})
