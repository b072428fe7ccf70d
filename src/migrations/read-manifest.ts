import { PostgresConnection } from '../connections/postgres/connection'
import type { PostgresOptions } from '../connections/postgres/options'
import { readSchema, type SchemaManifest } from './introspect'
import { schemaManifest } from './manifest'
import { ownRelations } from './own-tables'
import { migrationStatus } from './status'

/** The schema as it is: our tables as `schemaManifest` says them, and those of a user's entities. */
export async function readManifest(target: PostgresOptions, schema: string): Promise<SchemaManifest> {
  const connection = new PostgresConnection(target)
  try {
    const { applied } = await migrationStatus(connection, { schema })
    const session = connection.session({ worker: true })
    const relations = await ownRelations(session, schema)
    const entities = relations.flatMap(({ name, kind }) => (kind === 'entity' ? [name] : []))
    const found = await readSchema(session, schema, [...Object.keys(schemaManifest.tables), ...entities])
    const sequences = found.sequences.filter((name) => schemaManifest.sequences.includes(name))
    return { migrations: applied.map(({ name }) => name), ...found, sequences }
  } finally {
    await connection.close()
  }
}
