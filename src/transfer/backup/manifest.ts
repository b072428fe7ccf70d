import { hash } from 'node:crypto'
import type { CallOptions } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import { isPlainObject } from '../../core/json'
import { wholeBytes } from '../../core/whole-bytes'
import type { IndexFormat } from '../../repositories/index-format'
import type { DatabaseIdentity } from '../../repositories/registry'
import type { BackupFiles } from './files'
import { damaged } from './refusals'
import { isTrusted, signatureOf } from './signature'
import type { BackupColumn, TableDefinition } from './tables'

/** The format that this package writes; it reads those before. */
export const backupFormat = 1

/** Some rows of a table, as lines of JSON in the order of their keys. */
export interface BackupPart {
  /** Below the place; the name is a keyed hash of the plain bytes. */
  readonly file: string
  readonly rows: number
  /** Plain bytes. */
  readonly bytes: number
  /** Bytes as stored. */
  readonly size: number
  /** Of the plain bytes. */
  readonly sha256: string
  /** Keys of the first and the last row, as JSON. */
  readonly first: string
  readonly last: string
}

export interface BackupTable {
  readonly name: string
  readonly columns: readonly BackupColumn[]
  /** The columns that rows are ordered by. */
  readonly key: readonly string[]
  readonly rows: number
  /** Sum of the SHA-256 of each line, modulo 2^256. */
  readonly digest: string
  readonly parts: readonly BackupPart[]
  /** Of a table that no migration of headwater makes. */
  readonly definition?: TableDefinition | undefined
}

/** What an index was made with. */
export interface BackupGeneration {
  readonly target: 'vector' | 'text'
  readonly collection: string
  readonly name: string
  readonly state: string
  readonly chunking: string
  readonly fingerprint: string | null
  readonly dimensions: number | null
  readonly language: string | null
  /** What it was made with. */
  readonly format: IndexFormat
  readonly engine: string | null
}

/** All that is known of a backup. It is written last: what has none is no backup. */
export interface BackupManifest {
  readonly format: number
  readonly id: string
  /** By the clock of the database, ISO 8601. */
  readonly createdAt: string
  /** Version of headwater that wrote it. */
  readonly package: string
  /** Migrations of the schema, the last of which is its level. */
  readonly migrations: readonly string[]
  readonly schema: string
  /** Whether parts and blobs are encrypted, and to whom. */
  readonly encryption?: { readonly format: 'age'; readonly recipients: readonly string[] } | undefined
  /** Name that the installation's indexes carry. */
  readonly installation: string
  readonly database: DatabaseIdentity & { readonly name: string; readonly serverVersion: string }
  readonly epoch: number
  /** Last value of the sequence behind fences; null when none was taken. */
  readonly fences: number | null
  /** Where the log of the server was. */
  readonly lsn: string | null
  readonly generations: readonly BackupGeneration[]
  readonly tables: readonly BackupTable[]
  /** Names of tables that stay out, and why. */
  readonly leftOut: Readonly<Record<string, string>>
  /** A line for each tenant of each table: its rows and their digest. */
  readonly tenants: readonly BackupPart[]
  readonly blobs: {
    /** A line for each blob of each tenant: key (SHA-256 of its bytes), size, type and the file that has it. */
    readonly parts: readonly BackupPart[]
    /** Of an encrypted backup: a line for each blob with its file alone, in the clear, for a prune. */
    readonly files?: readonly BackupPart[] | undefined
    readonly count: number
    /** Bytes. */
    readonly bytes: number
    /** Those that documents own and that were not there whole, the first 100 of `missingCount`. */
    readonly missing: readonly { readonly tenant: string; readonly key: string; readonly reason: string }[]
    readonly missingCount: number
  }
  readonly vectors: {
    /** Chunks that a vector index should have. */
    readonly chunks: number
    /** Those of them without a vector whose document has a job that will make it. */
    readonly waiting: number
    /** Those of them without a vector and without such a job. */
    readonly lacking: number
  }
  /** How long the snapshot was held, and all of it, ms. */
  readonly ms: { readonly snapshot: number; readonly total: number }
}

