import { ByteReader, ByteWriter } from './bytes'

/** Rows that list the terms of a large segment, by first letter, have keys below zero. */
const nameRowCount = 16
export const nameKeyRange = [-nameRowCount, -1] as const

export function nameKey(term: string): number {
  return -1 - ((term.codePointAt(0) ?? 0) % nameRowCount)
}

/** Terms in order, each with what it shares with the one before, and the number of its postings. */
export function encodeNames(names: [term: string, count: number][]): Buffer {
  const out = new ByteWriter()
  let last = Buffer.alloc(0)
  for (const [term, count] of names.sort(([a], [b]) => (a < b ? -1 : 1))) {
    const name = Buffer.from(term, 'utf8')
    let shared = 0
    while (shared < last.length && shared < name.length && last[shared] === name[shared]) shared++
    out.number(shared)
    out.number(name.length - shared)
    out.raw(name.subarray(shared))
    out.number(count)
    last = name
  }
  return Buffer.from(out.view())
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
