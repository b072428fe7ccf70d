import type { Executor, StatementResult } from '../../connections/postgres/executor'
import type { CallOptions } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import { type CollectionName, type Scope, type TenantId, tenantId } from '../../core/ids'
import type { JsonObject } from '../../core/json'
import { oneRun, vectorFromBytes } from '../../embeddings/vector-codec'
import type { Leaves, ParsedFilter } from '../../filter/parsed'
import type { ChunkHead, ChunkRow } from '../chunks'
import type {
  Changed,
  DocumentChange,
  DocumentHead,
  DocumentQuery,
  DocumentRepository,
  DocumentRow,
  Erased,
  ErasedDocument,
  EraseOptions,
  Erasure,
  Inserted,
  InsertOptions,
  KnownContent,
  NewDocument,
  Stamps,
  UncutDocument,
  WantedContent,
  WithContent,
  WithWrite,
} from '../documents'
import type { ClaimedJob, JobTarget } from '../jobs'
import { documentStatements } from './document-sql'
import { compileFilter, type FilterColumns } from './filter-sql'
import { type PostgresRepositoryOptions, run, type Statement } from './statements'
import { writeStatements } from './write-sql'

const columns: FilterColumns = {
  leaves: 'leaves',
  id: 'id',
  source: 'source',
  createdAt: 'created_at',
  updatedAt: 'updated_at',
  version: 'version',
  own: { $title: 'title', $status: 'status', $contentType: 'content_type' },
}

const placings = 5
/** Chunks' tombstones that go with one purge, as many times the documents'. */
const chunksPerDocument = 10

/** Documents in Postgres. Writes are meant for a transaction that has called `lock`. */
export class PostgresDocumentRepository implements DocumentRepository {
  readonly #executor: Executor
  readonly #sql: ReturnType<typeof documentStatements>
  readonly #writes: ReturnType<typeof writeStatements>

  constructor(executor: Executor, options?: PostgresRepositoryOptions) {
    this.#executor = executor
    this.#sql = documentStatements(options)
    this.#writes = writeStatements(options)
  }

