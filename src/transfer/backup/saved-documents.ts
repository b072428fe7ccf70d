import type { CallOptions } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import type { Scope } from '../../core/ids'
import { migrate } from '../../migrations/migrate'
import type { ChunkRow } from '../../repositories/chunks'
import type { DocumentRow } from '../../repositories/documents'
import { PostgresTruth } from '../../repositories/postgres/truth'
import type { TruthSession } from '../../repositories/truth'
import type { ChunkDraft } from '../../splitter/splitter'
import type { CollectionPlan } from '../../writer/ports'
import { ownChunksOf } from '../../writer/write/own-chunks'
import { PreparedDocument } from '../../writer/write/prepared-document'
import type { BackupSource } from './backup-source'
import { blobFile, restoreBlob } from './blob-files'
import { keyRecord } from './create'
import type { BackupFiles } from './files'
import { loadSome } from './load-rows'
import type { BackupManifest } from './manifest'
import { sealOf } from './place-keys'
import { damaged } from './refusals'
import { dropScratch, makeScratch, scratchOf } from './scratch-schema'
import { partsFor, type Selection, takes } from './selection'

const pageSize = 200
/** What a document is made of. */
const tables = ['registry', 'documents', 'chunks', 'embeddings'] as const

/** Documents of a backup, loaded into a schema of their own, from where they are read as those of any store. */
export class SavedDocuments {
  blobsWritten = 0
  vectorsToMake = 0
  readonly #source: BackupSource
  readonly #files: BackupFiles
  readonly #manifest: BackupManifest
  /** Of the schema: the role of the tenants may not look into it. */
  readonly #session: TruthSession
  readonly #cutFirst = new Map<string, string>()
  #key: Buffer | undefined

  private constructor(source: BackupSource, files: BackupFiles, manifest: BackupManifest) {
    this.#source = source
    this.#files = files
    this.#manifest = manifest
    const truth = new PostgresTruth(source.connection, { schema: scratchOf(source.schema, 'restore') })
    this.#session = truth.session({ worker: true })
  }

  static async load(
    source: BackupSource,
    files: BackupFiles,
    manifest: BackupManifest,
    selection: Selection,
    call: CallOptions,
  ): Promise<SavedDocuments> {
    const { connection, schema } = source
    const scratch = scratchOf(schema, 'restore')
    const wanted = manifest.tables.filter(({ name }) => tables.some((one) => one === name))
    await makeScratch(connection, scratch, { migrations: manifest.migrations, tables: wanted })
    const saved = new SavedDocuments(source, files, manifest)
    try {
      for (const table of wanted) {
        const parts = partsFor(table, selection)
        const isWanted = (line: string): boolean =>
          table.name === 'registry' || takes(JSON.parse(line) as Record<string, unknown>, selection)
        await loadSome(connection, scratch, { table, parts, takes: isWanted }, files, call)
      }
      await migrate(connection, { schema: scratch })
      return saved
    } catch (error) {
      await saved.drop().catch(() => undefined)
      throw error
    }
  }

  async drop(): Promise<void> {
    await dropScratch(this.#source.connection, scratchOf(this.#source.schema, 'restore'))
  }

  async *rows(scope: Scope, call: CallOptions): AsyncGenerator<DocumentRow> {
    const { documents } = this.#session
    let after: string | undefined
    for (;;) {
      const page = await documents.list(scope, { after, limit: pageSize }, call)
      yield* page
      after = page.at(-1)?.id
      if (page.length < pageSize) return
    }
  }

  /** As it was, cut as it was where the store cuts in the same way, with its vectors; its blob is there then. */
  async prepare(scope: Scope, row: DocumentRow, plan: CollectionPlan, call: CallOptions): Promise<PreparedDocument> {
    const session = this.#session
    const { fingerprint } = plan.embedder
    const chunking = this.#chunkingOf(scope.collection, plan.splitter.id)
    const before = {
      ...plan,
      splitter: { id: chunking, split: () => [] },
      cutFirst: await this.#cutFirstOf(scope, chunking),
    }
    const own = await ownChunksOf({ collections: new Map([[plan.name, before]]) }, session, scope, row, call)
    const rows = await session.chunks.ofDocument(scope, row.id, chunking, call)
    const asBefore = chunking === plan.splitter.id && rows.length > 0
    const { id, title, text, metadata, leaves, source, contentType, status, blob } = row
    const prepared = new PreparedDocument(
      scope,
      { id, title, text, metadata, leaves, source, contentType, status, blob, chunks: own ?? null },
      asBefore ? { ...plan, splitter: { id: chunking, split: () => rows.map(draftOf) } } : plan,
    )
    const hashes = [...new Set(rows.map(({ inputHash }) => inputHash))]
    const vectors = await session.embeddings.getMany(scope.tenant, fingerprint, hashes, call)
    for (const [hash, vector] of vectors) prepared.keep(fingerprint, hash, vector, false)
    if (blob) await this.#blob(scope, blob, call)
    this.vectorsToMake += asBefore ? hashes.length - vectors.size : rows.length
    return prepared
  }

  /** That of the store where the backup has it, else the one that was live. */
  #chunkingOf(collection: string, wanted: string): string {
    const all = this.#manifest.generations.filter((one) => one.collection === collection)
    if (all.some((one) => one.chunking === wanted)) return wanted
    return all.find(({ state }) => state === 'live')?.chunking ?? wanted
  }

  async #cutFirstOf({ collection }: Scope, chunking: string): Promise<string> {
    let found = this.#cutFirst.get(collection)
    if (found === undefined) {
      found = String((await this.#session.registry.read(`cut-first:${collection}`)) ?? chunking)
      this.#cutFirst.set(collection, found)
    }
    return found
  }

  async #blob({ tenant }: Scope, blob: NonNullable<DocumentRow['blob']>, call: CallOptions): Promise<void> {
    const { blobs } = this.#source
    if (!blobs) {
      const message = 'blobs: the backup has blobs and no place is configured; give blobs.path or s3'
      throw new HeadwaterError('HW_INVALID_OPTIONS', message, { path: 'blobs.path' })
    }
    this.#key ??= Buffer.from(String(await this.#session.registry.read(keyRecord)), 'hex')
    const file = blobFile(blob.hash, this.#key, sealOf(this.#manifest.encryption?.recipients))
    const line = { tenant, key: blob.hash, size: blob.size, type: blob.contentType, file }
    const outcome = await restoreBlob(this.#files, blobs, line, call)
    if (outcome === 'missing') throw damaged(`${file} is not in ${this.#files.shown}`, { file })
    if (outcome === 'written') this.blobsWritten++
  }
}

function draftOf({ text, start, end, metadata, heading, tableHeader }: ChunkRow): ChunkDraft {
  return { text, start, end, metadata, heading, tableHeader }
}
