/** What is indexed: documents of paragraphs, each paragraph a chunk, in versions that are told apart by their text. */
import { createHash } from 'node:crypto'

export interface SourceDocument {
  readonly id: string
  readonly paragraphs: readonly string[]
}

export const dimensions = 32

/** Paragraphs at the positions of `changed` have the text of that version, all others of version 0. */
export function sourceDocument(id: string, paragraphs: number, version = 0, changed: readonly number[] = []) {
  const versionOf = (at: number): number => (changed.includes(at) ? version : 0)
  const text = (_: unknown, at: number): string => `Document ${id}, paragraph ${at}, version ${versionOf(at)}.`
  return { id, paragraphs: Array.from({ length: paragraphs }, text) } satisfies SourceDocument
}

/** Of length 1, and so far from that of any other text that a vector tells which text it was made of. */
export function vectorOf(text: string): number[] {
  const values = [...createHash('sha256').update(text).digest()].map((byte) => byte - 127.5)
  const length = Math.hypot(...values)
  return values.map((value) => value / length)
}

/** An embedder that counts, and that fails once it has made `failAfter` vectors. */
export class CountedEmbedder {
  texts = 0
  calls = 0
  failAfter = Number.POSITIVE_INFINITY

  async embed(texts: readonly string[]): Promise<number[][]> {
    this.calls++
    if (this.texts + texts.length > this.failAfter) throw new Error('the embedder is down')
    this.texts += texts.length
    return texts.map(vectorOf)
  }

  /** Counts from zero; `failAfter` holds until the next reset. */
  reset(failAfter = Number.POSITIVE_INFINITY): void {
    this.texts = 0
    this.calls = 0
    this.failAfter = failAfter
  }
}
