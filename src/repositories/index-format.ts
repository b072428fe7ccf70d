import { HeadwaterError } from '../core/errors'
import type { JsonObject } from '../core/json'
import { documentLeaves, type OwnFields, withChunk } from '../filter/entry-leaves'
import type { Leaves, ParsedFilter } from '../filter/parsed'
import { relaxToMetadata, relaxVolatile } from '../filter/relax'

/**
 * What an index was made with, recorded with its generation for good: a backend asks and feeds an index in the way of
 * its format, so that an older one stays right until it is rebuilt. Each number goes up by one when that way changes.
 */
export interface IndexFormat {
  /** How words are read of a text and of a query. */
  readonly words: number
  /**
   * What an entry holds beside its vector or text, and how filters ask for it. 1: leaves of the document's metadata. 2:
   * also those of its own fields and of the chunk's metadata; in Qdrant, one key for all that is asked by equality.
   */
  readonly payload: number
  /** Whether words are found without regard to case and accents, where the collection decides; absent before that. */
  readonly folding?: boolean | undefined
}

/** Of 0.1.0, which recorded none. */
export const firstFormat: IndexFormat = Object.freeze({ words: 1, payload: 1 })

/** Payload format that every backend makes now. */
export const payloadMade = 2

export function isSameFormat(one: IndexFormat, other: IndexFormat): boolean {
  return one.words === other.words && one.payload === other.payload && one.folding === other.folding
}

/** True when a rebuild would make something else of it, whatever the collection decides. */
export function isOlderFormat(found: IndexFormat, made: IndexFormat): boolean {
  return found.words < made.words || found.payload < made.payload
}

/** `words 1, payload 2`. */
export function describeFormat({ words, payload }: IndexFormat): string {
  return `words ${words}, payload ${payload}`
}

/** Refuses an index that a later version of this package made: to write to it in an older way would damage it. */
export function assertKnownFormat(name: string, found: IndexFormat, made: IndexFormat): void {
  if (found.words <= made.words && found.payload <= made.payload) return
  throw new HeadwaterError(
    'HW_TOPOLOGY_MISMATCH',
    `${name} was made by a later version (${describeFormat(found)}) than this one, which knows ${describeFormat(made)}`,
    { details: { index: name, found, known: made } },
  )
}

/** Each generation asks for those of the same documents. */
const leavesOf = new WeakMap<OwnFields, Leaves>()

/** The leaves that entries of a document hold, by the metadata of their chunks. */
export function leavesHeld({ payload }: IndexFormat, document: OwnFields): (chunk: JsonObject) => Leaves {
  if (payload < 2) return () => document.leaves
  const leaves = leavesOf.get(document) ?? documentLeaves(document)
  leavesOf.set(document, leaves)
  return (chunk) => withChunk(leaves, chunk)
}

/** The part of a filter that an index can be asked. Its answer is a superset; undefined asks for everything. */
export function filterHeld({ payload }: IndexFormat, filter: ParsedFilter | undefined): ParsedFilter | undefined {
  return payload < 2 ? relaxToMetadata(filter) : relaxVolatile(filter)
}

/** A format as it was stored; what is missing or no number is as of 0.1.0. */
export function formatOf(value: unknown): IndexFormat {
  const { words, payload, folding } = Object(value) as Record<string, unknown>
  return {
    words: typeof words === 'number' ? words : firstFormat.words,
    payload: typeof payload === 'number' ? payload : firstFormat.payload,
    ...(typeof folding === 'boolean' && { folding }),
  }
}
