/** Who could be mistaken for a function or an operator of the server, and what it would take. */
const functions: readonly (readonly [name: string, args: string, returns: string, value: string])[] = [
  ['pg_advisory_xact_lock', 'integer', 'void', 'NULL'],
  ['pg_advisory_xact_lock', 'bigint', 'void', 'NULL'],
  ['hashtext', 'text', 'integer', '1'],
  ['hashtextextended', 'text, integer', 'bigint', '1'],
  ['hashtextextended', 'text, bigint', 'bigint', '1'],
  ['jsonb_path_exists', 'jsonb, text, jsonb', 'boolean', 'true'],
  ['jsonb_path_exists', 'jsonb, jsonpath, jsonb', 'boolean', 'true'],
  ['set_config', 'text, text, boolean', 'text', "''"],
  ['current_setting', 'text, boolean', 'text', "'someone'"],
  ['current_setting', 'text', 'text', "'someone'"],
  ['clock_timestamp', '', 'timestamptz', "'2000-01-01'::timestamptz"],
  ['array_agg', 'text', 'text[]', "'{}'::text[]"],
  ['unnest', 'text[]', 'text', "'x'::text"],
  ['to_regclass', 'text', 'regclass', 'NULL'],
  ['obj_description', 'oid, name', 'text', 'NULL'],
  ['col_description', 'oid, smallint', 'text', 'NULL'],
  ['pg_get_serial_sequence', 'text, name', 'text', 'NULL'],
  ['has_schema_privilege', 'oid, text', 'boolean', 'true'],
  ['nextval', 'regclass', 'bigint', '1'],
  ['count', 'text', 'bigint', '7'],
  ['lower', 'text', 'text', "'x'::text"],
  ['to_tsvector', 'regconfig, text', 'tsvector', 'NULL'],
]

const operators: readonly (readonly [name: string, left: string, right: string])[] = [
  ['=', 'text', 'text'],
  ['=', 'bigint', 'numeric'],
  ['=', 'bigint', 'bigint'],
  ['>', 'bigint', 'numeric'],
  ['<=', 'bigint', 'bigint'],
  ['@>', 'jsonb', 'jsonb'],
]

/**
 * SQL that plants them in a schema, each writing to its table `loot` who ran it: as whoever may create in a schema of
 * the path can. Those with the server's own arguments are found where the schema comes before `pg_catalog`.
 */
export function planted(schema: string): string {
  const steal = (what: string, value: string, returns: string): string =>
    `LANGUAGE plpgsql SECURITY INVOKER AS $planted$ BEGIN
       INSERT INTO ${schema}.loot VALUES (pg_catalog."current_setting"('role'), '${what}');
       ${returns === 'void' ? 'RETURN' : `RETURN ${value}`}; END $planted$;`
  const made = functions.map(
    ([name, args, returns, value]) =>
      `CREATE FUNCTION ${schema}.${name}(${args}) RETURNS ${returns} ${steal(`${name}(${args})`, value, returns)}`,
  )
  const compared = operators.map(
    ([name, left, right], at) =>
      `CREATE FUNCTION ${schema}.compare_${at}(${left}, ${right}) RETURNS boolean
         ${steal(`${left} ${name} ${right}`, 'true', 'boolean')}
       CREATE OPERATOR ${schema}.${name} (FUNCTION = ${schema}.compare_${at}, LEFTARG = ${left}, RIGHTARG = ${right});`,
  )
  return `SET search_path TO pg_catalog;
    CREATE TABLE ${schema}.loot (who text, what text); GRANT ALL ON ${schema}.loot TO PUBLIC;
    GRANT USAGE ON SCHEMA ${schema} TO PUBLIC;
    ${made.join('\n')}
    ${compared.join('\n')}
    RESET search_path;`
}
