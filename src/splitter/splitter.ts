import type { JsonObject } from '../core/json'

/** A piece of a document. `text` is `document.text.slice(start, end)`; offsets are UTF-16 units. */
export interface ChunkDraft {
  text: string
  start: number
  end: number
  metadata?: JsonObject | undefined
  /** The heading under which the chunk begins, without its marks; shown in hits, embedded and found with the chunk. */
  heading?: string | undefined
  /** The header of a table whose rows the chunk begins with; as the heading, but where the header is in another chunk. */
  tableHeader?: string | undefined
}

export interface SplitterInput {
  title: string
  text: string
  /** Media type; `text/markdown` is read with its headings, lists and code fences, all else as plain text. */
  contentType: string
}

/** Cuts documents into chunks. Implement it to bring one of your own. */
export interface Splitter {
  /** Names the algorithm and its parameters: documents are split anew when it changes. */
  readonly id: string
  /** Chunks in order, none of white space only. The same document must always give the same chunks. */
  split(document: SplitterInput): ChunkDraft[] | Promise<ChunkDraft[]>
}
