import { describeValue } from '../core/describe-value'
import { HeadwaterError } from '../core/errors'
import { isPlainObject } from '../core/json'
import { anything, checkOptions, flag, flagOr, group, list, method, type OptionKinds, text } from '../core/option-kinds'
import {
  type EntityColumn,
  type EntityIndex,
  type EntityTable,
  type OnDelete,
  systemColumns,
} from '../repositories/entity-table'
import { type ColumnDeclaration, columnsOf } from './columns'
import type { EntitySearch } from './entity-search'
import type { InputOf, OutputOf, StandardSchema } from './standard-schema'

/** Options of `defineEntity`; `Row` is what the schema gives. */
export interface EntityOptions<Row = object> {
  /** The column that identifies a row: text, uuid or integer. Without it rows get an `id` of their own, a UUIDv7. */
  readonly key?: (keyof Row & string) | undefined
  /** Of what the schema does not say as JSON Schema, or says otherwise than it should be stored. */
  readonly columns?: { readonly [K in keyof Row]?: ColumnDeclaration | undefined } | undefined
  /** What rows can be listed by, beside the key: lists of columns, `[['credits']]`; or a list, `[['tags']]`, for filters. */
  readonly indexes?: readonly (readonly IndexedColumn<Row>[])[] | undefined
  /** What no two rows of a tenant have in common: lists of columns, `[['title']]`. Rows can be listed by these, too. */
  readonly unique?: readonly (readonly IndexedColumn<Row>[])[] | undefined
  /** Columns that hold keys of rows of other entities: `{ course: courses }`. */
  readonly references?: { readonly [K in keyof Row]?: ReferenceOption | undefined } | undefined
  /**
   * Columns that hold documents, as `documentKey(collection, id)` gives them. The document has to be there, and a row goes
   * with the first of them that is deleted, in the same transaction; every process that deletes documents has to be given
   * the entity. Not with `softDelete`, `search` or `tenant: false`, and no other entity refers to such rows.
   */
  readonly documents?: readonly (keyof Row & string)[] | undefined
  /** Makes rows documents of a collection, in the same transaction; writes then answer with a `receipt` too. */
  readonly search?: EntitySearch<Row & SystemValues> | undefined
  /** `delete` hides a row, and `restore` gives it back. */
  readonly softDelete?: boolean | undefined
  /**
   * Writes down who changed which row, before and after, in the same transaction. Shown are the columns that are named, or
   * all but texts whose values the schema does not list, and json. Secrets stay out of what is named.
   */
  readonly audit?: boolean | { readonly fields: readonly (keyof Row & string)[] } | undefined
  /** false: rows of the whole installation, reached as `store.entities.NAME`. */
  readonly tenant?: boolean | undefined
}

/** The entity that is referred to, or its name, which it is where rows refer to others of their own entity. */
export type ReferenceOption =
  | EntityDeclaration
  | string
  | {
      readonly to: EntityDeclaration | string
      /**
       * What becomes of a row when the one that it refers to is deleted: `restrict` (unless it is said) refuses that,
       * `cascade` deletes it too, `set null` takes the value away.
       */
      readonly onDelete?: OnDelete | undefined
    }

export type IndexedColumn<Row> = (keyof Row & string) | 'createdAt' | 'updatedAt'

/** What the types of an entity say. */
export interface EntityShape {
  /** What is given of a row. */
  readonly input: object
  /** A row as it is read. */
  readonly row: object
  /** The type of the key. */
  readonly key: string | number
  /** The name of the key. */
  readonly keyName: string
  readonly softDelete: boolean
  readonly tenant: boolean
  readonly search?: boolean | undefined
}

/** The shape that a schema and options come to. */
export interface ShapeOf<S, O> {
  readonly input: InputOf<S> & object
  readonly row: OutputOf<S> &
    (KeyNameOf<O> extends keyof OutputOf<S> ? unknown : { readonly id: string }) &
    SystemValues
  readonly key: KeyNameOf<O> extends keyof OutputOf<S> ? OutputOf<S>[KeyNameOf<O>] & (string | number) : string
  readonly keyName: KeyNameOf<O>
  readonly softDelete: O extends { readonly softDelete: true } ? true : false
  readonly tenant: O extends { readonly tenant: false } ? false : true
  readonly search: O extends { readonly search: object } ? true : false
}

export type KeyNameOf<O> = O extends { readonly key: infer K extends string } ? K : 'id'

