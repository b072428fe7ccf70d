import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, inject } from 'vitest'

export interface TestDatabase {
  readonly name: string
  readonly url: string
  /** The same database as another login. */
  urlAs(user: string, password: string): string
  /** Runs statements as the administrator of the server. */
  admin(text: string, values?: unknown[]): Promise<pg.QueryResult>
  drop(): Promise<void>
}

/** A fresh database on the server of this run. */
export async function createDatabase(serverUrl: string = inject('postgresUrl')): Promise<TestDatabase> {
  const name = `hw_${process.pid}_${randomBytes(4).toString('hex')}`
  await once(serverUrl, `CREATE DATABASE ${name}`)
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return {
    name,
    url: url.href,
    urlAs(user, password) {
      const other = new URL(url)
      other.username = user
      other.password = password
      return other.href
    },
    admin: (text, values) => once(url.href, text, values),
    drop: async () => {
      await empty(serverUrl, name)
      await once(serverUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
    },
  }
}

/**
 * Call it at the top of a describe: a database of its own for the tests in it, dropped at the end, and kept (its URL is
 * printed) when one of them failed.
 */
export function useDatabase(serverUrl?: () => string): () => TestDatabase {
  let database: TestDatabase | undefined
  let failed = false
  beforeAll(async () => {
    database = await createDatabase(serverUrl?.())
  })
  beforeEach(({ onTestFailed }) => {
    onTestFailed(() => {
      failed = true
    })
  })
  afterAll(async () => {
    if (failed) console.error(`Kept for a look, while the server runs: ${database?.url}`)
    else await database?.drop()
  })
  return () => {
    if (!database) throw new Error('useDatabase: there is no database before beforeAll')
    return database
  }
}

/** URL of a server with pgvector, or undefined. PGlite has it in any case. */
export function pgvectorUrl(): string | undefined {
  return inject('pgvectorUrl')
}

/** A suite that needs pgvector on a real server; without one it is skipped, and says so. */
export function describeWithPgvector(name: string, suite: () => void): void {
  const url = pgvectorUrl()
  if (!url) console.warn(`SKIPPED ${name}: set HW_TEST_PGVECTOR_URL to a Postgres server that has pgvector`)
  describe.skipIf(!url)(name, suite)
}

/**
 * A pool's `end` resolves before its servers have read the farewell: one that is ended by force in between says so on
 * a connection whose pool nobody listens to any more. So they get some seconds to leave by themselves.
 */
async function empty(serverUrl: string, name: string): Promise<void> {
  await once(
    serverUrl,
    `DO $$ BEGIN
       FOR i IN 1..250 LOOP
         PERFORM pg_stat_clear_snapshot();
         EXIT WHEN NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = '${name}');
         PERFORM pg_sleep(0.02);
       END LOOP;
     END $$`,
  )
}

async function once(url: string, text: string, values?: unknown[]): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await client.query(text, values)
  } finally {
    await client.end()
  }
}
