/** A writer over a real Postgres, in a schema of its own, whose projections only count. */
import { PostgresConnection } from '../src/connections/postgres/connection'
import { quoteName } from '../src/connections/postgres/row-security'
import { systemClock } from '../src/core/clock'
import { systemRandom } from '../src/core/random'
import { migrate } from '../src/migrations/migrate'
import { PostgresTruth } from '../src/repositories/postgres/truth'
import { resolveCollections, type StoreOptions } from '../src/store/store-options'
import type { WriterOptions, WriterPorts } from '../src/writer/ports'
import { ensureGenerations } from '../src/writer/rebuild/generations'
import { type CoordinatedWriter, createWriter } from '../src/writer/writer'
import { CountingTexts, CountingVectors } from './counting-projections'

export interface CountingWriter {
  readonly schema: string
  readonly connection: PostgresConnection
  readonly truth: PostgresTruth
  readonly vectors: CountingVectors
  readonly texts: CountingTexts
  readonly ports: WriterPorts
  readonly writer: CoordinatedWriter
  /** Another over the same rows, as a process of its own would have. */
  another(options: Partial<WriterOptions>): CoordinatedWriter
  /** Drops the schema. */
  close(): Promise<void>
}

export async function openCounting(
  url: string,
  schema: string,
  options: Partial<WriterOptions>,
  collection: Pick<StoreOptions<object>, 'embedder' | 'splitter'> = { embedder: { hashing: { dimensions: 16 } } },
): Promise<CountingWriter> {
  const connection = new PostgresConnection({ url, max: 10, statementTimeoutMs: 600_000, queryTimeoutMs: 700_000 })
  await migrate(connection, { schema })
  const truth = new PostgresTruth(connection, { schema })
  const [vectors, texts] = [new CountingVectors(), new CountingTexts()]
  const { plans, embedders } = resolveCollections(collection)
  const base = {
    truth,
    vectors,
    texts,
    collections: plans,
    embedders,
    clock: systemClock,
    random: systemRandom,
  }
  const ports: WriterPorts = { ...base, options }
  await ensureGenerations(ports)
  return {
    schema,
    connection,
    truth,
    vectors,
    texts,
    ports,
    writer: createWriter(ports),
    another: (more) => createWriter({ ...base, options: { ...options, ...more } }),
    async close() {
      await connection.session({ worker: true }).query(`DROP SCHEMA ${quoteName(schema)} CASCADE`)
      await connection.close()
    },
  }
}

/** As autovacuum does within a minute. */
export async function analyzeSchema(connection: PostgresConnection, schema: string): Promise<void> {
  const sql = connection.session({ worker: true })
  const { rows } = await sql.query<{ name: string }>(
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname = $1`,
    [schema],
  )
  await sql.query(`ANALYZE ${rows.map(({ name }) => name)}`)
}
