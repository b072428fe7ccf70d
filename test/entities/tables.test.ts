import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineEntity, type EntityDeclaration, openStore, type PostgresOptions, type Store } from '../../index'
import { checkEntities } from '../../src/cli/doctor/database'
import { PostgresConnection } from '../../src/connections/postgres/connection'
import { entityDefinitions } from '../../src/entities/entity-map'
import { statusOfAll } from '../../src/migrations/migrate-all'
import { entityStatements } from '../../src/repositories/postgres/entity-sql'
import { tableDeclaration } from '../../src/repositories/postgres/entity-tables'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'

const base = { embedder: { hashing: { dimensions: 16 } }, relay: 'external' } as const

const codeOf = (error: unknown) => error as { code: string; message: string; details?: Record<string, unknown> }
const refused = (work: Promise<unknown>) => work.then(() => expect.fail('resolved'), codeOf)

const title = z.string()
const first = defineEntity('books', z.object({ title }), { unique: [['title']] })

describe('what a declaration must be', () => {
  const schema = z.object({ title, tags: z.array(z.string()), at: z.string().optional() })
  it.each<[string, () => unknown, string]>([
    ['a name', () => defineEntity('Books', schema), 'name'],
    ['a short name', () => defineEntity('b'.repeat(41), schema), 'name'],
    ['no double underscore', () => defineEntity('a__b', schema), 'name'],
    ['a schema', () => defineEntity('books', {} as never), 'entities.books.schema'],
    ['an object', () => defineEntity('books', z.string() as never), 'entities.books.columns'],
    ['a known option', () => defineEntity('books', schema, { index: [] } as never), 'entities.books.index'],
    ['a key of its own', () => defineEntity('books', schema, { key: 'nothing' as never }), 'entities.books.key'],
    ['a key that is there', () => defineEntity('books', schema, { key: 'at' }), 'entities.books.key'],
    ['a key of a kind', () => defineEntity('books', schema, { key: 'tags' }), 'entities.books.key'],
    ['no id beside ours', () => defineEntity('books', z.object({ id: z.string() })), 'entities.books.key'],
    ['no reserved name', () => defineEntity('books', z.object({ version: z.int() })), 'entities.books.columns.version'],
    ['no odd name', () => defineEntity('books', z.object({ 'a-b': z.int() })), 'entities.books.columns.a-b'],
    [
      'a known kind',
      () => defineEntity('books', schema, { columns: { at: 'time' as never } }),
      'entities.books.columns.at',
    ],
    [
      'indexed columns',
      () => defineEntity('books', schema, { indexes: [['nothing' as never]] }),
      'entities.books.indexes[0][0]',
    ],
    [
      'no index over a list and more',
      () => defineEntity('books', schema, { indexes: [['tags', 'title']] }),
      'entities.books.indexes[0][0]',
    ],
    ['no unique list', () => defineEntity('books', schema, { unique: [['tags']] }), 'entities.books.unique[0][0]'],
    [
      'a text to be searched',
      () => defineEntity('books', schema, { search: {} as never }),
      'entities.books.search.text',
    ],
    [
      'no search of the installation',
      () => defineEntity('books', schema, { search: { text: () => '' }, tenant: false }),
      'entities.books.search',
    ],
    [
      'no name of an answer',
      () => defineEntity('books', z.object({ receipt: title }), { search: { text: () => '' } }),
      'entities.books.columns.receipt',
    ],
    [
      'a reference of a column',
      () => defineEntity('books', schema, { references: { x: 'books' } as never }),
      'entities.books.references.x',
    ],
    [
      'a reference to an entity',
      () => defineEntity('books', schema, { references: { at: { to: 5 as never } } }),
      'entities.books.references.at.to',
    ],
    [
      'a known end of a reference',
      () => defineEntity('books', schema, { references: { at: { to: 'books', onDelete: 'none' as never } } }),
      'entities.books.references.at.onDelete',
    ],
    [
      'a value that may be taken away',
      () => defineEntity('books', schema, { references: { title: { to: 'books', onDelete: 'set null' } } }),
      'entities.books.references.title.onDelete',
    ],
    ['no empty index', () => defineEntity('books', schema, { unique: [[]] }), 'entities.books.unique[0]'],
    ['no index twice', () => defineEntity('books', schema, { indexes: [['at'], ['at']] }), 'entities.books.indexes[1]'],
    [
      'columns where the schema cannot say them',
      () => defineEntity('books', z.object({ at: z.string().transform((text) => new Date(text)) })),
      'entities.books.columns',
    ],
  ])('%s', (_, declare, path) => {
    expect(declare).toThrow(expect.objectContaining({ code: 'HW_INVALID_OPTIONS', path }))
  })

  it('is known by its own name, and made by defineEntity', async () => {
    const embedded = { path: ':memory:' }
    expect(await refused(openStore({ ...base, embedded, entities: { novels: first } }))).toMatchObject({
      code: 'HW_INVALID_OPTIONS',
      path: 'entities.novels',
    })
    expect(
      await refused(openStore({ ...base, embedded, entities: { books: { name: 'books' } as never } })),
    ).toMatchObject({
      code: 'HW_INVALID_OPTIONS',
      path: 'entities.books',
    })
  })

  it('refers to what is there, by a column of its kind, and from tenants to the installation alone', async () => {
    const of = z.object({ book: z.uuid(), number: z.int() })
    const shared = defineEntity('shared', z.object({ title }), { tenant: false })
    const cases: [Record<string, EntityDeclaration>, string][] = [
      [{ loans: defineEntity('loans', of, { references: { book: first } }) }, 'loans.references.book'],
      [
        { books: first, loans: defineEntity('loans', of, { references: { number: first } }) },
        'loans.references.number',
      ],
      [
        { books: first, loans: defineEntity('loans', of, { references: { book: first }, tenant: false }) },
        'loans.references.book',
      ],
      [
        { shared, loans: defineEntity('loans', of, { references: { book: { to: shared, onDelete: 'cascade' } } }) },
        'loans.references.book.onDelete',
      ],
    ]
    const search = { text: () => 'x', collection: 'nowhere' }
    const nowhere = { books: defineEntity('books', z.object({ title }), { search }) }
    expect(await refused(openStore({ ...base, embedded: { path: ':memory:' }, entities: nowhere }))).toMatchObject({
      code: 'HW_COLLECTION_UNKNOWN',
      path: 'entities.books.search.collection',
    })
    for (const [entities, path] of cases) {
      expect(await refused(openStore({ ...base, embedded: { path: ':memory:' }, entities }))).toMatchObject({
        code: 'HW_INVALID_OPTIONS',
        path: `entities.${path}`,
      })
    }
  })

  it('takes a schema of no library, with columns that are said', async () => {
    const own = {
      '~standard': {
        version: 1 as const,
        vendor: 'mine',
        validate: (value: unknown) => {
          const { name, at } = value as { name?: unknown; at?: string | null }
          if (name === 'broken') throw new Error('the validator broke')
          return typeof name === 'string'
            ? { value: { name, at: at ?? null } }
            : { issues: [{ message: 'a name is needed', path: [{ key: 'name' }] }] }
        },
        types: undefined as unknown as {
          input: { name: string; at?: string | null }
          output: { name: string; at: string | null }
        },
      },
    }
    expect(() => defineEntity('people', own)).toThrow(expect.objectContaining({ path: 'entities.people.columns' }))
    const people = defineEntity('people', own, { columns: { name: 'text', at: 'datetime | null' } })
    const store = await openStore({ ...base, embedded: { path: ':memory:' }, entities: { people } })
    const rows = store.forTenant('acme').entities.people
    const row = await rows.insert({ name: 'Ada' })
    expect(row.at).toBe(null)
    expect(await rows.get(row.id)).toEqual(row)
    expect(await refused(rows.insert({} as never))).toMatchObject({ code: 'HW_INVALID_ENTITY', path: 'values.name' })
    expect(await refused(rows.insert({ name: 'broken' }))).toMatchObject({
      code: 'HW_INVALID_ENTITY',
      path: 'values',
      cause: expect.objectContaining({ message: 'the validator broke' }),
    })
    expect(await refused(rows.update(row.id, { at: 'soon' }))).toMatchObject({ path: 'patch.at' })
    expect(await rows.count()).toBe(1)
    await store.close()
  })
})

