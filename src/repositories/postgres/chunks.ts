import type { Executor } from '../../connections/postgres/executor'
import type { CallOptions } from '../../core/abort'
import { type CollectionName, type Scope, type TenantId, tenantId } from '../../core/ids'
import type { JsonObject } from '../../core/json'
import { vectorsFromBytes } from '../../embeddings/vector-codec'
import type { Leaves } from '../../filter/parsed'
import type {
  ChunkChanges,
  ChunkContent,
  ChunkEntry,
  ChunkHead,
  ChunkRepository,
  ChunkRow,
  ChunkScan,
  ChunkWords,
  ContentScan,
  DocumentState,
  FoundWords,
  HydratedChunk,
} from '../chunks'
import { countedWords, patternOf } from '../word-ranking'
import { chunkStatements } from './chunk-sql'
import { readStates, type StoredContext } from './chunk-states'
import { compileFilter, type FilterColumns } from './filter-sql'
import { type PostgresRepositoryOptions, run } from './statements'

const documentColumns: FilterColumns = {
  leaves: 'd.leaves',
  id: 'd.id',
  source: 'd.source',
  createdAt: 'd.created_at',
  updatedAt: 'd.updated_at',
  version: 'd.version',
  own: { $title: 'd.title', $status: 'd.status', $contentType: 'd.content_type' },
}

/** Chunks in Postgres. Writes are meant for a transaction that has locked their documents. */
export class PostgresChunkRepository implements ChunkRepository {
  readonly #executor: Executor
  readonly #sql: ReturnType<typeof chunkStatements>

  constructor(executor: Executor, options?: PostgresRepositoryOptions) {
    this.#executor = executor
    this.#sql = chunkStatements(options)
  }

