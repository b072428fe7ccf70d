import type { Executor } from '../../connections/postgres/executor'
import type { CallOptions } from '../../core/abort'
import { withDeadline } from '../../core/deadline'
import { HeadwaterError } from '../../core/errors'
import { version } from '../../core/version'
import type { RegistryRepository } from '../../repositories/registry'
import { recordBackup } from '../../writer/backup-dates'
import { withBlobsHeld } from '../../writer/blobs/blob-lease'
import { Pace } from '../../writer/rebuild/pace'
import type { BackupSource } from './backup-source'
import { type BackupBlob, blobLine, blobsOf, copyBlobs } from './blob-files'
import { TableDigest } from './digest'
import type { BackupFiles } from './files'
import { summaryOf } from './list'
import { type BackupManifest, type BackupPart, type BackupTable, backupFormat, writeManifest } from './manifest'
import { PackedLines } from './packed-lines'
import { PartWriter } from './part-writer'
import { type Seal, sealOf } from './place-keys'
import { withPlaceLock } from './place-lock'
import { rowsOf } from './read-rows'
import { estimatedRows, vectorCounts } from './snapshot'
import { blobLeaseOf, readHead } from './snapshot-head'
import { blobSource, leftOut, type TableSource } from './tables'

export interface BackupProgress {
  /** Rows are read under the snapshot, blobs after it. */
  readonly phase: 'rows' | 'blobs'
  readonly done: number
  /** Of rows as the server estimates it. */
  readonly total: number
}

/** How a backup is made. No time limit but `timeoutMs`. */
export interface CreateBackupSettings extends CallOptions {
  /** Compresses parts; true by default. */
  readonly gzip?: boolean | undefined
  /** Plain bytes of a part on average; 4,194,304 by default. With another number than before, no part is shared. */
  readonly partBytes?: number | undefined
  /** Rows a second at most; no limit when left out. */
  readonly rate?: number | undefined
  /** Reads all and writes nothing: tells what would be written. */
  readonly dryRun?: boolean | undefined
  readonly onProgress?: ((progress: BackupProgress) => void) | undefined
}

/** What came of it. */
export interface BackupReport {
  readonly id: string
  readonly place: string
  /** False when blobs are missing or chunks lack their vector for good: it is kept, and no `verify` passes it. */
  readonly complete: boolean
  readonly rows: number
  /** Bytes of all parts and blobs as they are stored, shared ones included. */
  readonly bytes: number
  /** What this backup had to write, the manifest not counted. */
  readonly written: { readonly parts: number; readonly blobs: number; readonly bytes: number }
  readonly manifest: BackupManifest
}

/** Registry entry: the secret behind the names of parts. */
export const keyRecord = 'backup-key'

/**
 * Backs a store up: the rows of one snapshot, then the blobs that it names, then the manifest. HW_UNAUTHORIZED where
 * policies hide rows, HW_BACKUP_BUSY during a prune, HW_STORAGE, and whatever Postgres and the place fail with; what was
 * written by then is found again by the next one.
 */
export function createBackup(
  source: BackupSource,
  files: BackupFiles,
  settings: CreateBackupSettings = {},
): Promise<BackupReport> {
  const { clock, random } = source
  return withDeadline(clock, settings, undefined, ({ signal }) => {
    const run = new Creation(source, settings.dryRun ? asIfWritten(files) : files, settings, signal)
    if (settings.dryRun) return run.run()
    return withPlaceLock(files, { clock, random }, 'create', { signal }, () => run.run())
  })
}

interface Snapshot extends Omit<BackupManifest, 'blobs' | 'ms' | 'tenants'> {
  readonly blobParts: Pick<BackupManifest['blobs'], 'parts' | 'files'>
  readonly tenants: readonly string[]
}