const idPattern = /^\d{8}T\d{9}Z-[0-9a-f]{8}$/
const folder = 'manifests/'

export function manifestName(id: string): string {
  return `${folder}${id}.json`
}

/** Its files, those that blobs are in left out. */
export function partsOf({ tables, tenants, blobs }: BackupManifest): BackupPart[] {
  return [...tables.flatMap(({ parts }) => parts), ...tenants, ...blobs.parts, ...(blobs.files ?? [])]
}

/** Of a file of the place; undefined for what is no manifest. */
export function idOfManifest(name: string): string | undefined {
  const id = name.startsWith(folder) && name.endsWith('.json') ? name.slice(folder.length, -'.json'.length) : ''
  return idPattern.test(id) ? id : undefined
}

export function checkBackupId(id: string): string {
  if (idPattern.test(id)) return id
  throw new HeadwaterError('HW_INVALID_ARGUMENT', `id: ${JSON.stringify(id)} is not that of a backup`, { path: 'id' })
}

export async function writeManifest(files: BackupFiles, manifest: BackupManifest, call?: CallOptions): Promise<void> {
  const text = JSON.stringify(manifest)
  // In front, so that a reader knows the format and the hash before anything else.
  const signature = signatureOf(text, files.keys ?? {})
  const signed = signature === undefined ? '' : `,"signature":"${signature}"`
  const whole = `{"format":${manifest.format},"sha256":"${hash('sha256', text, 'hex')}"${signed},"manifest":\n${text}\n}\n`
  await files.put(manifestName(manifest.id), Buffer.from(whole), call)
}

/** HW_NOT_FOUND, HW_BACKUP_DAMAGED, HW_BACKUP_AHEAD. */
export async function readManifest(files: BackupFiles, id: string, call?: CallOptions): Promise<BackupManifest> {
  const name = manifestName(checkBackupId(id))
  if ((await files.stat(name, call)) === null) {
    throw new HeadwaterError('HW_NOT_FOUND', `There is no backup ${id} in ${files.shown}`, { details: { id } })
  }
  const text = (await wholeBytes(files.read(name, call))).toString('utf8')
  const [head, body, end] = text.split('\n')
  const format = Number(/^\{"format":(\d+),/.exec(head ?? '')?.[1])
  if (format > backupFormat) {
    const what = `${name} is of format ${format}, and this package reads up to ${backupFormat}`
    throw new HeadwaterError('HW_BACKUP_AHEAD', what, { details: { id, format } })
  }
  const sha256 = /"sha256":"([0-9a-f]{64})"/.exec(head ?? '')?.[1]
  if (body === undefined || end !== '}' || hash('sha256', body, 'hex') !== sha256) {
    throw damaged(`${name} is not what was written`, { file: name, id })
  }
  const signature = /"signature":"([A-Za-z0-9+/=]+)"/.exec(head ?? '')?.[1]
  if (!isTrusted(body, signature, files.keys ?? {})) {
    throw damaged(`${name} is not signed by a key that is trusted`, { file: name, id })
  }
  const manifest: unknown = JSON.parse(body)
  if (isPlainObject(manifest) && manifest['id'] === id) return manifest as unknown as BackupManifest
  throw damaged(`${name} is the manifest of another backup`, { file: name, id })
}

/** All ids in a place, oldest first. */
export async function backupIds(files: BackupFiles, call?: CallOptions): Promise<string[]> {
  const ids: string[] = []
  for await (const { name } of files.list(folder, call)) {
    const id = idOfManifest(name)
    if (id !== undefined) ids.push(id)
  }
  return ids.sort()
}

/** That of the newest backup, of this installation where one is named; HW_NOT_FOUND. */
export async function newestId(files: BackupFiles, call?: CallOptions): Promise<string> {
  const id = (await backupIds(files, call)).at(-1)
  if (id !== undefined) return id
  throw new HeadwaterError('HW_NOT_FOUND', `There is no backup in ${files.shown}`, { details: { place: files.shown } })
}
