import { type CallOptions, throwIfAborted } from '../../core/abort'
import { collectionName, sha256, tenantId } from '../../core/ids'
import { canonicalJson, type Json } from '../../core/json'
import { OwnVectors } from '../../embeddings/own-vectors'
import { normalizeMetadata } from '../../filter/metadata'
import type { StoredDocument } from '../../tenant/document'
import type { DocumentInput } from '../../writer/write/document-input'
import { importSource, mapRow } from './mapping'
import { type NearestRow, NearestRows } from './nearest'
import { partsOf } from './parts'
import type { ImportPlan, PlannedPart } from './plan'
import { refusalOf } from './refusal'
import type { ImportSource } from './source'
import { assertSpace, type ImportTarget } from './target'

export interface VerifyImportSettings extends CallOptions {
  /** Vectors that are compared, of each part; 100 by default. */
  readonly vectors?: number | undefined
  /** Vectors that are searched by, in the source and in the store; 20 by default. */
  readonly queries?: number | undefined
}

export interface VerifiedPart {
  readonly part: string
  /** Rows that can be documents, and documents of this import. */
  readonly rows: number
  readonly documents: number
  /** Rows that can be none; `inspect` says why. */
  readonly refused: number
  /** Rows whose document is not there, or says something else than the row: the first ten ids of each. */
  readonly missing: number
  readonly different: number
  readonly examples: { readonly missing: readonly string[]; readonly different: readonly string[] }
  /** Vectors that were compared bit by bit, and how many of them differ; null for a part without vectors. */
  readonly vectors: { readonly compared: number; readonly different: number } | null
  /**
   * Searches by vectors of the source: of the first ten of all rows by the source's distance, the share that is among the
   * first ten of the store, on average and at the worst. Null for a part without vectors.
   */
  readonly searches: { readonly queries: number; readonly overlap: number; readonly least: number } | null
  readonly ok: boolean
}

export interface VerifyImportReport {
  readonly name: string
  readonly parts: readonly VerifiedPart[]
  /** Everything is there, and says what its row says. */
  readonly ok: boolean
}

const pageRows = 500
const mostExamples = 10
const firstHits = 10

/** Reads source and store whole and compares them; searches are compared, too, and change nothing about `ok`. */
export async function verifyImport(
  target: ImportTarget,
  source: ImportSource,
  plan: ImportPlan,
  settings: VerifyImportSettings,
): Promise<VerifyImportReport> {
  for (const part of plan.parts) assertSpace(target, part)
  await partsOf(source, plan, settings)
  const parts: VerifiedPart[] = []
  for (const part of plan.parts) parts.push(await new PartCheck(target, source, plan, part, settings).run())
  return { name: plan.name, parts, ok: parts.every(({ ok }) => ok) }
}

interface Expected {
  readonly id: string
  readonly hash: string
  readonly vector: Float32Array | undefined
}

class PartCheck {
  readonly #target: ImportTarget
  readonly #source: ImportSource
  readonly #plan: ImportPlan
  readonly #part: PlannedPart
  readonly #settings: VerifyImportSettings
  readonly #counts = { rows: 0, refused: 0, missing: 0, different: 0 }
  readonly #examples = { missing: [] as string[], different: [] as string[] }
  readonly #vectors = { compared: 0, different: 0 }
  readonly #queries: { readonly id: string; readonly vector: Float32Array }[] = []

  constructor(
    target: ImportTarget,
    source: ImportSource,
    plan: ImportPlan,
    part: PlannedPart,
    settings: VerifyImportSettings,
  ) {
    this.#target = target
    this.#source = source
    this.#plan = plan
    this.#part = part
    this.#settings = settings
  }

