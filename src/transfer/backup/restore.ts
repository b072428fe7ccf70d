import type { CallOptions } from '../../core/abort'
import { withDeadline } from '../../core/deadline'
import { HeadwaterError } from '../../core/errors'
import { migrate } from '../../migrations/migrate'
import type { BackupSource } from './backup-source'
import { beginEpoch } from './begin-epoch'
import { blobsOf, eachOf, restoreBlob } from './blob-files'
import type { BackupFiles } from './files'
import { digestOf, loadTable } from './load-rows'
import { type BackupGeneration, type BackupManifest, newestId, readManifest } from './manifest'
import { damaged } from './refusals'
import { withRestoreLock } from './restore-lock'
import { assertMayReplace, assertNothingRefers, lookAtTarget, type RestoreTarget } from './restore-target'
import { assertKnownSchema, dropScratch, makeScratch, scratchOf, settleScratch } from './scratch-schema'
import { switchSchema } from './switch-schema'
import { verifyBackup } from './verify'

export interface RestoreProgress {
  readonly phase: 'rows' | 'comparing' | 'blobs' | 'indexes'
  readonly done: number
  readonly total: number
}

/** What is restored, over what. No time limit but `timeoutMs`. */
export interface RestoreSettings extends CallOptions {
  /** The newest when left out. */
  readonly id?: string | undefined
  /** The name of the database, to lose what is in it. */
  readonly confirm?: string | undefined
  /** Of an embedded store, which has no name. */
  readonly force?: boolean | undefined
  /** Looks and compares, and changes nothing. */
  readonly dryRun?: boolean | undefined
  readonly onProgress?: ((progress: RestoreProgress) => void) | undefined
}

/** What is there afterwards. */
export interface RestoredRows {
  readonly id: string
  /** What was there before, and is lost. */
  readonly before: RestoreTarget
  readonly rows: number
  readonly blobs: {
    readonly count: number
    /** Those that were not there yet. */
    readonly written: number
    /** Those that the backup itself lacks. */
    readonly missing: number
  }
  /** Of each table: what the backup says and what is there were compared, and are equal. */
  readonly tables: readonly { readonly name: string; readonly rows: number; readonly digest: string }[]
  /** The epoch that now is; null in a dry run. */
  readonly epoch: number | null
  /** Migrations that were applied to the rows of an older schema. */
  readonly migrated: readonly string[]
  readonly manifest: BackupManifest
}

const blobsAtOnce = 4

/**
 * Restores rows and blobs: loads them beside what is there, compares them with the backup, migrates them where they are
 * of an older schema, and switches in one transaction, in which a new epoch begins. Until then nothing of what is there
 * has changed. HW_RESTORE_REFUSED, HW_BACKUP_DAMAGED, HW_BACKUP_AHEAD, HW_NOT_FOUND, HW_BACKUP_BUSY during another restore.
 */
export function restoreRows(
  source: BackupSource,
  files: BackupFiles,
  settings: RestoreSettings = {},
  engineOf: (generation: BackupGeneration) => string = ({ engine }) => engine ?? 'postgres',
): Promise<RestoredRows> {
  const { connection, schema, clock } = source
  return withDeadline(clock, settings, undefined, async ({ signal }) => {
    const id = settings.id ?? (await newestId(files, { signal }))
    const manifest = await readManifest(files, id, { signal })
    assertKnownSchema(manifest)
    const { ok, problems } = await verifyBackup(files, clock, { id, level: 'quick', signal })
    const fatal = problems.find(({ what }) => what !== 'vectors' && what !== 'blobs')
    if (!ok && fatal) throw damaged(`${fatal.what}: ${fatal.problem}`, { file: fatal.what, id })
    const before = await lookAtTarget(connection, schema)
    assertMayReplace(before, settings)
    if (before.made) await assertNothingRefers(connection, schema)
    const { blobs, tables } = manifest
    if (blobs.count > 0 && !source.blobs) {
      const message = `blobs: the backup has ${blobs.count} blobs and no place is configured; give blobs.path or s3`
      throw new HeadwaterError('HW_INVALID_OPTIONS', message, { path: 'blobs.path' })
    }
    const rows = tables.reduce((sum, one) => sum + one.rows, 0)
    const told = tables.map(({ name, rows, digest }) => ({ name, rows, digest }))
    const planned = { count: blobs.count, written: 0, missing: blobs.missingCount }
    const report = { id, before, rows, tables: told, migrated: [], manifest }
    if (settings.dryRun) return { ...report, blobs: planned, epoch: null }
    return withRestoreLock(connection, schema, signal, async () => {
      const run = new Restoration(source, files, settings, manifest, before, signal, engineOf)
      return { ...report, ...(await run.run()) }
    })
  })
}

