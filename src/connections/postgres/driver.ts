import { HeadwaterError } from '../../core/errors'
import { codeOf } from '../../resilience/classify-network'

const missing = new Set(['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'])

/**
 * Loads a package on first use. `specifier` is what to install, with its version where only one will do; a package
 * that is not there is HW_DRIVER_MISSING with the command that installs it.
 */
export async function loadDriver<T>(specifier: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (cause) {
    const why = missing.has(codeOf(cause) ?? '') ? 'is not installed' : 'could not be loaded'
    throw new HeadwaterError('HW_DRIVER_MISSING', `${specifier} ${why}: run \`npm install ${specifier}\``, {
      cause,
      details: { package: specifier },
    })
  }
}

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