  async run(): Promise<VerifiedPart> {
    const { part, tenant, collection, space } = this.#part
    const { signal } = this.#settings
    let page: Expected[] = []
    for await (const expected of this.#expected()) {
      page.push(expected)
      if (page.length < pageRows) continue
      await this.#compare(page)
      page = []
    }
    await this.#compare(page)
    const filter = { $source: importSource(this.#plan.name, this.#part) }
    const documents = await this.#target.handle(tenant, collection).documents.count(filter, { signal })
    const { missing, different, rows } = this.#counts
    const vectors = space ? this.#vectors : null
    const searches = space ? await this.#search(filter) : null
    const ok = missing + different + (vectors?.different ?? 0) === 0 && documents === rows
    return { part, ...this.#counts, documents, examples: this.#examples, vectors, searches, ok }
  }

  async *#expected(): AsyncGenerator<Expected> {
    const { signal, queries = 20 } = this.#settings
    let before: string | undefined
    for await (const row of this.#source.rows(this.#part.part, { key: this.#part.fields.id, signal })) {
      throwIfAborted(signal)
      const { document, id } = mapRow(row, this.#part, this.#plan.name)
      if (!document || this.#isRefused(document)) {
        this.#counts.refused++
        continue
      }
      // Where rows come by their ids, those of one id are one document.
      if (id === before) continue
      before = id!
      this.#counts.rows++
      const { vector: given, text, title = '', metadata } = document
      const vector = given && Float32Array.from(given)
      if (vector && this.#queries.length < queries) this.#queries.push({ id: document.id, vector })
      yield { id: document.id, hash: hashOf(title, text, normalizeMetadata(metadata).metadata), vector }
    }
  }

  async #compare(page: readonly Expected[]): Promise<void> {
    if (page.length === 0) return
    const { tenant, collection } = this.#part
    const { signal, vectors = 100 } = this.#settings
    const handle = this.#target.handle(tenant, collection)
    const found = await handle.documents.getMany(
      page.map(({ id }) => id),
      { signal },
    )
    for (const [at, { id, hash }] of page.entries()) {
      const document: StoredDocument | null = found[at] ?? null
      if (!document) this.#wrong('missing', id)
      else if (hashOf(document.title, document.text, document.metadata) !== hash) this.#wrong('different', id)
    }
    // Some of each page, so that all of the source is seen.
    const left = Math.max(0, vectors - this.#vectors.compared)
    const sampled = page
      .filter(({ vector }, at) => vector && found[at])
      .slice(0, Math.min(left, Math.ceil(vectors / 10)))
    for (const expected of sampled) await this.#compareVector(expected)
  }

  async #compareVector({ id, vector }: Expected): Promise<void> {
    const scope = { tenant: tenantId(this.#part.tenant), collection: collectionName(this.#part.collection) }
    const { chunks, generations, embeddings } = this.#target.truth.session({ tenant: scope.tenant })
    const [live] = await generations.list({ collection: scope.collection, target: 'vector', states: ['live'] })
    const rows = live ? await chunks.ofDocument(scope, id, live.chunking) : []
    const hash = rows[0]?.inputHash ?? ''
    const stored = (await embeddings.getMany(scope.tenant, this.#part.space!.name!, [hash])).get(hash)
    this.#vectors.compared++
    const isSame = stored?.length === vector!.length && stored.every((value, at) => value === vector![at])
    if (!isSame) this.#vectors.different++
  }

  async #search(filter: { $source: string }): Promise<VerifiedPart['searches']> {
    const { tenant, collection, fields, space } = this.#part
    const { signal } = this.#settings
    const nearest = this.#queries.map(({ vector }) => new NearestRows(vector, space!.distance ?? 'cosine', firstHits))
    for await (const row of this.#source.rows(this.#part.part, { key: fields.id, signal })) {
      throwIfAborted(signal)
      const { document } = mapRow(row, this.#part, this.#plan.name)
      if (!document?.vector || this.#isRefused(document)) continue
      const vector = Float32Array.from(document.vector)
      for (const one of nearest) one.add(document.id, vector)
    }
    const handle = this.#target.handle(tenant, collection)
    const overlaps: number[] = []
    for (const [at, { vector }] of this.#queries.entries()) {
      const { hits } = await handle.search({ vector, mode: 'vector', limit: firstHits, filter }, { signal })
      const ids = new Set(hits.map(({ documentId }) => documentId))
      overlaps.push(shareIn(nearest[at]!.rows, ids))
    }
    if (overlaps.length === 0) return { queries: 0, overlap: 1, least: 1 }
    const overlap = overlaps.reduce((sum, one) => sum + one, 0) / overlaps.length
    return { queries: overlaps.length, overlap, least: Math.min(...overlaps) }
  }

  #isRefused(document: DocumentInput): boolean {
    const { space, collection } = this.#part
    const { embedder } = this.#target.collections.get(collectionName(collection))!
    const lacksVector = space !== null && document.vector === undefined && embedder instanceof OwnVectors
    return lacksVector || refusalOf(document, space) !== undefined
  }

  #wrong(what: 'missing' | 'different', id: string): void {
    this.#counts[what]++
    if (this.#examples[what].length < mostExamples) this.#examples[what].push(id)
  }
}

function shareIn(rows: readonly NearestRow[], ids: ReadonlySet<string>): number {
  return rows.length === 0 ? 1 : rows.filter(({ id }) => ids.has(id)).length / rows.length
}

function hashOf(title: string, text: string, metadata: unknown): string {
  return sha256(title, text, canonicalJson(metadata as Json))
}
