import { loadDriver } from '../../resilience/load-driver'

export async function loadPg() {
  const module = await loadDriver('pg', () => import('pg'))
  return module.default
}

/** PGlite, its adapter for pg, and the extensions that the schema uses. */
export async function loadPglite() {
  const [{ PGlite }, { createPgConfig }, { pg_trgm: trigrams }] = await loadDriver('@electric-sql/pglite@0.5.14', () =>
    Promise.all([
      import('@electric-sql/pglite'),
      import('@electric-sql/pglite/node-postgres'),
      import('@electric-sql/pglite/contrib/pg_trgm'),
    ]),
  )
  const { vector } = await loadDriver(
    '@electric-sql/pglite-pgvector@0.0.15',
    () => import('@electric-sql/pglite-pgvector'),
  )
  return { PGlite, createPgConfig, extensions: { vector, pg_trgm: trigrams } }
}
