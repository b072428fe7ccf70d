import { rowSecurityStatements } from '../../connections/postgres/row-security'
import type { SchemaMigration } from '../schema-migration'

/**
 * A claim is a row of its own, for as many jobs as are applied together, and a job that is claimed is not in the queue.
 * What was claimed becomes a waiting job that is due when its lease would have ended. Under the old name of the queue
 * stands what tells a process of an older version why it can go on no longer.
 */
export const migration: SchemaMigration = {
  oldest: 9,

  up(schema) {
    return [
      `ALTER TABLE ${schema}.jobs RENAME TO queue`,
      `ALTER TABLE ${schema}.queue DROP CONSTRAINT jobs_claimed, DROP COLUMN claim_token, DROP COLUMN lease_until`,
      `ALTER TABLE ${schema}.queue RENAME CONSTRAINT jobs_pkey TO queue_pkey`,
      `ALTER TABLE ${schema}.queue RENAME CONSTRAINT jobs_target TO queue_target`,
      ...['due', 'first', 'parked'].map((index) => `ALTER INDEX ${schema}.jobs_${index} RENAME TO queue_${index}`),
      // What is coalesced leaves the columns of the indexes as they are, and stays on its page.
      `ALTER TABLE ${schema}.queue SET (fillfactor = 80)`,

      `CREATE TABLE ${schema}.claims (
        token text COLLATE "C" NOT NULL,
        tenant text COLLATE "C" NOT NULL,
        collection text COLLATE "C" NOT NULL,
        targets text[] COLLATE "C" NOT NULL,
        epoch bigint NOT NULL,
        created_at timestamptz NOT NULL,
        lease_until timestamptz NOT NULL,
        documents text[] COLLATE "C" NOT NULL,
        marks integer[] NOT NULL,
        since bigint[] NOT NULL,
        fence bigint[] NOT NULL,
        first bigint[] NOT NULL,
        attempts integer[],
        reasons text[]
      )`,
      // Written once and read once: trying to compress them costs more than it saves.
      ...['documents', 'marks', 'since', 'fence', 'first'].map(
        (column) => `ALTER TABLE ${schema}.claims ALTER COLUMN ${column} SET STORAGE EXTERNAL`,
      ),
      `CREATE INDEX claims_token ON ${schema}.claims (token)`,
      `CREATE INDEX claims_lease ON ${schema}.claims (lease_until)`,
      `CREATE INDEX claims_tenant ON ${schema}.claims (tenant)`,
      // A mark is a document's id by hash, of so few that what an index keeps of those that went is bounded.
      `CREATE INDEX claims_marks ON ${schema}.claims USING gin (marks) WITH (fastupdate = off)`,
      `ALTER TABLE ${schema}.claims SET (
        autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0
      )`,
      ...rowSecurityStatements(`${schema}.claims`),
      ...movedAway(schema),
    ]
  },

  down(schema) {
    return [
      `DROP VIEW ${schema}.jobs`,
      `DROP FUNCTION ${schema}.jobs_moved(), ${schema}.jobs_moved_row()`,
      `INSERT INTO ${schema}.queue AS j
         (target, tenant, collection, document, since, fence, first, attempts, created_at, due_at, reason)
       SELECT t.target, c.tenant, c.collection, i.document, min(i.since), max(i.fence), min(i.first),
         max(coalesce(i.attempts, 0)), min(c.created_at), max(c.lease_until), max(i.reason)
       FROM ${schema}.claims c CROSS JOIN LATERAL unnest(c.targets) AS t (target)
       CROSS JOIN LATERAL unnest(c.documents, c.since, c.fence, c.first, c.attempts, c.reasons)
         AS i (document, since, fence, first, attempts, reason)
       GROUP BY 1, 2, 3, 4
       ON CONFLICT (target, tenant, collection, document) DO UPDATE SET since = least(j.since, excluded.since),
         fence = greatest(j.fence, excluded.fence), first = least(j.first, excluded.first)`,
      `DROP TABLE ${schema}.claims`,
      `ALTER TABLE ${schema}.queue RESET (fillfactor)`,
      ...['due', 'first', 'parked'].map((index) => `ALTER INDEX ${schema}.queue_${index} RENAME TO jobs_${index}`),
      `ALTER TABLE ${schema}.queue RENAME CONSTRAINT queue_target TO jobs_target`,
      `ALTER TABLE ${schema}.queue RENAME CONSTRAINT queue_pkey TO jobs_pkey`,
      `ALTER TABLE ${schema}.queue ADD COLUMN lease_until timestamptz, ADD COLUMN claim_token text COLLATE "C",
        ADD CONSTRAINT jobs_claimed CHECK ((claim_token IS NULL) = (lease_until IS NULL))`,
      `ALTER TABLE ${schema}.queue RENAME TO jobs`,
      `CREATE INDEX jobs_claimed_by ON ${schema}.jobs (claim_token) WHERE claim_token IS NOT NULL`,
    ]
  },
}

/**
 * Whatever an older process reads or changes of its jobs ends with this message. (Its INSERT ... ON CONFLICT ends too, with
 * Postgres' own: a view has no constraint.)
 */
function movedAway(schema: string): string[] {
  const columns = [
    ...['target', 'tenant', 'collection', 'document', 'claim_token', 'reason'].map((name) => `${name} text`),
    ...['since', 'fence', 'first'].map((name) => `${name} bigint`),
    'attempts integer',
    ...['created_at', 'due_at', 'parked_at', 'lease_until'].map((name) => `${name} timestamptz`),
  ]
  const raise = `BEGIN RAISE EXCEPTION 'headwater: the jobs have moved, this process is older than the schema'
    USING HINT = 'Stop it and start the version that migrated the schema.'; END`
  return [
    `CREATE FUNCTION ${schema}.jobs_moved() RETURNS TABLE (${columns.join(', ')}) LANGUAGE plpgsql AS $headwater$ ${raise} $headwater$`,
    `CREATE FUNCTION ${schema}.jobs_moved_row() RETURNS trigger LANGUAGE plpgsql AS $headwater$ ${raise} $headwater$`,
    `CREATE VIEW ${schema}.jobs AS SELECT * FROM ${schema}.jobs_moved()`,
    `CREATE TRIGGER jobs_moved INSTEAD OF INSERT OR UPDATE OR DELETE ON ${schema}.jobs
      FOR EACH ROW EXECUTE FUNCTION ${schema}.jobs_moved_row()`,
    `GRANT SELECT, INSERT, UPDATE, DELETE ON ${schema}.jobs TO PUBLIC`,
  ]
}
