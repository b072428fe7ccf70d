import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PostgresConnection } from '../../src/connections/postgres/connection'
import type { Executor } from '../../src/connections/postgres/executor'
import { migrate } from '../../src/migrations/migrate'
import { ensureRoles, type Roles } from '../../src/migrations/roles'
import { PostgresTruth } from '../../src/repositories/postgres/truth'
import { acme, chunking, chunkRow, documentRow, documents, globex } from '../../src/testing/contracts/rows'
import { createDatabase, type TestDatabase } from '../support/postgres'

const worker = { worker: true } as const
const tables = ['documents', 'chunks', 'embeddings', 'queue', 'claims', 'commits']

/** One row in each table for each of two tenants. */
async function fill(truth: PostgresTruth): Promise<void> {
  for (const tenant of [acme, globex]) {
    const scope = { tenant, collection: documents }
    await truth.transaction({ tenant }, async (session) => {
      await session.commits.begin(tenant, 'key', '')
      await session.documents.lock(scope, ['d'], { create: true })
      await session.documents.save(scope, [documentRow('d', 1)])
      await session.chunks.apply(scope, chunking, { upsert: [chunkRow(scope, 'd', 0, 1)], move: [], remove: [] })
      await session.embeddings.setMany(tenant, 'f', [{ inputHash: 'h', vector: Float32Array.of(1) }])
      await session.jobs.enqueue([{ ...scope, target: 'text', document: 'd', fence: 1, since: 0 }])
    })
  }
}

/** Which tenants' rows each table shows to a statement without any WHERE. */
async function leaks(executor: Executor): Promise<string[]> {
  const seen = new Set<string>()
  for (const table of tables) {
    const { rows } = await executor.query<{ tenant: string }>(`SELECT tenant FROM headwater.${table}`)
    for (const { tenant } of rows) seen.add(tenant)
  }
  return [...seen].sort()
}

function follow(connection: PostgresConnection, roles: Roles): void {
  connection.security = { active: roles.enforced, appRole: roles.app, workerRole: roles.worker }
}