/** What each row has beside its own values; times are ISO strings. */
export interface SystemValues {
  /** 1 at first, and one more with each change. */
  readonly version: number
  readonly createdAt: string
  readonly updatedAt: string
}

declare const shape: unique symbol
declare const form: unique symbol

/** Made by `defineEntity`. Where rows are reached by more or by less than their repository, `Form` is that. */
export interface EntityDeclaration<E extends EntityShape = EntityShape, Form = unknown> {
  readonly name: string
  readonly [shape]?: E
  readonly [form]?: Form
}

/** What is behind a declaration. */
export interface EntityDefinition {
  readonly table: EntityTable
  readonly schema: StandardSchema
  /** Those that the schema gives, the key among them unless rows get one of their own. */
  readonly own: readonly EntityColumn[]
  readonly generated: boolean
  readonly search: EntitySearch | undefined
  /** Makes what rows are reached by; their repository where there is none. */
  readonly form?: ((tools: never) => object) | undefined
  /** Names of entities that the form works on, too. */
  readonly needs?: readonly string[] | undefined
  /** All of the store's, where it is one of them. */
  readonly peers?: ReadonlyMap<string, EntityDefinition> | undefined
  /** What is referred to; whose rows those are is known where all entities are. */
  readonly references: readonly { readonly column: string; readonly entity: string; readonly onDelete: OnDelete }[]
}

/** Known across copies of this package, as the command line has one and a service another. */
const definition = Symbol.for('headwater.entity')

const mostColumns = 200
const mostIndexes = 32
const mostIndexed = 8

const columnLists = list(list(anything, mostIndexed), mostIndexes)
const kinds = {
  key: anything,
  columns: anything,
  indexes: columnLists,
  unique: columnLists,
  references: anything,
  documents: list(anything, mostIndexed),
  search: group({ text: method, title: method, metadata: method, collection: text(128) }),
  softDelete: flag,
  audit: flagOr(group({ fields: list(text(128), mostColumns) })),
  tenant: flag,
} satisfies OptionKinds<EntityOptions>

/**
 * Declares rows of a kind: a table with a column for each property of the schema, made when a store is opened with it
 * (`openStore({ entities: { courses } })`). `schema` is any Standard Schema validator (zod, valibot, arktype); it must accept
 * what it gives, since `update` asks it again. Throws HW_INVALID_OPTIONS.
 *
 * ```ts
 * const courses = defineEntity('courses', schema, { indexes: [['credits']], unique: [['title']] })
 * ```
 */
export function defineEntity<
  S extends StandardSchema<unknown, object>,
  const O extends EntityOptions<OutputOf<S>> = Record<never, never>,
>(name: string, schema: S, options?: O & Pick<EntityOptions<OutputOf<S>>, 'search'>): EntityDeclaration<ShapeOf<S, O>> {
  if (typeof name !== 'string' || name.length > longestName || !namePattern.test(name)) {
    const rule = `1 to ${longestName} small letters and digits, with single underscores between them`
    throw invalid('name', `an entity's name is of ${rule}, got ${describeValue(name)}`)
  }
  const at = `entities.${name}`
  const taken = checkOptions(options as EntityOptions<Record<string, unknown>> | undefined, kinds, at)
  if (!isStandard(schema))
    throw invalid(`${at}.schema`, 'must be a Standard Schema, as zod, valibot and arktype make them')
  return declarationOf(definitionOf(name, schema, taken, at))
}

/** What stands for a definition. @internal */
export function declarationOf<E extends EntityShape, Form>(defined: EntityDefinition): EntityDeclaration<E, Form> {
  return Object.freeze(Object.defineProperty({ name: defined.table.name }, definition, { value: defined }))
}

/** What `defineEntity` was told; HW_INVALID_OPTIONS for what it has not made. @internal */
export function definitionOfEntity(declaration: unknown, path: string): EntityDefinition {
  const found =
    typeof declaration === 'object' && declaration !== null ? Reflect.get(declaration, definition) : undefined
  if (found) return found as EntityDefinition
  throw invalid(path, `must be what defineEntity() made, got ${describeValue(declaration)}`)
}

const longestName = 40
const namePattern = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/
const columnPattern = /^[A-Za-z][A-Za-z0-9_]{0,62}$/
const reserved = new Set([
  'tenant',
  'deleted_at',
  'deletedAt',
  ...systemColumns.flatMap((one) => [one.name, one.column]),
])
/** Words of the filter language. */
const words = new Set(['AND', 'OR', 'NOT'])

