import { quoteName } from '../../connections/postgres/row-security'
import { literal } from '../../connections/postgres/statement'
import { sha256 } from '../../core/ids'
import type { Json } from '../../core/json'
import { type Audited, type AuditedEntity, isNothing, joinedAudited, nothingAudited } from '../audited'
import { tableNameOf } from './entity-tables'

/** What is recorded of the triggers that there are. */
interface MadeAudited extends Audited {
  /** Hash of the statements that made them. */
  readonly made: string
}

/** What an opening with these declarations needs. */
export function auditTriggersOf(schema: string, declared: Audited) {
  return {
    schema,
    plan: (found: Json): { readonly record: Json; readonly statements: string[] } | null => {
      if (isNothing(declared)) return null
      const recorded = found as unknown as MadeAudited | null
      const { entities, collections } = joinedAudited(recorded ?? nothingAudited, declared)
      const statements = auditTriggerStatements(schema, { entities, collections })
      const made = sha256(...statements)
      if (made === recorded?.made) return null
      return { record: { entities, collections, made } as unknown as Json, statements }
    },
  }
}

/**
 * Statements that make functions and triggers which write down changes, with the rights of who makes them: one row of the
 * audit for each row that a statement has changed, in one statement of their own. Repeating them changes nothing.
 */
export function auditTriggerStatements(schemaName: string, { entities, collections }: Audited): string[] {
  const schema = quoteName(schemaName)
  const statements = Object.entries(entities).flatMap(([name, entity]) => ofEntity(schema, name, entity))
  return Object.keys(collections).length === 0 ? statements : [...statements, ...ofDocuments(schema, collections)]
}

type Event = 'INSERT' | 'UPDATE' | 'DELETE'

const sees: Readonly<Record<Event, string>> = {
  INSERT: 'NEW TABLE AS after',
  UPDATE: 'OLD TABLE AS before NEW TABLE AS after',
  DELETE: 'OLD TABLE AS before',
}

function made(schema: string, table: string, written: Partial<Record<Event, string>>): string[] {
  const name = `${schema}.${quoteName(`audit_${table}`)}`
  const into = `INSERT INTO ${schema}.audit (id, tenant, action, kind, name, key, version, content)`
  const drawn = `SELECT nextval(${literal(`${schema}.fences`)}::regclass), r.*`
  const branches = Object.entries(written).map(
    ([event, rows]) => `IF TG_OP = '${event}' THEN ${into} ${drawn} FROM (${rows}) AS r;`,
  )
  return [
    `CREATE OR REPLACE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
       SET search_path = pg_catalog, pg_temp AS $headwater$ BEGIN
       ${branches.join(' ELS')} END IF;
       RETURN NULL;
     END $headwater$`,
    `REVOKE ALL ON FUNCTION ${name}() FROM PUBLIC`,
    ...(Object.keys(written) as Event[]).map(
      (event) => `CREATE OR REPLACE TRIGGER ${quoteName(`audit_${event.toLowerCase()}`)} AFTER ${event}
        ON ${schema}.${quoteName(table)} REFERENCING ${sees[event]} FOR EACH STATEMENT EXECUTE FUNCTION ${name}()`,
    ),
  ]
}

/** The salt keeps what was erased from being guessed by its hash. */
function contentSql(before: string, after: string, changed = 'NULL'): string {
  return `json_build_object('before', ${before}, 'after', ${after}, 'changed', ${changed}, 'salt', gen_random_uuid())::text`
}

