import type { IsDateTime } from './declaration'

/**
 * A filter over documents with metadata `M` (docs/filters.md). Fields are keys of `M` and dotted paths, four objects
 * deep; a list stands for its elements. Where nothing is known of `M`, any path is allowed.
 *
 * ```ts
 * const filter: Filter<Article> = { section: 'hr', year: { gte: 2024 }, 'author.name': { exists: true } }
 * ```
 */
export type Filter<M = unknown> = IsLoose<M> extends true ? LooseFilter : TypedFilter<M>

export type TypedFilter<M> = {
  readonly [P in FilterPath<M, 4>]?: Condition<FilterValueAt<M, P>> | undefined
} & SystemConditions &
  CombinedFilters<Filter<M>>

export interface LooseFilter extends SystemConditions, CombinedFilters<LooseFilter> {
  readonly [path: string]: Condition<unknown> | Date | LooseFilter | readonly LooseFilter[] | undefined
}

/** Conditions on the document's own fields. Times are ISO strings, epoch ms or Dates. */
export interface SystemConditions {
  readonly $id?: Condition<string> | undefined
  /** A document without a source satisfies `{ exists: false }`. */
  readonly $source?: Condition<string> | undefined
  readonly $createdAt?: FilterInstant | (FilterEquality<FilterInstant> & FilterRange<FilterInstant>) | undefined
  readonly $updatedAt?: FilterInstant | (FilterEquality<FilterInstant> & FilterRange<FilterInstant>) | undefined
  readonly $version?: Condition<number> | undefined
  /** A document without a title satisfies `{ exists: false }`. */
  readonly $title?: Condition<string> | undefined
  /** `active` where nothing was said at put. */
  readonly $status?: Condition<string> | undefined
  /** `text/plain` where nothing was said at put. */
  readonly $contentType?: Condition<string> | undefined
  /** Metadata of the chunk, in searches alone: `'$chunk.page': { lte: 3 }`. */
  readonly [path: `$chunk.${string}`]: Condition<unknown> | undefined
}

export interface CombinedFilters<F> {
  readonly AND?: readonly F[] | undefined
  readonly OR?: readonly F[] | undefined
  readonly NOT?: F | undefined
}

/** What may stand under a field whose elements are `V`: a value, or operators. */
export type Condition<V> = unknown extends V
  ? FilterScalar | LooseFilterOperators
  : FilterOperand<V> | FilterOperators<V>

export type FilterScalar = string | number | boolean
export type FilterInstant = string | number | Date

export interface FilterEquality<O> {
  readonly eq?: O | undefined
  /** Holds for a missing field too. */
  readonly ne?: O | undefined
  readonly in?: readonly O[] | undefined
  /** Holds for a missing field too. */
  readonly nin?: readonly O[] | undefined
  readonly exists?: boolean | undefined
}

export interface FilterRange<O> {
  readonly gt?: O | undefined
  readonly gte?: O | undefined
  readonly lt?: O | undefined
  readonly lte?: O | undefined
}

export type LooseFilterOperators = FilterEquality<FilterScalar | Date> & FilterRange<FilterInstant>

export type FilterOperators<V> = FilterEquality<FilterOperand<V>> &
  ([FilterOrdered<V>] extends [never] ? unknown : FilterRange<FilterOrdered<V>>)

export type FilterOperand<V> = V extends FilterScalar ? (IsDateTime<V> extends true ? FilterInstant : V) : never

export type FilterOrdered<V> = V extends number
  ? number
  : V extends string
    ? IsDateTime<V> extends true
      ? FilterInstant
      : never
    : never

/** `any`, `unknown` and whatever has an index signature. */
export type IsLoose<T> = 0 extends 1 & T ? true : unknown extends T ? true : string extends keyof T ? true : false

export type FilterPath<M, D extends number> = {
  [K in keyof M & string]-?: FilterPathFrom<K, FilterElement<M[K]>, D>
}[keyof M & string]

export type FilterPathFrom<K extends string, V, D extends number> = unknown extends V
  ? K | `${K}.${string}`
  : V extends FilterScalar
    ? K
    : D extends 0
      ? never
      : IsLoose<V> extends true
        ? `${K}.${string}`
        : `${K}.${FilterPath<V, [0, 0, 1, 2, 3][D]>}`

export type FilterValueAt<M, P> =
  IsLoose<M> extends true
    ? unknown
    : M extends FilterScalar
      ? never
      : P extends keyof M
        ? FilterElement<M[P]>
        : P extends `${infer Head}.${infer Rest}`
          ? Head extends keyof M
            ? FilterValueAt<FilterElement<M[Head]>, Rest>
            : never
          : never

/** What filters see of a value: the elements of lists, three deep, without null. */
export type FilterElement<T, D extends number = 3> = T extends readonly (infer Item)[]
  ? D extends 0
    ? never
    : FilterElement<Item, [0, 0, 1, 2, 3][D]>
  : T extends null | undefined
    ? never
    : T
