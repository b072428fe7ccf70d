import { HeadwaterError } from '../../core/errors'
import type { TenantId } from '../../core/ids'
import type { Leaves } from '../../filter/parsed'
import type { IndexEntry } from '../index-entry'
import type { TextEntry } from '../texts'
import { tokensOf } from './filter-tokens'

/** An entry as it is stored; the fence is the version of the document. */
export interface EntrySource {
  readonly id: string
  readonly tenant: string
  readonly document: string
  readonly stamp: string
  readonly source: string | null
  readonly createdAt: number
  readonly updatedAt: number
  readonly version: number
  readonly leaves: Leaves
  readonly title: string
  readonly heading?: string
  readonly text: string
}

export interface SearchHit {
  readonly _version: number
  readonly _score: number
  readonly _source: EntrySource
  readonly highlight?: Record<string, string[]>
}

/** A hit of which only columns were asked for. */
export interface RankedHit extends Omit<SearchHit, '_source'> {
  readonly fields: { readonly id: readonly [string]; readonly document: readonly [string] }
  /** Title and text where they were asked for. */
  readonly _source?: Partial<EntrySource>
}

export interface SearchAnswer<H = SearchHit> {
  /** The total where it was asked for. */
  readonly hits: { readonly hits: H[]; readonly total?: { readonly value: number } }
}

/** Something in between may answer 200 with what is no search: that is HW_UNAVAILABLE, not an empty index. */
export function searchAnswer<H>(answer: unknown): SearchAnswer<H> {
  const hits: unknown = Reflect.get(Object(answer), 'hits')
  if (Array.isArray(Reflect.get(Object(hits), 'hits'))) return answer as SearchAnswer<H>
  // Of no hits nothing is left where parts of them were asked for.
  if (hits === undefined && Reflect.get(Object(answer), 'timed_out') === false) return { hits: { hits: [] } }
  throw new HeadwaterError('HW_UNAVAILABLE', 'Elasticsearch answered a search without hits', { cause: answer })
}

/** The document to write; `words`: what is searched, where this package reads the words. */
export function sourceOf(entry: TextEntry, words: Record<string, unknown> | undefined): EntrySource & object {
  const { id, stamp, title, heading, text, payload } = entry
  const { tenant, document, source, createdAt, updatedAt, version, leaves } = payload
  const own: EntrySource = { id, tenant, document, stamp, source, createdAt, updatedAt, version, leaves, title, text }
  return Object.assign(own, heading && { heading }, { filter: tokensOf(payload) }, words)
}

export function textEntryOf({ _version, _source }: SearchHit): TextEntry {
  const { id, stamp, title, heading, text, tenant, document, source, createdAt, updatedAt, version, leaves } = _source
  const payload = { tenant: tenant as TenantId, document, source, createdAt, updatedAt, version, leaves }
  return { id, fence: _version, stamp, payload, title, ...(heading !== undefined && { heading }), text }
}

export function indexEntryOf({ _version, _source: { id, tenant, document, stamp } }: SearchHit): IndexEntry {
  return { id, tenant, document, stamp, fence: _version }
}
