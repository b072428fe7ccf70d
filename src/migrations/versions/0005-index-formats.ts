import type { SchemaMigration } from '../schema-migration'

const first = `'{"words": 1, "payload": 1}'`

/** What each index was made with. Those that are there are of 0.1.0. */
export const migration: SchemaMigration = {
  // Older code would feed an index of a later format in the way of the first.
  oldest: 5,

  up(schema) {
    return [`ALTER TABLE ${schema}.generations ADD COLUMN format jsonb NOT NULL DEFAULT ${first}`]
  },

  down(schema) {
    return [`ALTER TABLE ${schema}.generations DROP COLUMN format`]
  },

  // Indexes of later formats would be taken for first ones afterwards.
  data(schema) {
    return [{ table: `${schema}.generations`, where: `state <> 'dropped' AND format <> ${first}` }]
  },
}
