import { rowSecurityStatements } from '../../connections/postgres/row-security'
import type { SchemaMigration } from '../schema-migration'

/** What is to be done elsewhere after a commit: a row each. A worker says which names of them it handles. */
export const migration: SchemaMigration = {
  oldest: 10,

  up(schema) {
    return [
      `CREATE TABLE ${schema}.errands (
        id uuid PRIMARY KEY,
        tenant text COLLATE "C" NOT NULL,
        name text COLLATE "C" NOT NULL,
        payload jsonb NOT NULL,
        attempts integer NOT NULL DEFAULT 0,
        reason text,
        created_at timestamptz NOT NULL,
        due_at timestamptz NOT NULL,
        parked_at timestamptz,
        token text COLLATE "C",
        epoch bigint,
        lease_until timestamptz,
        CONSTRAINT errands_claimed CHECK ((token IS NULL) = (lease_until IS NULL) AND (token IS NULL) = (epoch IS NULL))
      )`,
      // A claim and its renewal change no column of an index, and find room on the row's own page.
      `CREATE INDEX errands_due ON ${schema}.errands (name, due_at, id) WHERE parked_at IS NULL`,
      `CREATE INDEX errands_parked ON ${schema}.errands (id) WHERE parked_at IS NOT NULL`,
      `ALTER TABLE ${schema}.errands SET (
        fillfactor = 80,
        autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0
      )`,
      ...rowSecurityStatements(`${schema}.errands`),
      `ALTER TABLE ${schema}.workers ADD COLUMN handles text[] COLLATE "C"`,
    ]
  },

  down(schema) {
    return [`ALTER TABLE ${schema}.workers DROP COLUMN handles`, `DROP TABLE ${schema}.errands`]
  },

  // Promised, and not done yet.
  data(schema) {
    return [{ table: `${schema}.errands`, where: 'true' }]
  },
}