function definitionOf(
  name: string,
  schema: StandardSchema,
  options: {
    key?: unknown
    columns?: unknown
    indexes?: unknown
    unique?: unknown
    references?: unknown
    documents?: unknown
    search?: unknown
    softDelete?: unknown
    audit?: unknown
    tenant?: unknown
  },
  at: string,
): EntityDefinition {
  const derived = columnsOf(schema, options.columns as Readonly<Record<string, unknown>> | undefined, at)
  const own = Array.from(derived, ([property, column]): EntityColumn => {
    const path = `${at}.columns.${property}`
    if (!columnPattern.test(property))
      throw invalid(path, 'a column has a name of letters, digits and _, to 63 of them')
    if (reserved.has(property) || words.has(property)) throw invalid(path, 'this name is kept for what every row has')
    return { name: property, column: property, ...column }
  })
  if (own.length > mostColumns) throw invalid(`${at}.columns`, `at most ${mostColumns}, got ${own.length}`)
  const { key } = options
  const generated = key === undefined
  if (generated && derived.has('id')) {
    throw invalid(`${at}.key`, `rows get an id of their own: leave id out of the schema, or say key: 'id'`)
  }
  const keyColumn: EntityColumn | undefined = generated
    ? { name: 'id', column: 'id', kind: 'uuid', required: true, missing: 'null' }
    : own.find((column) => column.name === key)
  if (!keyColumn)
    throw invalid(`${at}.key`, `no column ${describeValue(key)}; those are ${[...derived.keys()].join(', ')}`)
  if (!keyColumn.required || !['text', 'uuid', 'integer'].includes(keyColumn.kind)) {
    throw invalid(
      `${at}.key`,
      `a key is required, and of text, uuid or integer; ${keyColumn.name} is ${kindOf(keyColumn)}`,
    )
  }
  const columns = [...(generated ? [keyColumn] : []), ...own, ...systemColumns]
  const declared = [
    ...indexesOf(options.indexes, columns, keyColumn.name, false, `${at}.indexes`),
    ...indexesOf(options.unique, columns, keyColumn.name, true, `${at}.unique`),
  ]
  const references = referencesOf(options.references, own, `${at}.references`)
  const isList = ({ columns: [first] }: EntityIndex): boolean =>
    columns.some(({ name, items }) => name === first && items)
  const indexes = declared.filter((index) => !isList(index))
  const documents = documentsOf(options, own, at)
  for (const column of [...references.map((reference) => reference.column), ...documents]) {
    // What is deleted looks for rows that refer to it.
    const served = column === keyColumn.name || indexes.some((index) => index.columns[0] === column)
    if (!served) indexes.push({ columns: [column], unique: false })
  }
  const table: EntityTable = {
    name,
    key: keyColumn.name,
    columns,
    indexes,
    lists: declared.filter(isList).map((index) => index.columns[0]!),
    ...(documents.length > 0 && { documents }),
    softDelete: options.softDelete === true,
    audit: auditOf(options.audit, own, `${at}.audit`),
    shared: options.tenant === false,
  }
  const search = options.search as EntitySearch | undefined
  if (search && typeof search.text !== 'function') throw invalid(`${at}.search.text`, 'must be a function of a row')
  if (search && table.shared) {
    throw invalid(`${at}.search`, 'rows of the installation belong to no tenant, whose searches could find them')
  }
  if (search && derived.has('receipt')) {
    throw invalid(`${at}.columns.receipt`, 'with search, this name is kept for what writes answer')
  }
  return { table, schema, own, generated, references, search }
}

/** Names of the columns that an audit shows. */
function auditOf(given: unknown, own: readonly EntityColumn[], at: string): string[] | undefined {
  if (given === undefined || given === false) return undefined
  const shown = own.filter(({ kind, listed }) => listed || (kind !== 'text' && kind !== 'json'))
  const { fields = shown.map(({ name }) => name) } = given === true ? {} : (given as { fields?: string[] })
  for (const [place, name] of fields.entries()) {
    if (own.some((column) => column.name === name)) continue
    const problem = `no column ${describeValue(name)}; those are ${own.map((one) => one.name).join(', ')}`
    throw invalid(`${at}.fields[${place}]`, problem)
  }
  return fields
}

const onDeletes: readonly unknown[] = ['restrict', 'cascade', 'set null'] satisfies OnDelete[]

