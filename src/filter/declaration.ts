import { describeValue } from '../core/describe-value'
import { HeadwaterError } from '../core/errors'
import { isPlainObject } from '../core/json'
import { metadataPathProblem } from './metadata-key'

export type ScalarKind = 'keyword' | 'text' | 'integer' | 'float' | 'boolean' | 'datetime'

/** What a declared field holds; `keyword[]` is a list of keywords. `text` filters like `keyword`. */
export type MetadataKind = ScalarKind | `${ScalarKind}[]`

declare const dateTimeFlavour: unique symbol

/** An ISO 8601 date or time: any string to the compiler, but one that `Filter` offers `gt gte lt lte` on. */
export type DateTime = string & { readonly [dateTimeFlavour]?: 'datetime' }

/** True for `DateTime`, false for `string`. */
export type IsDateTime<T> = typeof dateTimeFlavour extends keyof T ? true : false

export type ScalarOf<K> = K extends 'keyword' | 'text'
  ? string
  : K extends 'integer' | 'float'
    ? number
    : K extends 'boolean'
      ? boolean
      : DateTime

export type DeclaredValue<K> = K extends `${infer Scalar}[]` ? ScalarOf<Scalar>[] : ScalarOf<K>

/** The metadata type of a table of fields: every key optional, dotted names nested. A condition, so that editors show it whole. */
export type MetadataOfFields<F> = keyof F extends never
  ? Record<never, never>
  : {
      [K in keyof F extends infer P ? (P extends `${infer Head}.${string}` ? Head : P & string) : never]?:
        | (K extends keyof F
            ? DeclaredValue<F[K]>
            : MetadataOfFields<{ [P in keyof F as P extends `${K & string}.${infer Rest}` ? Rest : never]: F[P] }>)
        | undefined
    }

declare const metadataType: unique symbol

/** Made by `defineMetadata`; `M` is the metadata's type. */
export interface MetadataDeclaration<M = unknown> {
  /** Kind by dotted path; without a prototype, so that any name can be looked up. */
  readonly fields: Readonly<Record<string, MetadataKind>>
  readonly [metadataType]?: M
}

/** The metadata type of a declaration: `MetadataOf<typeof declaration>`. */
export type MetadataOf<D> = D extends MetadataDeclaration<infer M> ? M : never

const kinds: readonly string[] = ['keyword', 'text', 'integer', 'float', 'boolean', 'datetime'].flatMap((kind) => [
  kind,
  `${kind}[]`,
])

/**
 * Declares metadata fields: their types are checked at put and inferred by the compiler, engines get an index for
 * each, and `datetime` fields compare as times. Dotted names reach into objects (`'author.name': 'keyword'`). Keys that
 * are not declared stay allowed at run time. Throws HW_INVALID_OPTIONS.
 *
 * ```ts
 * const declaration = defineMetadata({ section: 'keyword', year: 'integer', at: 'datetime', tags: 'keyword[]' })
 * ```
 */
export function defineMetadata<const F extends Readonly<Record<string, MetadataKind>>>(
  fields: F,
): MetadataDeclaration<MetadataOfFields<F>> {
  if (!isPlainObject(fields)) throw invalid('metadata', `${describeValue(fields)} is not a table of fields`)
  const copy: Record<string, MetadataKind> = Object.create(null)
  for (const path of Object.keys(fields)) {
    const kind: unknown = fields[path]
    const problem = metadataPathProblem(path)
    if (problem !== undefined) throw invalid(`metadata.${path}`, `the name ${problem}`)
    if (!isKind(kind)) throw invalid(`metadata.${path}`, `${describeValue(kind)} is not one of ${kinds.join(', ')}`)
    copy[path] = kind
  }
  for (const path of Object.keys(copy)) {
    for (let end = path.indexOf('.'); end >= 0; end = path.indexOf('.', end + 1)) {
      const outer = path.slice(0, end)
      if (outer in copy) throw invalid(`metadata.${path}`, `"${outer}" is declared as ${copy[outer]}, not as an object`)
    }
  }
  return Object.freeze({ fields: Object.freeze(copy) })
}

function isKind(value: unknown): value is MetadataKind {
  return typeof value === 'string' && kinds.includes(value)
}

function invalid(path: string, problem: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_OPTIONS', `${path}: ${problem}`, { path })
}