describe('row level security', () => {
  let database: TestDatabase
  const open: PostgresConnection[] = []
  const connect = (url: string): PostgresConnection => {
    const connection = new PostgresConnection({ url, max: 2 })
    open.push(connection)
    return connection
  }
  const login = async (name: string, attributes: string, more: string): Promise<string> => {
    const role = `${name}_${database.name}`
    await database.admin(`CREATE ROLE ${role} LOGIN PASSWORD 'p' ${attributes}; ${more.replaceAll('$role', role)}`)
    return database.urlAs(role, 'p')
  }
  beforeAll(async () => {
    database = await createDatabase()
  })
  afterAll(async () => {
    for (const connection of open) await connection.close()
    await database.admin(`DROP SCHEMA IF EXISTS headwater CASCADE`)
    await database.drop()
  })

  it('a superuser takes on a role for tenants, and none for all of them', async () => {
    const connection = connect(database.url)
    await migrate(connection)
    const roles = await ensureRoles(connection.session(worker))
    expect(roles).toEqual({ app: 'headwater_app', worker: undefined, enforced: true })
    expect(await ensureRoles(connection.session(worker))).toEqual(roles)
    follow(connection, roles)
    await fill(new PostgresTruth(connection))
    expect(await leaks(connection.session({ tenant: acme }))).toEqual(['acme'])
    expect(await leaks(connection.session(worker))).toEqual(['acme', 'globex'])
  })

  it('a tenant writes no other tenant’s row', async () => {
    const [connection] = open
    const forged = connection!
      .session({ tenant: acme })
      .query(`INSERT INTO headwater.commits (tenant, key, request_hash, created_at) VALUES ('globex', 'x', '', 0)`)
    await expect(forged).rejects.toMatchObject({ details: { sqlState: '42501' } })
    const changed = await connection!.session({ tenant: acme }).query(`UPDATE headwater.documents SET title = 'mine'`)
    expect(changed.rowCount).toBe(1)
  })

  it('tenants may what their statements do, and nothing with what is not theirs', async () => {
    const session = open[0]!.session({ tenant: acme })
    const refused = { code: 'HW_UNAUTHORIZED', details: { sqlState: '42501' } }
    for (const text of [
      `UPDATE headwater.registry SET value = '2' WHERE name = 'epoch'`,
      `INSERT INTO headwater.registry VALUES ('mine', '1')`,
      `UPDATE headwater.generations SET state = 'dropped'`,
      'DELETE FROM headwater.generations',
      'DELETE FROM headwater.workers',
      `INSERT INTO headwater.workers VALUES ('me', 0)`,
      'DELETE FROM headwater.migrations',
      'UPDATE headwater.migration_levels SET oldest = 0',
      'DELETE FROM headwater.documents',
      'TRUNCATE headwater.documents',
    ]) {
      await expect(session.query(text), text).rejects.toMatchObject(refused)
    }
    for (const table of ['registry', 'generations', 'workers', 'migrations', 'migration_levels']) {
      await session.query(`SELECT FROM headwater.${table}`)
    }
  })

  it('rights that were given by 0.1.0 are taken back, on our tables and on those to come', async () => {
    const before = [
      'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA headwater TO headwater_app',
      'ALTER DEFAULT PRIVILEGES IN SCHEMA headwater GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO headwater_app',
      'ALTER DEFAULT PRIVILEGES IN SCHEMA headwater GRANT USAGE ON SEQUENCES TO headwater_app',
    ]
    for (const text of before) await open[0]!.session(worker).query(text)
    await ensureRoles(open[0]!.session(worker))
    await open[0]!.session(worker).query('CREATE TABLE headwater.of_the_user (id int)')
    const { rows } = await open[0]!.session(worker).query(
      `SELECT has_table_privilege('headwater_app', 'headwater.registry', 'UPDATE') AS registry,
         has_table_privilege('headwater_app', 'headwater.of_the_user', 'SELECT') AS later,
         has_table_privilege('headwater_app', 'headwater.documents', 'UPDATE') AS documents`,
    )
    expect(rows).toEqual([{ registry: false, later: false, documents: true }])
    await open[0]!.session(worker).query('DROP TABLE headwater.of_the_user')
  })

  it('a plain login under the policies needs no role; without a tenant it sees nothing', async () => {
    const url = await login('plain', '', 'GRANT headwater_app TO $role')
    const connection = connect(url)
    const roles = await ensureRoles(connection.session(worker))
    expect(roles).toEqual({ app: 'headwater_app', worker: undefined, enforced: true })
    follow(connection, roles)
    expect(await leaks(connection.session({ tenant: globex }))).toEqual(['globex'])
    expect(await leaks(connection.session(worker))).toEqual([])
  })

  it('a worker’s login sees all tenants', async () => {
    const url = await login('relay', '', 'GRANT headwater_worker TO $role')
    const connection = connect(url)
    const roles = await ensureRoles(connection.session(worker))
    expect(roles.worker).toBe('headwater_worker')
    follow(connection, roles)
    expect(await leaks(connection.session(worker))).toEqual(['acme', 'globex'])
    const truth = new PostgresTruth(connection)
    const options = { targets: ['text'], limit: 10, token: 't', leaseMs: 0 } as const
    const claimed = await truth.session(worker).jobs.claim(options)
    expect(claimed.map(({ tenant }) => tenant).sort()).toEqual(['acme', 'globex'])
  })

  it('an owner who may not create roles has both the wall and the relay', async () => {
    const own = await createDatabase()
    const role = `owner_${own.name}`
    await own.admin(`CREATE ROLE ${role} LOGIN PASSWORD 'p'; GRANT CREATE ON DATABASE ${own.name} TO ${role}`)
    const connection = new PostgresConnection({ url: own.urlAs(role, 'p'), max: 2 })
    try {
      await migrate(connection)
      const roles = await ensureRoles(connection.session(worker))
      expect(roles).toEqual({ app: undefined, worker: undefined, enforced: true })
      follow(connection, roles)
      await fill(new PostgresTruth(connection))
      expect(await leaks(connection.session({ tenant: acme }))).toEqual(['acme'])
      expect(await leaks(connection.session(worker))).toEqual(['acme', 'globex'])
    } finally {
      await connection.close()
      await own.drop()
      await database.admin(`DROP ROLE ${role}`)
    }
  })

  it('an owner who may create roles makes the tenants’ one', async () => {
    const own = await createDatabase()
    const role = `maker_${own.name}`
    const names = { app: `app_${own.name}`, worker: `worker_${own.name}` }
    await own.admin(
      `CREATE ROLE ${role} LOGIN CREATEROLE PASSWORD 'p'; GRANT CREATE ON DATABASE ${own.name} TO ${role}`,
    )
    const connection = new PostgresConnection({ url: own.urlAs(role, 'p'), max: 2 })
    try {
      await migrate(connection)
      const roles = await ensureRoles(connection.session(worker), names)
      expect(roles).toEqual({ app: names.app, worker: undefined, enforced: true })
      follow(connection, roles)
      await fill(new PostgresTruth(connection))
      expect(await leaks(connection.session({ tenant: acme }))).toEqual(['acme'])
      expect(await leaks(connection.session(worker))).toEqual(['acme', 'globex'])
    } finally {
      await connection.close()
      await own.drop()
      await database.admin(`DROP ROLE IF EXISTS ${names.app}, ${names.worker}`)
      await database.admin(`DROP ROLE ${role}`)
    }
  })

  it('many processes make the roles at once', async () => {
    const own = await Promise.all([createDatabase(), createDatabase(), createDatabase()])
    const names = { app: `app_${own[0]!.name}`, worker: `worker_${own[0]!.name}` }
    const connections = own.flatMap(({ url }) => [url, url]).map((url) => new PostgresConnection({ url, max: 1 }))
    try {
      await Promise.all(connections.map((connection) => migrate(connection)))
      const made = await Promise.all(connections.map((it) => ensureRoles(it.session(worker), names)))
      for (const roles of made) expect(roles).toEqual({ app: names.app, worker: undefined, enforced: true })
    } finally {
      for (const connection of connections) await connection.close()
      for (const one of own) await one.drop()
      await database.admin(`DROP ROLE IF EXISTS ${names.app}, ${names.worker}`)
    }
  })

  it('holds in PGlite too, for a role that is not its superuser', async () => {
    const connection = new PostgresConnection({ embedded: { path: ':memory:' } })
    try {
      await migrate(connection)
      follow(connection, await ensureRoles(connection.session(worker)))
      await fill(new PostgresTruth(connection))
      expect(await leaks(connection.session({ tenant: acme }))).toEqual(['acme'])
    } finally {
      await connection.close()
    }
  })

  it('nothing is left on a connection that somebody else uses next', async () => {
    const pool = new pg.Pool({ connectionString: database.url, max: 1 })
    const connection = new PostgresConnection({ pool })
    try {
      follow(connection, await ensureRoles(connection.session(worker)))
      await new PostgresTruth(connection).session({ tenant: acme }).registry.epoch()
      const { rows } = await pool.query(
        `SELECT current_user AS role, current_setting('headwater.tenant', true) AS tenant`,
      )
      expect([rows[0].role, rows[0].tenant || '']).toEqual(['postgres', ''])
    } finally {
      await connection.close()
      await pool.end()
    }
  })
})
