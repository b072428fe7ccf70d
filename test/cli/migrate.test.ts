import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineEntity, openStore } from '../../index'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'
import { entities } from './children/first'
import { cli, useFolder } from './harness'

const base = { embedder: { hashing: { dimensions: 16 } }, relay: 'external' } as const

const declared = (name: string): string[] => [
  '--entities',
  fileURLToPath(new URL(`./children/${name}.ts`, import.meta.url)),
]

function suite(place: (folder: string) => string[], folder: () => string): void {
  const run = (...args: string[]) => cli([...args, ...place(folder())], { cwd: folder() })
  const file = (name: string): string => path.join(folder(), 'headwater/migrations', name)

  it('makes tables, refuses what is another, and gets there by a file of the user', async () => {
    const first = declared('first')
    expect((await run('migrate', 'status', ...first)).code).toBe(1)
    const made = await run('migrate', 'up', ...first, '--json')
    expect(made.json()).toMatchObject({
      statements: [expect.stringContaining('CREATE TABLE'), ...Array(6).fill(expect.any(String))],
      status: { ready: true, entities: [{ entity: 'books', table: 'e_books', misfits: [] }] },
    })
    expect((await run('migrate', 'up', ...first)).stdout).toBe('Nothing was pending.\n')
    expect((await run('migrate', 'status', ...first)).stdout).toMatch(/e_books.*as declared/)

    const second = declared('second')
    const refused = await run('migrate', 'up', ...second)
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('HW_ENTITY_MISMATCH') })
    expect((await run('migrate', 'status', ...second)).stdout).toMatch(/e_books.*another: /)
    const seen = (await run('doctor', ...second, '--json')).json().checks
    expect(seen).toContainEqual(expect.objectContaining({ name: 'entity books', state: 'failed' }))

    expect(await run('migrate', 'new', '0001_isbn', ...second)).toMatchObject({ code: 0 })
    const up = await readFile(file('0001_isbn.up.sql'), 'utf8')
    expect(up.split('\n')).toEqual([
      '-- needs: e_books',
      '-- pages is optional in the table',
      expect.stringMatching(/^ALTER TABLE "e_books" ALTER COLUMN "pages" SET NOT NULL;$/),
      '-- isbn is required, and rows that are there have none',
      expect.stringMatching(/^ALTER TABLE .* ADD COLUMN "isbn" text COLLATE "C" NOT NULL;$/),
      expect.stringMatching(/^-- e_books__title_\w+ keeps values unique, which is not declared$/),
      expect.stringMatching(/^DROP INDEX "e_books__title_\w+";$/),
      '',
    ])
    expect(await readFile(file('0001_isbn.down.sql'), 'utf8')).toMatch(
      /^-- needs: e_books\nCREATE UNIQUE INDEX \w+ ON e_books .*;\nALTER TABLE .* DROP COLUMN "isbn";\nALTER TABLE .* DROP NOT NULL;\n$/,
    )
    expect(await run('migrate', 'status', ...second)).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/0001_isbn.*pending/),
    })
    const done = await run('migrate', 'up', ...second, '--json')
    expect(done.json()).toMatchObject({
      changed: ['0001_isbn'],
      statements: [expect.stringMatching(/^CREATE INDEX CONCURRENTLY IF NOT EXISTS "e_books__pages_/)],
      status: { ready: true, own: { applied: [{ name: '0001_isbn' }], pending: [], changed: [], lost: [] } },
    })
    expect((await run('migrate', 'manifest', '--json')).json().tables.e_books).toMatchObject({
      columns: { isbn: expect.stringContaining('NOT NULL') },
      policies: { headwater_tenant: expect.any(String) },
    })
  })

  it('undoes files and ours in their order, each whole or not at all', async () => {
    await writeFile(file('0002_half.up.sql'), 'CREATE TABLE half (n int);\nSELECT 1 / 0;\n')
    const half = await run('migrate', 'up', '--json')
    expect(half.code).toBe(1)
    expect(half.json().error).toMatchObject({ code: 'HW_MIGRATION_FAILED', path: '0002_half' })
    await writeFile(file('0002_half.up.sql'), 'CREATE TABLE half (n int); INSERT INTO half VALUES (1);')
    expect((await run('migrate', 'up')).stdout).toBe('Applied 0002_half.\n')
    expect((await run('migrate', 'down', '--yes', '--json')).json().error).toMatchObject({
      code: 'HW_MIGRATION_FAILED',
    })
    await writeFile(file('0002_half.down.sql'), 'DROP TABLE half')
    expect((await run('migrate', 'down', '--yes')).stdout).toBe('Undid 0002_half.\n')
    await writeFile(file('0002_half.up.sql'), 'CREATE TABLE half (n int); COMMIT')
    expect((await run('migrate', 'up')).stderr).toMatch(/HW_MIGRATION_FAILED.*ends the transaction/)
    await writeFile(file('0002_half.up.sql'), 'DROP TABLE half; CREATE TABLE half (n int)')
    expect((await run('migrate', 'up', '--to', '0002_half')).stdout).toBe('Applied 0002_half.\n')
    await writeFile(file('0002_half.up.sql'), 'CREATE TABLE half (n bigint)')
    expect((await run('migrate', 'status')).stdout).toMatch(/0002_half.*its file is another/)
    expect(await run('migrate', 'new', '0001_late')).toMatchObject({ code: 2, stderr: expect.stringContaining('NAME') })
    expect(await run('migrate', 'new', '../up')).toMatchObject({ code: 2 })
    expect(await run('migrate', 'up', '--entities', 'nowhere.js')).toMatchObject({ code: 2 })
    expect(await run('migrate', 'down', '--yes', '--to', 'nothing')).toMatchObject({ code: 2 })
    expect((await run('migrate', 'down', '--yes', '--to', '0001_isbn')).stdout).toBe('Undid 0002_half.\n')
    expect((await run('migrate', 'down', '--yes', '--to', 'none')).stdout).toMatch(/^Undid 0001_isbn, .*0001_initial/)
  })
}

