import type { TestDatabase } from './postgres'

const tables = ['registry', 'documents', 'chunks', 'embeddings', 'queue', 'claims', 'generations', 'commits']

/** What a dump of the data holds, in the schema `saved`. */
export async function saveRows(database: TestDatabase): Promise<void> {
  await database.admin(`CREATE SCHEMA saved;
    ${tables.map((table) => `CREATE TABLE saved.${table} AS TABLE headwater.${table};`).join('\n')}
    CREATE TABLE saved.fence AS SELECT last_value FROM headwater.fences;`)
}

/** How it comes back into the tables that are there. A store at work there may hold locks in another order. */
export async function setRowsBack(database: TestDatabase): Promise<void> {
  const names = tables.map((table) => `headwater.${table}`).join(', ')
  const fill = tables.map((table) => `INSERT INTO headwater.${table} OVERRIDING SYSTEM VALUE TABLE saved.${table};`)
  const setBack = `BEGIN; TRUNCATE ${names}; ${fill.join('\n')}
    SELECT setval('headwater.fences', (SELECT last_value FROM saved.fence)); COMMIT;`
  for (let tries = 1; ; tries++) {
    try {
      await database.admin(setBack)
      return
    } catch (error) {
      if ((error as { code?: string }).code !== '40P01' || tries === 10) throw error
    }
  }
}
