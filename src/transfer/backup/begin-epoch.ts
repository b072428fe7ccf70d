import { quoteName } from '../../connections/postgres/row-security'
import type { BackupSource } from './backup-source'
import type { BackupGeneration, BackupManifest } from './manifest'
import type { RestoreTarget } from './restore-target'

/**
 * In the scratch schema: a new epoch above all that was, and rows of indexes that are to be built; until they are,
 * Postgres answers. Returns the epoch.
 */
export async function beginEpoch(
  { connection, random }: Pick<BackupSource, 'connection' | 'random'>,
  scratch: string,
  saved: Pick<BackupManifest, 'epoch' | 'generations' | 'installation' | 'createdAt'>,
  before: RestoreTarget,
  engineOf: (generation: BackupGeneration) => string,
): Promise<number> {
  const epoch = Math.max(saved.epoch, before.epoch) + 1
  const installation = before.installation ?? Buffer.from(random.bytes(4)).toString('hex')
  const own = quoteName(scratch)
  const live = saved.generations.filter(({ state }) => state === 'live')
  await connection.transaction({ worker: true }, async (executor) => {
    const records = { epoch, installation }
    await executor.query(`DELETE FROM ${own}.registry WHERE name = 'cache' OR name = ANY($1::text[])`, [
      Object.keys(records),
    ])
    for (const [name, value] of Object.entries(records)) {
      await executor.query(`INSERT INTO ${own}.registry (name, value) VALUES ($1, $2::jsonb)`, [
        name,
        JSON.stringify(value),
      ])
    }
    await executor.query(`DELETE FROM ${own}.generations`)
    for (const [at, generation] of live.entries()) {
      const { target, collection, fingerprint, dimensions, language, chunking, format, name } = generation
      const base = name.replace(/(_e\d+)?(_r?\d+)$/, '').replace(saved.installation || installation, installation)
      await executor.query(
        `INSERT INTO ${own}.generations
           (target, collection, name, fingerprint, dimensions, language, chunking, state, created_at, switched_at, format, engine)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'live', $8, $8, $9::jsonb, $10)`,
        [
          ...[target, collection, `${base}_e${epoch}_r${at + 1}`, fingerprint, dimensions, language, chunking],
          ...[Date.parse(saved.createdAt), JSON.stringify(format), engineOf(generation)],
        ],
      )
    }
  })
  return epoch
}
