import type { PostgresConnection } from '../../connections/postgres/connection'
import type { Executor } from '../../connections/postgres/executor'
import { PostgresTruth } from '../../repositories/postgres/truth'
import { blobLeaseMs } from '../../writer/blobs/blob-lease'
import type { BackupSource } from './backup-source'
import type { BackupManifest } from './manifest'
import { assertSeesAll, prepareSnapshot, snapshotFacts } from './snapshot'
import { type TableDefinition, type TableSource, tableDefinitions, tableSources } from './tables'

/** An embedded store has one connection, on which nothing is renewed while the snapshot is read. */
const embeddedLeaseMs = 60 * 60_000

/** What is known of a store before a row of it is read. */
export interface SnapshotHead
  extends Pick<
    BackupManifest,
    'migrations' | 'schema' | 'installation' | 'database' | 'epoch' | 'fences' | 'lsn' | 'generations'
  > {
  /** By the clock of the database, ISO 8601. */
  readonly now: string
  readonly sources: readonly DefinedSource[]
}

export interface DefinedSource extends TableSource {
  /** Of a table that no migration of headwater makes. */
  readonly definition?: TableDefinition | undefined
}

/** Makes the transaction ready for rows to be read, and reads the head. HW_UNAUTHORIZED where policies hide rows. */
export async function readHead(
  executor: Executor,
  { connection, schema }: Pick<BackupSource, 'connection' | 'schema'>,
): Promise<SnapshotHead> {
  await prepareSnapshot(executor)
  const sources = await tableSources(executor, schema)
  await assertSeesAll(executor, schema, sources)
  const { migrations, now, name, serverVersion, fences, lsn } = await snapshotFacts(executor, schema)
  const { registry, generations } = new PostgresTruth(connection, { schema }).over(executor)
  const made = await generations.list()
  const definitions = await tableDefinitions(executor, schema)
  return {
    ...{ migrations, schema, fences, lsn, now },
    sources: sources.map((source) => ({ ...source, definition: definitions.get(source.name) })),
    installation: String((await registry.read('installation')) ?? ''),
    database: { ...(await registry.database()), name, serverVersion },
    epoch: await registry.epoch(),
    generations: made.map(
      ({ target, collection, name, state, chunking, fingerprint, dimensions, language, engine, format }) =>
        ({ target, collection, name, state, chunking, fingerprint, dimensions, language, engine, format }) as const,
    ),
  }
}

/** How long blobs are held to begin with. */
export function blobLeaseOf({ embedded }: PostgresConnection): number {
  return embedded ? embeddedLeaseMs : blobLeaseMs
}
