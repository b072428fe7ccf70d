import type { Executor } from '../../connections/postgres/executor'
import { quoteName } from '../../connections/postgres/row-security'
import { literal } from '../../connections/postgres/statement'
import type { CallOptions } from '../../core/abort'
import { withDeadline } from '../../core/deadline'
import { HeadwaterError } from '../../core/errors'
import { sha256 } from '../../core/ids'
import { migrate } from '../../migrations/migrate'
import { withBlobsHeld } from '../../writer/blobs/blob-lease'
import { Pace } from '../../writer/rebuild/pace'
import type { BackupSource } from '../backup/backup-source'
import { beginEpoch } from '../backup/begin-epoch'
import { digestOf } from '../backup/load-rows'
import type { BackupGeneration, BackupManifest } from '../backup/manifest'
import { withRestoreLock } from '../backup/restore-lock'
import { assertMayReplace, assertNothingRefers, lookAtTarget, type RestoreTarget } from '../backup/restore-target'
import { assertKnownSchema, dropScratch, makeScratch, scratchOf, settleScratch } from '../backup/scratch-schema'
import { estimatedRows, vectorCounts } from '../backup/snapshot'
import { blobLeaseOf, readHead, type SnapshotHead } from '../backup/snapshot-head'
import { switchSchema } from '../backup/switch-schema'
import { blobSource } from '../backup/tables'
import { type CopiedTable, type CopyTarget, copyTable } from './copy-table'
import { type BroughtBlobs, moveBlobs } from './move-blobs'

export interface MoveProgress {
  readonly phase: 'rows' | 'comparing' | 'blobs' | 'indexes'
  readonly done: number
  /** Of rows as the server estimates it. */
  readonly total: number
}

/** How a store is moved. No time limit but `timeoutMs`. */
export interface MoveSettings extends CallOptions {
  /** Name of the target's database, to lose what is in it. */
  readonly confirm?: string | undefined
  /** Of an embedded target, which has no name. */
  readonly force?: boolean | undefined
  /** Rows a second at most; no limit when left out. */
  readonly rate?: number | undefined
  /** Reads all and writes nothing. */
  readonly dryRun?: boolean | undefined
  readonly onProgress?: ((progress: MoveProgress) => void) | undefined
}

/** What is at the target afterwards. */
export interface MovedRows {
  /** What was there before, and is lost. */
  readonly before: RestoreTarget
  /** When the snapshot of the source was taken, by the clock of its database, ISO 8601: what came later stayed there. */
  readonly snapshotAt: string
  readonly rows: number
  /** Those that an earlier attempt had brought already. */
  readonly kept: number
  readonly blobs: BroughtBlobs & {
    readonly count: number
    /** Of all of them. */
    readonly bytes: number
  }
  /** Of each table: what was read at the source and what is at the target were compared, and are equal. */
  readonly tables: readonly { readonly name: string; readonly rows: number; readonly digest: string }[]
  /** The epoch that now is; null in a dry run. */
  readonly epoch: number | null
}

/** What it takes to build the indexes. */
export type MovedIndexes = Pick<BackupManifest, 'generations' | 'vectors'>

const worker = { worker: true } as const

/**
 * Moves rows and blobs: those of one snapshot into a schema beside what the target has, compared there by digests, then
 * switched in one transaction, in which a new epoch begins. The source is only read. What is interrupted goes on where
 * it was when it is called again. HW_RESTORE_REFUSED, HW_UNAUTHORIZED, HW_BACKUP_BUSY, HW_INVALID_OPTIONS where both are one.
 */
