import { expect, it } from 'vitest'
import { openStore } from '../../index'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'

const embedder = { hashing: { dimensions: 16 } }

describeWithPgvector('a Postgres that refuses writes alone', () => {
  const database = useDatabase(() => pgvectorUrl()!)

  /** As a failover does it: the sessions end, and the new ones may only read. */
  async function readOnly(on: boolean): Promise<void> {
    const name = new URL(database().url).pathname.slice(1)
    const change = on ? 'SET default_transaction_read_only = on' : 'RESET default_transaction_read_only'
    await database().admin(`BEGIN READ WRITE; ALTER DATABASE "${name}" ${change}; COMMIT`)
    await database().admin(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}' AND pid <> pg_backend_pid()`,
    )
  }

  it('reads and searches go on however many writes are refused, also at an opening, and writes come back', async () => {
    const options = {
      postgres: { url: database().url, max: 4, breaker: { openMs: 60_000, minimumCalls: 5 } },
      embedder,
      logger: { debug() {}, info() {}, warn() {}, error() {} },
    }
    const store = await openStore(options)
    const acme = store.forTenant('acme')
    await acme.documents.put({ id: 'a', text: 'a brown fox' })
    await readOnly(true)

    for (let turn = 0; turn < 8; turn++) {
      const put = acme.documents.put({ id: `b${turn}`, text: 'another fox' }, { timeoutMs: 5_000 })
      await expect(put).rejects.toMatchObject({ code: 'HW_UNAVAILABLE', details: { sqlState: '25006' } })
      expect((await acme.documents.get('a'))?.text).toBe('a brown fox')
    }
    const page = await acme.search({ query: 'fox' })
    expect(page).toMatchObject({ hits: [{ documentId: 'a' }], degraded: [] })
    const health = await store.health()
    expect(health).toMatchObject({
      status: 'degraded',
      connections: { postgres: { readOnly: true, breaker: 'closed' } },
    })
    expect(health.degraded).toMatchObject([{ what: 'postgres', meaning: expect.stringContaining('read-only') }])
    const second = await openStore(options)
    expect(await second.forTenant('acme').documents.count()).toBe(1)
    await second.close()

    await readOnly(false)
    await expect.poll(() => acme.documents.put({ id: 'c', text: 'a late fox' }).then(() => 'put', String)).toBe('put')
    expect((await store.health()).status).toBe('ok')
    await store.close()
  }, 60_000)
})
