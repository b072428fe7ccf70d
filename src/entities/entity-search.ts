import type { JsonObject } from '../core/json'

/** What makes a row a document that searches find. */
export interface EntitySearch<Row = object> {
  /** What is searched of a row; empty, or null: this one is not found. Asked again at each write of it. */
  readonly text: (row: Row) => string | null
  readonly title?: ((row: Row) => string | undefined) | undefined
  /** For filters of searches. */
  readonly metadata?: ((row: Row) => JsonObject) | undefined
  /** The collection of the documents; `documents` by default. */
  readonly collection?: string | undefined
}