  async get({ tenant, collection }: Scope, id: string, call?: CallOptions): Promise<DocumentRow | null> {
    const { rows } = await run<StoredRow>(this.#executor, this.#sql.get, [tenant, collection, id], call)
    return rows[0] ? rowOf(rows[0]) : null
  }

  async getMany({ tenant, collection }: Scope, ids: readonly string[], call?: CallOptions): Promise<DocumentRow[]> {
    if (ids.length === 0) return []
    const { rows } = await run<StoredRow>(
      this.#executor,
      this.#sql.getMany,
      [tenant, collection, [...new Set(ids)]],
      call,
    )
    return rows.map(rowOf)
  }

  async list({ tenant, collection }: Scope, query: DocumentQuery, call?: CallOptions): Promise<DocumentRow[]> {
    const values: unknown[] = [tenant, collection]
    let text = this.#sql.list
    if (query.after !== undefined) text += ` AND id > $${values.push(query.after)}`
    if (query.filter) text += ` AND ${compileFilter(query.filter, columns, values)}`
    text += ` ORDER BY id LIMIT $${values.push(query.limit)}::bigint`
    const { rows } = await run<StoredRow>(this.#executor, { text }, values, call)
    return rows.map(rowOf)
  }

  async count({ tenant, collection }: Scope, filter?: ParsedFilter, call?: CallOptions): Promise<number> {
    const values: unknown[] = [tenant, collection]
    const text = filter ? `${this.#sql.count} AND ${compileFilter(filter, columns, values)}` : this.#sql.count
    const { rows } = await run<{ count: number }>(this.#executor, { text }, values, call)
    return Number(rows[0]!.count)
  }

  async heads({ tenant, collection }: Scope, ids: readonly string[], call?: CallOptions): Promise<DocumentHead[]> {
    if (ids.length === 0) return []
    const { rows } = await run<StoredHead>(
      this.#executor,
      this.#sql.heads,
      [tenant, collection, [...new Set(ids)]],
      call,
    )
    return rows.map(headOf)
  }

  async known(
    { tenant, collection }: Scope,
    ids: readonly string[],
    { chunkings, fingerprint, inputHashes }: WantedContent,
    call?: CallOptions,
  ): Promise<KnownContent> {
    const values = [tenant, collection, ids, chunkings, fingerprint, inputHashes]
    const { rows } = await run<KnownRow>(this.#executor, this.#sql.known, values, call)
    const heads: DocumentHead[] = []
    const chunks: ChunkHead[] = []
    const vectors = new Map<string, Float32Array>()
    for (const { head, chunk, hash, vector } of rows) {
      if (head) heads.push(headOf(head))
      else if (vector) vectors.set(hash!, vectorFromBytes(vector))
      else {
        const [id, document, chunking, ordinal, start, end, inputHash] = chunk!
        chunks.push({ id, document, chunking, ordinal, start, end, inputHash })
      }
    }
    return { heads, chunks, vectors }
  }

  async lock(
    { tenant, collection }: Scope,
    ids: readonly string[],
    { create }: { create: boolean },
  ): Promise<DocumentHead[]> {
    const unique = [...new Set(ids)]
    if (unique.length === 0) return []
    if (create) return (await this.#take({ tenant, collection }, unique, 0)).heads
    const { rows } = await run<StoredHead>(this.#executor, this.#sql.lock, [tenant, collection, unique])
    return rows.map(headOf)
  }

  async take(scope: Scope, ids: readonly string[]): Promise<{ heads: DocumentHead[] } & Stamps> {
    const unique = [...new Set(ids)]
    return this.#take(scope, unique, unique.length)
  }

  /** Statements that are asked for one right after another are carried out in that order. */
  async #take(scope: Scope, ids: readonly string[], count: number): Promise<{ heads: DocumentHead[] } & Stamps> {
    const values = [scope.tenant, scope.collection, ids]
    for (let placing = 1; ; placing++) {
      const [, { rows }, stamps] = await Promise.all([
        run(this.#executor, this.#sql.place, values),
        run<StoredHead>(this.#executor, this.#sql.lock, values),
        this.stamps(scope.collection, count),
      ])
      // A tombstone that was there may be purged before it is locked: then it is placed anew.
      if (rows.length === ids.length) return { heads: rows.map(headOf), ...stamps }
      if (placing === placings) {
        throw new HeadwaterError('HW_CONFLICT', `${ids.length - rows.length} documents could not be locked`)
      }
    }
  }

  async insert(
    { tenant, collection }: Scope,
    documents: readonly NewDocument[],
    { chunks, ...options }: InsertOptions,
    call?: CallOptions,
  ): Promise<Inserted> {
    const { targets, claim } = options
    const { rows } = await this.#write<{
      id: string | null
      fence: number | string
      used: string[] | null
      epoch: number | string
    }>(this.#writes.insert, { tenant, collection }, options, call, [
      options.chunkings,
      ...vectorValues(options),
      documents.map(({ id }) => id),
      ...contentArrays(documents),
      ...chunkArrays(chunks),
    ])
    const fences = new Map(rows.flatMap(({ id, fence }) => (id === null ? [] : [[id, Number(fence)] as const])))
    const epoch = Number(rows[0]!.epoch)
    const claimed: ClaimedJob[] = []
    if (claim) {
      const { token } = claim
      for (const [document, fence] of fences) {
        for (const target of targets)
          claimed.push({ target, tenant, collection, document, since: 0, fence, token, epoch, attempts: 0 })
      }
    }
    const otherChunkings = rows[0]!.used
    return { fences, claimed, ...(otherChunkings && { otherChunkings }) }
  }

  async change(
    { tenant, collection }: Scope,
    documents: readonly DocumentChange[],
    options: WithContent,
    call?: CallOptions,
  ): Promise<Changed> {
    const ofEach = <P extends object>(of: (change: DocumentChange) => readonly P[]): (P & { document: string })[] =>
      documents.flatMap((change) => of(change).map((part) => ({ ...part, document: change.document.id })))
    const upsert = ofEach((change) => change.upsert)
    const move = ofEach((change) => change.move)
    const remove = ofEach((change) => change.remove)
    const { rows } = await this.#write<StoredHeld & { id: string; fence: number | string }>(
      this.#writes.change,
      { tenant, collection },
      options,
      call,
      [
        options.chunkings,
        ...vectorValues(options),
        documents.map(({ document }) => document.id),
        ...contentArrays(documents.map(({ document }) => document)),
        documents.map(({ version }) => version),
        documents.map(({ since }) => since),
        documents.map(({ before }) => before),
        documents.map(({ samePayload }) => samePayload),
        ...chunkArrays(upsert),
        move.map(({ document }) => document),
        move.map(({ chunking }) => chunking),
        move.map(({ id }) => id),
        move.map(({ ordinal }) => ordinal),
        move.map(({ start }) => start),
        move.map(({ end }) => end),
        remove.map(({ document }) => document),
        remove.map(({ chunking }) => chunking),
        remove.map(({ id }) => id),
      ],
    )
    const fences = new Map(rows.map(({ id, fence }) => [id, Number(fence)]))
    const { claim } = options
    const claimed = claim
      ? rows.map((row) => heldJob({ tenant, collection }, row.id, Number(row.fence), claim.token, row))
      : []
    return { fences, claimed }
  }

  async erase(scope: Scope, documents: readonly Erasure[], options: EraseOptions, call?: CallOptions): Promise<Erased> {
    const { at, claim } = options
    const { rows } = await this.#write<StoredErasure>(this.#writes.erase, scope, options, call, [
      documents.map(({ id }) => id),
      documents.map(({ ifVersion }) => ifVersion ?? null),
      at,
    ])
    const erased = new Map<string, ErasedDocument>()
    const claimed: ClaimedJob[] = []
    for (const row of rows) {
      const { id } = row
      const head = { id, version: Number(row.was_version), fence: Number(row.was_fence), deleted: row.deleted }
      if (row.fence === null) {
        erased.set(id, { head, tombstone: null, chunks: [] })
        continue
      }
      const fence = Number(row.fence)
      const chunks = (row.chunks ?? []).map(([chunking, chunk]) => ({ chunking, id: chunk }))
      erased.set(id, { head, tombstone: { id, version: Number(row.version), fence }, chunks })
      for (const [target, since, attempts] of row.claimed ?? []) {
        claimed.push(heldJob(scope, id, fence, claim!.token, { target, since, attempts, epoch: row.epoch }))
      }
    }
    return { documents: erased, claimed }
  }

  #write<R>(
    { queued, held }: { readonly queued: Statement; readonly held: Statement },
    { tenant, collection }: Scope,
    { targets, marker, claim }: WithWrite,
    call: CallOptions | undefined,
    values: readonly unknown[],
  ): Promise<StatementResult<R>> {
    const bound = [
      tenant,
      collection,
      targets,
      marker ?? null,
      ...values,
      ...(claim ? [claim.token, claim.leaseMs] : []),
    ]
    return run<R>(this.#executor, claim ? held : queued, bound, call)
  }

  async fences(count: number): Promise<number[]> {
    if (count === 0) return []
    const { rows } = await run<{ fence: number }>(this.#executor, this.#sql.fences, [count])
    return rows.map(({ fence }) => Number(fence)).sort((a, b) => a - b)
  }

  async stamps(collection: CollectionName, count: number): Promise<Stamps> {
    if (count === 0) return { fences: [], chunkings: [] }
    const { rows } = await run<{ fence: number; used: string[] | null }>(this.#executor, this.#sql.stamps, [
      collection,
      count,
    ])
    const fences = rows.map(({ fence }) => Number(fence)).sort((a, b) => a - b)
    return { fences, chunkings: rows[0]!.used ?? [] }
  }

  async save({ tenant, collection }: Scope, rows: readonly DocumentRow[]): Promise<void> {
    if (rows.length === 0) return
    const { rows: saved } = await run(this.#executor, this.#sql.save, [
      tenant,
      collection,
      rows.map(({ id }) => id),
      ...contentArrays(rows),
      rows.map(({ version }) => version),
      rows.map(({ fence }) => fence),
      rows.map(({ payloadFence }) => payloadFence),
    ])
    if (saved.length === rows.length) return
    throw new HeadwaterError(
      'HW_INTERNAL',
      `${rows.length - saved.length} documents are written without having been locked`,
    )
  }

  async bury(
    { tenant, collection }: Scope,
    tombs: readonly { readonly id: string; readonly version: number; readonly fence: number; readonly at: number }[],
  ): Promise<void> {
    if (tombs.length === 0) return
    await run(this.#executor, this.#sql.bury, [
      tenant,
      collection,
      tombs.map(({ id }) => id),
      tombs.map(({ version }) => version),
      tombs.map(({ fence }) => fence),
      tombs.map(({ at }) => at),
    ])
  }

