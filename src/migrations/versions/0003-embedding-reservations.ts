import { rowSecurityStatements } from '../../connections/postgres/row-security'
import type { SchemaMigration } from '../schema-migration'

/** Which worker is embedding which text, so that no other does it too. */
export const migration: SchemaMigration = {
  oldest: 2,

  up(schema) {
    return [
      `CREATE TABLE ${schema}.embedding_reservations (
        tenant text COLLATE "C" NOT NULL,
        fingerprint text COLLATE "C" NOT NULL,
        input_hash text COLLATE "C" NOT NULL,
        token text COLLATE "C" NOT NULL,
        until timestamptz NOT NULL,
        PRIMARY KEY (tenant, fingerprint, input_hash)
      )`,
      ...rowSecurityStatements(`${schema}.embedding_reservations`),
    ]
  },

  down(schema) {
    return [`DROP TABLE ${schema}.embedding_reservations`]
  },
}
