import { CamelCasePlugin, Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { expect, it } from 'vitest'
import { openStore, type Store } from '../../../index'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../../support/postgres'

/** What an application has done to the clients that it shares with the store. */
describeWithPgvector('clients of the application', () => {
  const database = useDatabase(() => pgvectorUrl()!)

  const oids = { boolean: 16, bytea: 17, integer: 23, 'text[]': 1009, timestamptz: 1184, jsonb: 3802 }
  const before = new Map(Object.values(oids).map((oid) => [oid, pg.types.getTypeParser(oid, 'text')]))
  /** As of an application that wants everything as text. */
  async function withGlobalParsers<T>(work: () => Promise<T>): Promise<T> {
    for (const oid of before.keys()) pg.types.setTypeParser(oid, (text: string) => text)
    try {
      return await work()
    } finally {
      for (const [oid, parse] of before) pg.types.setTypeParser(oid, parse)
    }
  }
  async function use(store: Store, id: string): Promise<void> {
    const acme = store.forTenant('acme')
    const metadata = { tags: ['a', 'b'], open: true }
    await acme.waitFor(await acme.documents.put({ id, text: 'parental leave', metadata }))
    expect(await acme.documents.get(id)).toMatchObject({ metadata, updatedAt: expect.any(Date) })
    expect((await acme.search({ query: 'parental', diversity: 0.3 })).hits[0]?.metadata).toEqual(metadata)
  }

  it('parsers that it sets for all of pg reach no pool of ours', async () => {
    await withGlobalParsers(async () => {
      const store = await openStore({ postgres: { url: database().url }, embedder: { hashing: {} } })
      await use(store, 'own').finally(() => store.close())
    })
  })

  it('nor the statements of ours on a pool of its own, nor in its transaction', async () => {
    await withGlobalParsers(async () => {
      const pool = new pg.Pool({ connectionString: database().url })
      const store = await openStore({ postgres: { pool }, embedder: { hashing: {} } })
      try {
        await use(store, 'theirs')
        const client = await pool.connect()
        await client.query('BEGIN')
        const { documents } = store.forTenant('acme').using(client)
        await documents.put({ id: 'in', text: 'within', metadata: { list: [1, 2] } })
        expect(await documents.get('in')).toMatchObject({ metadata: { list: [1, 2] } })
        await client.query('COMMIT')
        client.release()
      } finally {
        await store.close()
        await pool.end()
      }
    })
  })

  it('plugins of a Kysely rename nothing of ours', async () => {
    const pool = new pg.Pool({ connectionString: database().url })
    const db = new Kysely<object>({ dialect: new PostgresDialect({ pool }), plugins: [new CamelCasePlugin()] })
    const store = await openStore({ postgres: { url: database().url }, embedder: { hashing: {} } })
    try {
      await db.transaction().execute(async (trx) => {
        const { documents } = store.forTenant('acme').using(trx)
        const receipt = await documents.put({ id: 'camel', text: 'renamed' })
        expect(receipt).toMatchObject({ id: 'camel', version: 1 })
        expect(await documents.get('camel')).toMatchObject({ version: 1, contentType: expect.any(String) })
      })
      expect(await store.forTenant('acme').documents.get('camel')).toMatchObject({ version: 1 })
    } finally {
      await store.close()
      await db.destroy()
    }
  })

  it('a manager that answers [rows, count] to what changes rows, as TypeORM’s does, is understood', async () => {
    const client = new pg.Client({ connectionString: database().url })
    await client.connect()
    const store = await openStore({ postgres: { url: database().url }, embedder: { hashing: {} } })
    try {
      await client.query('BEGIN')
      const manager = {
        async query(text: string, values?: unknown[]): Promise<unknown> {
          const { rows, rowCount, command } = await client.query(text, values)
          return command === 'UPDATE' || command === 'DELETE' ? [rows, rowCount] : rows
        },
      }
      const { documents } = store.forTenant('acme').using(manager)
      await documents.put({ id: 'orm', text: 'one' })
      expect(await documents.put({ id: 'orm', text: 'two' })).toMatchObject({ version: 2 })
      expect(await documents.delete('orm')).toMatchObject({ id: 'orm' })
      await client.query('COMMIT')
      expect(await store.forTenant('acme').documents.get('orm')).toBeNull()
    } finally {
      await store.close()
      await client.end()
    }
  })

  it.each<[string, (result: pg.QueryResult) => unknown]>([
    ['rows alone', ({ rows }) => rows],
    ['{ rows }', ({ rows }) => ({ rows })],
    ['nothing of what changes rows', ({ rows, command }) => (command === 'SELECT' ? { rows } : undefined)],
  ])('an adapter that answers %s, and no count, is refused before anything is written', async (_, answer) => {
    const client = new pg.Client({ connectionString: database().url })
    await client.connect()
    const store = await openStore({ postgres: { url: database().url }, embedder: { hashing: {} } })
    try {
      await client.query('BEGIN')
      const query = async (text: string, values?: unknown[]) => answer(await client.query(text, values))
      const { documents } = store.forTenant('acme').using({ query })
      await expect(documents.put({ id: 'uncounted', text: 'one' })).rejects.toMatchObject({
        code: 'HW_INVALID_ARGUMENT',
        path: 'transaction',
        message: expect.stringContaining('let it return { rows, rowCount }'),
      })
      // The transaction goes on, with an adapter that counts.
      const counting = store.forTenant('acme').using({ query: (text, values) => client.query(text, values) })
      expect(await counting.documents.put({ id: 'counted', text: 'one' })).toMatchObject({ version: 1 })
      await client.query('COMMIT')
      expect(await store.forTenant('acme').documents.get('uncounted')).toBeNull()
    } finally {
      await store.close()
      await client.end()
    }
  })

  it.each([
    'postgres://app:s3cret@tail#x@127.0.0.1:5432/app',
    'postgres://app:12/s3cret@127.0.0.1/app',
    'postgres://app:12?s3cret@127.0.0.1/app',
  ])('%s: a password that tears the URL is refused, and not shown', async (url) => {
    const error = await openStore({ postgres: { url }, embedder: { hashing: {} } }).catch((caught) => caught)
    expect(error).toMatchObject({ code: 'HW_INVALID_OPTIONS', path: 'postgres.url' })
    expect(error.message).toContain('%23')
    expect(error.message).not.toMatch(/s3cret|tail/)
  })
})
