import { rowSecurityStatements } from '../../connections/postgres/row-security'
import type { SchemaMigration } from '../schema-migration'

/** A document may own a blob. `blob_removals` names the blobs that are being deleted, which nobody may refer to. */
export const migration: SchemaMigration = {
  oldest: 2,

  data: (schema) => [{ table: `${schema}.documents`, where: 'blob_key IS NOT NULL' }],

  up(schema) {
    return [
      `ALTER TABLE ${schema}.documents
        ADD COLUMN blob_key text COLLATE "C",
        ADD COLUMN blob_size bigint,
        ADD COLUMN blob_type text,
        ADD CONSTRAINT documents_blob_whole CHECK (num_nulls(blob_key, blob_size, blob_type) IN (0, 3))`,
      `CREATE INDEX documents_blob ON ${schema}.documents (tenant, blob_key, collection, id)
        WHERE blob_key IS NOT NULL`,
      `CREATE TABLE ${schema}.blob_removals (
        tenant text COLLATE "C" NOT NULL,
        key text COLLATE "C" NOT NULL,
        begun_at bigint NOT NULL,
        PRIMARY KEY (tenant, key)
      )`,
      ...rowSecurityStatements(`${schema}.blob_removals`),
    ]
  },

  down(schema) {
    return [
      `DROP TABLE ${schema}.blob_removals`,
      `DROP INDEX ${schema}.documents_blob`,
      `ALTER TABLE ${schema}.documents DROP CONSTRAINT documents_blob_whole,
        DROP COLUMN blob_key, DROP COLUMN blob_size, DROP COLUMN blob_type`,
    ]
  },
}
