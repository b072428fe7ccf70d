import type { SchemaMigration } from '../schema-migration'

/**
 * Each index says which engine it is in, so that those of one target may be in several, and each worker which engines it
 * has. What was recorded for the whole database is written to its indexes.
 */
export const migration: SchemaMigration = {
  // Older code looks for every index of a target in one engine.
  oldest: 10,

  up(schema) {
    return [
      `ALTER TABLE ${schema}.generations ADD COLUMN engine text COLLATE "C"`,
      `UPDATE ${schema}.generations g SET engine = r.value ->> g.target FROM ${schema}.registry r
        WHERE r.name = 'topology' AND jsonb_typeof(r.value) = 'object'`,
      `DELETE FROM ${schema}.registry WHERE name = 'topology'`,
      `ALTER TABLE ${schema}.workers ADD COLUMN engines text[] COLLATE "C"`,
    ]
  },

  down(schema) {
    const engine = (target: string): string => `min(engine) FILTER (WHERE target = '${target}')`
    return [
      `INSERT INTO ${schema}.registry (name, value)
        SELECT 'topology', jsonb_build_object('vector', ${engine('vector')}, 'text', ${engine('text')})
        FROM ${schema}.generations WHERE state = 'live'
        HAVING ${engine('vector')} IS NOT NULL AND ${engine('text')} IS NOT NULL
        ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
      `ALTER TABLE ${schema}.workers DROP COLUMN engines`,
      `ALTER TABLE ${schema}.generations DROP COLUMN engine`,
    ]
  },

  // An older package would look for them in the engine of the others.
  data(schema) {
    const same = `SELECT 1 FROM ${schema}.generations o WHERE o.state <> 'dropped' AND o.target = generations.target`
    return [
      {
        table: `${schema}.generations`,
        where: `state <> 'dropped' AND EXISTS (${same} AND o.engine < generations.engine)`,
      },
    ]
  },
}
