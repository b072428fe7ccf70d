import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { openStore, type Store } from '../../index'
import { describeFullProfile } from '../support/full-profile'
import { TcpProxy } from '../support/tcp-proxy'
import { settled } from './leftovers'
import { networkFaults } from './network-faults'

const names = ['qdrant', 'elasticsearch', 'redis', 's3'] as const
type Name = (typeof names)[number]
/** The leg of a hybrid search that stands on a store. */
const legs: Readonly<Partial<Record<Name, string>>> = { qdrant: 'vector', elasticsearch: 'text' }
const faults = networkFaults.filter(({ how }) => ['refuses', 'stalls'].includes(how))
const cases = names.flatMap((name) => faults.map((fault) => ({ name, ...fault })))

describeFullProfile('one store of the full profile fails, the others go on', (profile) => {
  const proxies = {} as Record<Name, TcpProxy>
  let store: Store
  beforeAll(async () => {
    const { postgres, qdrant, elasticsearch, redis, s3 } = profile.options()
    const urls = {
      qdrant: qdrant!.url!,
      elasticsearch: elasticsearch!.url!,
      redis: (redis as { url: string }).url,
      s3: s3!.endpoint!,
    }
    for (const name of names) proxies[name] = await TcpProxy.to(urls[name])
    const policy = { breaker: { minimumCalls: 3, window: 4, openMs: 300, maxOpenMs: 300 }, retry: { maxAttempts: 1 } }
    store = await openStore({
      embedder: { hashing: { dimensions: 16 } },
      postgres,
      qdrant: { ...qdrant, ...policy, url: proxies.qdrant.url },
      elasticsearch: { ...elasticsearch, ...policy, url: proxies.elasticsearch.url, texts: { analysis: 'library' } },
      redis: { ...redis, ...policy, url: proxies.redis.url, commandTimeoutMs: 200 },
      s3: { ...s3, ...policy, endpoint: new URL(proxies.s3.url).origin },
      writer: { inlineTimeoutMs: 200, pollMs: 50, backoffMs: 20, backoffMaxMs: 100 },
    })
  })
  afterAll(async () => {
    await store?.close()
    await settled(() => {
      for (const name of names) expect(proxies[name].open, name).toBe(0)
    })
    for (const name of names) await proxies[name].close()
  })

  const heal = (): void => {
    for (const name of names) {
      proxies[name].cut()
      proxies[name].resume()
    }
  }
  afterEach(heal)

  it.each(cases)('$name $how', async ({ name, how, begin }) => {
    const acme = store.forTenant(`${name}-${how}`)
    const leg = legs[name]
    // A leg that does not answer is not waited for; those that do are given time on a machine under load.
    const patience = { legTimeoutMs: leg ? 400 : 2_000 }
    const ids = async (mode: 'text' | 'vector') =>
      (await acme.search({ query: 'parental leave', mode, limit: 10 })).hits.map(({ documentId }) => documentId).sort()
    await acme.documents.putMany(['kept', 'gone', 'changed'].map((id) => ({ id, text: `Parental leave of ${id}.` })))
    await store.relay.drain()
    // Each leg by itself: Elasticsearch shows a write after its next refresh only.
    await settled(async () => {
      for (const mode of ['text', 'vector'] as const) expect(await ids(mode)).toEqual(['changed', 'gone', 'kept'])
    })

    begin(proxies[name])
    await acme.documents.put({ id: 'new', text: 'Parental leave of new.' })
    await acme.documents.patch('changed', { title: 'Changed' })
    await acme.documents.delete('gone')
    expect(await acme.documents.get('gone')).toBeNull()
    expect(await acme.documents.get('new')).toMatchObject({ version: 1 })
    expect(await acme.documents.get('changed')).toMatchObject({ title: 'Changed', version: 2 })

    for (let call = 0; call < 4; call++) {
      const page = await acme.search({ query: `leave ${call}`, limit: 10 }, patience)
      expect(page.degraded.map((one) => one.leg)).toEqual(leg ? [leg] : [])
      expect(page.hits.map(({ documentId }) => documentId)).not.toContain('gone')
      expect(page.hits.map(({ documentId }) => documentId)).toContain('kept')
      expect(await acme.cache.getOrLoad(`k${call}`, async () => call)).toBe(call)
      const put = acme.blobs.put(`blob ${call}`, { timeoutMs: name === 's3' ? 150 : 20_000 })
      if (name === 's3') await expect(put).rejects.toMatchObject({ name: 'HeadwaterError', retryable: true })
      else await put
    }
    const ill = await store.health({ timeoutMs: 1_000 })
    expect(ill).toMatchObject({ status: 'degraded', connections: { [name]: { status: 'down' } } })
    expect(ill.degraded.map(({ what }) => what)).toContain(name)
    // A call that its caller gave less than a second tells nothing of a stall; Redis is judged by its own timeout.
    if (how !== 'stalls' || name === 'redis') expect(ill.connections[name]?.['breaker']).not.toBe('closed')
    for (const other of ['postgres', ...names].filter((one) => one !== name)) {
      expect(ill.connections[other], other).toMatchObject({ breaker: 'closed', errorCode: null })
    }

    heal()
    await settled(async () => {
      await acme.blobs.put('healed')
      await acme.cache.set('healed', true)
      expect(await acme.cache.get('healed')).toBe(true)
      expect(await store.relay.drain({ timeoutMs: 5_000 })).toMatchObject({ parked: 0, remaining: 0 })
      const page = await acme.search({ query: 'parental leave', limit: 10 })
      expect(page.degraded).toEqual([])
      expect(page.hits.map(({ documentId }) => documentId).sort()).toEqual(['changed', 'kept', 'new'])
    }, 15_000)
    const equal = { missing: 0, stale: 0, orphaned: 0, foreign: 0 }
    expect(await store.reconcile({ deep: true })).toMatchObject(equal)
    await settled(async () => {
      const well = await store.health()
      for (const one of ['postgres', ...names]) expect(well.connections[one], one).toMatchObject({ breaker: 'closed' })
      expect(well).toMatchObject({ status: 'ok', degraded: [] })
    })
  })

  describe('input that one store would choke on', () => {
    it('one poison document among 500 is refused by itself', async () => {
      const bulk = store.forTenant('bulk')
      const documents = Array.from({ length: 500 }, (_, at) => ({
        id: `d${at}`,
        text: `Bulk document number ${at}.`,
        // One key of many types, and one value that is none.
        metadata: { key: at === 250 ? Number.NaN : at % 3 === 0 ? at : at % 3 === 1 ? `text ${at}` : [true, 'x'] },
      }))
      const result = await bulk.documents.putMany(documents)
      expect(result).toMatchObject({ written: 499, failed: [{ id: 'd250', error: { code: 'HW_INVALID_METADATA' } }] })
      expect(await store.relay.drain()).toMatchObject({ parked: 0, remaining: 0 })
      for (const [filter, id] of [
        [{ key: 3 }, 'd3'],
        [{ key: 'text 4' }, 'd4'],
        [{ key: true, $id: 'd5' }, 'd5'],
      ] as const) {
        const page = await bulk.search({ query: 'bulk document', filter, limit: 5 })
        expect(page.degraded).toEqual([])
        expect(page.hits.map(({ documentId }) => documentId)).toEqual([id])
      }
    })
  })
})