  async restamp(
    { tenant, collection }: Scope,
    stamps: readonly { readonly id: string; readonly fence: number }[],
  ): Promise<void> {
    if (stamps.length === 0) return
    const ids = stamps.map(({ id }) => id)
    const fences = stamps.map(({ fence }) => fence)
    await run(this.#executor, this.#sql.restamp, [tenant, collection, ids, fences])
  }

  async advance(
    { tenant, collection }: Scope,
    stamps: readonly { readonly id: string; readonly fence: number }[],
  ): Promise<void> {
    if (stamps.length === 0) return
    const ids = stamps.map(({ id }) => id)
    const fences = stamps.map(({ fence }) => fence)
    await run(this.#executor, this.#sql.advance, [tenant, collection, ids, fences])
  }

  async uncut(
    options: {
      collection: CollectionName
      chunking: string
      after?: { tenant: TenantId; id: string } | undefined
      limit: number
    },
    call?: CallOptions,
  ): Promise<UncutDocument[]> {
    const { collection, chunking, after, limit } = options
    const values = [collection, chunking, limit, ...(after ? [after.tenant, after.id] : [])]
    const statement = after ? this.#sql.uncutAfter : this.#sql.uncut
    const { rows } = await run<{ tenant: string; id: string; bytes: number }>(this.#executor, statement, values, call)
    return rows.map(({ tenant, id, bytes }) => ({ tenant: tenantId(tenant), id, bytes }))
  }

  async countUncut(collection: CollectionName, chunking: string, call?: CallOptions): Promise<number> {
    const { rows } = await run<{ count: number }>(this.#executor, this.#sql.countUncut, [collection, chunking], call)
    return Number(rows[0]!.count)
  }

  async purge({ before, limit }: { before: number; limit: number }): Promise<number> {
    const { rowCount } = await run(this.#executor, this.#sql.purge, [before, limit])
    await run(this.#executor, this.#sql.purgeChunks, [before, limit * chunksPerDocument])
    return rowCount
  }
}

/** In the order of `contentColumns`. */
function contentArrays(rows: readonly NewDocument[]): unknown[][] {
  return [
    rows.map(({ title }) => title),
    rows.map(({ text }) => text),
    rows.map(({ metadata }) => JSON.stringify(metadata)),
    rows.map(({ leaves }) => JSON.stringify(leaves)),
    rows.map(({ source }) => source),
    rows.map(({ contentType }) => contentType),
    rows.map(({ status }) => status),
    rows.map(({ contentHash }) => contentHash),
    rows.map(({ payloadHash }) => payloadHash),
    rows.map(({ createdAt }) => createdAt),
    rows.map(({ updatedAt }) => updatedAt),
    rows.map(({ blob }) => blob?.hash ?? null),
    rows.map(({ blob }) => blob?.size ?? null),
    rows.map(({ blob }) => blob?.contentType ?? null),
  ]
}

/** In the order of the columns of chunks. */
function chunkArrays(chunks: readonly Omit<ChunkRow, 'fence'>[]): unknown[][] {
  return [
    chunks.map(({ chunking }) => chunking),
    chunks.map(({ id }) => id),
    chunks.map(({ document }) => document),
    chunks.map(({ ordinal }) => ordinal),
    chunks.map(({ start }) => start),
    chunks.map(({ end }) => end),
    chunks.map(({ text }) => text),
    chunks.map(({ metadata }) => JSON.stringify(metadata)),
    chunks.map(({ inputHash }) => inputHash),
    chunks.map(({ heading }) => heading),
    chunks.map(({ tableHeader }) => tableHeader),
  ]
}

function vectorValues({ vectors }: WithContent): unknown[] {
  const { hashes, starts, lengths, bytes } = oneRun(vectors?.byHash ?? new Map())
  return [vectors?.fingerprint ?? '', bytes, hashes, starts, lengths]
}

/** A job as a claim holds it, beside what all of its document share. */
interface StoredHeld {
  readonly target: JobTarget
  readonly since: number | string
  readonly attempts: number
  readonly epoch: number | string
}

interface StoredErasure {
  readonly id: string
  readonly was_version: number | string
  readonly was_fence: number | string
  readonly deleted: boolean
  readonly version: number | string | null
  readonly fence: number | string | null
  readonly epoch: number | string
  readonly chunks: [chunking: string, id: string][] | null
  readonly claimed: [target: JobTarget, since: number, attempts: number][] | null
}

function heldJob(
  { tenant, collection }: Scope,
  document: string,
  fence: number,
  token: string,
  { target, since, attempts, epoch }: StoredHeld,
): ClaimedJob {
  return { target, tenant, collection, document, since: Number(since), fence, token, epoch: Number(epoch), attempts }
}

/** As pg gives it; a caller's own driver may leave bigints as text. */
interface StoredHead {
  readonly id: string
  readonly content_hash: string
  readonly payload_hash: string
  readonly version: number | string
  readonly fence: number | string
  readonly payload_fence: number | string
  readonly created_at: number | string
  readonly blob_key: string | null
  readonly deleted: boolean
  readonly cut: boolean
}

interface KnownRow {
  readonly head: StoredHead | null
  readonly chunk: readonly [string, string, string, number, number, number, string] | null
  readonly hash: string | null
  readonly vector: Buffer | null
}

interface StoredRow extends Omit<StoredHead, 'deleted' | 'cut'> {
  readonly title: string
  readonly text: string
  readonly metadata: JsonObject
  readonly leaves: Leaves
  readonly source: string | null
  readonly content_type: string
  readonly status: string
  readonly updated_at: number | string
  readonly blob_size: number | string | null
  readonly blob_type: string | null
}

function headOf(row: StoredHead): DocumentHead {
  return {
    id: row.id,
    contentHash: row.content_hash,
    payloadHash: row.payload_hash,
    version: Number(row.version),
    fence: Number(row.fence),
    payloadFence: Number(row.payload_fence),
    createdAt: Number(row.created_at),
    blobKey: row.blob_key,
    deleted: row.deleted,
    cut: row.cut,
  }
}

function rowOf(row: StoredRow): DocumentRow {
  return {
    id: row.id,
    title: row.title,
    text: row.text,
    metadata: row.metadata,
    leaves: row.leaves,
    source: row.source,
    contentType: row.content_type,
    status: row.status,
    blob:
      row.blob_key === null ? null : { hash: row.blob_key, size: Number(row.blob_size), contentType: row.blob_type! },
    contentHash: row.content_hash,
    payloadHash: row.payload_hash,
    version: Number(row.version),
    fence: Number(row.fence),
    payloadFence: Number(row.payload_fence),
    createdAt: Number(row.created_at),
    updatedAt: Number(row.updated_at),
  }
}
