import type { ByteWriter } from './bytes'
import { encodeNames, nameKey } from './names'
import { type BlockFormat, type PostingMap, type Postings, placedBlocks, postingWidth } from './postings'

/**
 * A segment spreads its terms over 2^bits rows by the first bits of their hash. A row's key is those bits behind a
 * leading 1, so that keys of different sizes never meet, and a search asks for the few keys that a term can have
 * without knowing how large the segments are.
 */
const bitSizes = [0, 2, 4, 6, 8, 10, 12, 14, 16] as const

/** About two kilobytes a row: few rows to write for a small segment, little to read beside what a search asks for. */
const postingsPerRow = 600

function bitsFor(postings: number): number {
  return bitSizes.find((bits) => postings <= postingsPerRow * 2 ** bits) ?? bitSizes[bitSizes.length - 1]!
}

/** Keys of all rows that may hold one of the terms. */
export function keysOf(terms: Iterable<string>): number[] {
  const keys = new Set<number>()
  for (const term of terms) {
    const hash = hashOf(term)
    for (const bits of bitSizes) keys.add(keyOf(hash, bits))
  }
  return [...keys]
}

/** Segments of up to so many bits are few rows: to find a beginning, all of them are read. Larger ones list their terms. */
const mostBitsRead = 2

/** Keys of all rows that say which terms begin like this one. */
export function nameKeys(prefix: string): number[] {
  const keys = [nameKey(prefix)]
  for (const bits of bitSizes) {
    if (bits > mostBitsRead) break
    const [from, to] = keyRange(bits)
    for (let key = from; key <= to; key++) keys.push(key)
  }
  return keys
}

/** A row of a segment: its key, and where its block is in what was written. */
export interface PackedRow {
  readonly key: number
  readonly start: number
  readonly size: number
}

/** Writes the blocks of one segment, one after the other. */
export function packSegment(
  { terms, pool }: PostingMap,
  format: BlockFormat,
  out: ByteWriter,
): { bits: number; rows: PackedRow[] } {
  let total = 0
  for (const postings of terms.values()) total += postings.length / postingWidth
  const bits = bitsFor(total)
  const buckets = new Map<number, [string, Postings][]>()
  for (const entry of terms) {
    const key = keyOf(hashOf(entry[0]), bits)
    const bucket = buckets.get(key)
    if (bucket) bucket.push(entry)
    else buckets.set(key, [entry])
  }
  const rows: PackedRow[] = []
  const row = (key: number, write: () => void): void => {
    const start = out.length
    write()
    rows.push({ key, start, size: out.length - start })
  }
  for (const [key, entries] of buckets) row(key, () => format.encode(entries, pool, out))
  if (format === placedBlocks && bits > mostBitsRead) {
    for (const [key, names] of namesByKey(terms)) row(key, () => encodeNames(names, terms, out))
  }
  return { bits, rows }
}

function namesByKey(terms: PostingMap['terms']): Map<number, string[]> {
  const rows = new Map<number, string[]>()
  for (const term of terms.keys()) {
    const key = nameKey(term)
    const row = rows.get(key)
    if (row) row.push(term)
    else rows.set(key, [term])
  }
  return rows
}

/** Lowest and highest key that a segment of so many bits can have. */
export function keyRange(bits: number): [from: number, to: number] {
  return [2 ** bits, 2 ** (bits + 1) - 1]
}

function keyOf(hash: number, bits: number): number {
  return bits === 0 ? 1 : 2 ** bits + (hash >>> (32 - bits))
}

/** FNV-1a over UTF-16 units, mixed once more since the first bits are what is used. Stored: never change it. */
function hashOf(term: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < term.length; i++) hash = Math.imul(hash ^ term.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