class Creation {
  readonly #source: BackupSource
  readonly #files: BackupFiles
  readonly #settings: CreateBackupSettings
  readonly #call: { readonly signal: AbortSignal }
  readonly #written = { parts: 0, blobs: 0, bytes: 0 }
  readonly #pace: Pace
  readonly #seal: Seal
  /** Of an encrypted backup: its list of blobs. */
  #blobLines: PackedLines | undefined

  constructor(source: BackupSource, files: BackupFiles, settings: CreateBackupSettings, signal: AbortSignal) {
    this.#source = source
    this.#files = files
    this.#settings = settings
    this.#call = { signal }
    this.#pace = new Pace(source, settings.rate, signal)
    this.#seal = sealOf(files.keys?.recipients)
  }

  get #isSealed(): boolean {
    return this.#seal.suffix !== ''
  }

  async run(): Promise<BackupReport> {
    const { truth, connection, clock, random } = this.#source
    const { registry } = truth.session({ worker: true })
    const startedAt = clock.monotonic()
    const key = await this.#key(registry)
    return withBlobsHeld(registry, { clock, random }, blobLeaseOf(connection), async () => {
      const { blobParts, tenants, ...snapshot } = await connection.transaction(
        { worker: true },
        (executor) => this.#snapshot(executor, key),
        { isolation: 'repeatable read', readOnly: true, ...this.#call },
      )
      const snapshotMs = Math.round(clock.monotonic() - startedAt)
      const manifest: BackupManifest = {
        ...snapshot,
        tenants: await this.#tenants(tenants, key),
        blobs: await this.#blobs(blobParts),
        ms: { snapshot: snapshotMs, total: Math.round(clock.monotonic() - startedAt) },
      }
      const report = this.#report(manifest)
      if (this.#settings.dryRun) return report
      await writeManifest(this.#files, manifest, this.#call)
      if (report.complete) await recordBackup(registry, 'backup', manifest.id, Date.parse(manifest.createdAt))
      return report
    })
  }

  async #key(registry: RegistryRepository): Promise<Buffer> {
    const fresh = Buffer.from(this.#source.random.bytes(32)).toString('hex')
    return Buffer.from(String(await registry.record(keyRecord, fresh)), 'hex')
  }

  async #snapshot(executor: Executor, key: Buffer): Promise<Snapshot> {
    const { schema, random } = this.#source
    const { now, sources, ...head } = await readHead(executor, this.#source)
    const total = await estimatedRows(executor, schema, sources)
    const tenants: string[] = []
    const tables: BackupTable[] = []
    let done = 0
    for (const source of sources) {
      const table = await this.#table(executor, source, key, tenants, (rows) => {
        done += rows
        this.#settings.onProgress?.({ phase: 'rows', done, total: Math.max(done, total) })
      })
      const { definition } = source
      tables.push({ ...table, ...(definition && { definition }) })
    }
    const blobs = await this.#blobList(executor, key)
    return {
      format: backupFormat,
      id: `${now.slice(0, 23).replaceAll(/[-:.]/g, '')}Z-${Buffer.from(random.bytes(4)).toString('hex')}`,
      createdAt: now,
      package: version,
      ...(this.#isSealed && { encryption: { format: 'age' as const, recipients: this.#files.keys!.recipients! } }),
      ...head,
      tables,
      leftOut,
      blobParts: blobs,
      tenants,
      vectors: await vectorCounts(executor, schema),
    }
  }

  /** Rows that are read wait for the parts before them to be written: memory is bounded by two of them. */
  async #table(
    executor: Executor,
    source: TableSource,
    key: Buffer,
    tenants: string[],
    read: (rows: number) => void,
  ): Promise<BackupTable> {
    const parts = this.#parts(key)
    const digest = new TableDigest()
    let last = ''
    for await (const rows of rowsOf(executor, source)) {
      for (const row of rows) {
        digest.add(row.line, row.tenant)
        await parts.add(row)
        last = row.key
      }
      read(rows.length)
      await this.#pace.after(rows.length)
    }
    const { name, columns, key: by } = source
    for (const [tenant, { rows, digest: sum }] of [...digest.tenants].sort(([a], [b]) => (a < b ? -1 : 1))) {
      tenants.push(JSON.stringify({ table: name, tenant, rows, digest: sum }))
    }
    const { rows, digest: sum } = digest.whole
    return { name, columns, key: by, rows, digest: sum, parts: await parts.end(last) }
  }

  async #blobList(executor: Executor, key: Buffer): Promise<Snapshot['blobParts']> {
    const parts = this.#parts(key)
    const names = this.#isSealed ? this.#parts(key, sealOf(undefined)) : undefined
    const lines = this.#isSealed ? new PackedLines() : undefined
    let last = ''
    for await (const rows of rowsOf(executor, blobSource(this.#source.schema))) {
      for (const row of rows) {
        const line = blobLine(row.line, key, this.#seal)
        await parts.add({ line, key: row.key })
        lines?.add(line)
        const { file } = JSON.parse(line) as BackupBlob
        await names?.add({ line: JSON.stringify({ file }), key: file })
      }
      last = rows.at(-1)!.key
    }
    // Whoever encrypts cannot read it back.
    this.#blobLines = lines
    return { parts: await parts.end(last), ...(names && { files: await names.end('') }) }
  }

  async #tenants(lines: readonly string[], key: Buffer): Promise<BackupPart[]> {
    const parts = this.#parts(key)
    for (const line of lines) await parts.add({ line, key: line })
    return parts.end(lines.at(-1) ?? '')
  }

  async #blobs(list: Snapshot['blobParts']): Promise<BackupManifest['blobs']> {
    const { blobs } = this.#source
    const { parts } = list
    const total = parts.reduce((sum, { rows }) => sum + rows, 0)
    const none = { ...list, count: total, bytes: 0, missing: [], missingCount: 0 }
    if (total === 0 || this.#settings.dryRun) return none
    if (!blobs) {
      const message = `blobs: documents own ${total} blobs and no place is configured; give blobs.path or s3`
      throw new HeadwaterError('HW_INVALID_OPTIONS', message, { path: 'blobs.path' })
    }
    let done = 0
    const listed = this.#blobLines ? parsed(this.#blobLines) : blobsOf(this.#files, parts, this.#call)
    const copied = await copyBlobs(this.#files, blobs, listed, this.#call, (bytes) => {
      this.#written.blobs++
      this.#written.bytes += bytes
      this.#settings.onProgress?.({ phase: 'blobs', done: ++done, total })
    })
    return { ...list, ...copied }
  }

  #parts(key: Buffer, seal: Seal = this.#seal): PartWriter {
    return new PartWriter({
      files: this.#files,
      ...{ key, seal },
      gzip: this.#settings.gzip ?? true,
      bytes: this.#settings.partBytes ?? 4 * 1024 * 1024,
      call: this.#call,
      written: (bytes) => {
        this.#written.parts++
        this.#written.bytes += bytes
      },
    })
  }

  #report(manifest: BackupManifest): BackupReport {
    const { id, complete, rows, bytes } = summaryOf(manifest)
    return { id, place: this.#files.shown, complete, rows, bytes, written: this.#written, manifest }
  }
}

async function* parsed(packed: PackedLines): AsyncGenerator<BackupBlob> {
  for (const line of packed.lines()) yield JSON.parse(line) as BackupBlob
}

/** A place on which nothing is written: what would be is told. */
function asIfWritten(files: BackupFiles): BackupFiles {
  return {
    shown: files.shown,
    keys: files.keys,
    put: async (_name, source) => (source instanceof Uint8Array ? source.byteLength : 0),
    stat: (name, call) => files.stat(name, call),
    read: (name, call) => files.read(name, call),
    list: (prefix, call) => files.list(prefix, call),
    remove: async () => undefined,
    close: () => files.close(),
  }
}