function referencesOf(given: unknown, own: readonly EntityColumn[], at: string): EntityDefinition['references'] {
  if (given === undefined) return []
  if (!isPlainObject(given)) throw invalid(at, `must be an object, got ${describeValue(given)}`)
  return Object.entries(given).flatMap(([name, option]) => {
    if (option === undefined) return []
    const path = `${at}.${name}`
    const column = own.find((one) => one.name === name)
    if (!column)
      throw invalid(path, `no column ${describeValue(name)}; those are ${own.map((one) => one.name).join(', ')}`)
    const said = isPlainObject(option) && !isDeclaration(option)
    const { to, onDelete = 'restrict' } = said ? checkOptions(option, referenceKinds, path) : { to: option }
    const entity = typeof to === 'string' ? to : isDeclaration(to) ? to.name : undefined
    if (entity === undefined) {
      throw invalid(said ? `${path}.to` : path, `must be an entity or its name, got ${describeValue(to)}`)
    }
    if (!onDeletes.includes(onDelete)) {
      throw invalid(`${path}.onDelete`, `must be one of ${onDeletes.join(', ')}, got ${describeValue(onDelete)}`)
    }
    if (onDelete === 'set null' && column.required) {
      throw invalid(`${path}.onDelete`, `${name} is required, so that it cannot be taken away`)
    }
    return [{ column: name, entity, onDelete: onDelete as OnDelete }]
  })
}

function documentsOf(
  options: { documents?: unknown; search?: unknown; softDelete?: unknown; tenant?: unknown },
  own: readonly EntityColumn[],
  at: string,
): string[] {
  const names = (options.documents ?? []) as readonly unknown[]
  const found = names.map((name, place) => {
    const column = own.find((one) => one.name === name)
    if (column?.kind === 'text') return column.name
    const texts = own.filter(({ kind }) => kind === 'text').map((one) => one.name)
    throw invalid(
      `${at}.documents[${place}]`,
      `no column of text ${describeValue(name)}; those are ${texts.join(', ')}`,
    )
  })
  if (found.length === 0 || !(options.search || options.softDelete || options.tenant === false)) return found
  throw invalid(`${at}.documents`, 'rows that go with documents have no search and no softDelete, and are of a tenant')
}

const referenceKinds = { to: anything, onDelete: anything } satisfies OptionKinds<{ to: unknown; onDelete?: unknown }>

function isDeclaration(value: unknown): value is EntityDeclaration {
  return typeof value === 'object' && value !== null && Reflect.has(value, definition)
}

function indexesOf(
  given: unknown,
  columns: readonly EntityColumn[],
  key: string,
  unique: boolean,
  at: string,
): EntityIndex[] {
  const lists = (given ?? []) as readonly (readonly unknown[])[]
  const seen = new Set<string>()
  return lists.map((names, index) => {
    const path = `${at}[${index}]`
    if (names.length === 0) throw invalid(path, 'names no column')
    const checked = names.map((name, place) => {
      const column = columns.find((one) => one.name === name)
      if (!column || name === 'version') {
        throw invalid(
          `${path}[${place}]`,
          `no column ${describeValue(name)}; those are ${columns.map((one) => one.name).join(', ')}`,
        )
      }
      if (column.kind === 'json' && (!column.items || unique || names.length > 1)) {
        const problem = !column.items
          ? 'of which there is no index, unless it is a list of text, numbers or booleans'
          : unique
            ? 'of which none is unique'
            : 'which has an index of its own alone'
        throw invalid(`${path}[${place}]`, `${column.name} is ${column.items ? 'a list' : 'json'}, ${problem}`)
      }
      if (name === key) throw invalid(`${path}[${place}]`, `${column.name} is the key, which every index ends with`)
      return column.name
    })
    if (new Set(checked).size < checked.length || seen.has(checked.join())) throw invalid(path, 'names something twice')
    seen.add(checked.join())
    return { columns: checked, unique }
  })
}

function kindOf({ kind, required }: EntityColumn): string {
  return required ? kind : `${kind}, and may be missing`
}

function isStandard(schema: unknown): schema is StandardSchema {
  if ((typeof schema !== 'object' && typeof schema !== 'function') || schema === null) return false
  const standard: unknown = Reflect.get(schema, '~standard')
  return typeof standard === 'object' && standard !== null && typeof Reflect.get(standard, 'validate') === 'function'
}

function invalid(path: string, problem: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_OPTIONS', `${path}: ${problem}`, { path })
}
