import type { CallOptions } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import type { TenantId } from '../../core/ids'
import type { Facet, FacetQuery } from '../facets'
import type { IndexEntry, IndexHit, IndexRemoval, IndexScan } from '../index-entry'
import type { IndexFormat } from '../index-format'
import type { IndexMarker } from '../index-marker'
import { readFacets } from '../postgres-index/facets'
import { type IndexConnection, workerView } from '../postgres-index/index-connection'
import {
  batches,
  countRows,
  payloadNames,
  payloadOf,
  removalArrays,
  removalCte,
  type StoredPayload,
  scanRows,
} from '../postgres-index/index-rows'
import { onIndex, readMake, readMarker, writeMarker } from '../postgres-index/index-table'
import { wordFormat } from '../text-words'
import type { ReadWord, TextEntry, TextIndex, TextQuery, TextRepository } from '../texts'
import { firstBlocks } from './first-blocks'
import { indexEntries } from './indexing'
import type { Lexicon } from './lexicon'
import { tidy } from './merge'
import { type BlockFormat, placedBlocks } from './postings'
import type { Bm25Constants, Bm25Options } from './ranking'
import { isServers, readingFor } from './reading'
import { matchingEntries, searchTexts } from './searching'
import { findTrigrams, searchSimilar } from './similar-texts'
import { createTextTables, dropTextTables, isFirst, onLanguage, type TextTables, textTables } from './text-tables'

export interface PostgresTextOptions extends Bm25Options {
  /** Schema of the tables; `headwater` by default. */
  readonly schema?: string | undefined
}

/** Small enough that PGlite, which blocks the process while a statement runs, does so for some 50 ms. */
const statementLimits = { size: 250, bytes: 2 ** 20 }

/**
 * BM25 over texts in Postgres, without extensions. Words are read by the library (stems and stop words by a text search
 * configuration of the server where the language is one), postings with places are packed in blocks by (tenant, bucket of
 * terms), scores are computed in process, and what is found is read from the entries under the tenant's view: postings of
 * what was changed or removed since are passed over. Where pg_trgm is installed, a query that finds nothing is answered by
 * likeness. Throws HW_GENERATION_MISSING when the tables are gone, HW_INVALID_OPTIONS for a language that nobody knows.
 */
export class PostgresTextRepository implements TextRepository {
  readonly format: IndexFormat = wordFormat
  readonly #connection: IndexConnection
  readonly #schema: string
  readonly #bm25: Bm25Constants
  readonly #lexicon: Lexicon = new Map()
  #trigrams: Promise<string | null> | undefined

  constructor(connection: IndexConnection, options: PostgresTextOptions = {}) {
    this.#connection = connection
    this.#schema = options.schema ?? 'headwater'
    this.#bm25 = { k1: number(options.k1 ?? 1.2, 'k1', 100), b: number(options.b ?? 0.75, 'b', 1) }
  }

  async create(index: TextIndex, call?: CallOptions): Promise<void> {
    const tables = this.#tables(index)
    await this.#connection.transaction(
      workerView,
      (executor) => createTextTables(executor, this.#schema, tables, index),
      call,
    )
  }

  async drop(index: TextIndex, call?: CallOptions): Promise<void> {
    await this.#connection.transaction(workerView, (executor) => dropTextTables(executor, this.#tables(index)), call)
  }