  async ofDocument(
    { tenant, collection }: Scope,
    document: string,
    chunking: string,
    call?: CallOptions,
  ): Promise<ChunkRow[]> {
    const values = [tenant, collection, chunking, document]
    const { rows } = await run<StoredChunk>(this.#executor, this.#sql.ofDocument, values, call)
    return rows.map((row) => ({
      id: row.id,
      document: row.document,
      chunking: row.chunking,
      ordinal: row.ordinal,
      start: row.start_unit,
      end: row.end_unit,
      text: row.text,
      heading: row.heading,
      tableHeader: row.table_header,
      metadata: row.metadata,
      inputHash: row.input_hash,
      fence: Number(row.fence),
    }))
  }

  async heads(
    { tenant, collection }: Scope,
    documents: readonly string[],
    chunkings: readonly string[],
    call?: CallOptions,
  ): Promise<ChunkHead[]> {
    if (documents.length === 0) return []
    const values = [tenant, collection, chunkings, [...new Set(documents)]]
    const { rows } = await run<StoredChunk>(this.#executor, this.#sql.heads, values, call)
    return rows.map((row) => ({
      id: row.id,
      document: row.document,
      chunking: row.chunking,
      ordinal: row.ordinal,
      start: row.start_unit,
      end: row.end_unit,
      inputHash: row.input_hash,
    }))
  }

  async apply({ tenant, collection }: Scope, chunking: string, changes: ChunkChanges): Promise<void> {
    const { upsert, move, remove } = changes
    if (upsert.length + move.length + remove.length === 0) return
    await run(this.#executor, this.#sql.apply, [
      tenant,
      collection,
      chunking,
      upsert.map(({ id }) => id),
      upsert.map(({ document }) => document),
      upsert.map(({ ordinal }) => ordinal),
      upsert.map(({ start }) => start),
      upsert.map(({ end }) => end),
      upsert.map(({ text }) => text),
      upsert.map(({ metadata }) => JSON.stringify(metadata)),
      upsert.map(({ inputHash }) => inputHash),
      upsert.map(({ fence }) => fence),
      move.map(({ id }) => id),
      move.map(({ ordinal }) => ordinal),
      move.map(({ start }) => start),
      move.map(({ end }) => end),
      remove.map(({ id }) => id),
      remove.map(({ fence }) => fence),
      upsert.map(({ heading }) => heading),
      upsert.map(({ tableHeader }) => tableHeader),
    ])
  }

  async buryDocuments(
    { tenant, collection }: Scope,
    documents: readonly { readonly document: string; readonly fence: number }[],
  ): Promise<void> {
    if (documents.length === 0) return
    const names = documents.map(({ document }) => document)
    const fences = documents.map(({ fence }) => fence)
    await run(this.#executor, this.#sql.bury, [tenant, collection, names, fences])
  }

  async hydrate(
    { tenant, collection }: Scope,
    chunking: string,
    ids: readonly string[],
    call?: CallOptions,
  ): Promise<HydratedChunk[]> {
    if (ids.length === 0) return []
    const values = [tenant, collection, chunking, ids]
    const { rows } = await run<StoredHydrated>(this.#executor, this.#sql.hydrate, values, call)
    return rows.map((row) => ({
      id: row.id,
      document: row.document,
      ordinal: row.ordinal,
      start: row.start_unit,
      end: row.end_unit,
      text: row.text,
      heading: row.heading,
      tableHeader: row.table_header,
      fence: Number(row.fence),
      chunkMetadata: row.chunk_metadata,
      title: row.title,
      status: row.status,
      contentType: row.content_type,
      source: row.source,
      metadata: row.metadata,
      leaves: row.leaves,
      version: Number(row.version),
      createdAt: Number(row.created_at),
      updatedAt: Number(row.updated_at),
    }))
  }

  async searchWords(
    { tenant, collection }: Scope,
    chunking: string,
    { words, filter, limit, among }: ChunkWords,
    call?: CallOptions,
  ): Promise<FoundWords> {
    const counted = countedWords(words)
    if (counted.length === 0) return { hits: [], bounded: false }
    const values: unknown[] = [tenant, collection, chunking, counted, counted.map(patternOf), limit, among]
    const condition = filter ? ` AND ${compileFilter(filter, documentColumns, values)}` : ''
    const text = `${this.#sql.searchWords}${condition}${this.#sql.searchWordsEnd}`
    const { rows } = await run<{ entries: number | string } & (StoredHit | { id: null })>(
      this.#executor,
      { text },
      values,
      call,
    )
    const hits = rows.flatMap((row) =>
      row.id === null
        ? []
        : [{ id: row.id, document: row.document, fence: Number(row.fence), score: Number(row.score) }],
    )
    return { hits, bounded: Number(rows[0]?.entries ?? 0) > among }
  }

  states(
    documents: Parameters<ChunkRepository['states']>[0],
    chunking: string,
    call?: CallOptions,
  ): Promise<DocumentState[]> {
    return readStates(this.#executor, this.#sql.states, documents, chunking, call)
  }

  async scan(scan: ChunkScan, call?: CallOptions): Promise<ChunkEntry[]> {
    const values: unknown[] = []
    const range = rangeSql(scan, scan.chunking, values)
    const text = `${this.#sql.scan}${range} ORDER BY c.id LIMIT $${values.push(scan.limit)}::bigint`
    const { rows } = await run<StoredEntry>(this.#executor, { text }, values, call)
    return rows.map((row) => ({
      id: row.id,
      tenant: tenantId(row.tenant),
      document: row.document,
      fence: Number(row.fence),
      inputHash: row.input_hash,
      payloadHash: row.payload_hash,
    }))
  }

  async contents(scan: ContentScan, fingerprint: string | null, call?: CallOptions): Promise<ChunkContent[]> {
    const values: unknown[] = fingerprint === null ? [] : [fingerprint]
    const { contents, contentsWithVectors } = this.#sql
    let text = fingerprint === null ? contents : contentsWithVectors
    if (scan.ids) {
      if (scan.ids.length === 0) return []
      text += `${rangeSql(scan, scan.chunking, values)} AND c.id = ANY($${values.push(scan.ids)}::uuid[]) ORDER BY c.id`
    } else text += `${rangeSql(scan, scan.chunking, values)} ORDER BY c.id LIMIT ${Number(scan.limit)}`
    const { rows } = await run<StoredContent>(this.#executor, { text }, values, call)
    const vectors = vectorsFromBytes(rows.map(({ vector }) => vector))
    // Written out: spreading a part of it into each costs twenty times as much.
    return rows.map((row, at) => ({
      id: row.id,
      tenant: tenantId(row.tenant),
      document: row.document,
      fence: Number(row.fence),
      inputHash: row.input_hash,
      payloadHash: row.payload_hash,
      title: row.title,
      text: row.text,
      heading: row.heading,
      tableHeader: row.table_header,
      source: row.source,
      status: row.status,
      contentType: row.content_type,
      chunkMetadata: row.chunk_metadata,
      leaves: row.leaves,
      version: Number(row.version),
      createdAt: Number(row.created_at),
      updatedAt: Number(row.updated_at),
      vector: vectors[at]!,
    }))
  }

  async digest(
    range: Omit<ChunkScan, 'limit'> & { readonly space: string },
    call?: CallOptions,
  ): Promise<{ readonly count: number; readonly sum: string }> {
    const values: unknown[] = [range.space]
    const text = `${this.#sql.digest}${rangeSql(range, range.chunking, values)}) e`
    const { rows } = await run<{ count: number; sum: string }>(this.#executor, { text }, values, call)
    return { count: Number(rows[0]!.count), sum: rows[0]!.sum }
  }

  async count(
    scope: { readonly collection: CollectionName; readonly tenant?: TenantId },
    chunking: string,
  ): Promise<number> {
    const values: unknown[] = []
    const text = `${this.#sql.count}${rangeSql(scope, chunking, values)}`
    const { rows } = await run<{ count: number }>(this.#executor, { text }, values)
    return Number(rows[0]!.count)
  }

  async purge(options: { collection: CollectionName; chunking: string; limit: number }): Promise<number> {
    const { collection, chunking, limit } = options
    const { rowCount } = await run(this.#executor, this.#sql.purge, [collection, chunking, limit])
    return rowCount
  }
}

/** Conditions of a range, each only where it is asked for, so that the planner knows which index serves. */
function rangeSql(
  range: Pick<ChunkScan, 'collection' | 'tenant' | 'after' | 'upTo'>,
  chunking: string,
  values: unknown[],
): string {
  let text = ` AND c.collection = $${values.push(range.collection)} AND c.chunking = $${values.push(chunking)}`
  if (range.tenant !== undefined) text += ` AND c.tenant = $${values.push(range.tenant)}`
  if (range.after !== undefined) text += ` AND c.id > $${values.push(range.after)}::uuid`
  if (range.upTo !== undefined) text += ` AND c.id <= $${values.push(range.upTo)}::uuid`
  return text
}

interface StoredChunk extends StoredContext {
  readonly id: string
  readonly document: string
  readonly chunking: string
  readonly ordinal: number
  readonly start_unit: number
  readonly end_unit: number
  readonly text: string
  readonly metadata: JsonObject
  readonly input_hash: string
  readonly fence: number | string
}

interface StoredHydrated extends StoredChunk {
  readonly chunk_metadata: JsonObject
  readonly title: string
  readonly status: string
  readonly content_type: string
  readonly source: string | null
  readonly leaves: Leaves
  readonly version: number | string
  readonly created_at: number | string
  readonly updated_at: number | string
}

interface StoredHit {
  readonly id: string
  readonly document: string
  readonly fence: number | string
  readonly score: number | string
}

interface StoredEntry {
  readonly id: string
  readonly tenant: string
  readonly document: string
  readonly fence: number | string
  readonly input_hash: string
  readonly payload_hash: string
}

interface StoredContent extends StoredEntry, StoredContext {
  readonly title: string
  readonly text: string
  readonly status: string
  readonly content_type: string
  readonly chunk_metadata: JsonObject
  readonly source: string | null
  readonly leaves: Leaves
  readonly version: number | string
  readonly created_at: number | string
  readonly updated_at: number | string
  readonly vector: Buffer | null
}
