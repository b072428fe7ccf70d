import { createHash } from 'node:crypto'
import { type CallOptions, throwIfAborted } from '../../core/abort'
import type { Clock } from '../../core/clock'
import { withDeadline } from '../../core/deadline'
import { isHeadwaterError } from '../../core/errors'
import { type BackupBlob, blobsOf, eachOf } from './blob-files'
import { drawOf, TableDigest } from './digest'
import type { BackupFiles } from './files'
import { type BackupManifest, type BackupPart, type BackupTable, newestId, partsOf, readManifest } from './manifest'
import { linesOf } from './part-reader'
import { damaged } from './refusals'
import { SeenTexts } from './seen-texts'

/**
 * `quick`: the manifest, and that each part is there in its size. `sample`: also the bytes and rows of a share of the
 * parts and blobs. `full`: every byte, every row, every blob, counts and digests, and a vector for every chunk.
 */
export type VerifyLevel = 'quick' | 'sample' | 'full'

export interface VerifySettings extends CallOptions {
  /** The newest when left out. */
  readonly id?: string | undefined
  /** `full` by default. */
  readonly level?: VerifyLevel | undefined
  /** Of parts and blobs that a `sample` reads; 0.1 by default. Others at each id. */
  readonly share?: number | undefined
  /** Called after each part and blob. */
  readonly onProgress?: ((progress: { done: number; total: number }) => void) | undefined
}

export interface VerifyProblem {
  /** A file of the place, a table, or `vectors`. */
  readonly what: string
  readonly problem: string
}

export interface VerifyReport {
  readonly id: string
  readonly level: VerifyLevel
  readonly ok: boolean
  /** The first 100 of `problemCount`. */
  readonly problems: readonly VerifyProblem[]
  readonly problemCount: number
  /** How many were read whole, of how many there are. */
  readonly parts: { readonly read: number; readonly of: number }
  readonly blobs: { readonly read: number; readonly of: number }
  /** Rows that were read. */
  readonly rows: number
  /** Chunks whose vector was to be made when the snapshot was taken: no problem. */
  readonly waitingVectors: number
  readonly ms: number
}

const mostProblems = 100
const headsAtOnce = 8

/** Compares a backup with its manifest; what is wrong is reported, not thrown. HW_NOT_FOUND, HW_BACKUP_AHEAD. */
export function verifyBackup(files: BackupFiles, clock: Clock, settings: VerifySettings = {}): Promise<VerifyReport> {
  const { level = 'full', share = 0.1 } = settings
  return withDeadline(clock, settings, undefined, async ({ signal }) => {
    const startedAt = clock.monotonic()
    const id = settings.id ?? (await newestId(files, { signal }))
    const run = new Verification(files, { ...settings, signal }, level === 'full' ? 1 : level === 'sample' ? share : 0)
    await run.all(id)
    return { id, level, ...run.report(), ms: Math.round(clock.monotonic() - startedAt) }
  })
}

class Verification {
  readonly #files: BackupFiles
  readonly #settings: VerifySettings
  readonly #call: { readonly signal: AbortSignal | undefined }
  /** Of what is read. */
  readonly #share: number
  readonly #problems: VerifyProblem[] = []
  readonly #counts = { problemCount: 0, rows: 0, waitingVectors: 0 }
  readonly #parts = { read: 0, of: 0 }
  readonly #blobs = { read: 0, of: 0 }
  #done = 0

  constructor(files: BackupFiles, settings: VerifySettings, share: number) {
    this.#files = files
    this.#settings = settings
    this.#call = { signal: settings.signal }
    this.#share = share
  }

  report() {
    const { problemCount } = this.#counts
    const counts = { parts: this.#parts, blobs: this.#blobs, ...this.#counts }
    return { ok: problemCount === 0, problems: this.#problems, ...counts }
  }

  async all(id: string): Promise<void> {
    let manifest: BackupManifest
    try {
      manifest = await readManifest(this.#files, id, this.#call)
    } catch (error) {
      this.#note(error)
      return
    }
    const { blobs, vectors } = manifest
    const parts = partsOf(manifest)
    this.#parts.of = parts.length
    this.#blobs.of = blobs.count
    this.#counts.waitingVectors = vectors.waiting
    if (vectors.lacking > 0) this.#problem('vectors', `${vectors.lacking} chunks have no vector and no job for it`)
    if (blobs.missingCount > 0) this.#problem('blobs', `${blobs.missingCount} blobs were missing when it was made`)
    await eachOf(listed(parts), headsAtOnce, (part) => this.#size(part))
    if (this.#share === 1) await this.#whole(manifest)
    else await this.#some(parts, id)
    if (this.#share > 0) await this.#allBlobs(manifest, id)
  }

  async #size({ file, size }: BackupPart): Promise<void> {
    const found = await this.#files.stat(file, this.#call)
    if (!found) this.#problem(file, 'it is not there')
    else if (found.size !== size) this.#problem(file, `it has ${found.size} bytes instead of ${size}`)
  }

  async #some(parts: readonly BackupPart[], id: string): Promise<void> {
    for (const part of parts) {
      if (!this.#drawn(`${id}/${part.file}`)) continue
      await this.#part(part, (line) => void JSON.parse(line))
    }
  }

  /** Everything is read once: rows are decoded, counted and summed, and the vectors kept in mind by 8 bytes each. */
  async #whole({ tables, tenants, generations, blobs }: BackupManifest): Promise<void> {
    const sums = new Map<string, string>()
    const inputs = new SeenTexts()
    for (const table of tables) {
      const digest = new TableDigest()
      for (const part of table.parts) {
        await this.#part(part, (line) => {
          const row = decoded(table, line)
          if (table.name === 'embeddings') inputs.add(vectorKey(row['tenant'], row['fingerprint'], row['input_hash']))
          digest.add(line, String(row['tenant'] ?? ''))
        })
      }
      const { rows, digest: sum } = digest.whole
      if (rows !== table.rows || sum !== table.digest)
        this.#problem(table.name, 'its rows are not those of the manifest')
      for (const [tenant, one] of digest.tenants) sums.set(`${table.name}/${tenant}`, `${one.rows} ${one.digest}`)
    }
    for (const part of tenants) {
      await this.#part(part, (line) => {
        const { table, tenant, rows, digest } = JSON.parse(line) as Record<string, string>
        const name = `${table}/${tenant}`
        if (sums.get(name) !== `${rows} ${digest}`) this.#problem(name, 'its rows are not those that were counted')
        sums.delete(name)
      })
    }
    for (const name of sums.keys()) this.#problem(name, 'its rows were not counted')
    for (const part of blobs.parts) await this.#part(part, () => undefined)
    const live = generations.filter(({ target, state }) => target === 'vector' && state === 'live')
    const chunks = tables.find(({ name }) => name === 'chunks')
    if (chunks) await this.#vectors(chunks, live, inputs.sorted())
  }