describeWithPgvector('tables of entities', () => {
  const database = useDatabase(() => pgvectorUrl()!)
  const open = <D extends EntityDeclaration>(
    books: D,
    more: Partial<PostgresOptions> & { schema?: string; migrate?: 'auto' | 'check' | 'off' } = {},
  ) => {
    const { migrate = 'auto', ...postgres } = more
    return openStore({
      ...base,
      migrate,
      postgres: { url: database().url, schema: 'additions', ...postgres },
      entities: { books },
    })
  }
  const ask = async (text: string) => (await database().admin(text)).rows

  it('gets columns and indexes that leave rows as they are, and refuses what does not', async () => {
    const one = await open(first)
    const acme = one.forTenant('acme').entities.books
    const old = await acme.insert({ title: 'Old' })
    await one.close()

    const wider = defineEntity(
      'books',
      z.object({
        title,
        pages: z.int().default(100),
        author: z.string().optional(),
        starts: z.iso.date().nullable().default(null),
      }),
      { unique: [['title']], indexes: [['pages'], ['author', 'pages']] },
    )
    expect(await refused(open(wider, { migrate: 'check' }))).toMatchObject({
      code: 'HW_MIGRATION_NEEDED',
      path: 'entities',
      details: {
        entities: ['books'],
        statements: expect.arrayContaining([expect.stringContaining('ADD COLUMN "pages"')]),
      },
    })
    // Two at once, as processes start.
    const [two, three] = await Promise.all([open(wider), open(wider)])
    await three.close()
    const rows = two.forTenant('acme').entities.books
    expect(await rows.get(old.id)).toEqual({ ...old, pages: 100, starts: null })
    expect((await rows.list({ orderBy: [{ author: 'asc' }, { pages: 'asc' }] })).items).toHaveLength(1)
    await two.close()
    await (await open(wider, { migrate: 'check' })).close()
    // What an older process declares still fits.
    await (await open(first)).close()
    expect(
      await ask(
        `SELECT count(*)::int AS valid FROM pg_index WHERE indrelid = 'additions.e_books'::regclass AND indisvalid`,
      ),
    ).toEqual([{ valid: 4 }])

    const cases: [EntityDeclaration, RegExp][] = [
      [
        defineEntity('books', z.object({ title, isbn: z.string() }), { unique: [['title']] }),
        /ADD COLUMN "isbn" text COLLATE "C" NOT NULL/,
      ],
      [
        defineEntity('books', z.object({ title, pages: z.string() }), { unique: [['title']] }),
        /ALTER COLUMN "pages" TYPE text/,
      ],
      [
        defineEntity('books', z.object({ title, author: z.string() }), { unique: [['title']] }),
        /ALTER COLUMN "author" SET NOT NULL/,
      ],
      [
        defineEntity('books', z.object({ title: title.optional() }), { unique: [['title']] }),
        /ALTER COLUMN "title" DROP NOT NULL/,
      ],
      [defineEntity('books', z.object({ author: title.optional() })), /ALTER COLUMN "title" DROP NOT NULL/],
      [defineEntity('books', z.object({ title })), /DROP INDEX "additions"\."e_books__title_/],
      [
        defineEntity('books', z.object({ title }), { key: 'title' }),
        /DROP CONSTRAINT "e_books_pkey", ADD PRIMARY KEY \("tenant", "title"\)/,
      ],
    ]
    for (const [books, statement] of cases) {
      for (const migrate of ['auto', 'check'] as const) {
        const error = await refused(open(books, { migrate }))
        expect(error).toMatchObject({ code: 'HW_ENTITY_MISMATCH', path: 'entities.books' })
        expect(
          (error.details!['statements'] as string[]).some((text) => statement.test(text)),
          error.message,
        ).toBe(true)
      }
    }
    expect(
      await refused(open(defineEntity('books', z.object({ title }), { unique: [['title']], tenant: false }))),
    ).toMatchObject({
      code: 'HW_ENTITY_MISMATCH',
    })
    // Nothing of what was refused was done.
    await (await open(wider, { migrate: 'check' })).close()
    await (await open(defineEntity('books', z.object({ title, isbn: z.string() })), { migrate: 'off' })).close()
  })

  it('adds references and lists to rows that are there, beside writes, where they fit', async () => {
    const schema = 'later'
    const plain = z.object({ title, up: z.uuid().optional(), tags: z.array(z.string()).default([]) })
    const one = await open(defineEntity('books', plain), { schema })
    const old = one.forTenant('acme').entities['books'] as unknown as {
      insertMany(rows: object[]): Promise<{ id: string }[]>
      update(id: string, patch: object): Promise<unknown>
    }
    const rows = await old.insertMany(
      Array.from({ length: 5_000 }, (_, at) => ({ title: `t${at}`, tags: [`x${at % 5}`, 'all'] })),
    )
    await old.update(rows[1]!.id, { up: '00000000-0000-7000-8000-000000000000' })
    const wider = defineEntity('books', plain, { references: { up: 'books' }, indexes: [['tags']] })
    expect(await refused(open(wider, { schema }))).toMatchObject({ code: 'HW_ENTITY_MISMATCH' })
    await old.update(rows[1]!.id, { up: rows[0]!.id })
    // While an older process goes on writing.
    let writing = true
    const writes = (async () => {
      for (let at = 0; writing; at = (at + 7) % 5_000) await old.update(rows[at]!.id, { tags: ['all', `w${at % 3}`] })
    })()
    const [two, three] = await Promise.all([open(wider, { schema }), open(wider, { schema })])
    writing = false
    await writes
    await three.close()
    const books = two.forTenant('acme').entities['books'] as unknown as { count(filter: object): Promise<number> }
    const counted = async (tag: string) => {
      const { rows: found } = await database().admin(
        `SELECT count(*)::int AS count FROM ${schema}.e_books WHERE tags ? '${tag}'`,
      )
      return found[0].count
    }
    for (const tag of ['all', 'x0', 'x1', 'w0', 'w1', 'w2']) {
      expect([tag, await books.count({ tags: tag })]).toEqual([tag, await counted(tag)])
    }
    const { rows: left } = await database().admin(`SELECT count(*)::int AS count FROM ${schema}.e_books__tags l
      WHERE NOT EXISTS (SELECT FROM ${schema}.e_books b WHERE b.id = l.key AND b.tags ? l.value)`)
    expect(left).toEqual([{ count: 0 }])
    // What an older process declares still fits, but for the reference.
    expect(await refused(open(defineEntity('books', plain), { schema }))).toMatchObject({
      code: 'HW_ENTITY_MISMATCH',
      details: { statements: [expect.stringContaining('DROP CONSTRAINT')] },
    })
    await one.close()
    await two.close()
    await (await open(wider, { schema, migrate: 'check' })).close()

    const { rows: references } = await database().admin(
      `SELECT conname AS name FROM pg_constraint WHERE conrelid = '${schema}.e_books'::regclass AND contype = 'f'`,
    )
    await ask(`ALTER TABLE ${schema}.e_books DROP CONSTRAINT "${references[0].name}"`)
    const connection = new PostgresConnection({ url: database().url })
    const tables = [tableDeclaration(entityDefinitions({ books: wider }).get('books')!.table)]
    expect(await statusOfAll(connection, { schema, files: [], tables })).toMatchObject({ ready: false })
    expect((await checkEntities(connection, schema, tables))[0]).toMatchObject({
      name: 'entity books',
      state: 'failed',
      code: 'HW_MIGRATION_NEEDED',
    })
    await connection.close()
  })

  it('makes a list anew that no trigger keeps any more', async () => {
    const schema = 'unkept'
    const books = defineEntity('books', z.object({ title, tags: z.array(z.string()) }), { indexes: [['tags']] })
    const one = await open(books, { schema })
    const old = one.forTenant('acme').entities['books'] as unknown as { insert(row: object): Promise<unknown> }
    await old.insert({ title: 'a', tags: ['x'] })
    const { rows: triggers } = await database().admin(
      `SELECT tgname AS name FROM pg_trigger WHERE tgrelid = '${schema}.e_books'::regclass AND NOT tgisinternal`,
    )
    expect(triggers).toHaveLength(3)
    for (const { name } of triggers) await ask(`DROP TRIGGER "${name}" ON ${schema}.e_books`)
    await old.insert({ title: 'b', tags: ['x'] })
    await one.close()
    expect(await refused(open(books, { schema, migrate: 'check' }))).toMatchObject({ code: 'HW_MIGRATION_NEEDED' })
    const two = await open(books, { schema })
    const found = two.forTenant('acme').entities['books'] as unknown as typeof old & {
      count(filter: object): Promise<number>
    }
    expect(await found.count({ tags: 'x' })).toBe(2)
    await found.insert({ title: 'c', tags: ['x'] })
    expect(await found.count({ tags: 'x' })).toBe(3)
    await two.close()
    await (await open(books, { schema, migrate: 'check' })).close()
  })

  it('makes a unique index where values differ, and says so where they do not', async () => {
    const schema = 'uniques'
    const one = await open(defineEntity('books', z.object({ title })), { schema })
    await one.forTenant('acme').entities['books'].insertMany([{ title: 'x' }, { title: 'x' }])
    await one.close()
    expect(await refused(open(first, { schema }))).toMatchObject({ code: 'HW_ENTITY_MISMATCH', path: 'entities' })
    const connection = new PostgresConnection({ url: database().url })
    const seen = async () => checkEntities(connection, schema)
    expect(await seen()).toMatchObject([
      { name: 'entity books', state: 'warning', detail: expect.stringContaining('e_books__title_') },
    ])
    await ask(`DELETE FROM ${schema}.e_books WHERE ctid = (SELECT max(ctid) FROM ${schema}.e_books)`)
    // What the first try left behind is taken away.
    const two = await open(first, { schema })
    expect(await refused(two.forTenant('acme').entities.books.insert({ title: 'x' }))).toMatchObject({
      code: 'HW_CONFLICT',
    })
    expect(await seen()).toMatchObject([{ state: 'ok', detail: expect.stringContaining('2 indexes') }])
    expect(await checkEntities(connection, 'nowhere')).toEqual([])
    await connection.close()
    await two.close()
  })

  it('leaves a table alone that is not ours', async () => {
    await ask('CREATE SCHEMA theirs')
    await ask('CREATE TABLE theirs.e_books (id text)')
    const error = await refused(open(first, { schema: 'theirs' }))
    expect(error).toMatchObject({ code: 'HW_ENTITY_MISMATCH', path: 'entities.books' })
    expect(error.message).toContain('not made by headwater')
    expect(await ask('SELECT * FROM theirs.e_books')).toEqual([])
  })

  it('is under row level security with FORCE, by indexes alone at any size', async () => {
    const schema = 'plans'
    const books = defineEntity(
      'books',
      z.object({ title, pages: z.int(), author: title.optional(), tags: z.array(title) }),
      {
        unique: [['title']],
        indexes: [['pages'], ['author'], ['tags'], ['createdAt']],
      },
    )
    const store = await open(books, { schema, rowLevelSecurity: 'require' })
    const rows = store.forTenant('acme').entities.books
    await ask(`INSERT INTO ${schema}.e_books (tenant, id, title, pages, author, tags, version, created_at, updated_at)
      SELECT CASE i % 2 WHEN 0 THEN 'acme' ELSE 'globex' END, gen_random_uuid(), 't' || i, i % 1000,
        CASE WHEN i % 3 = 0 THEN 'a' || i % 100 END,
        jsonb_build_array('t' || i % 2000, 'all'), 1, now(), now()
      FROM generate_series(1, 40000) i`)
    await ask(`ANALYZE ${schema}.e_books, ${schema}.e_books__tags`)
    expect(await rows.count()).toBe(20_000)
    const [row] = (await rows.list({ orderBy: [{ pages: 'asc' }], limit: 1 })).items
    const deep = async (orderBy: { pages?: 'asc'; author?: 'asc' }[], filter?: { author: string }) => {
      let cursor: string | undefined
      for (let page = 0; page < 6; page++) ({ cursor } = await rows.list({ orderBy, filter, limit: 1_000, cursor }))
      return cursor
    }
    const client = new pg.Client({ connectionString: database().url })
    await client.connect()
    await client.query(`SET ROLE headwater_app`)
    await client.query(`SELECT set_config('headwater.tenant', 'acme', false)`)
    /** Blocks that a statement of ours reads, without the conditions that we add: the policies' own are the same. */
    const blocks = async (text: string, values: unknown[]) => {
      const { rows: found } = await client.query(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`, values)
      const plan = found[0]['QUERY PLAN'][0].Plan
      return { text: JSON.stringify(plan), blocks: plan['Shared Hit Blocks'] + plan['Shared Read Blocks'] }
    }
    const from = `FROM ${schema}.e_books WHERE tenant = $1`
    const page = await blocks(`SELECT * ${from} AND (pages, id) > ($2, $3) ORDER BY pages, id LIMIT 20`, [
      'acme',
      900,
      row!.id,
    ])
    expect(page.text).toContain('e_books__pages_')
    expect(page.text).not.toContain('Seq Scan')
    expect(page.blocks).toBeLessThan(60)
    const one = await blocks(`SELECT * ${from} AND title = $2`, ['acme', 't2000'])
    expect(one.text).toContain('e_books__title_')
    expect(one.blocks).toBeLessThan(15)
    // As it is asked: every page is a range of its index, in its order.
    const { table } = entityDefinitions({ books }).get('books')!
    for (const columns of [['id'], ['pages', 'id'], ['author', 'id'], ['createdAt', 'id']]) {
      for (const descending of [false, true]) {
        const values: unknown[] = ['acme']
        const select = table.columns.map(({ name }) => name)
        const query = { order: { columns, descending }, limit: 20, select }
        const { text } = entityStatements(table, { schema }).list(query, values)
        const plan = await blocks(text, values)
        expect(plan.text, text).not.toContain('Sort')
        expect(plan.blocks).toBeLessThan(60)
      }
    }
    const listed = await blocks(
      `SELECT * ${from} AND id IN (SELECT i.key FROM ${schema}.e_books__tags i WHERE i.tenant = $1 AND i.value = $2)
       ORDER BY id LIMIT 20`,
      ['acme', 't200'],
    )
    expect(listed.text).toContain('e_books__tags_pkey')
    expect(listed.blocks).toBeLessThan(150)
    expect(await rows.count({ AND: [{ tags: 't200' }, { tags: 'all' }] })).toBe(20)
    await client.end()
    expect(await deep([{ pages: 'asc' }])).toBeTypeOf('string')
    expect(await deep([{ author: 'asc' }])).toBeTypeOf('string')
    const { rows: policies } = await database().admin(
      `SELECT relforcerowsecurity AS forced, relrowsecurity AS on FROM pg_class WHERE oid = '${schema}.e_books'::regclass`,
    )
    expect(policies).toEqual([{ forced: true, on: true }])
    await store.close()
  })

  describe('with a login that is no superuser', () => {
    const role = `hw_plain_${process.pid}`
    let store: Store<{ documents: Record<string, never> }, { books: typeof first }>
    beforeAll(async () => {
      await database().admin(`CREATE ROLE ${role} LOGIN PASSWORD 'plain'`)
      await database().admin(`CREATE SCHEMA owned AUTHORIZATION ${role}`)
      store = (await openStore({
        ...base,
        postgres: { url: database().urlAs(role, 'plain'), schema: 'owned', rowLevelSecurity: 'require' },
        entities: { books: first },
      })) as never
    })
    afterAll(async () => {
      await store?.close()
      await database().admin(`DROP OWNED BY ${role} CASCADE`)
      await database().admin(`DROP ROLE ${role}`)
    })

    it('works as the owner', async () => {
      const row = await store.forTenant('acme').entities.books.insert({ title: 'x' })
      expect(await store.forTenant('acme').entities.books.get(row.id)).toEqual(row)
      expect(await store.forTenant('globex').entities.books.get(row.id)).toBe(null)
    })
  })
})
