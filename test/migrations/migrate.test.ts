import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { PostgresConnection } from '../../src/connections/postgres/connection'
import { type CatalogueEntry, catalogue, levelOf } from '../../src/migrations/catalogue'
import { readSchema, schemaDifferences } from '../../src/migrations/introspect'
import { schemaManifest } from '../../src/migrations/manifest'
import { migrate } from '../../src/migrations/migrate'
import { assertMigrated, migrationStatus } from '../../src/migrations/status'
import { PostgresTextRepository } from '../../src/repositories/bm25/texts'
import { textEntry } from '../../src/testing/contracts/rows'
import { codeOf } from '../../src/testing/runner'
import { createDatabase, type TestDatabase } from '../support/postgres'

const worker = { worker: true } as const
const names = catalogue.map(({ name }) => name)

/** The catalogue and what a later release might add. */
function later(...statements: string[][]): CatalogueEntry[] {
  const more = statements.map((up, at) => ({
    name: `9${at}00_later`,
    load: async () => ({
      oldest: 9000 + at * 100,
      up: (schema: string) => up.map((text) => text.replaceAll('$schema', schema)),
      down: (schema: string) => [`DROP TABLE ${schema}.later_${at}`],
    }),
  }))
  return [...catalogue, ...more]
}

/** The catalogue's level, and a migration of a later package that says what may run on it. */
const packageLevel = levelOf(names.at(-1)!)
function step(name: string, oldest: number, up: string): CatalogueEntry {
  const migration = { oldest, up: (schema: string) => [up.replaceAll('$schema', schema)], down: () => [] }
  return { name, load: async () => migration }
}

describe('in PGlite', () => {
  let connection: PostgresConnection
  beforeAll(() => {
    connection = new PostgresConnection({ embedded: { path: ':memory:' } })
  })
  afterAll(() => connection.close())
  // Starting PGlite takes seconds, so that the tests share one.
  afterEach(async () => {
    const session = connection.session(worker)
    const { rows } = await session.query(`SELECT quote_ident(nspname) AS name FROM pg_namespace
      WHERE nspname !~ '^pg_' AND nspname NOT IN ('public', 'information_schema')`)
    for (const { name } of rows) await session.query(`DROP SCHEMA ${String(name)} CASCADE`)
  })
  suite(() => connection)
})

