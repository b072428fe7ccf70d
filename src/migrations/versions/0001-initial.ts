import { rowSecurityStatements } from '../../connections/postgres/row-security'
import type { SchemaMigration } from '../schema-migration'

/**
 * The truth: documents, chunks, embeddings, jobs, generations, commits and the registry. Names and ids compare by bytes
 * (COLLATE "C"), so that order and locks are the same everywhere. Times are epoch ms, but those of jobs, which only the
 * database's own clock sets and reads.
 */
export const migration: SchemaMigration = {
  oldest: 1,

  data: (schema) => [{ table: `${schema}.documents`, where: 'deleted_at IS NULL' }],

  up(schema) {
    const tenantTables = ['documents', 'chunks', 'embeddings', 'jobs', 'commits']
    return [
      `CREATE SEQUENCE ${schema}.fences AS bigint`,

      `CREATE TABLE ${schema}.registry (
        name text COLLATE "C" PRIMARY KEY,
        value jsonb NOT NULL
      )`,
      `INSERT INTO ${schema}.registry (name, value) VALUES ('epoch', '1')`,

      `CREATE TABLE ${schema}.workers (
        worker text COLLATE "C" PRIMARY KEY,
        seen_at bigint NOT NULL
      )`,

      `CREATE TABLE ${schema}.documents (
        tenant text COLLATE "C" NOT NULL,
        collection text COLLATE "C" NOT NULL,
        id text COLLATE "C" NOT NULL,
        version bigint NOT NULL DEFAULT 0,
        fence bigint NOT NULL DEFAULT 0,
        payload_fence bigint NOT NULL DEFAULT 0,
        created_at bigint NOT NULL DEFAULT 0,
        updated_at bigint NOT NULL DEFAULT 0,
        deleted_at bigint DEFAULT 0,
        content_hash text COLLATE "C" NOT NULL DEFAULT '',
        payload_hash text COLLATE "C" NOT NULL DEFAULT '',
        content_type text NOT NULL DEFAULT '',
        status text NOT NULL DEFAULT '',
        source text,
        title text NOT NULL DEFAULT '',
        leaves jsonb NOT NULL DEFAULT '{}',
        metadata jsonb NOT NULL DEFAULT '{}',
        text text NOT NULL DEFAULT '',
        PRIMARY KEY (tenant, collection, id)
      )`,
      `CREATE INDEX documents_deleted ON ${schema}.documents (deleted_at) WHERE deleted_at IS NOT NULL`,

      `CREATE TABLE ${schema}.chunks (
        tenant text COLLATE "C" NOT NULL,
        collection text COLLATE "C" NOT NULL,
        chunking text COLLATE "C" NOT NULL,
        id uuid NOT NULL,
        document text COLLATE "C" NOT NULL,
        fence bigint NOT NULL,
        removed_at bigint,
        ordinal integer NOT NULL,
        start_unit integer NOT NULL,
        end_unit integer NOT NULL,
        input_hash text COLLATE "C" NOT NULL,
        metadata jsonb NOT NULL,
        text text NOT NULL,
        PRIMARY KEY (tenant, collection, chunking, id)
      )`,
      `CREATE INDEX chunks_document ON ${schema}.chunks (tenant, collection, document, chunking)`,
      `CREATE INDEX chunks_scan ON ${schema}.chunks (collection, chunking, id) WHERE removed_at IS NULL`,
      `CREATE INDEX chunks_removed_at ON ${schema}.chunks (removed_at) WHERE removed_at IS NOT NULL`,
      `CREATE INDEX chunks_input ON ${schema}.chunks USING hash (input_hash)`,

      `CREATE TABLE ${schema}.embeddings (
        tenant text COLLATE "C" NOT NULL,
        fingerprint text COLLATE "C" NOT NULL,
        input_hash text COLLATE "C" NOT NULL,
        stored_at bigint NOT NULL,
        vector bytea NOT NULL,
        PRIMARY KEY (tenant, fingerprint, input_hash)
      )`,
      // Floats do not compress: trying costs time on every write.
      `ALTER TABLE ${schema}.embeddings ALTER COLUMN vector SET STORAGE EXTERNAL`,
      `CREATE INDEX embeddings_stored_at ON ${schema}.embeddings (stored_at)`,

      `CREATE TABLE ${schema}.jobs (
        target text COLLATE "C" NOT NULL,
        tenant text COLLATE "C" NOT NULL,
        collection text COLLATE "C" NOT NULL,
        document text COLLATE "C" NOT NULL,
        since bigint NOT NULL,
        fence bigint NOT NULL,
        first bigint NOT NULL,
        attempts integer NOT NULL DEFAULT 0,
        created_at timestamptz NOT NULL,
        due_at timestamptz NOT NULL,
        parked_at timestamptz,
        lease_until timestamptz,
        claim_token text COLLATE "C",
        reason text,
        PRIMARY KEY (target, tenant, collection, document),
        CONSTRAINT jobs_target CHECK (target IN ('vector', 'text', 'cache')),
        CONSTRAINT jobs_claimed CHECK ((claim_token IS NULL) = (lease_until IS NULL))
      )`,
      // A claim moves due_at to the end of its lease: what can be claimed is one range of this index, whatever waits.
      `CREATE INDEX jobs_due ON ${schema}.jobs (target, due_at, first) WHERE parked_at IS NULL`,
      `CREATE INDEX jobs_claimed_by ON ${schema}.jobs (claim_token) WHERE claim_token IS NOT NULL`,
      `CREATE INDEX jobs_first ON ${schema}.jobs (tenant, first)`,
      `CREATE INDEX jobs_parked ON ${schema}.jobs (tenant, first) WHERE parked_at IS NOT NULL`,
      // Rows come and go all the time; a claim passes over the dead ones until they are vacuumed.
      `ALTER TABLE ${schema}.jobs SET (
        autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0
      )`,

      `CREATE TABLE ${schema}.generations (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        target text COLLATE "C" NOT NULL,
        collection text COLLATE "C" NOT NULL,
        name text COLLATE "C" NOT NULL UNIQUE,
        fingerprint text COLLATE "C",
        dimensions integer,
        language text,
        chunking text COLLATE "C" NOT NULL,
        state text COLLATE "C" NOT NULL,
        checkpoint text,
        error text,
        created_at bigint NOT NULL,
        switched_at bigint,
        CONSTRAINT generations_target CHECK (target IN ('vector', 'text')),
        CONSTRAINT generations_state CHECK (state IN ('building', 'live', 'standby', 'dropped')),
        CONSTRAINT generations_live EXCLUDE USING btree (target WITH =, collection WITH =) WHERE (state = 'live')
          DEFERRABLE INITIALLY IMMEDIATE
      )`,

      `CREATE TABLE ${schema}.commits (
        tenant text COLLATE "C" NOT NULL,
        key text COLLATE "C" NOT NULL,
        request_hash text COLLATE "C" NOT NULL,
        receipt jsonb NOT NULL DEFAULT 'null',
        refuted boolean NOT NULL DEFAULT false,
        created_at bigint NOT NULL,
        PRIMARY KEY (tenant, key)
      )`,
      `CREATE INDEX commits_created_at ON ${schema}.commits (created_at)`,

      ...tenantTables.flatMap((table) => rowSecurityStatements(`${schema}.${table}`)),
    ]
  },

  down(schema) {
    const tables = ['commits', 'generations', 'jobs', 'embeddings', 'chunks', 'documents', 'workers', 'registry']
    return [
      dropProjections(schema),
      ...tables.map((table) => `DROP TABLE ${schema}.${table}`),
      `DROP SEQUENCE ${schema}.fences`,
    ]
  },
}

