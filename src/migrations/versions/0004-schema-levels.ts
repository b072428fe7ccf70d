import type { SchemaMigration } from '../schema-migration'

/**
 * Which package may run on what a newer one made of the schema: `migrate` adds a row for this migration and for each
 * later one. Packages before this level refuse whatever they do not know, so nothing older can run on it.
 */
export const migration: SchemaMigration = {
  oldest: 4,

  up(schema) {
    return [`CREATE TABLE ${schema}.migration_levels (migration text COLLATE "C" PRIMARY KEY, oldest integer NOT NULL)`]
  },

  down(schema) {
    return [`DROP TABLE ${schema}.migration_levels`]
  },
}
