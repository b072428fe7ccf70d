import type { Executor } from '../connections/postgres/executor'
import { migrationLockTable, migrationTable, userMigrationTable } from './catalogue'
import { schemaManifest } from './manifest'

/**
 * A table or sequence of ours; `index` are those of the generations and `entity` those that a user declared, which are
 * made later than by migrations.
 */
export interface OwnRelation {
  readonly name: string
  readonly kind: 'truth' | 'index' | 'entity' | 'sequence'
}

/**
 * What is ours in a schema that may have others' tables in it: what migrations make by name, and the tables of
 * generations and entities by the comment that each has. What belongs to a text index has its name and a suffix.
 */
export async function ownRelations(executor: Executor, schema: string): Promise<OwnRelation[]> {
  const truth = [...Object.keys(schemaManifest.tables), migrationTable, migrationLockTable, userMigrationTable]
  const { rows } = await executor.query<OwnRelation>(
    `WITH here AS MATERIALIZED (
        SELECT c.oid, c.relname::text AS name, c.relkind AS kind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = $1 AND c.relkind IN ('r', 'S')),
      entries AS (
        SELECT name FROM here WHERE kind = 'r' AND obj_description(oid, 'pg_class') ~ '^headwater (vectors|texts) [{]'),
      entities AS (SELECT name FROM here WHERE kind = 'r' AND starts_with(obj_description(oid, 'pg_class'), 'headwater entity '))
     SELECT name, CASE kind WHEN 'S' THEN 'sequence' ELSE CASE WHEN name = ANY($2::text[]) THEN 'truth'
         WHEN name IN (SELECT e.name FROM entities e) THEN 'entity' ELSE 'index' END END AS kind
     FROM here WHERE CASE kind
       WHEN 'S' THEN name = ANY($3::text[]) OR EXISTS (SELECT FROM entries e WHERE here.name = e.name || '_numbers')
       ELSE name = ANY($2::text[]) OR name IN (SELECT e.name FROM entries e) OR name IN (SELECT e.name FROM entities e) OR (
         EXISTS (SELECT FROM entries e WHERE starts_with(here.name, e.name || '_'))
         AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = here.oid AND p.polname = 'headwater_tenant')) END
     ORDER BY name`,
    [schema, truth, schemaManifest.sequences],
  )
  return rows
}
