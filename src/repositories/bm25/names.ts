import { ByteReader, type ByteWriter } from './bytes'
import { type PostingMap, postingWidth } from './postings'

/** Rows that list the terms of a large segment, by first letter, have keys below zero. */
const nameRowCount = 16
export const nameKeyRange = [-nameRowCount, -1] as const

export function nameKey(term: string): number {
  return -1 - ((term.codePointAt(0) ?? 0) % nameRowCount)
}

/** Terms in order, each with what it shares (of ASCII) with the one before, and the number of its postings. */
export function encodeNames(names: string[], terms: PostingMap['terms'], out: ByteWriter): void {
  let last = ''
  for (const term of names.sort()) {
    let shared = 0
    for (; shared < term.length; shared++) {
      const code = term.charCodeAt(shared)
      if (code >= 128 || code !== last.charCodeAt(shared)) break
    }
    out.number(shared)
    out.text(term.slice(shared))
    out.number(terms.get(term)!.length / postingWidth)
    last = term
  }
}

export function decodeNames(bytes: Uint8Array): [term: string, count: number][] {
  const reader = new ByteReader(bytes)
  const found: [string, number][] = []
  let last: Uint8Array = Buffer.alloc(0)
  while (!reader.done) {
    const shared = reader.number()
    const size = reader.number()
    const name = Buffer.concat([last.subarray(0, shared), reader.raw(size)])
    found.push([name.toString('utf8'), reader.number()])
    last = name
  }
  return found
}