describe('in Postgres', () => {
  let connection: PostgresConnection
  let database: TestDatabase
  beforeEach(async () => {
    database = await createDatabase()
    connection = new PostgresConnection({ url: database.url, max: 4 })
  })
  afterEach(async () => {
    await connection.close()
    await database.drop()
  })
  suite(() => connection)

  it('several processes may start at once: one migrates, the others wait', async () => {
    const others = Array.from({ length: 4 }, () => new PostgresConnection({ url: database.url, max: 2 }))
    const slow = later(['SELECT pg_sleep(0.2)', 'CREATE TABLE $schema.later_0 (id int)'])
    try {
      const results = await Promise.all(others.map((other) => migrate(other, { catalogue: slow })))
      expect(results.flatMap(({ changed }) => changed).sort()).toEqual([...names, '9000_later'])
      for (const { status } of results) expect(status.pending).toEqual([])
    } finally {
      for (const other of others) await other.close()
    }
  })

  it('waits for the lock longer than a statement may take', async () => {
    const holder = new pg.Client({ connectionString: database.url })
    await holder.connect()
    const impatient = new PostgresConnection({ url: database.url, max: 2, lockTimeoutMs: 50, statementTimeoutMs: 60 })
    try {
      await holder.query(`BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('headwater:migrate:headwater', 0))`)
      const migrated = migrate(impatient)
      await holder.query('SELECT pg_sleep(0.3)')
      expect((await migrationStatus(connection)).applied).toEqual([])
      await holder.query('COMMIT')
      expect((await migrated).changed).toEqual(names)
    } finally {
      await impatient.close()
      await holder.end()
    }
  })

  it('a connection that is lost in the middle of a statement is an error of the call and not the end of the process', async () => {
    const holder = new pg.Client({ connectionString: database.url })
    await holder.connect()
    const cut = async (call: Promise<unknown>): Promise<void> => {
      const ended = codeOf(call)
      for (let cut = 0; cut === 0; ) {
        const { rowCount } = await database.admin(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE datname = current_database() AND wait_event_type = 'Lock'`)
        cut = rowCount ?? 0
      }
      expect(await ended).toMatch(/^HW_(UNAVAILABLE|COMMIT_UNKNOWN|MIGRATION_FAILED)$/)
    }
    try {
      await holder.query(`BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('headwater:migrate:headwater', 0))`)
      await cut(migrate(connection))
      await holder.query('COMMIT')
      expect((await migrate(connection)).changed).toEqual(names)
      await holder.query(`BEGIN; LOCK TABLE headwater.migrations`)
      await cut(migrationStatus(connection))
      await holder.query('COMMIT')
    } finally {
      await holder.end()
    }
  })

  it('a pool of the user’s and a URL will do', async () => {
    const pool = new pg.Pool({ connectionString: database.url, max: 1 })
    try {
      expect((await migrate({ pool })).changed).toEqual(names)
      await assertMigrated({ url: database.url })
      expect(pool.totalCount - pool.idleCount).toBe(0)
    } finally {
      await pool.end()
    }
  })

  it('an unreachable server is HW_UNAVAILABLE', async () => {
    const nowhere = { url: 'postgres://localhost:1/none' }
    expect(await codeOf(migrationStatus(nowhere))).toBe('HW_UNAVAILABLE')
    expect(await codeOf(migrate(nowhere))).toBe('HW_UNAVAILABLE')
  })
})

function suite(current: () => PostgresConnection): void {
  const query = (text: string) => current().session(worker).query(text)
  const tables = async (schema = 'headwater'): Promise<string[]> => {
    const { rows } = await query(`SELECT tablename AS name FROM pg_tables WHERE schemaname = '${schema}' ORDER BY 1`)
    return rows.map((row) => String(row['name']))
  }
  const ours = [...Object.keys(schemaManifest.tables), 'migrations', 'migrations_lock'].sort()

  it('up makes what the manifest says, down undoes it, and up again makes the same', async () => {
    const first = await migrate(current())
    expect(first.changed).toEqual(names)
    expect(first.status.applied.map(({ name }) => name)).toEqual(names)
    expect(first.status.applied[0]!.at).toBeGreaterThan(Date.UTC(2024, 0, 1))
    const { migrations, ...expected } = schemaManifest
    expect(migrations).toEqual(names)
    expect(schemaDifferences(expected, await readSchema(current().session(worker), 'headwater'))).toEqual([])
    expect(await tables()).toEqual(ours)

    const down = await migrate(current(), { direction: 'down', to: 'none' })
    expect(down.changed).toEqual([...names].reverse())
    expect(await tables()).toEqual(['migrations', 'migrations_lock'])
    expect(down.status.pending).toEqual(names)

    expect((await migrate(current())).changed).toEqual(names)
    expect(schemaDifferences(expected, await readSchema(current().session(worker), 'headwater'))).toEqual([])
  })

  it('down takes the projections along, whose names come again', async () => {
    const schema = "it's mine"
    await migrate(current(), { schema })
    const texts = new PostgresTextRepository(current(), { schema })
    const index = { name: 'text_1', language: 'english' }
    await texts.create(index)
    await texts.upsert(index, [textEntry('a', 1, 'left over')])
    await query(`CREATE TABLE "it's mine".of_the_user (id int, tenant text)`)
    await query(`CREATE POLICY headwater_tenant ON "it's mine".of_the_user USING (true)`)
    await query(`CREATE TABLE "it's mine".text_10 (id int); CREATE SEQUENCE "it's mine".invoice_numbers`)
    await migrate(current(), { schema, direction: 'down', to: 'none' })
    expect(await tables("it''s mine")).toEqual(['migrations', 'migrations_lock', 'of_the_user', 'text_10'])
    await query(`SELECT nextval('"it''s mine".invoice_numbers')`)
    await migrate(current(), { schema })
    await texts.create(index)
    expect(await texts.count(index)).toBe(0)
  })

  it('up twice changes nothing', async () => {
    await migrate(current())
    expect((await migrate(current())).changed).toEqual([])
    await assertMigrated(current())
  })

  it('before the first migration it is HW_MIGRATION_NEEDED, and nothing is made by asking', async () => {
    expect(await codeOf(assertMigrated(current()))).toBe('HW_MIGRATION_NEEDED')
    const status = await migrationStatus(current())
    expect({ ...status, pending: status.pending.length }).toEqual({
      schema: 'headwater',
      applied: [],
      pending: names.length,
      ahead: [],
      incompatible: [],
      missing: [],
      unrecorded: [],
    })
    expect(await tables()).toEqual([])
  })

  it('goes to a migration by name, one step down at a time', async () => {
    const known = later(['CREATE TABLE $schema.later_0 (id int)'], ['CREATE TABLE $schema.later_1 (id int)'])
    expect((await migrate(current(), { catalogue: known, to: '9000_later' })).changed).toEqual([...names, '9000_later'])
    expect((await migrate(current(), { catalogue: known })).changed).toEqual(['9100_later'])
    expect((await migrate(current(), { catalogue: known, direction: 'down' })).changed).toEqual(['9100_later'])
    expect((await tables()).filter((name) => name.startsWith('later'))).toEqual(['later_0'])
    const result = await migrate(current(), { catalogue: known, direction: 'down', to: names.at(-1) })
    expect(result.changed).toEqual(['9000_later'])
    expect(await codeOf(migrate(current(), { to: 'nowhere' }))).toBe('HW_INVALID_OPTIONS')
    expect(await codeOf(migrate(current(), { direction: 'down', to: 'nowhere' }))).toBe('HW_INVALID_OPTIONS')
  })

  it('a database that is ahead is refused, and left as it is', async () => {
    await migrate(current(), { catalogue: later(['CREATE TABLE $schema.later_0 (id int)']) })
    for (const refused of [
      () => migrate(current()),
      () => migrate(current(), { direction: 'down' }),
      () => assertMigrated(current()),
    ]) {
      await expect(refused()).rejects.toMatchObject({ code: 'HW_MIGRATION_AHEAD', path: 'schema' })
    }
    expect((await migrationStatus(current())).ahead).toEqual(['9000_later'])
    expect(await tables()).toContain('later_0')
  })

  it('a database that is ahead is opened where its newest migrations say that this package can run on it', async () => {
    const newer = [...catalogue, step('9000_wider', packageLevel, 'CREATE TABLE $schema.later_0 (id int)')]
    await migrate(current(), { catalogue: newer })
    await assertMigrated(current())
    const { changed, status } = await migrate(current())
    expect(changed).toEqual([])
    expect(status).toMatchObject({ ahead: ['9000_wider'], incompatible: [], pending: [], missing: [] })
    // It can neither undo what it does not know, nor go on from there.
    expect(await codeOf(migrate(current(), { direction: 'down' }))).toBe('HW_MIGRATION_AHEAD')
    const other = [...catalogue, step('8000_other', 1, 'CREATE TABLE $schema.other (id int)')]
    expect(await codeOf(migrate(current(), { catalogue: other }))).toBe('HW_MIGRATION_AHEAD')

    await migrate(current(), { catalogue: [...newer, step('9100_narrower', 9000, 'SELECT 1')] })
    const refused = { code: 'HW_MIGRATION_AHEAD', details: { ahead: ['9100_narrower'] } }
    await expect(assertMigrated(current())).rejects.toMatchObject(refused)
    await expect(migrate(current())).rejects.toMatchObject(refused)
  })

  it('a database of 0.1.0 is brought on with all that is in it', async () => {
    const old = catalogue.slice(0, 3)
    await migrate(current(), { catalogue: old })
    await query(`INSERT INTO headwater.documents (tenant, collection, id, deleted_at) VALUES ('a', 'b', 'c', NULL)`)
    expect((await migrate(current())).changed).toEqual(names.slice(3))
    expect((await query('SELECT id FROM headwater.documents')).rows).toEqual([{ id: 'c' }])
    const { rows } = await query('SELECT migration, oldest FROM headwater.migration_levels ORDER BY 1')
    expect(rows.map((row) => row['migration'])).toEqual(names.slice(3))
    for (const { migration, oldest } of rows) expect(Number(oldest)).toBeLessThanOrEqual(levelOf(String(migration)))
  })

  it('down drops nobody’s documents unless told to, and says so before the first step', async () => {
    await migrate(current())
    await query(`INSERT INTO headwater.documents (tenant, collection, id, deleted_at) VALUES ('a', 'b', 'c', NULL)`)
    const down = { direction: 'down', to: 'none' } as const
    await expect(migrate(current(), down)).rejects.toMatchObject({
      code: 'HW_MIGRATION_LOSES_DATA',
      details: { migration: '0001_initial' },
    })
    expect((await migrationStatus(current())).applied.map(({ name }) => name)).toEqual(names)
    // What can be made again is no data: as far as the blobs of documents, of which there are none.
    await migrate(current(), { direction: 'down', to: '0001_initial' })
    await migrate(current())
    await query(`UPDATE headwater.documents SET blob_key = 'k', blob_size = 1, blob_type = 't'`)
    await expect(migrate(current(), { direction: 'down', to: '0001_initial' })).rejects.toMatchObject({
      code: 'HW_MIGRATION_LOSES_DATA',
      details: { migration: '0002_document_blobs' },
    })
    expect((await migrate(current(), { ...down, withData: true })).changed).toEqual([...names].reverse())
  })

  it('what was recorded of the whole database is written to each index, and back as long as one place is left', async () => {
    const before = { to: '0009_claims' } as const
    const topology = () => query(`SELECT value FROM headwater.registry WHERE name = 'topology'`)
    await migrate(current(), before)
    await query(`INSERT INTO headwater.registry (name, value) VALUES
      ('topology', '{"vector": "qdrant", "text": "postgres"}'::jsonb)`)
    await query(`INSERT INTO headwater.generations (target, collection, name, chunking, format, state, created_at)
      SELECT t, 'documents', t || s, 'c', '{}'::jsonb, s, 1
      FROM unnest(ARRAY['vector', 'text']) t, unnest(ARRAY['live', 'dropped']) s`)
    await migrate(current())
    expect((await topology()).rows).toEqual([])
    const engines = await query('SELECT name, engine FROM headwater.generations ORDER BY name')
    expect(engines.rows.map((row) => [row['name'], row['engine']])).toEqual([
      ['textdropped', 'postgres'],
      ['textlive', 'postgres'],
      ['vectordropped', 'qdrant'],
      ['vectorlive', 'qdrant'],
    ])

    const down = { direction: 'down', ...before } as const
    await query(`INSERT INTO headwater.generations
      (target, collection, name, chunking, format, state, created_at, engine)
      VALUES ('vector', 'documents', 'moved', 'c', '{}'::jsonb, 'standby', 1, 'postgres')`)
    await expect(migrate(current(), down)).rejects.toMatchObject({
      code: 'HW_MIGRATION_LOSES_DATA',
      details: { migration: '0010_generation_engines' },
    })
    await query(`UPDATE headwater.generations SET state = 'dropped' WHERE name = 'moved'`)
    await migrate(current(), down)
    expect((await topology()).rows).toEqual([{ value: { vector: 'qdrant', text: 'postgres' } }])
  })

  it('a migration that fails leaves nothing; those before it stay, and it can be run again', async () => {
    const broken = later(
      ['CREATE TABLE $schema.later_0 (id int)'],
      ['CREATE TABLE $schema.later_1 (id int)', 'SELECT 1 / 0'],
    )
    const failure = await migrate(current(), { catalogue: broken }).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'HW_MIGRATION_FAILED', path: 'schema' })
    expect(failure).toMatchObject({ details: { migration: '9100_later', sqlState: '22012' } })
    expect((failure as Error).cause).toBeInstanceOf(Error)
    expect((await tables()).filter((name) => name.startsWith('later'))).toEqual(['later_0'])
    const mended = later(['SELECT 1'], ['CREATE TABLE $schema.later_1 (id int)'])
    expect((await migrate(current(), { catalogue: mended })).changed).toEqual(['9100_later'])
  })

  it('a schema that is half there is HW_MIGRATION_FAILED, whichever half it is', async () => {
    await migrate(current())
    await query('ALTER TABLE headwater.queue RENAME TO somewhere_else')
    const lacking = { code: 'HW_MIGRATION_FAILED', path: 'schema', details: { missing: ['queue'] } }
    await expect(assertMigrated(current())).rejects.toMatchObject(lacking)
    await expect(migrate(current())).rejects.toMatchObject(lacking)
    await query('DROP TABLE headwater.migrations')
    for (const refused of [() => assertMigrated(current()), () => migrate(current())]) {
      await expect(refused()).rejects.toMatchObject({ code: 'HW_MIGRATION_FAILED', details: { missing: [] } })
    }
  })

  it('lives in any schema, and several live side by side', async () => {
    const schema = 'My "own"; schema'
    await migrate(current(), { schema })
    await migrate(current(), { schema: 'other' })
    expect(await tables(schema)).toEqual(ours)
    const { migrations: _, ...expected } = schemaManifest
    expect(schemaDifferences(expected, await readSchema(current().session(worker), schema))).toEqual([])
    await migrate(current(), { schema: 'other', direction: 'down', to: 'none' })
    await assertMigrated(current(), { schema })
    expect(await codeOf(assertMigrated(current(), { schema: 'other' }))).toBe('HW_MIGRATION_NEEDED')
  })

  it('refuses names that cannot be schemas', async () => {
    for (const schema of ['', 'pg_own', 'a\0b', 'x'.repeat(64)]) {
      await expect(migrate(current(), { schema })).rejects.toMatchObject({
        code: 'HW_INVALID_OPTIONS',
        path: 'schema',
      })
    }
  })

  it('a difference of the schema is found, by its path', async () => {
    await migrate(current())
    await query('ALTER TABLE headwater.queue ALTER COLUMN reason SET NOT NULL; DROP INDEX headwater.queue_due')
    await query('ALTER TABLE headwater.documents NO FORCE ROW LEVEL SECURITY')
    const { migrations: _, ...expected } = schemaManifest
    const differences = schemaDifferences(expected, await readSchema(current().session(worker), 'headwater'))
    expect(differences.map((line) => line.split(':')[0]).sort()).toEqual([
      'tables.documents.policies.headwater_owner',
      'tables.documents.policies.headwater_tenant',
      'tables.queue.columns.reason',
      'tables.queue.indexes.queue_due',
    ])
  })
}