function ofEntity(schema: string, name: string, { key, columns }: AuditedEntity): string[] {
  const shown = columns.filter((one) => one.shown)
  const keyName = quoteName(columns.find((one) => one.name === key)!.column)
  const row = (alias: string): string => {
    const fields = shown.map(({ name: field, column, kind }) => {
      const value = `${alias}.${quoteName(column)}`
      const told = kind === 'datetime' ? `to_char(${value} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')` : value
      return `${told} AS ${quoteName(field)}`
    })
    const living = `${alias}.tenant IS NOT NULL AND ${alias}.deleted_at IS NULL`
    return `(SELECT row_to_json(x) FROM (SELECT ${fields.join(', ')} WHERE ${living}) AS x)`
  }
  const changes = columns.map(({ name: field, column }) => {
    const [was, is] = [`b.${quoteName(column)}`, `a.${quoteName(column)}`]
    return `CASE WHEN ${was} IS DISTINCT FROM ${is} THEN ${literal(field)} END`
  })
  const changed = `CASE WHEN a.deleted_at IS NULL AND b.deleted_at IS NULL AND a.tenant = b.tenant
    THEN array_to_json(array_remove(ARRAY[${changes.join(', ')}]::text[], NULL)) END`
  const fields = (of: string, action: string, content: string): string =>
    `SELECT ${of}.tenant, ${action}, 'entity', ${literal(name)}, ${of}.${keyName}::text, ${of}.version, ${content}`
  const action = `CASE WHEN b.tenant IS NULL THEN 'insert' WHEN a.tenant IS NULL THEN 'delete'
    WHEN b.deleted_at IS NULL AND a.deleted_at IS NOT NULL THEN 'delete'
    WHEN b.deleted_at IS NOT NULL AND a.deleted_at IS NULL THEN 'restore' ELSE 'update' END`
  return made(schema, tableNameOf({ name }), {
    INSERT: `${fields('a', `'insert'`, contentSql('NULL', row('a')))} FROM after a`,
    // Both sides where the key itself was changed, which only a statement of the user's own does.
    UPDATE: `SELECT coalesce(a.tenant, b.tenant), ${action}, 'entity', ${literal(name)},
      coalesce(a.${keyName}, b.${keyName})::text, coalesce(a.version, b.version), ${contentSql(row('b'), row('a'), changed)}
      FROM before b FULL JOIN after a ON a.tenant = b.tenant AND a.${keyName} = b.${keyName}`,
    DELETE: `${fields('b', `'delete'`, contentSql(row('b'), 'NULL'))} FROM before b`,
  })
}

/** Texts never; their hash shows that they were changed. What changes no version is no change of a user's. */
function ofDocuments(schema: string, collections: Audited['collections']): string[] {
  const names = Object.keys(collections)
  const audited = (alias: string): string =>
    `${alias}.collection = ANY (ARRAY[${names.map(literal).join(', ')}]::text[]) AND ${alias}.version > 0`
  const metadata = (alias: string): string => {
    const cases = names.map((name) => {
      const values = collections[name]!.map((path) => {
        const steps = path.split('.').map(literal).join(', ')
        return `(${literal(path)}, ${alias}.metadata #> ARRAY[${steps}])`
      })
      const shown =
        values.length === 0
          ? `'{}'::json`
          : `(SELECT coalesce(json_object_agg(f.path, f.value), '{}') FROM (VALUES ${values.join(', ')}) AS f (path, value)
              WHERE f.value IS NOT NULL)`
      return `WHEN ${literal(name)} THEN ${shown}`
    })
    return `CASE ${alias}.collection ${cases.join(' ')} END`
  }
  const live = (alias: string): string => `${alias}.version > 0 AND ${alias}.deleted_at IS NULL`
  const row = (alias: string): string =>
    `CASE WHEN ${live(alias)} THEN json_build_object('status', ${alias}.status, 'source', ${alias}.source,
      'contentType', ${alias}.content_type, 'contentHash', ${alias}.content_hash, 'metadata', ${metadata(alias)}) END`
  const action = `CASE WHEN ${live('a')} THEN CASE WHEN ${live('b')} THEN 'update' ELSE 'insert' END ELSE 'delete' END`
  const fields = (what: string, content: string): string =>
    `SELECT a.tenant, ${what}, 'document', a.collection, a.id, a.version, ${content}`
  return made(schema, 'documents', {
    INSERT: `${fields(`'insert'`, contentSql('NULL', row('a')))} FROM after a WHERE ${audited('a')} AND ${live('a')}`,
    UPDATE: `${fields(action, contentSql(row('b'), row('a')))}
      FROM before b JOIN after a ON a.tenant = b.tenant AND a.collection = b.collection AND a.id = b.id
      WHERE ${audited('a')} AND a.version <> b.version AND (${live('a')} OR ${live('b')})`,
  })
}