  async exists(index: TextIndex, call?: CallOptions): Promise<boolean> {
    return (await readMake(this.#worker(), this.#tables(index).entries, call)) !== undefined
  }

  mark(index: TextIndex, marker: IndexMarker, call?: CallOptions): Promise<void> {
    const { entries } = this.#tables(index)
    return onIndex(index.name, () => writeMarker(this.#worker(), index.name, entries, marker, call))
  }

  marker(index: TextIndex, call?: CallOptions): Promise<IndexMarker | null> {
    return readMarker(this.#worker(), index.name, this.#tables(index).entries, call)
  }

  upsert(index: TextIndex, entries: readonly TextEntry[], call?: CallOptions): Promise<void> {
    const tables = this.#tables(index)
    return this.#on(index, async () => {
      const tenants = new Set<string>()
      for (const batch of batches(entries, { ...statementLimits, bytesOf: (entry) => entry.text.length })) {
        const written = await this.#connection.transaction(
          workerView,
          (executor) => indexEntries(executor, tables, index, this.#lexicon, batch, call),
          call,
        )
        for (const tenant of written) tenants.add(tenant)
      }
      for (const tenant of tenants) await tidy(this.#connection, tables, tenant, formatOf(index), call)
    })
  }

  remove(index: TextIndex, removals: readonly IndexRemoval[], call?: CallOptions): Promise<void> {
    const tables = this.#tables(index)
    return this.#on(index, async () => {
      if (removals.length === 0) return
      const { rows } = await this.#worker().query<{ tenant: string }>(
        `${removalCte(tables.entries)}
         INSERT INTO ${tables.segments} (tenant, segment, entries, length, dead, bits)
         SELECT tenant, nextval('${tables.sequence.replaceAll("'", "''")}'), 0, 0, count(*), 0 FROM gone GROUP BY tenant
         RETURNING tenant`,
        removalArrays(removals),
        call,
      )
      for (const { tenant } of rows) await tidy(this.#connection, tables, tenant, formatOf(index), call)
    })
  }

  search(index: TextIndex, query: TextQuery, call?: CallOptions): Promise<IndexHit[]> {
    const executor = this.#connection.session({ tenant: query.tenant })
    const tables = this.#tables(index)
    return this.#on(index, async () => {
      const hits = await searchTexts(executor, tables, index, this.#lexicon, query, this.#bm25, call)
      const loose = query.match === undefined || query.match === 'words'
      if (hits.length > 0 || !loose || !/[\p{L}\p{N}]{3}/u.test(query.query)) return hits
      this.#trigrams ??= findTrigrams(executor, call).catch((error: unknown) => {
        this.#trigrams = undefined
        throw error
      })
      const trigrams = await this.#trigrams
      return trigrams ? searchSimilar(executor, tables, trigrams, query, call) : []
    })
  }

  facets(index: TextIndex, query: FacetQuery, call?: CallOptions): Promise<Facet[]> {
    const executor = this.#connection.session({ tenant: query.tenant })
    const tables = this.#tables(index)
    return this.#on(index, async () => {
      const { tenant, query: typed, match } = query
      const words = typed === undefined ? undefined : { tenant, query: typed, match }
      const numbers = words && (await matchingEntries(executor, tables, index, this.#lexicon, words, this.#bm25, call))
      return readFacets(executor, tables.entries, query, numbers, call)
    })
  }

  /** Of a language that is a text search configuration of the server; the library reads all others. */
  async analyze(index: TextIndex, texts: readonly string[], call?: CallOptions): Promise<ReadWord[][] | undefined> {
    if (!isServers(index)) return undefined
    const words = await onLanguage(index, () => readingFor(this.#worker(), index, this.#lexicon, texts, call))
    return texts.map((text) => words.terms(text))
  }

  scan(index: TextIndex, scan: IndexScan, call?: CallOptions): Promise<IndexEntry[]> {
    return this.#on(index, () => scanRows(this.#worker(), this.#tables(index).entries, scan, call))
  }

  read(index: TextIndex, ids: readonly string[], call?: CallOptions): Promise<TextEntry[]> {
    return this.#on(index, async () => {
      const columns = `${payloadNames}, title, text${isFirst(index) ? '' : ', heading'}`
      const { rows } = await this.#worker().query<StoredPayload & Pick<TextEntry, 'title' | 'text' | 'heading'>>(
        `SELECT e.* FROM unnest($1::uuid[]) AS k (wanted)
         CROSS JOIN LATERAL (SELECT ${columns} FROM ${this.#tables(index).entries} WHERE id = k.wanted OFFSET 0) e
         ORDER BY e.id`,
        [[...new Set(ids)]],
        call,
      )
      return rows.map((row) => {
        const { title, text, heading } = row
        return { ...payloadOf(row), title, ...(heading && { heading }), text }
      })
    })
  }

  /** Entries are visible once written. */
  async refresh(_index: TextIndex, _call?: CallOptions): Promise<void> {}

  count(index: TextIndex, tenant?: TenantId, call?: CallOptions): Promise<number> {
    const executor = tenant === undefined ? this.#worker() : this.#connection.session({ tenant })
    return this.#on(index, () => countRows(executor, this.#tables(index).entries, tenant, call))
  }

  #tables(index: TextIndex): TextTables {
    return textTables(this.#schema, index)
  }

  #worker() {
    return this.#connection.session(workerView)
  }

  #on<T>(index: TextIndex, work: () => Promise<T>): Promise<T> {
    return onIndex(index.name, () => onLanguage(index, work))
  }
}

function formatOf(index: TextIndex): BlockFormat {
  return isFirst(index) ? firstBlocks : placedBlocks
}

function number(value: number, path: string, most: number): number {
  if (value >= 0 && value <= most) return value
  throw new HeadwaterError('HW_INVALID_OPTIONS', `${path} must be a number from 0 to ${most}, got ${value}`, { path })
}
