import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { z } from 'zod'
import { type AuditProblem, defineEntity, defineMetadata, openStore, type StoreOptions } from '../../index'
import { seededRandom } from '../../src/core/random'
import { type Child, startChild } from '../support/child'
import { pgTransaction } from '../support/pg-transaction'
import { createDatabase, describeWithPgvector, pgvectorUrl, type TestDatabase } from '../support/postgres'
import type { Line } from './children/sealing'
import { sealAll } from './seal-all'

const rows = defineEntity('rows', z.object({ n: z.int(), note: z.string().default('a note') }), { audit: true })
const silent = defineEntity('silent', z.object({ n: z.int() }))
const embedder = { hashing: { dimensions: 16 } }
const entities = { rows, silent }
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const refused = (work: Promise<unknown>) =>
  work.then(
    () => expect.fail('resolved'),
    (error: unknown) => error,
  )

describeWithPgvector('an audit on a server', () => {
  let database: TestDatabase
  let folder = ''
  const open = (more: Pick<StoreOptions, 'relay' | 'writer'> = {}) =>
    // biome-ignore lint/suspicious/noExplicitAny: what is written down does not depend on the type of the metadata
    openStore<any, typeof entities>({
      postgres: { url: database.url, rowLevelSecurity: 'require' },
      blobs: { path: join(folder, 'blobs') },
      embedder,
      entities,
      collections: { documents: { audit: true, metadata: defineMetadata({ section: 'keyword' }) } },
      relay: 'external',
      ...more,
    })
  let store: Awaited<ReturnType<typeof open>>
  const children: Child<Line>[] = []
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hw-audit-'))
    database = await createDatabase(pgvectorUrl()!)
    store = await open()
  })
  afterAll(async () => {
    for (const child of children) child.process.kill('SIGKILL')
    await Promise.all(children.map(({ ended }) => ended))
    await store?.close()
    await database?.drop()
    await rm(folder, { recursive: true })
  })

  /** What somebody does who has the rights of the owner, and more. */
  const tamper = (...statements: string[]) =>
    database.admin(`SET session_replication_role = replica; ${statements.join('; ')}`)
  const ids = async (tenant: string): Promise<number[]> =>
    (await store.forTenant(tenant).audit.list()).items.map(({ id }) => id).reverse()
  /** A tenant with three batches of four rows. */
  const sealed = async (tenant: string): Promise<number[]> => {
    for (let batch = 0; batch < 3; batch++) {
      const list = Array.from({ length: 4 }, (_, n) => ({ n }))
      const handle = store.forTenant(tenant, { actor: 'ann' })
      await handle.entities.rows.insertMany(list)
      await sealAll(store, handle.audit)
    }
    return ids(tenant)
  }
  const found = async (tenant: string) => {
    const { ok, problems } = await store.audit.verify({ tenant })
    expect(ok).toBe(problems.length === 0)
    return problems.map(({ problem, id, batch }: AuditProblem) => [problem, id, batch])
  }

  it('50 writers who commit late, and sealers that are killed: each row has one seal', {
    timeout: 120_000,
  }, async () => {
    const random = seededRandom(14)
    let over = false
    let end = (): void => undefined
    // The last of them may find everything sealed, and says nothing then.
    const ended = new Promise<void>((resolve) => {
      end = resolve
    })
    const killing = (async () => {
      while (!over) {
        const child = startChild<Line>('audit/children/sealing.ts', database.url, join(folder, 'blobs'))
        children.push(child)
        await Promise.race([child.line(({ sealed: some }) => some > 0), ended]).catch(() => undefined)
        await wait(random.next() * 200)
        child.process.kill('SIGKILL')
        await child.ended
      }
    })()
    const sealing = (async () => {
      while (!over) await store.audit.seal()
    })()
    const written = new Map<string, number>()
    const writer = async (number: number): Promise<void> => {
      const tenant = `busy-${number % 3}`
      const handle = store.forTenant(tenant, { actor: `writer ${number}` })
      for (let turn = 0; turn < 6; turn++) {
        const fails = random.next() < 0.2
        await handle
          .transaction(async (tx) => {
            await tx.entities.rows.insert({ n: number })
            await wait(random.next() * 300)
            await tx.entities.rows.insertMany([{ n: turn }, { n: turn }])
            if (fails) throw new Error('back')
          })
          .catch(() => undefined)
        if (!fails) written.set(tenant, (written.get(tenant) ?? 0) + 3)
      }
    }
    await Promise.all(Array.from({ length: 50 }, (_, number) => writer(number)))
    over = true
    end()
    await Promise.all([killing, sealing])
    for (const [tenant, count] of written) {
      await sealAll(store, store.forTenant(tenant).audit)
      const report = await store.audit.verify({ tenant })
      expect(report).toMatchObject({ ok: true, problems: [], rows: count, compared: report.batches })
      expect(report.batches).toBeGreaterThan(3)
    }
    const [{ open: left }] = (
      await database.admin(
        'SELECT count(*)::int AS open FROM headwater.audit a WHERE NOT EXISTS (SELECT FROM headwater.audit_leaves l WHERE l.id = a.id)',
      )
    ).rows
    expect(left).toBe(0)
  })

  it('a transaction under way holds back what came after it, and no more', async () => {
    const handle = store.forTenant('late')
    let commit = (): void => undefined
    const held = new Promise<void>((resolve) => {
      commit = resolve
    })
    let begun = (): void => undefined
    const inside = new Promise<void>((resolve) => {
      begun = resolve
    })
    const late = handle.transaction(async (tx) => {
      await tx.entities.rows.insert({ n: 1 })
      begun()
      await held
    })
    await inside
    await handle.entities.rows.insert({ n: 2 })
    await store.audit.seal()
    expect((await handle.audit.list()).items.map(({ batch }) => batch)).toEqual([null])
    commit()
    await late
    await sealAll(store, handle.audit)
    expect((await handle.audit.list()).items).toHaveLength(2)
    expect(await found('late')).toEqual([])
  })

  it('names a row that was edited, whatever of it', async () => {
    const [a, b, c, d] = await sealed('edited')
    await tamper(
      `UPDATE headwater.audit SET actor = 'eve' WHERE id = ${a}`,
      `UPDATE headwater.audit SET content = replace(content, '1', '2') WHERE id = ${b}`,
      `UPDATE headwater.audit SET at = at + 1 WHERE id = ${c}`,
      `UPDATE headwater.audit SET content = NULL, content_hash = encode(sha256(convert_to(content, 'UTF8')), 'hex') WHERE id = ${d}`,
    )
    expect(await found('edited')).toEqual([a, b, c, d].map((id) => ['edited', id, 1]))
    const problems = (await store.forTenant('edited').audit.verify()).problems
    expect(problems.map(({ id }) => id)).toEqual([a, b, c, d])
  })

  it('names a row that was removed, alone or with its leaf', async () => {
    const list = await sealed('removed')
    const [a, b] = [list[1]!, list[6]!]
    await tamper(
      `DELETE FROM headwater.audit WHERE id IN (${a}, ${b})`,
      `DELETE FROM headwater.audit_leaves WHERE id = ${b}`,
    )
    const problems = await found('removed')
    expect(problems).toContainEqual(['removed', a, 1])
    expect(problems).toContainEqual(['removed', b, 2])
    expect(problems.every(([problem]) => problem === 'removed')).toBe(true)
  })

  it('names a row that was inserted, behind the seals or into one', async () => {
    const list = await sealed('inserted')
    const copy = (id: string, xid: string): string =>
      `INSERT INTO headwater.audit (tenant, id, xid, at, actor, action, kind, name, key, version, content)
       SELECT tenant, ${id}, ${xid}, at, 'eve', action, kind, name, key, version, content FROM headwater.audit WHERE id = ${list[5]}`
    await tamper(
      copy('1', 'xid'),
      copy('2', 'xid'),
      `INSERT INTO headwater.audit_leaves SELECT tenant, 2, 2, 4, hash FROM headwater.audit_leaves WHERE id = ${list[5]}`,
    )
    const problems = await found('inserted')
    expect(problems).toContainEqual(['inserted', 1, null])
    expect(problems).toContainEqual(['inserted', 2, 2])
    await tamper(`DELETE FROM headwater.audit WHERE id IN (1, 2)`, `DELETE FROM headwater.audit_leaves WHERE id = 2`)
  })

  it('names rows that changed places', async () => {
    const [a, , c] = await sealed('moved')
    await tamper(
      `UPDATE headwater.audit_leaves SET position = position + 100 WHERE id IN (${a}, ${c})`,
      `UPDATE headwater.audit_leaves SET position = CASE id WHEN ${a} THEN 2 ELSE 0 END WHERE id IN (${a}, ${c})`,
    )
    expect((await found('moved')).sort()).toEqual(
      [
        ['reordered', a, 1],
        ['reordered', c, 1],
      ].sort(),
    )
  })

  it('the copies name what was changed together with its leaf, and what became of batches', async () => {
    const list = await sealed('copied')
    const other = await sealed('forged')
    await tamper(
      `UPDATE headwater.audit SET actor = 'eve' WHERE id = ${list[0]}`,
      // A leaf that is right again for another row.
      `UPDATE headwater.audit_leaves SET hash = sha256('x') WHERE id = ${list[0]}`,
      `DELETE FROM headwater.audit WHERE id = ANY (ARRAY[${list.slice(8).join()}])`,
      `DELETE FROM headwater.audit_leaves WHERE tenant = 'copied' AND batch = 3`,
      `DELETE FROM headwater.audit_batches WHERE tenant = 'copied' AND number = 3`,
      `UPDATE headwater.audit_batches SET root = repeat('0', 64) WHERE tenant = 'forged' AND number = 2`,
    )
    const problems = await found('copied')
    expect(problems).toContainEqual(['edited', list[0], 1])
    for (const id of list.slice(8)) expect(problems).toContainEqual(['removed', id, 3])
    expect(problems).toContainEqual(['removed', null, 3])
    expect(other).toHaveLength(12)
    expect(await found('forged')).toContainEqual(['edited', null, 2])
  })

  it('a chain that was cut is broken where it was', async () => {
    await sealed('cut')
    await tamper(
      `DELETE FROM headwater.audit_leaves WHERE tenant = 'cut' AND batch = 1`,
      `DELETE FROM headwater.audit WHERE tenant = 'cut' AND id IN (SELECT min(id) FROM headwater.audit WHERE tenant = 'cut')`,
      `DELETE FROM headwater.audit_batches WHERE tenant = 'cut' AND number = 1`,
    )
    expect(await found('cut')).toContainEqual(['removed', null, 1])
  })

  it('rows stay as they were written: no right of a tenant, and no statement of the owner', async () => {
    const { rows: rights } = await database.admin(
      `SELECT t.name, r.name AS role, p.name AS privilege
       FROM unnest('{audit,audit_batches,audit_leaves}'::text[]) t(name), unnest('{headwater_app,headwater_worker}'::text[]) r(name),
         unnest('{INSERT,UPDATE,DELETE,TRUNCATE}'::text[]) p(name)
       WHERE has_table_privilege(r.name, 'headwater.' || t.name, p.name) ORDER BY 1, 2, 3`,
    )
    expect(rights.map(({ name, role, privilege }) => `${role} ${privilege} ${name}`)).toEqual([
      'headwater_worker INSERT audit',
      'headwater_worker UPDATE audit',
      'headwater_worker INSERT audit_batches',
      'headwater_worker UPDATE audit_batches',
      'headwater_worker INSERT audit_leaves',
    ])
    await sealed('kept')
    const acme = store.forTenant('kept')
    for (const text of [
      `INSERT INTO headwater.audit (id, tenant, action, kind, name, key, version, content) VALUES (1, 'kept', 'insert', 'entity', 'rows', 'x', 1, '{}')`,
      `UPDATE headwater.audit SET actor = 'eve'`,
      `DELETE FROM headwater.audit`,
    ]) {
      expect(await refused(acme.transaction((tx) => tx.query(text)))).toMatchObject({ code: 'HW_UNAUTHORIZED' })
    }
    for (const text of [
      `UPDATE headwater.audit SET actor = 'eve'`,
      `UPDATE headwater.audit SET content = NULL, content_hash = 'x'`,
      `DELETE FROM headwater.audit`,
      `TRUNCATE headwater.audit`,
      `UPDATE headwater.audit_batches SET root = 'x'`,
      `UPDATE headwater.audit_batches SET export = 'x'`,
      `DELETE FROM headwater.audit_leaves`,
    ]) {
      expect(await refused(database.admin(text))).toMatchObject({
        message: expect.stringContaining('stay as they were written'),
      })
    }
    expect(await found('kept')).toEqual([])
  })

  it("tells of a transaction of the caller's and of statements of his own", async () => {
    const pool = new pg.Pool({ connectionString: database.url })
    const [ann, bob, nobody] = ['ann', 'bob', undefined].map((actor) => store.forTenant('using', { actor }))
    try {
      await pgTransaction(pool, async (client) => {
        await ann!.using(client).entities.rows.insert({ n: 1 })
        await nobody!.using(client).entities.rows.insert({ n: 2 })
        await bob!.using(client).documents.put({ id: 'x', text: 'words', metadata: { section: 'hr' } })
      })
      await pgTransaction(pool, async (client) => {
        await ann!.using(client).entities.rows.insert({ n: 9 })
        throw new Error('back')
      }).catch(() => undefined)
    } finally {
      await pool.end()
    }
    await bob!.transaction((tx) => tx.query('UPDATE headwater.e_rows SET n = n + 10 WHERE n < 3'))
    expect(
      await refused(bob!.transaction((tx) => tx.query(`SELECT pg_catalog.set_config('headwater.actor', 'eve', true)`))),
    ).toMatchObject({ code: 'HW_INVALID_ARGUMENT' })
    const { items } = await bob!.audit.list()
    expect(items.map(({ actor, action, name, after }) => [actor, action, name, after?.['n']])).toEqual([
      ...[2, 1].map(() => ['bob', 'update', 'rows', expect.any(Number)]),
      ['bob', 'insert', 'documents', undefined],
      [null, 'insert', 'rows', 2],
      ['ann', 'insert', 'rows', 1],
    ])
  })

  it('a process that declares no audit does not end it, and none is made where none is declared', async () => {
    const plain = await openStore({
      postgres: { url: database.url },
      embedder,
      relay: 'external',
      entities: { silent },
    })
    await plain.forTenant('other').documents.put({ id: 'x', text: 'words' })
    await plain.close()
    expect((await store.forTenant('other').audit.list()).items).toMatchObject([{ actor: null, action: 'insert' }])
    const { rows: triggers } = await database.admin(
      `SELECT tgrelid::regclass::text AS "table", tgname AS name FROM pg_trigger WHERE tgname LIKE 'audit\\_%' AND tgrelid::regclass::text !~ 'audit' ORDER BY 1, 2`,
    )
    expect(triggers.map(({ table, name }) => `${table} ${name}`)).toEqual([
      'headwater.documents audit_insert',
      'headwater.documents audit_update',
      ...['delete', 'insert', 'update'].map((event) => `headwater.e_rows audit_${event}`),
    ])
  })

  it('what is declared otherwise is made by an opening that migrates, and refused by one that only looks', async () => {
    const own = await createDatabase(pgvectorUrl()!)
    const opening = (more: Partial<StoreOptions<object, { rows: typeof rows }>>) =>
      openStore({ postgres: { url: own.url }, embedder, relay: 'external', ...more })
    try {
      await (await opening({})).close()
      const plain = defineEntity('rows', z.object({ n: z.int(), note: z.string() }))
      await (await opening({ entities: { rows: plain } as never })).close()
      const { rows: none } = await own.admin(`SELECT FROM pg_trigger WHERE tgname LIKE 'audit\\_insert'`)
      expect(none).toEqual([])
      expect(await refused(opening({ entities: { rows }, migrate: 'check' }))).toMatchObject({
        code: 'HW_MIGRATION_NEEDED',
        path: 'audit',
      })
      await (await opening({ entities: { rows } })).close()
      await (await opening({ entities: { rows }, migrate: 'check' })).close()
      const shown = defineEntity('rows', z.object({ n: z.int(), note: z.string() }), { audit: { fields: ['note'] } })
      const other = await openStore({
        postgres: { url: own.url },
        embedder,
        relay: 'external',
        entities: { rows: shown },
      })
      await other.forTenant('acme').entities.rows.insert({ n: 1, note: 'shown' })
      expect((await other.forTenant('acme').audit.list()).items).toMatchObject([{ after: { note: 'shown' } }])
      await other.close()
    } finally {
      await own.drop()
    }
  })

  it('workers seal by themselves', async () => {
    const worker = await open({ relay: 'background', writer: { checkMs: 50 } })
    try {
      await store.forTenant('watched').entities.rows.insert({ n: 1 })
      for (let look = 0; look < 200; look++) {
        const [one] = (await store.forTenant('watched').audit.list()).items
        if (one!.batch !== null) return
        await wait(50)
      }
      expect.fail('nobody sealed')
    } finally {
      await worker.close()
    }
  })
})