/**
 * The tables of generations, which are named by numbers that begin anew after this: a later one must not find what an
 * earlier one left. Each says in its comment what it is; what belongs to a text index has its name and a suffix.
 */
function dropProjections(schema: string): string {
  const inSchema = `c.relnamespace = '${schema.replaceAll("'", "''")}'::pg_catalog.regnamespace`
  return `DO $headwater$ DECLARE found record; BEGIN
    FOR found IN
      WITH entries AS MATERIALIZED (
        SELECT c.oid, c.relname FROM pg_catalog.pg_class c
        WHERE ${inSchema} AND c.relkind = 'r'
          AND pg_catalog.obj_description(c.oid, 'pg_class') ~ '^headwater (vectors|texts) [{]')
      SELECT c.oid::pg_catalog.regclass AS name, CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind
      FROM pg_catalog.pg_class c WHERE ${inSchema} AND (c.oid IN (SELECT oid FROM entries)
        OR c.relkind = 'S' AND c.relname IN (SELECT relname || '_numbers' FROM entries)
        OR c.relkind = 'r' AND EXISTS (SELECT FROM pg_catalog.pg_policy WHERE polrelid = c.oid AND polname = 'headwater_tenant')
          AND EXISTS (SELECT FROM entries e WHERE pg_catalog.starts_with(c.relname::text, e.relname || '_')))
      ORDER BY kind DESC
    LOOP EXECUTE pg_catalog.format('DROP %s %s', found.kind, found.name); END LOOP;
  END $headwater$`
}
