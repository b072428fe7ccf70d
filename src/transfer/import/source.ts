import type { CallOptions } from '../../core/abort'
import type { Json } from '../../core/json'

/** How a source compares vectors, as far as it says. */
export type SourceDistance = 'cosine' | 'dot' | 'euclid' | 'manhattan'

/** What one field of a source becomes: paths into its rows, `payload.text` for a value within an object. */
export interface FieldMapping {
  readonly id: string
  readonly text: string
  readonly title?: string | null | undefined
  /** None: texts are cut and embedded by the collection they come into. */
  readonly vector?: string | null | undefined
  /** An object gives its keys, anything else is kept under the last name of its path. */
  readonly metadata?: readonly string[] | undefined
}

/** A part of a source that becomes documents of one tenant in one collection: a file, a table, a collection. */
export interface SourcePart {
  readonly name: string
  /** How many rows there are, where it can be told without reading them. */
  readonly rows: number | null
  /** By the path of a vector. */
  readonly distances?: Readonly<Record<string, SourceDistance>> | undefined
  /** The mapping, where the source is of a known shape. */
  readonly fields?: FieldMapping | undefined
  /** What stays behind whatever the mapping, in sentences. */
  readonly lost?: readonly string[] | undefined
}

/** A row as the source has it. */
export interface SourceRow {
  readonly values: Readonly<Record<string, unknown>>
  /** From where to go on after it. */
  readonly cursor: Json
  /** Why it cannot be read; it has no values then. */
  readonly problem?: string | undefined
}

export interface RowOptions extends CallOptions {
  /** Rows after this cursor, of the same stamp; all of them without one. */
  readonly after?: Json | null | undefined
  /** Path of the id: what has no order of its own gives rows in that of their ids. */
  readonly key?: string | undefined
}

/** Where documents come from. Rows come in an order that stays, so that a cursor of one run is good in the next. */
export interface ImportSource {
  /** `jsonl`, `postgres`...: names the import where nothing else does. */
  readonly kind: string
  parts(call?: CallOptions): Promise<readonly SourcePart[]>
  /** Rejects with HW_STORAGE or HW_UNAVAILABLE where the source is gone. */
  rows(part: string, options: RowOptions): AsyncIterable<SourceRow>
  /** Another one when cursors of before are good no more: those of a file that was written anew. */
  stamp(part: string, call?: CallOptions): Promise<string>
  close(): Promise<void>
}