class Restoration {
  readonly #source: BackupSource
  readonly #files: BackupFiles
  readonly #settings: RestoreSettings
  readonly #manifest: BackupManifest
  readonly #before: RestoreTarget
  readonly #call: { readonly signal: AbortSignal }
  readonly #engineOf: (generation: BackupGeneration) => string

  constructor(
    source: BackupSource,
    files: BackupFiles,
    settings: RestoreSettings,
    manifest: BackupManifest,
    before: RestoreTarget,
    signal: AbortSignal,
    engineOf: (generation: BackupGeneration) => string,
  ) {
    this.#source = source
    this.#files = files
    this.#settings = settings
    this.#manifest = manifest
    this.#before = before
    this.#call = { signal }
    this.#engineOf = engineOf
  }

  async run(): Promise<Pick<RestoredRows, 'blobs' | 'epoch' | 'migrated'>> {
    const { connection, schema } = this.#source
    const scratch = scratchOf(schema, 'restore')
    await makeScratch(connection, scratch, this.#manifest)
    try {
      await this.#load(scratch)
      await this.#compare(scratch)
      const { changed } = await migrate(connection, { schema: scratch })
      const blobs = await this.#blobs()
      // What is there and of an older schema is brought to the same one, whose objects then give way by name.
      if (this.#before.made) await migrate(connection, { schema })
      const epoch = await beginEpoch(this.#source, scratch, this.#manifest, this.#before, this.#engineOf)
      await switchSchema(connection, scratch, this.#before, this.#call.signal)
      return { blobs, epoch, migrated: changed }
    } catch (error) {
      await dropScratch(connection, scratch).catch(() => undefined)
      throw error
    }
  }

  async #load(scratch: string): Promise<void> {
    const { tables } = this.#manifest
    const total = tables.reduce((sum, { rows }) => sum + rows, 0)
    let done = 0
    for (const table of tables) {
      await loadTable(this.#source.connection, scratch, table, this.#files, this.#call, (rows) => {
        done += rows
        this.#settings.onProgress?.({ phase: 'rows', done, total })
      })
    }
    await settleScratch(this.#source.connection, scratch, this.#manifest)
  }

  async #compare(scratch: string): Promise<void> {
    const { tables } = this.#manifest
    for (const [at, table] of tables.entries()) {
      const { rows, digest } = await digestOf(this.#source.connection, scratch, table, this.#call)
      if (rows !== table.rows || digest !== table.digest) {
        throw damaged(`${table.name}: what came back is not what was saved`, { table: table.name })
      }
      this.#settings.onProgress?.({ phase: 'comparing', done: at + 1, total: tables.length })
    }
  }

  /** Before the switch, so that nobody sees a document without its blob. */
  async #blobs(): Promise<RestoredRows['blobs']> {
    const { blobs } = this.#source
    const { parts, count, missingCount } = this.#manifest.blobs
    let written = 0
    let done = 0
    if (blobs) {
      await eachOf(blobsOf(this.#files, parts, this.#call), blobsAtOnce, async (blob) => {
        const outcome = await restoreBlob(this.#files, blobs, blob, this.#call)
        if (outcome === 'missing' && missingCount === 0) {
          throw damaged(`${blob.file} is not in ${this.#files.shown}`, { file: blob.file })
        }
        if (outcome === 'written') written++
        this.#settings.onProgress?.({ phase: 'blobs', done: ++done, total: count })
      })
    }
    return { count, written, missing: missingCount }
  }
}
