import { Redis } from 'ioredis'
import pg from 'pg'
import { afterEach, expect, it } from 'vitest'
import { openStore, type Store } from '../../index'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'
import { describeWithRedis, freshPrefix } from '../support/redis'

const embedder = { hashing: { dimensions: 16 } } as const

describeWithPgvector('health asks as users do', () => {
  const database = useDatabase(() => pgvectorUrl()!)
  let store: Store
  afterEach(() => store.close())

  it('names each index that refuses the role of tenants, though the login may all', async () => {
    store = await openStore({ postgres: { url: database().url }, embedder })
    await store.forTenant('acme').documents.put({ id: 'a', text: 'a fox' })
    expect(await store.health()).toMatchObject({ status: 'ok', degraded: [] })
    const client = new pg.Client({ connectionString: database().url })
    await client.connect()
    const { rows } = await client.query(`SELECT tablename FROM pg_tables WHERE schemaname = 'headwater'`)
    const vectors = rows.map(({ tablename }) => tablename).find((name: string) => /vector_documents/.test(name))
    await client.query(`REVOKE ALL ON headwater."${vectors}" FROM headwater_app`)
    const refused = await store.health()
    expect(refused).toMatchObject({
      status: 'degraded',
      degraded: [
        { what: expect.stringContaining('vector_documents'), meaning: expect.stringContaining('HW_UNAUTHORIZED') },
      ],
    })
    await expect(store.forTenant('acme').search({ query: 'fox', mode: 'vector' })).rejects.toMatchObject({
      code: 'HW_UNAUTHORIZED',
    })
    await client.query('REVOKE ALL ON headwater.documents FROM headwater_app')
    expect((await store.health()).degraded).toContainEqual(expect.objectContaining({ what: 'postgres' }))
    await client.end()
  })
})

describeWithRedis('health of a Redis that refuses scripts', (redis) => {
  it('says so, though it answers', async () => {
    const raw = redis().raw
    await raw.call('ACL', 'SETUSER', 'limited', 'on', '>pw', '~*', '+@all', '-@scripting')
    const url = new URL(redis().url)
    url.username = 'limited'
    url.password = 'pw'
    const store = await openStore({
      embedded: { path: ':memory:' },
      redis: { url: url.href, cache: { prefix: freshPrefix() } },
      embedder,
    })
    expect(await store.health()).toMatchObject({
      status: 'degraded',
      degraded: [{ what: 'redis', meaning: expect.stringContaining('HW_UNAUTHORIZED') }],
    })
    expect(raw).toBeInstanceOf(Redis)
    await store.close()
    await raw.call('ACL', 'DELUSER', 'limited')
  })
})