export function moveRows(
  source: BackupSource,
  target: BackupSource,
  settings: MoveSettings,
  engineOf: (generation: BackupGeneration) => string,
): Promise<MovedRows & { readonly indexes: MovedIndexes }> {
  const { connection, schema } = target
  return withDeadline(target.clock, settings, undefined, async ({ signal }) => {
    const before = await lookAtTarget(connection, schema)
    await assertOther(source, target, before)
    assertMayReplace(before, settings)
    if (before.made) await assertNothingRefers(connection, schema)
    const run = new Move(source, target, settings, before, signal)
    if (settings.dryRun) return run.look()
    const { registry } = source.truth.session(worker)
    return withRestoreLock(connection, schema, signal, () =>
      withBlobsHeld(registry, source, blobLeaseOf(source.connection), () => run.run(engineOf)),
    )
  })
}

/** HW_INVALID_OPTIONS when what is there is the source itself. */
async function assertOther(source: BackupSource, target: BackupSource, { made }: RestoreTarget): Promise<void> {
  if (!made) return
  const [from, to] = await Promise.all(
    [source, target].map(async ({ truth }) => {
      const { registry } = truth.session(worker)
      const { system, tables } = await registry.database()
      return JSON.stringify([system, tables, await registry.read('installation')])
    }),
  )
  if (from !== to) return
  throw new HeadwaterError('HW_INVALID_OPTIONS', 'to: it is the store that is to be moved', { path: 'to' })
}

interface Copied {
  readonly head: SnapshotHead
  readonly tables: readonly CopiedTable[]
  readonly vectors: BackupManifest['vectors']
  readonly blobs: { readonly count: number; readonly bytes: number }
}

class Move {
  readonly #source: BackupSource
  readonly #target: BackupSource
  readonly #settings: MoveSettings
  readonly #before: RestoreTarget
  readonly #call: { readonly signal: AbortSignal }
  readonly #scratch: string
  readonly #pace: Pace

  constructor(
    source: BackupSource,
    target: BackupSource,
    settings: MoveSettings,
    before: RestoreTarget,
    signal: AbortSignal,
  ) {
    this.#source = source
    this.#target = target
    this.#settings = settings
    this.#before = before
    this.#call = { signal }
    this.#scratch = scratchOf(target.schema, 'move')
    this.#pace = new Pace(source, settings.rate, signal)
  }

  /** Reads what would be moved. */
  async look(): Promise<MovedRows & { readonly indexes: MovedIndexes }> {
    const copied = await this.#copy(async () => undefined)
    return this.#report(copied, { written: 0, missing: [], missingCount: 0 }, null)
  }

