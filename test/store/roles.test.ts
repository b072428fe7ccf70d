import { afterAll, beforeAll, expect, it } from 'vitest'
import { openStore, type Store, type StoreOptions } from '../../index'
import { createDatabase, describeWithPgvector, pgvectorUrl, type TestDatabase, useDatabase } from '../support/postgres'

type Postgres = NonNullable<StoreOptions['postgres']>

const open = (postgres: Postgres): Promise<Store> =>
  openStore({ postgres, embedder: { hashing: { dimensions: 16 } }, relay: 'external' })

const suites = [
  ['Postgres 18', pgvectorUrl],
  ['Postgres 16', () => process.env['HW_TEST_PGVECTOR16_URL']],
] as const

for (const [server, urlOf] of suites) {
  if (server === 'Postgres 16' && !urlOf()) continue
  describeWithPgvector(`roles on ${server}`, () => {
    const database = useDatabase(() => urlOf()!)
    const made: string[] = []
    const others: TestDatabase[] = []
    const role = async (kind: string, attributes: string): Promise<string> => {
      const name = `${kind}_${database().name}`
      await database().admin(`CREATE ROLE ${name} ${attributes}`)
      made.push(name)
      return name
    }
    const other = async (): Promise<TestDatabase> => {
      const one = await createDatabase(urlOf())
      others.push(one)
      return one
    }
    beforeAll(async () => {
      const store = await open({ url: database().url })
      await store.forTenant('acme').documents.put({ id: 'a', text: 'Words.' })
      await store.relay.drain({ timeoutMs: 20_000 })
      await store.close()
    })
    afterAll(async () => {
      for (const one of others) await one.drop()
      for (const name of made.reverse()) await database().admin(`DROP OWNED BY ${name}; DROP ROLE ${name}`)
    })

    /** What 'require' says, and what 'auto' notes, of the same. */
    const asked = async (more: Partial<Postgres>): Promise<[refused: unknown, notices: string]> => {
      const postgres = { url: database().url, ...more }
      const refused = await open({ ...postgres, rowLevelSecurity: 'require' }).then(
        (store) => store.close(),
        (error: unknown) => error,
      )
      const store = await open({ ...postgres, rowLevelSecurity: 'auto' })
      const { notices } = await store.health()
      await store.close()
      return [refused, notices.join(' ')]
    }

    it("'require' opens where the policies hold", async () => {
      const [refused, notices] = await asked({})
      expect(refused).toBeUndefined()
      expect(notices).not.toMatch(/security|pgvector/)
    })

    it("'require' refuses a role that the policies do not bind, and 'auto' says so", async () => {
      const member = await role('member', 'NOLOGIN')
      const bypass = await role('bypass', 'NOLOGIN BYPASSRLS')
      await database().admin(`GRANT ${bypass} TO ${member}`)
      for (const [app, why] of [
        [bypass, /has BYPASSRLS/],
        [await role('super', 'NOLOGIN SUPERUSER'), /is a superuser/],
        ['postgres', /superuser.*names the login itself/],
        [member, /may take on bypass/],
      ] as const) {
        const [refused, notices] = await asked({ roles: { app } })
        expect(refused, app).toMatchObject({ code: 'HW_RLS_REQUIRED', path: 'postgres.rowLevelSecurity' })
        expect((refused as Error).message).toMatch(why)
        expect(notices).toMatch(why)
      }
    })

    it("'require' refuses policies that are not as they were made", async () => {
      const index = (
        await database().admin(`SELECT relname FROM pg_class WHERE relname LIKE 'vector%documents_%' AND relkind = 'r'`)
      ).rows[0].relname
      for (const [change, back, where] of [
        ['DISABLE ROW LEVEL SECURITY', 'ENABLE ROW LEVEL SECURITY', 'documents'],
        ['NO FORCE ROW LEVEL SECURITY', 'FORCE ROW LEVEL SECURITY', 'chunks'],
        ['DISABLE ROW LEVEL SECURITY', 'ENABLE ROW LEVEL SECURITY', index],
      ] as const) {
        await database().admin(`ALTER TABLE headwater."${where}" ${change}`)
        const [refused, notices] = await asked({})
        expect(refused, where).toMatchObject({ code: 'HW_RLS_REQUIRED' })
        expect(notices).toContain(where)
        await database().admin(`ALTER TABLE headwater."${where}" ${back}`)
      }
      await database().admin('CREATE POLICY all_of_it ON headwater.chunks USING (true)')
      expect((await asked({}))[0]).toMatchObject({
        code: 'HW_RLS_REQUIRED',
        message: expect.stringContaining('all_of_it'),
      })
      await database().admin('DROP POLICY all_of_it ON headwater.chunks')
      expect((await asked({}))[0]).toBeUndefined()
    })

    it('a login for tenants alone serves what another has migrated, and changes no record', async () => {
      const login = await role('service', `LOGIN PASSWORD 'p' IN ROLE headwater_app`)
      const store = await open({
        url: database().urlAs(login, 'p'),
        rowLevelSecurity: 'require',
      })
      try {
        const acme = store.forTenant('acme')
        await acme.documents.put({ id: 'b', text: 'Other words.' }, { idempotencyKey: 'k' })
        await acme.documents.patch('b', { title: 'T' })
        await acme.documents.delete('b')
        expect((await acme.search({ query: 'words' })).hits.map(({ documentId }) => documentId)).toEqual(['a'])
        expect((await acme.search({ query: 'words' })).degraded).toEqual([])
        expect((await store.health()).status).not.toBe('down')
      } finally {
        await store.close()
      }
    })

    it('schema public: others’ tables are none of ours', async () => {
      const own = await other()
      await own.admin('CREATE TABLE public.salaries (tenant text, eur int)')
      const store = await open({ url: own.url, schema: 'public', rowLevelSecurity: 'require' })
      await store.close()
      await own.admin('CREATE TABLE public.later (id int)')
      const { rows } = await own.admin(
        `SELECT t, r, has_table_privilege(r, t, 'SELECT') AS may FROM unnest(ARRAY['public.salaries', 'public.later']) t,
           unnest(ARRAY['headwater_app', 'headwater_worker']) r`,
      )
      expect(rows).toHaveLength(4)
      for (const row of rows) expect(row).toMatchObject({ may: false })
    })

    it('opens where the role of that name is somebody else’s', async () => {
      const own = await other()
      const login = await role('maker', `LOGIN CREATEROLE PASSWORD 'p'`)
      await own.admin(
        `ALTER DATABASE ${own.name} OWNER TO ${login}; CREATE EXTENSION vector; GRANT ALL ON SCHEMA public TO ${login}`,
      )
      const store = await open({ url: own.urlAs(login, 'p'), rowLevelSecurity: 'require' })
      const receipt = await store.forTenant('acme').documents.put({ id: 'x', text: 'hello' })
      await store.relay.drain({ timeoutMs: 20_000 })
      expect((await store.forTenant('acme').search({ query: 'hello' })).hits).toHaveLength(1)
      expect(receipt.version).toBe(1)
      await store.close()
      await own.drop()
      others.splice(others.indexOf(own), 1)
    })

    it('pgvector in a schema of its own is within reach of tenants, or health says that it is not', async () => {
      const own = await other()
      await own.admin('CREATE SCHEMA extensions; CREATE EXTENSION vector SCHEMA extensions')
      const store = await open({ url: own.url })
      const acme = store.forTenant('acme')
      await acme.documents.put({ id: 'a', text: 'hello world' })
      await store.relay.drain({ timeoutMs: 20_000 })
      expect((await acme.search({ query: 'hello', mode: 'vector' })).hits).toHaveLength(1)
      expect((await store.health()).notices.join()).not.toMatch(/security|pgvector/)
      await store.close()
      await own.admin('REVOKE USAGE ON SCHEMA extensions FROM headwater_app')
      // Not the owner of that schema, so that it can only say so.
      const login = await role('poor', `LOGIN PASSWORD 'p' IN ROLE headwater_app`)
      const again = await open({ url: own.urlAs(login, 'p') })
      expect((await again.health()).notices.join()).toMatch(/GRANT USAGE ON SCHEMA "extensions" TO headwater_app/)
      await again.close()
    })
  })
}