describe('migrate with an audit', () => {
  const folder = useFolder()
  it('makes its triggers with the tables, and says so', async () => {
    const run = (...args: string[]) => cli([...args, ...declared('audited'), '--path', 'store'], { cwd: folder() })
    const before = await run('migrate', 'status', '--json')
    expect([before.code, before.json().audit.length > 0]).toEqual([1, true])
    const made = (await run('migrate', 'up', '--json')).json()
    expect(made.statements).toContainEqual(expect.stringContaining('CREATE OR REPLACE TRIGGER "audit_insert"'))
    expect(made.status).toMatchObject({ ready: true, audit: [] })
    expect((await run('migrate', 'up')).stdout).toBe('Nothing was pending.\n')
    expect((await run('migrate', 'status')).code).toBe(0)
    const wider = cli(['migrate', 'status', ...declared('audited-wider'), '--path', 'store'], { cwd: folder() })
    expect((await wider).stdout).toMatch(/audit.*triggers pending/)
  })
})

describe('migrate with entities, embedded', () => {
  const folder = useFolder()
  suite((at) => ['--path', path.join(at, '.store')], folder)
})

describeWithPgvector('migrate with entities, on a server', () => {
  const database = useDatabase(() => pgvectorUrl()!)
  const folder = useFolder()
  suite(() => ['--database-url', database().url], folder)

  it('makes a table that is not there as declared, and has no need of the files that change it', async () => {
    await writeFile(path.join(folder(), 'headwater/migrations/0002_half.up.sql'), 'SELECT count(*) FROM documents')
    const args = ['migrate', 'up', ...declared('second'), '--database-url', database().url, '--json']
    const fresh = await cli(args, { cwd: folder(), env: { DATABASE_SCHEMA: 'fre"sh' } })
    expect(fresh.json()).toMatchObject({
      changed: expect.arrayContaining(['0001_initial', '0001_isbn', '0002_half']),
      status: { ready: true },
    })
  })

  it('builds indexes without limits, and leaves a pool of others as it was', async () => {
    const schema = 'limits'
    await (await openStore({ ...base, postgres: { url: database().url, schema }, entities })).close()
    const wider = defineEntity('books', z.object({ title: z.string(), pages: z.int().optional() }), {
      unique: [['title']],
      indexes: [['pages']],
    })
    const other = new pg.Client({ connectionString: database().url })
    await other.connect()
    await other.query(`BEGIN; LOCK TABLE ${schema}.e_books IN ROW EXCLUSIVE MODE`)
    const opening = openStore({
      ...base,
      postgres: { url: database().url, schema, lockTimeoutMs: 100 },
      entities: { books: wider },
    })
    await new Promise((resolve) => setTimeout(resolve, 500))
    await other.query('COMMIT')
    await (await opening).close()
    const { rows } = await other.query(
      `SELECT indexname AS name FROM pg_indexes WHERE schemaname = $1 AND indexname LIKE 'e\\_books\\_\\_pages%'`,
      [schema],
    )
    await other.query(`DROP INDEX ${schema}."${rows[0].name}"`)
    await other.end()

    const said: string[] = []
    const pool = new pg.Pool({ connectionString: database().url, max: 2 })
    const connect = pool.connect.bind(pool)
    Object.assign(pool, {
      connect: async () => {
        const client = await connect()
        const query = client.query.bind(client) as (one: unknown) => unknown
        return Object.assign(client, {
          query: (one: string | { text: string }) => {
            said.push(typeof one === 'string' ? one : one.text)
            return query(one)
          },
        })
      },
    })
    await (await openStore({ ...base, postgres: { pool, schema }, entities: { books: wider } })).close()
    await pool.end()
    expect(said.some((text) => text.startsWith('CREATE INDEX CONCURRENTLY'))).toBe(true)
    expect(said.filter((text) => /^\s*(RE)?SET\b/i.test(text))).toEqual([])
  })
})
