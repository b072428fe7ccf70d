import type { SchemaMigration } from './schema-migration'

export interface CatalogueEntry {
  readonly name: string
  load(): Promise<SchemaMigration>
}

/** Every migration in order. They are listed, not looked for in a folder: a bundle has none. */
export const catalogue: readonly CatalogueEntry[] = [
  { name: '0001_initial', load: async () => (await import('./versions/0001-initial')).migration },
  { name: '0002_document_blobs', load: async () => (await import('./versions/0002-document-blobs')).migration },
  {
    name: '0003_embedding_reservations',
    load: async () => (await import('./versions/0003-embedding-reservations')).migration,
  },
  { name: '0004_schema_levels', load: async () => (await import('./versions/0004-schema-levels')).migration },
  { name: '0005_index_formats', load: async () => (await import('./versions/0005-index-formats')).migration },
  { name: '0008_chunk_context', load: async () => (await import('./versions/0008-chunk-context')).migration },
  { name: '0009_claims', load: async () => (await import('./versions/0009-claims')).migration },
  {
    name: '0010_generation_engines',
    load: async () => (await import('./versions/0010-generation-engines')).migration,
  },
  { name: '0011_errands', load: async () => (await import('./versions/0011-errands')).migration },
  { name: '0012_audit', load: async () => (await import('./versions/0012-audit')).migration },
]

/** The level of a migration: the number that its name begins with. */
export function levelOf(name: string): number {
  return Number.parseInt(name, 10)
}

/** From this level on each applied migration has a row in the table of levels, which this one makes. */
export const firstRecordedLevel = 4
/** The oldest package level that can run on each applied migration. */
export const levelTable = 'migration_levels'

/** Table of the applied migrations, in the schema itself. */
export const migrationTable = 'migrations'
export const migrationLockTable = 'migrations_lock'

/** Of migrations that a user wrote; there once one of them was run. */
export const userMigrationTable = 'user_migrations'
