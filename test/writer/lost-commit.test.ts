import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openStore, type Store, type TenantHandle } from '../../index'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'
import { TcpProxy, type Verdict } from '../support/tcp-proxy'

/** COMMIT, and the marker of an attempt, which goes with the one statement of a write that is no more than that. */
const ends = [Buffer.from('COMMIT\0'), Buffer.from('attempt:')]
/** 'before': the server never hears of COMMIT; 'after': it commits, and its answer is lost. */
const moments = [
  ['before', 'cut-before'],
  ['after', 'cut-after'],
] as const

type Write = (acme: TenantHandle, key: { idempotencyKey?: string; timeoutMs?: number }) => Promise<{ version?: number }>

const writes: Readonly<Record<string, Write>> = {
  put: (acme, key) => acme.documents.put({ id: 'a', text: 'Changed words.' }, key),
  patch: (acme, key) => acme.documents.patch('a', { text: 'Changed words.' }, key),
  'puts of several callers': async (acme, key) => {
    const puts = ['a', 'b', 'c'].map((id) => acme.documents.put({ id, text: 'Changed words.' }, id === 'a' ? key : {}))
    const receipts = await Promise.all(puts)
    for (const { id } of receipts.slice(1)) expect((await acme.documents.get(id))?.text).toBe('Changed words.')
    return receipts[0]!
  },
  transaction: async (acme, key) =>
    (await acme.transaction((tx) => tx.documents.put({ id: 'a', text: 'Changed words.' }), key)).value,
  putMany: async (acme, key) => {
    const result = await acme.documents.putMany([{ id: 'a', text: 'Changed words.' }], key)
    expect(result).toMatchObject({ written: 1, failed: [] })
    return {}
  },
}

describeWithPgvector('a connection that is lost at COMMIT', () => {
  const database = useDatabase(() => pgvectorUrl()!)
  let proxy: TcpProxy
  let store: Store
  let tenants = 0

  beforeAll(async () => {
    proxy = await TcpProxy.to(database().url)
    store = await openStore({
      postgres: { url: proxy.url, max: 6, connectionTimeoutMs: 2_000, hints: false },
      embedder: { hashing: { dimensions: 16 } },
      // Nothing but the write at hand talks to the server.
      relay: 'external',
    })
  })
  afterAll(async () => {
    proxy.resume()
    await store.close()
    await proxy.close()
  })

  /** A tenant whose document is at version 1, with no job left. */
  async function prepared(): Promise<TenantHandle> {
    const acme = store.forTenant(`t${++tenants}`)
    await acme.documents.put({ id: 'a', text: 'First words.' })
    await store.relay.drain()
    return acme
  }

  /** Cuts at the `nth` COMMIT from now on, once; tells whether it came to that. */
  function cutAt(nth: number, verdict: Verdict, also?: () => void): () => boolean {
    let seen = 0
    proxy.onRequest = (bytes) => {
      for (const end of ends) for (let at = bytes.indexOf(end); at >= 0; at = bytes.indexOf(end, at + 1)) seen++
      if (seen < nth) return 'pass'
      proxy.onRequest = () => 'pass'
      also?.()
      return verdict
    }
    return () => seen >= nth
  }

  /** What the database says, past the proxy and past our code. */
  async function truth({ tenant }: TenantHandle) {
    const { rows } = await database().admin(
      `SELECT version::int, fence::float8, text, (SELECT count(*)::int FROM headwater.queue WHERE tenant = $1 AND document = 'a') AS jobs,
         (SELECT count(*)::int FROM headwater.chunks WHERE tenant = $1 AND document = 'a' AND removed_at IS NULL) AS chunks,
         (SELECT count(*)::int FROM headwater.commits WHERE tenant = $1 AND key LIKE 'key:%') AS keys
       FROM headwater.documents WHERE tenant = $1 AND id = 'a'`,
      [tenant],
    )
    expect(rows).toHaveLength(1)
    return rows[0]
  }

  describe.each(moments)('%s the server has it', (_, verdict) => {
    it.each(Object.keys(writes))('%s ends with the truth, whichever COMMIT it was', async (name) => {
      let cuts = 0
      for (const idempotencyKey of [undefined, 'key']) {
        for (let nth = 1; ; nth++) {
          const acme = await prepared()
          const wasCut = cutAt(nth, verdict)
          const receipt = await writes[name]!(acme, idempotencyKey === undefined ? {} : { idempotencyKey })
          proxy.resume()
          const stored = await truth(acme)
          expect(stored).toMatchObject({ version: 2, text: 'Changed words.', jobs: 2, chunks: 1 })
          if ('version' in receipt) expect(receipt).toMatchObject({ version: 2, fence: stored.fence, unchanged: false })
          if (idempotencyKey !== undefined) {
            // The answer to a repetition is the first one, although something else came in between.
            await acme.documents.put({ id: 'a', text: 'Later words.' })
            await writes[name]!(acme, { idempotencyKey })
            expect(await truth(acme)).toMatchObject({ version: 3, text: 'Later words.', keys: 1 })
          }
          if (!wasCut()) break
          cuts++
        }
      }
      // At least the write's own, with and without a key.
      expect(cuts).toBeGreaterThanOrEqual(2)
    })
  })

  describe.each([
    ...moments.map(([when, verdict]) => [when, verdict, 'refuse'] as const),
    ['and hangs before', 'swallow', 'stall'] as const,
  ])('the server stays away, %s it has it', (_, verdict, trouble) => {
    it.each(['put', 'transaction'])('%s is HW_COMMIT_UNKNOWN in time, and a repetition applies once', async (name) => {
      // The write's own COMMIT: the last one that it sends.
      let last = 0
      for (let nth = 1; last === 0; nth++) {
        const acme = await prepared()
        const wasCut = cutAt(nth, 'pass')
        await writes[name]!(acme, { idempotencyKey: 'key' })
        if (!wasCut()) last = nth - 1
      }
      const acme = await prepared()
      cutAt(last, verdict, () => setImmediate(() => proxy[trouble]()))
      const startedAt = performance.now()
      const error = await writes[name]!(acme, { idempotencyKey: 'key', timeoutMs: 1_500 }).then(
        (value) => expect.fail(`resolved with ${JSON.stringify(value)}`),
        (cause: unknown) => cause,
      )
      expect(error).toMatchObject({ code: 'HW_COMMIT_UNKNOWN', retryable: false, cause: expect.anything() })
      expect(performance.now() - startedAt).toBeLessThan(4_000)
      proxy.resume()
      const before = await truth(acme)
      expect(before.version).toBe(verdict === 'cut-after' ? 2 : 1)
      await expect.poll(() => acme.documents.get('a').then(Boolean, () => false), { timeout: 20_000 }).toBe(true)
      for (let turn = 0; turn < 2; turn++) {
        const repeated = await writes[name]!(acme, { idempotencyKey: 'key' })
        const after = await truth(acme)
        expect(after).toMatchObject({ version: 2, text: 'Changed words.', jobs: 2, keys: 1 })
        expect(repeated).toMatchObject({ version: 2, fence: after.fence })
      }
    })
  })
})