  /** A second look at the chunks: vectors come after them. */
  async #vectors(
    chunks: BackupTable,
    live: readonly { readonly collection: string; readonly chunking: string; readonly fingerprint: string | null }[],
    has: (key: string) => boolean,
  ): Promise<void> {
    const spaces = new Map(live.map((one) => [`${one.collection}/${one.chunking}`, one.fingerprint]))
    let lacking = 0
    for (const part of chunks.parts) {
      await this.#quietly(async () => {
        for await (const line of linesOf(this.#files, part, this.#call)) {
          const row = JSON.parse(line) as Record<string, unknown>
          const fingerprint = spaces.get(`${row['collection']}/${row['chunking']}`)
          if (fingerprint === undefined || row['removed_at'] !== null) continue
          if (!has(vectorKey(row['tenant'], fingerprint, row['input_hash']))) lacking++
        }
      })
    }
    const expected = this.#counts.waitingVectors
    if (lacking > expected) this.#problem('vectors', `${lacking - expected} chunks have no vector and no job for it`)
  }

  async #allBlobs({ blobs }: BackupManifest, id: string): Promise<void> {
    await this.#quietly(() =>
      eachOf(blobsOf(this.#files, blobs.parts, this.#call), headsAtOnce, async (blob) => {
        if (this.#share === 1 || this.#drawn(`${id}/${blob.file}`)) await this.#quietly(() => this.#blob(blob))
        this.#progress()
      }),
    )
  }

  async #blob({ file, key, size }: BackupBlob): Promise<void> {
    const digest = createHash('sha256')
    let bytes = 0
    for await (const piece of this.#files.read(file, this.#call)) {
      digest.update(piece)
      bytes += piece.byteLength
    }
    this.#blobs.read++
    if (bytes !== size || digest.digest('hex') !== key) throw damaged(`${file} is not the blob ${key}`, { file })
  }

  async #part(part: BackupPart, row: (line: string) => void): Promise<void> {
    await this.#quietly(async () => {
      for await (const line of linesOf(this.#files, part, this.#call)) {
        row(line)
        this.#counts.rows++
      }
    })
    this.#parts.read++
    this.#progress()
  }

  /** What is wrong with what was read is noted; what keeps it from being read ends the run. */
  async #quietly(work: () => Promise<void>): Promise<void> {
    throwIfAborted(this.#call.signal)
    try {
      await work()
    } catch (error) {
      this.#note(error)
    }
  }

  #note(error: unknown): void {
    if (error instanceof SyntaxError) {
      this.#problem('rows', `a row is no JSON: ${error.message}`)
    } else if (isHeadwaterError(error, 'HW_BACKUP_DAMAGED')) {
      const { file, table } = error.details ?? {}
      this.#problem(String(file ?? table ?? 'manifest'), error.message)
    } else throw error
  }

  #problem(what: string, problem: string): void {
    this.#counts.problemCount++
    if (this.#problems.length < mostProblems) this.#problems.push({ what, problem })
  }

  #progress(): void {
    this.#settings.onProgress?.({ done: ++this.#done, total: this.#parts.of + this.#blobs.of })
  }

  #drawn(what: string): boolean {
    return drawOf(what) < this.#share * 2 ** 32
  }
}

async function* listed<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items
}

/** A line as a row of its table: the columns of the manifest, bytes where there should be bytes. */
function decoded({ name, columns }: BackupTable, line: string): Record<string, unknown> {
  const row = JSON.parse(line) as Record<string, unknown>
  for (const { name: column, type, required } of columns) {
    const value = row[column]
    if (value === undefined || (required && value === null && type !== 'jsonb')) {
      throw damaged(`${name}: a row has no ${column}`, { table: name })
    }
    if (type === 'bytea' && typeof value === 'string' && !/^[A-Za-z0-9+/]*={0,2}$/.test(value)) {
      throw damaged(`${name}: ${column} is not base64`, { table: name })
    }
    if (name === 'embeddings' && column === 'vector' && Buffer.from(String(value), 'base64').length % 4 !== 0) {
      throw damaged(`${name}: a vector is cut off`, { table: name })
    }
  }
  return row
}

function vectorKey(tenant: unknown, fingerprint: unknown, input: unknown): string {
  return `${tenant}\n${fingerprint}\n${input}`
}
