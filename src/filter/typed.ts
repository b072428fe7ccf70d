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
  readonly [P in MetadataPath<M, 4>]?: Condition<ValueAt<M, P>> | undefined
} & SystemConditions &
  Combined<Filter<M>>

export interface LooseFilter extends SystemConditions, Combined<LooseFilter> {
  readonly [path: string]: Condition<unknown> | Date | LooseFilter | readonly LooseFilter[] | undefined
}

/** Conditions on the document's own fields. Times are ISO strings, epoch ms or Dates. */
export interface SystemConditions {
  readonly $id?: Condition<string> | undefined
  /** A document without a source satisfies `{ exists: false }`. */
  readonly $source?: Condition<string> | undefined
  readonly $createdAt?: Instant | (Equality<Instant> & Range<Instant>) | undefined
  readonly $updatedAt?: Instant | (Equality<Instant> & Range<Instant>) | undefined
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

interface Combined<F> {
  readonly AND?: readonly F[] | undefined
  readonly OR?: readonly F[] | undefined
  readonly NOT?: F | undefined
}

/** What may stand under a field whose elements are `V`: a value, or operators. */
export type Condition<V> = unknown extends V ? Scalar | LooseOperators : Operand<V> | Operators<V>

type Scalar = string | number | boolean
type Instant = string | number | Date

interface Equality<O> {
  readonly eq?: O | undefined
  /** Holds for a missing field too. */
  readonly ne?: O | undefined
  readonly in?: readonly O[] | undefined
  /** Holds for a missing field too. */
  readonly nin?: readonly O[] | undefined
  readonly exists?: boolean | undefined
}

interface Range<O> {
  readonly gt?: O | undefined
  readonly gte?: O | undefined
  readonly lt?: O | undefined
  readonly lte?: O | undefined
}

type LooseOperators = Equality<Scalar | Date> & Range<Instant>

type Operators<V> = Equality<Operand<V>> & ([Ordered<V>] extends [never] ? unknown : Range<Ordered<V>>)

type Operand<V> = V extends Scalar ? (IsDateTime<V> extends true ? Instant : V) : never

type Ordered<V> = V extends number ? number : V extends string ? (IsDateTime<V> extends true ? Instant : never) : never

/** `any`, `unknown` and whatever has an index signature. */
type IsLoose<T> = 0 extends 1 & T ? true : unknown extends T ? true : string extends keyof T ? true : false

type Less = { 4: 3; 3: 2; 2: 1; 1: 0; 0: 0 }
type Depth = keyof Less

type MetadataPath<M, D extends Depth> = { [K in keyof M & string]-?: PathFrom<K, Element<M[K]>, D> }[keyof M & string]

type PathFrom<K extends string, V, D extends Depth> = unknown extends V
  ? K | `${K}.${string}`
  : V extends Scalar
    ? K
    : D extends 0
      ? never
      : IsLoose<V> extends true
        ? `${K}.${string}`
        : `${K}.${MetadataPath<V, Less[D]>}`

type ValueAt<M, P> =
  IsLoose<M> extends true
    ? unknown
    : M extends Scalar
      ? never
      : P extends keyof M
        ? Element<M[P]>
        : P extends `${infer Head}.${infer Rest}`
          ? Head extends keyof M
            ? ValueAt<Element<M[Head]>, Rest>
            : never
          : never

/** What filters see of a value: the elements of lists, three deep, without null. */
type Element<T, D extends Depth = 3> = T extends readonly (infer Item)[]
  ? D extends 0
    ? never
    : Element<Item, Less[D]>
  : T extends null | undefined
    ? never
    : T
