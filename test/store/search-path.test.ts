import { PGlite } from '@electric-sql/pglite'
import { createPgConfig } from '@electric-sql/pglite/node-postgres'
import { vector } from '@electric-sql/pglite-pgvector'
import pg from 'pg'
import { afterAll, describe, expect, it } from 'vitest'
import { openStore, type StoreOptions } from '../../index'
import { migrate, migrationStatus } from '../../src/migrations'
import { planted } from '../support/planted'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'

/** Everything that a store does with Postgres, once. */
async function useAll(postgres: NonNullable<StoreOptions['postgres']>): Promise<void> {
  const store = await openStore({ postgres, embedder: { hashing: { dimensions: 32 } }, relay: 'external' })
  try {
    const acme = store.forTenant('acme')
    await acme.documents.put({ id: 'a', text: 'Parental leave is long.', metadata: { year: 2020, tags: ['x', 'y'] } })
    await acme.documents.putMany([{ id: 'b', text: 'More words.', metadata: { year: 2021 } }])
    await acme.documents.patch('a', { title: 'Leave' })
    await store.relay.drain({ timeoutMs: 20_000 })
    for (const filter of [
      { year: { gt: 3000 } },
      { year: 1999 },
      { 'tags.x': { exists: true } },
      { $version: { gt: 9 } },
    ]) {
      expect((await acme.documents.list({ filter })).items, JSON.stringify(filter)).toEqual([])
      expect((await acme.search({ query: 'leave', filter })).hits, JSON.stringify(filter)).toEqual([])
    }
    expect((await acme.search({ query: 'parental leave' })).hits[0]).toMatchObject({ documentId: 'a' })
    expect((await acme.search({ query: 'parental leave' })).degraded).toEqual([])
    await acme.similar('a')
    for (const target of ['vector', 'text'] as const) {
      await store.rebuild({ target })
      expect(await store.reconcile({ target })).toMatchObject({ missing: 0, stale: 0, orphaned: 0, foreign: 0 })
    }
    await acme.transaction(async (tx) => void (await tx.documents.delete('b')))
    await store.relay.drain({ timeoutMs: 20_000 })
    await store.health()
    await store.restored()
  } finally {
    await store.close()
  }
}

describeWithPgvector('whoever may create in a schema of the path', () => {
  const database = useDatabase(() => pgvectorUrl()!)
  const loot = async () => (await database().admin('SELECT DISTINCT what FROM public.loot')).rows

  it('decides nothing of what a store means: opening, migrating, writing, filters, rebuilding', async () => {
    await database().admin(planted('public'))
    // The worst path there is: whatever is planted comes before the server's own.
    await database().admin(`ALTER DATABASE ${database().name} SET search_path TO public, pg_catalog`)
    const pool = new pg.Pool({ connectionString: database().url, max: 4 })
    try {
      for (const schema of ['by_url', 'by_pool', 'pooled']) await migrate({ url: database().url }, { schema })
      expect((await migrationStatus({ pool }, { schema: 'by_pool' })).pending).toEqual([])
      await useAll({ url: database().url, schema: 'by_url' })
      await useAll({ pool, schema: 'by_pool' })
      await useAll({ url: database().url, schema: 'pooled', startupParameters: false })
      const { url } = database()
      await useAll({
        url: `${url}?options=${encodeURIComponent('-c search_path=public,pg_catalog')}`,
        schema: 'by_url',
      })
    } finally {
      await pool.end()
    }
    expect(await loot()).toEqual([])
  })

  it('the planted are found by whom nobody guards', async () => {
    await database().admin('SELECT hashtext($1::text)', ['x'])
    expect(await loot()).toEqual([{ what: 'hashtext(text)' }])
  })
})

describe('in PGlite', () => {
  const databases: PGlite[] = []
  afterAll(() => Promise.all(databases.map((one) => one.close())))

  it('decides nothing either', async () => {
    const lite = await PGlite.create({ extensions: { vector } })
    databases.push(lite)
    await lite.exec(planted('public'))
    class Client extends pg.Client {
      constructor(config?: object) {
        super({ ...config, ...createPgConfig(lite) })
      }
    }
    const pool = new pg.Pool({
      Client,
      max: 1,
      onConnect: (client) => client.query('ROLLBACK; DEALLOCATE ALL; SET search_path TO public, pg_catalog'),
    })
    try {
      await useAll({ pool })
    } finally {
      await pool.end()
    }
    expect((await lite.query('SELECT DISTINCT what FROM public.loot')).rows).toEqual([])
  })
})
