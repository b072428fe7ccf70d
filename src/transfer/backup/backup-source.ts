import type { PostgresConnection } from '../../connections/postgres/connection'
import type { Clock } from '../../core/clock'
import type { Random } from '../../core/random'
import type { BlobRepository } from '../../repositories/blobs'
import type { Truth } from '../../repositories/truth'

/** A store, as what is backed up, restored or moved: Postgres and the blobs. */
export interface BackupSource {
  readonly connection: PostgresConnection
  readonly truth: Truth
  readonly schema: string
  readonly blobs: BlobRepository | undefined
  readonly clock: Clock
  readonly random: Random
}
