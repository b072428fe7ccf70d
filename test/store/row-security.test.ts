import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openStore, type Store } from '../../index'
import { PostgresConnection } from '../../src/connections/postgres/connection'
import { quoteName } from '../../src/connections/postgres/row-security'
import { tenantId } from '../../src/core/ids'
import { decideRowSecurity } from '../../src/store/row-security'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'

const tenants = ['acme', 'globex'] as const

describeWithPgvector('row level security, asked in SQL', () => {
  const database = useDatabase(() => pgvectorUrl()!)
  const login = `hw_login_${process.pid}`
  let store: Store
  let connection: PostgresConnection
  let tables: string[]

  beforeAll(async () => {
    store = await openStore({
      postgres: { url: database().url },
      embedder: { hashing: { dimensions: 16 } },
      relay: 'external',
    })
    for (const name of tenants) {
      const tenant = store.forTenant(name)
      await tenant.documents.put({ id: 'applied', text: `Words of ${name}` }, { idempotencyKey: 'key' })
    }
    await store.relay.drain()
    // Rows of every kind: these leave their jobs.
    for (const name of tenants) await store.forTenant(name).documents.put({ id: 'waiting', text: `Words of ${name}` })
    // What only stands there while a blob is deleted, a text embedded or a job applied; and a log that nothing declares.
    for (const name of tenants) {
      await database().admin(
        `INSERT INTO headwater.audit (tenant, id, action, kind, name, key, version, content)
         VALUES ($1, 1, 'insert', 'document', 'documents', 'd', 1, '{}')`,
        [name],
      )
      await database().admin(`INSERT INTO headwater.audit_batches VALUES ($1, 1, 1, 'root', '', 'seal', 1)`, [name])
      await database().admin(`INSERT INTO headwater.audit_leaves VALUES ($1, 1, 1, 0, 'hash')`, [name])
      await database().admin(
        `INSERT INTO headwater.claims (token, tenant, collection, targets, epoch, created_at, lease_until, documents, marks,
           since, fence, first)
         VALUES ('token', $1, 'documents', '{text}', 1, now(), now() + interval '1 hour', '{d}', '{1}', '{0}', '{1}', '{1}')`,
        [name],
      )
      await database().admin(`INSERT INTO headwater.blob_removals VALUES ($1, 'key', 1)`, [name])
      await database().admin(`INSERT INTO headwater.embedding_reservations VALUES ($1, 'space', 'hash', 'me', now())`, [
        name,
      ])
    }
    connection = new PostgresConnection({ url: database().url, max: 4 })
    expect(await decideRowSecurity(connection, 'headwater')).toEqual([])
    const { rows } = await database().admin(
      `SELECT c.table_name AS name FROM information_schema.columns c JOIN information_schema.tables t
         USING (table_schema, table_name)
       WHERE c.table_schema = 'headwater' AND c.column_name = 'tenant' AND t.table_type = 'BASE TABLE' ORDER BY 1`,
    )
    tables = rows.map((row) => String(row.name))
    await database().admin(
      `CREATE ROLE ${login} LOGIN PASSWORD 'secret' IN ROLE ${quoteName(connection.security.appRole!)}`,
    )
  })
  afterAll(async () => {
    await store?.close()
    await connection?.destroy()
    await database().admin(`DROP OWNED BY ${login}; DROP ROLE ${login}`)
  })

  const refused = { code: 'HW_UNAUTHORIZED', details: { sqlState: '42501' } }
  const session = (name: string) => connection.session({ tenant: tenantId(name) })
  const table = (name: string) => `headwater.${quoteName(name)}`

  it('holds for tables of the truth, of vectors and of texts', () => {
    expect(tables).toEqual(expect.arrayContaining(['documents', 'chunks', 'embeddings', 'queue', 'claims', 'commits']))
    for (const kind of [/^vector_.*_\d+|^vector_/, /^text_.*_postings$/, /^text_.*_segments$/, /^text_/]) {
      expect(tables.filter((name) => kind.test(name)).length).toBeGreaterThan(0)
    }
  })

  it('is forced on each of them', async () => {
    const { rows } = await database().admin(
      `SELECT relname, relrowsecurity AND relforcerowsecurity AS forced FROM pg_class
       WHERE relnamespace = 'headwater'::regnamespace AND relname = ANY($1)`,
      [tables],
    )
    expect(rows).toHaveLength(tables.length)
    for (const row of rows) expect(row).toMatchObject({ forced: true })
  })

  it('lets tenants leave errands, and read none', async () => {
    expect(tables).toContain('errands')
    await expect(session('acme').query('SELECT * FROM headwater.errands')).rejects.toMatchObject(refused)
  })

  it('shows a tenant its own rows of every other table, and nobody any without a tenant', async () => {
    for (const name of tables) {
      if (name === 'errands') continue
      const all = await database().admin(`SELECT count(*)::int AS count FROM ${table(name)}`)
      let together = 0
      for (const tenant of tenants) {
        const { rows } = await session(tenant).query<{ tenant: string; count: number }>(
          `SELECT tenant, count(*)::int AS count FROM ${table(name)} GROUP BY tenant`,
        )
        expect(rows, name).toEqual([{ tenant, count: expect.any(Number) }])
        together += rows[0]!.count
      }
      expect(together, name).toBe(all.rows[0].count)
      const { rows } = await session('nobody').query(`SELECT * FROM ${table(name)}`)
      expect(rows, name).toEqual([])
      const client = new pg.Client({ connectionString: database().urlAs(login, 'secret') })
      await client.connect()
      expect((await client.query(`SELECT * FROM ${table(name)}`)).rows, name).toEqual([])
      await client.end()
    }
  })

  it('refuses a row of another tenant, and reaches none to change or delete', async () => {
    for (const name of tables) {
      const given = await database().admin(
        `SELECT string_agg(quote_ident(column_name), ', ') AS columns FROM information_schema.columns
         WHERE table_schema = 'headwater' AND table_name = $1 AND column_name <> 'tenant'`,
        [name],
      )
      const columns: string = given.rows[0].columns
      // A copy of a row of one's own under another's name, as whole as any.
      const copy = `INSERT INTO ${table(name)} (tenant, ${columns}) SELECT 'globex', ${columns} FROM ${table(name)} LIMIT 1`
      await expect(session('acme').query(copy), name).rejects.toMatchObject(refused)
      await expect(session('acme').query(`UPDATE ${table(name)} SET tenant = 'globex'`), name).rejects.toMatchObject(
        refused,
      )
      const before = await database().admin(`SELECT count(*)::int AS count FROM ${table(name)} WHERE tenant = 'globex'`)
      await connection
        .transaction({ tenant: tenantId('acme') }, async (tx) => {
          const changed = await tx.query(`UPDATE ${table(name)} SET tenant = tenant WHERE tenant = 'globex'`)
          expect(changed.rowCount, name).toBe(0)
          await tx.query(`DELETE FROM ${table(name)}`)
          const left = await tx.query(`SELECT FROM ${table(name)}`)
          expect(left.rowCount, name).toBe(0)
          throw new RangeError('undone')
        })
        // Or the role may not even try: tenants delete no rows of most tables, and write none of an index.
        .catch((error) => error instanceof RangeError || expect(error, name).toMatchObject(refused))
      const after = await database().admin(`SELECT count(*)::int AS count FROM ${table(name)} WHERE tenant = 'globex'`)
      expect(after.rows, name).toEqual(before.rows)
    }
  })

  it("holds in a caller's transaction whose login is under the policies, for two tenants in turn", async () => {
    const client = new pg.Client({ connectionString: database().urlAs(login, 'secret') })
    await client.connect()
    try {
      await client.query('BEGIN')
      const [acme, globex] = tenants.map((name) => store.forTenant(name).using(client).documents)
      await acme!.put({ id: 'first', text: 'first of acme' })
      await globex!.put({ id: 'first', text: 'first of globex' })
      await acme!.put({ id: 'second', text: 'second of acme' })
      expect((await globex!.get('first'))!.text).toBe('first of globex')
      expect((await acme!.get('first'))!.text).toBe('first of acme')
      await client.query('SAVEPOINT here')
      await globex!.put({ id: 'undone', text: 'undone' })
      await client.query('ROLLBACK TO SAVEPOINT here')
      expect((await acme!.get('second'))!.text).toBe('second of acme')
      expect(await globex!.get('undone')).toBeNull()
      expect((await client.query('SELECT current_user AS who')).rows).toEqual([{ who: login }])
      await client.query('COMMIT')
    } finally {
      await client.end()
    }
    expect((await store.forTenant('acme').documents.get('second'))!.version).toBe(1)
    expect(await store.forTenant('globex').documents.get('second')).toBeNull()
  })

  it('is off only when asked so, and health says it', async () => {
    const open = await openStore({
      postgres: { url: database().url, rowLevelSecurity: 'off' },
      embedder: { hashing: { dimensions: 16 } },
      relay: 'external',
    })
    expect((await open.health()).notices.join()).toMatch(/row level security/i)
    await open.close()
  })
})
