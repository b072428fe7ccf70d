/** Type of a leaf: string, number, boolean, or epoch milliseconds of a field declared as datetime. */
export type LeafType = 's' | 'n' | 'b' | 'd'
export type LeafValue = string | number | boolean

/**
 * Metadata flattened once, at put: `<type>:<path>` to the distinct values found there, e.g.
 * `{ "s:section": ["hr"], "n:year": [2026] }`. All filter compilers see leaves only. JSON-safe.
 * Leaves of an index entry also have those of `entryLeaves`, under paths that begin with `$`.
 */
export type Leaves = Record<string, LeafValue[]>

/** The document's own fields that are no leaves. Times are epoch ms. */
export type SystemField = '$id' | '$source' | '$createdAt' | '$updatedAt' | '$version'

/** What a filter is evaluated on. */
export interface FilterSubject {
  readonly id: string
  readonly source: string | null
  readonly createdAt: number
  readonly updatedAt: number
  readonly version: number
  readonly leaves: Leaves
}

export type FieldRef =
  /** Elements are leaves: of the metadata, or under a path that begins with `$` what `entryLeaves` adds. */
  { readonly kind: 'metadata'; readonly path: string } | { readonly kind: 'system'; readonly name: SystemField }

/** A test on one element. `in` with several types holds if any value equals the element in type and value. */
export type ElementTest =
  | { readonly op: 'in'; readonly values: readonly { readonly type: LeafType; readonly value: LeafValue }[] }
  | { readonly op: 'gt' | 'gte' | 'lt' | 'lte'; readonly type: 'n' | 'd'; readonly value: number }

/**
 * A checked filter, in negation-explicit form: `ne`, `nin` and `NOT` have become `not`, `eq` has become `in`.
 * `some`: there is one element of the field for which all the tests hold.
 */
export type ParsedFilter =
  | { readonly kind: 'all'; readonly of: readonly ParsedFilter[] }
  | { readonly kind: 'any'; readonly of: readonly ParsedFilter[] }
  | { readonly kind: 'not'; readonly of: ParsedFilter }
  | { readonly kind: 'exists'; readonly field: FieldRef }
  | { readonly kind: 'some'; readonly field: FieldRef; readonly tests: readonly ElementTest[] }
