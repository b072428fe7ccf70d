import { ByteReader, ByteWriter } from './bytes'

/**
 * The entries that hold a term, flat in ascending order of their numbers: number, occurrences of the term, length of
 * the entry in terms; and so on.
 */
export type Postings = number[]

/** Postings by term. */
export type PostingMap = Map<string, Postings>

/** Numbers of one posting in the flat list. */
export const postingWidth = 3

/**
 * Blocks are how postings are stored: some terms of one segment in a `bytea`. Per term: bytes of the term, count of
 * postings, bytes of postings; numbers as differences, so that a posting takes about three bytes.
 */
export function encodeBlock(terms: Iterable<readonly [term: string, postings: Postings]>): Buffer {
  const block = new ByteWriter()
  const body = new ByteWriter()
  for (const [term, postings] of terms) {
    body.clear()
    let last = 0
    for (let i = 0; i < postings.length; i += postingWidth) {
      body.number(postings[i]! - last)
      body.number(postings[i + 1]!)
      body.number(postings[i + 2]!)
      last = postings[i]!
    }
    const name = Buffer.from(term, 'utf8')
    block.number(name.length)
    block.raw(name)
    block.number(postings.length / postingWidth)
    block.number(body.length)
    block.raw(body.view())
  }
  return Buffer.from(block.view())
}

/**
 * Appends the postings of a block to those in `into`: of the terms that are there already, or of all terms with
 * `all`. Lists of several blocks of a term stay unsorted.
 */
export function decodeBlock(bytes: Uint8Array, into: PostingMap, options: { readonly all: boolean }): void {
  const reader = new ByteReader(bytes)
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  while (!reader.done) {
    const size = reader.number()
    const term = text.toString('utf8', reader.position, reader.position + size)
    reader.position += size
    const count = reader.number()
    const length = reader.number()
    let postings = into.get(term)
    if (!postings) {
      if (!options.all) {
        reader.position += length
        continue
      }
      postings = []
      into.set(term, postings)
    }
    let number = 0
    for (let i = 0; i < count; i++) {
      number += reader.number()
      postings.push(number, reader.number(), reader.number())
    }
  }
}

/** Puts postings that were appended from several blocks in ascending order, and keeps those that `keep` has. */
export function sortPostings(postings: Postings, keep: ReadonlySet<number>): Postings {
  const order: number[] = []
  let sorted = true
  for (let i = 0; i < postings.length; i += postingWidth) {
    if (!keep.has(postings[i]!)) continue
    if (order.length > 0 && postings[order[order.length - 1]!]! > postings[i]!) sorted = false
    order.push(i)
  }
  if (!sorted) order.sort((a, b) => postings[a]! - postings[b]!)
  const out: Postings = []
  for (const i of order) out.push(postings[i]!, postings[i + 1]!, postings[i + 2]!)
  return out
}
