import { rowSecurityStatements } from '../../connections/postgres/row-security'
import type { SchemaMigration } from '../schema-migration'

/**
 * What was done to which row, and the seals over it. Rows are written by triggers, which an opening makes on the tables
 * that are declared so; they stay as they are written, but for their contents, which an erasure takes away.
 */
export const migration: SchemaMigration = {
  oldest: 10,

  up(schema) {
    return [
      // The transaction says what is older than everything that is still under way.
      `CREATE TABLE ${schema}.audit (
        tenant text COLLATE "C" NOT NULL,
        id bigint NOT NULL,
        xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
        at bigint NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000)::bigint,
        actor text COLLATE "C" DEFAULT nullif(current_setting('headwater.actor', true), ''),
        action text COLLATE "C" NOT NULL,
        kind text COLLATE "C" NOT NULL,
        name text COLLATE "C" NOT NULL,
        key text COLLATE "C" NOT NULL,
        version bigint NOT NULL,
        content text,
        content_hash text COLLATE "C",
        PRIMARY KEY (tenant, id),
        CONSTRAINT audit_content CHECK ((content IS NULL) = (content_hash IS NOT NULL))
      )`,
      `CREATE INDEX audit_subject ON ${schema}.audit (tenant, kind, name, key, id)`,
      `CREATE INDEX audit_xid ON ${schema}.audit (xid, id)`,
      `CREATE TABLE ${schema}.audit_batches (
        tenant text COLLATE "C" NOT NULL,
        number bigint NOT NULL,
        size integer NOT NULL,
        root text COLLATE "C" NOT NULL,
        previous text COLLATE "C" NOT NULL,
        seal text COLLATE "C" NOT NULL,
        sealed_at bigint NOT NULL,
        export text COLLATE "C",
        PRIMARY KEY (tenant, number)
      )`,
      `CREATE INDEX audit_batches_unexported ON ${schema}.audit_batches (sealed_at) WHERE export IS NULL`,
      `CREATE TABLE ${schema}.audit_leaves (
        tenant text COLLATE "C" NOT NULL,
        id bigint NOT NULL,
        batch bigint NOT NULL,
        position integer NOT NULL,
        hash bytea NOT NULL,
        PRIMARY KEY (tenant, id)
      )`,
      `CREATE UNIQUE INDEX audit_leaves_place ON ${schema}.audit_leaves (tenant, batch, position)`,
      ...['audit', 'audit_batches', 'audit_leaves'].flatMap((table) => rowSecurityStatements(`${schema}.${table}`)),
      kept(schema),
      ...['audit', 'audit_batches', 'audit_leaves'].flatMap((table) => [
        `CREATE TRIGGER ${table}_kept BEFORE UPDATE OR DELETE ON ${schema}.${table}
          FOR EACH ROW EXECUTE FUNCTION ${schema}.audit_kept()`,
        `CREATE TRIGGER ${table}_whole BEFORE TRUNCATE ON ${schema}.${table}
          FOR EACH STATEMENT EXECUTE FUNCTION ${schema}.audit_kept()`,
      ]),
    ]
  },

  down(schema) {
    return [
      `DROP TABLE ${schema}.audit_leaves, ${schema}.audit_batches, ${schema}.audit`,
      // Those that an opening made, too: without the table they would fail every write.
      `DO $headwater$ DECLARE made regprocedure; BEGIN
        FOR made IN SELECT p.oid::regprocedure FROM pg_proc p
          WHERE p.pronamespace = ${literalOf(schema)}::regnamespace AND p.proname LIKE 'audit\\_%' AND p.prorettype = 'trigger'::regtype
        LOOP EXECUTE format('DROP FUNCTION %s CASCADE', made); END LOOP;
      END $headwater$`,
      `DELETE FROM ${schema}.registry WHERE name IN ('audit', 'audit-horizon')`,
    ]
  },

  data(schema) {
    return [{ table: `${schema}.audit`, where: 'true' }]
  },
}

/** An erasure changes content to its hash, and an export is noted once; nothing else. */
function kept(schema: string): string {
  const same = (...columns: string[]): string =>
    `to_jsonb(NEW) - ARRAY['${columns.join("', '")}'] = to_jsonb(OLD) - ARRAY['${columns.join("', '")}']`
  return `CREATE FUNCTION ${schema}.audit_kept() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $headwater$ BEGIN
      IF TG_OP = 'UPDATE' THEN
        IF TG_TABLE_NAME = 'audit' THEN
          IF NEW.content IS NULL AND NEW.content_hash = encode(sha256(convert_to(OLD.content, 'UTF8')), 'hex')
            AND ${same('content', 'content_hash')} THEN RETURN NEW; END IF;
        ELSIF TG_TABLE_NAME = 'audit_batches' THEN
          IF OLD.export IS NULL AND ${same('export')} THEN RETURN NEW; END IF;
        END IF;
      END IF;
      RAISE EXCEPTION 'headwater: rows of % stay as they were written', TG_TABLE_NAME;
    END $headwater$`
}

function literalOf(schema: string): string {
  return `'${schema.replaceAll("'", "''")}'`
}
