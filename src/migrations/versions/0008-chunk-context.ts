import type { SchemaMigration } from '../schema-migration'

/**
 * Chunks keep the heading under which they begin and the header of a table that was cut above them. Older code would
 * embed such a chunk without them, under the hash of what is embedded with them.
 */
export const migration: SchemaMigration = {
  oldest: 8,

  up(schema) {
    return [
      `ALTER TABLE ${schema}.chunks
        ADD COLUMN heading text NOT NULL DEFAULT '',
        ADD COLUMN table_header text NOT NULL DEFAULT ''`,
    ]
  },

  down(schema) {
    return [`ALTER TABLE ${schema}.chunks DROP COLUMN heading, DROP COLUMN table_header`]
  },

  // Of chunks that a caller cut himself nothing else holds them.
  data(schema) {
    return [{ table: `${schema}.chunks`, where: `heading <> '' OR table_header <> ''` }]
  },
}
