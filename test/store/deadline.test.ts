import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openStore, type Receipt, type Store } from '../../index'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'
import { TcpProxy } from '../support/tcp-proxy'

type Call = (store: Store, receipt: Receipt, options: { timeoutMs: number }) => Promise<unknown>

const documentsOf = (store: Store) => store.forTenant('acme').documents
const document = { id: 'late', text: 'Words that come too late.' }

const calls: Readonly<Record<string, Call>> = {
  put: (store, _, options) => documentsOf(store).put(document, options),
  'put under a key': (store, _, options) => documentsOf(store).put(document, { ...options, idempotencyKey: 'key' }),
  putMany: (store, _, options) => documentsOf(store).putMany([document], options),
  patch: (store, _, options) => documentsOf(store).patch('a', { title: 'late' }, options),
  delete: (store, _, options) => documentsOf(store).delete('a', options),
  deleteMany: (store, _, options) => documentsOf(store).deleteMany(['a'], options),
  deleteWhere: (store, _, options) => documentsOf(store).deleteWhere({}, options),
  get: (store, _, options) => documentsOf(store).get('a', options),
  'get after': (store, receipt, options) => documentsOf(store).get('a', { ...options, after: receipt }),
  getMany: (store, _, options) => documentsOf(store).getMany(['a'], options),
  chunks: (store, _, options) => documentsOf(store).chunks('a', options),
  list: (store, _, options) => documentsOf(store).list({}, options),
  count: (store, _, options) => documentsOf(store).count(undefined, options),
  countChunks: (store, _, options) => documentsOf(store).countChunks(options),
  search: (store, _, options) => store.forTenant('acme').search({ query: 'words' }, options),
  'search after': (store, receipt, options) =>
    store.forTenant('acme').search({ query: 'words' }, { ...options, after: receipt }),
  waitFor: (store, receipt, options) => store.forTenant('acme').waitFor(receipt, options),
  'waitFor a caller’s commit': (store, receipt, options) =>
    store.forTenant('acme').waitFor({ ...receipt, commit: 'attempt:x' }, options),
  transaction: (store, _, options) =>
    store.forTenant('acme').transaction(async (tx) => tx.documents.put(document), options),
  reconcile: (store, _, options) => store.reconcile(options),
  rebuild: (store, _, options) => store.rebuild({ target: 'vector', ...options }),
  rollback: (store, _, options) => store.rollback({ target: 'vector', ...options }),
  dropStandby: (store, _, options) => store.dropStandby({ target: 'vector', ...options }),
}

const timeoutMs = 300
/** What a call may take beyond its deadline on a machine that is busy, ms. */
const slackMs = 2_000

describeWithPgvector('deadlines, where Postgres does not answer', () => {
  const database = useDatabase(() => pgvectorUrl()!)

  describe.each(['hung server', 'busy pool of one'])('%s', (kind) => {
    let proxy: TcpProxy
    let pool: pg.Pool | undefined
    let store: Store
    let receipt: Receipt
    let free = (): void => {}

    beforeAll(async () => {
      proxy = await TcpProxy.to(database().url)
      pool = kind === 'hung server' ? undefined : new pg.Pool({ connectionString: proxy.url, max: 1 })
      store = await openStore({
        postgres: pool ? { pool } : { url: proxy.url, max: 4 },
        embedder: { hashing: { dimensions: 16 } },
        relay: 'external',
      })
      receipt = await documentsOf(store).put({ id: 'a', text: 'Words.' })
      if (pool) {
        const client = await pool.connect()
        free = () => client.release()
      } else proxy.stall()
    })
    afterAll(async () => {
      free()
      proxy.resume()
      proxy.cut()
      await store.close()
      await pool?.end()
      await proxy.close()
    })

    it.each(Object.keys(calls))('%s', async (name) => {
      const startedAt = performance.now()
      const error = await calls[name]!(store, receipt, { timeoutMs }).then(
        (value) => expect.fail(`resolved with ${JSON.stringify(value)}`),
        (cause: unknown) => cause,
      )
      expect(performance.now() - startedAt).toBeLessThan(timeoutMs + slackMs)
      expect((error as { code: string }).code).toMatch(/^HW_(TIMEOUT|UNAVAILABLE|CIRCUIT_OPEN)$/)
    })

    it('health says that it is down, in time', async () => {
      const startedAt = performance.now()
      expect(await store.health({ timeoutMs })).toMatchObject({ status: 'down', backlog: null, workers: 0 })
      expect(performance.now() - startedAt).toBeLessThan(timeoutMs + slackMs)
    })
  })
})