  async run(
    engineOf: (generation: BackupGeneration) => string,
  ): Promise<MovedRows & { readonly indexes: MovedIndexes }> {
    const { connection, schema } = this.#target
    const copied = await this.#copy((head) => this.#open(head))
    const { head, tables } = copied
    await settleScratch(connection, this.#scratch, { tables: head.sources, fences: head.fences })
    await this.#compare(tables, head.sources)
    const blobs = await this.#blobs(copied.blobs.count)
    // What is there and of an older schema is brought to the same one, whose objects then give way by name.
    if (this.#before.made) await migrate(connection, { schema })
    const saved = { ...head, createdAt: head.now }
    const epoch = await beginEpoch(this.#target, this.#scratch, saved, this.#before, engineOf)
    await switchSchema(connection, this.#scratch, this.#before, this.#call.signal)
    return this.#report(copied, blobs, epoch)
  }

  /** All rows of one snapshot, to where `open` says. */
  #copy(open: (head: SnapshotHead) => Promise<CopyTarget | undefined>): Promise<Copied> {
    const { connection, schema } = this.#source
    return connection.transaction(
      worker,
      async (executor) => {
        const head = await readHead(executor, this.#source)
        const { sources, migrations } = head
        assertKnownSchema({ id: schema, migrations })
        const blobs = await this.#countBlobs(executor)
        const total = await estimatedRows(executor, schema, sources)
        const target = await open(head)
        const tables: CopiedTable[] = []
        let done = 0
        for (const one of sources) {
          const table = await copyTable(executor, one, target, this.#call, async (rows) => {
            done += rows
            this.#settings.onProgress?.({ phase: 'rows', done, total: Math.max(done, total) })
            await this.#pace.after(rows)
          })
          tables.push(table)
        }
        return { head, tables, blobs, vectors: await vectorCounts(executor, schema) }
      },
      { isolation: 'repeatable read', readOnly: true, ...this.#call },
    )
  }

  /** The schema that an interrupted attempt left, if it was of this source and of the same tables; else a new one. */
  async #open(head: SnapshotHead): Promise<CopyTarget> {
    const { connection } = this.#target
    const scratch = this.#scratch
    const { installation, database, migrations, sources } = head
    const origin = `headwater move ${sha256(JSON.stringify([installation, database.system, migrations, sources]))}`
    const session = connection.session(worker)
    const { rows } = await session.query<{ origin: string | null }>(
      `SELECT obj_description(to_regnamespace($1::text), 'pg_namespace') AS origin`,
      [scratch],
    )
    if (rows[0]!.origin === origin) return { connection, scratch, resumes: true }
    await makeScratch(connection, scratch, { migrations, tables: sources })
    await session.query(`COMMENT ON SCHEMA ${quoteName(scratch)} IS ${literal(origin)}`)
    return { connection, scratch, resumes: false }
  }

  /** HW_INVALID_OPTIONS where there are blobs and no place for them, before a row is written. */
  async #countBlobs(executor: Executor): Promise<Copied['blobs']> {
    const { source } = blobSource(this.#source.schema)
    const { rows } = await executor.query<Record<'count' | 'bytes', number | string>>(
      `SELECT count(*) AS count, coalesce(sum(size), 0)::bigint AS bytes FROM ${source} AS b`,
    )
    const count = Number(rows[0]!.count)
    for (const [side, { blobs }] of Object.entries({ from: this.#source, to: this.#target })) {
      if (count === 0 || blobs) continue
      const message = `${side}: documents own ${count} blobs and no place is configured; give blobs.path or s3`
      throw new HeadwaterError('HW_INVALID_OPTIONS', message, { path: `${side}.blobs.path` })
    }
    return { count, bytes: Number(rows[0]!.bytes) }
  }

  async #blobs(total: number): Promise<BroughtBlobs> {
    const [from, to] = [this.#source.blobs, this.#target.blobs]
    if (!from || !to) return { written: 0, missing: [], missingCount: 0 }
    let done = 0
    const listed = { executor: this.#target.connection.session(worker), schema: this.#scratch }
    return moveBlobs(listed, from, to, this.#call, () =>
      this.#settings.onProgress?.({ phase: 'blobs', done: ++done, total }),
    )
  }

  async #compare(tables: readonly CopiedTable[], sources: SnapshotHead['sources']): Promise<void> {
    const { connection } = this.#target
    for (const [at, { name, rows, digest }] of tables.entries()) {
      const there = await digestOf(connection, this.#scratch, sources[at]!, this.#call)
      if (there.rows !== rows || there.digest !== digest) {
        await dropScratch(connection, this.#scratch)
        throw new HeadwaterError('HW_INTERNAL', `${name}: what came to the target is not what the source has`)
      }
      this.#settings.onProgress?.({ phase: 'comparing', done: at + 1, total: tables.length })
    }
  }

  #report(
    { head, tables, vectors, blobs }: Copied,
    brought: BroughtBlobs,
    epoch: number | null,
  ): MovedRows & { readonly indexes: MovedIndexes } {
    const sum = (of: 'rows' | 'kept'): number => tables.reduce((total, table) => total + table[of], 0)
    return {
      ...{ before: this.#before, snapshotAt: head.now, rows: sum('rows'), kept: sum('kept'), epoch },
      blobs: { ...blobs, ...brought },
      tables: tables.map(({ name, rows, digest }) => ({ name, rows, digest })),
      indexes: { generations: head.generations, vectors },
    }
  }
}
