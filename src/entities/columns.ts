import { describeValue } from '../core/describe-value'
import { HeadwaterError } from '../core/errors'
import { isPlainObject } from '../core/json'
import type { ColumnKind, EntityColumn, ItemKind } from '../repositories/entity-table'
import type { StandardSchema } from './standard-schema'

/** What a column holds, or of what it holds a list. */
export type DeclaredKind = ColumnKind | `${ItemKind}[]`

/** A column as it is declared: `'text'`, `'text?'` where a row may be without, `'text | null'` where it then shows null. */
export type ColumnDeclaration = DeclaredKind | `${DeclaredKind}?` | `${DeclaredKind} | null`

const listKinds = { 'text[]': 'text', 'number[]': 'number', 'boolean[]': 'boolean' } as const
const columnKinds: readonly DeclaredKind[] = [
  ...(['text', 'integer', 'number', 'boolean', 'datetime', 'date', 'uuid', 'json'] as const),
  ...(Object.keys(listKinds) as (keyof typeof listKinds)[]),
]

type Table = Readonly<Record<string, unknown>>
type Derived = Omit<EntityColumn, 'name' | 'column'>

/**
 * The columns of a schema's properties: as declared, else by the JSON Schema of what the schema gives. HW_INVALID_OPTIONS
 * where neither says which there are.
 */
export function columnsOf(
  schema: StandardSchema,
  declared: Readonly<Record<string, unknown>> | undefined,
  at: string,
): Map<string, Derived> {
  const columns = derivedColumns(schema, declared !== undefined, at)
  for (const [name, text] of Object.entries(declared ?? {})) {
    if (text === undefined) continue
    const kind = columnKinds.find((one) => text === one || text === `${one}?` || text === `${one} | null`)
    const path = `${at}.columns.${name}`
    if (!kind) {
      throw invalid(
        path,
        `must be one of ${columnKinds.join(', ')}, with ? or | null behind it, got ${describeValue(text)}`,
      )
    }
    const stored = kind in listKinds ? listOf(listKinds[kind as keyof typeof listKinds]) : { kind: kind as ColumnKind }
    columns.set(name, { ...stored, required: text === kind, missing: text === `${kind} | null` ? 'null' : 'absent' })
  }
  if (columns.size === 0)
    throw invalid(`${at}.columns`, 'the schema has no properties: give it some, or say the columns')
  return columns
}

/** A schema that cannot say it, for one that transforms values, leaves it to the declaration. */
function derivedColumns(schema: StandardSchema, declared: boolean, at: string): Map<string, Derived> {
  const offered: unknown = Reflect.get(schema['~standard'], 'jsonSchema')
  const output: unknown = typeof offered === 'object' && offered !== null ? Reflect.get(offered, 'output') : undefined
  let cause: unknown
  if (typeof output === 'function') {
    try {
      const found: unknown = output.call(offered, { target: 'draft-2020-12' })
      if (isPlainObject(found) && isPlainObject(found['properties'])) return ofProperties(found, found['properties'])
    } catch (error) {
      cause = error
    }
  }
  if (declared) return new Map()
  const why = typeof output === 'function' ? 'its JSON Schema is of no object' : 'the schema offers no JSON Schema'
  throw invalid(
    `${at}.columns`,
    `${cause === undefined ? why : 'the schema cannot be told as JSON Schema'}: name the columns`,
    cause,
  )
}

function ofProperties(root: Table, properties: Table): Map<string, Derived> {
  const required = Array.isArray(root['required']) ? root['required'] : []
  return new Map(
    Object.keys(properties).map((name) => {
      const property = resolved(root, properties[name])
      const { kind, items, nullable } = kindOf(root, property)
      const fill = property['default']
      const filled = kind !== 'json' && ['string', 'number', 'boolean'].includes(typeof fill)
      return [
        name,
        {
          kind,
          ...(items && { items }),
          required: required.includes(name) && !nullable,
          missing: nullable ? 'null' : 'absent',
          ...(kind === 'text' && isListed(root, property) && { listed: true }),
          ...(filled && { default: fill as string | number | boolean }),
        } satisfies Derived,
      ]
    }),
  )
}

const formats: Readonly<Record<string, ColumnKind>> = { 'date-time': 'datetime', date: 'date', uuid: 'uuid' }
const scalars: Readonly<Record<string, ColumnKind>> = { integer: 'integer', number: 'number', boolean: 'boolean' }

interface Kind {
  readonly kind: ColumnKind
  readonly items?: ItemKind | undefined
  readonly nullable: boolean
}

/** Whether the schema names every value there can be, beside null. */
function isListed(root: Table, schema: Table): boolean {
  const any = schema['anyOf'] ?? schema['oneOf']
  if (Array.isArray(any)) return any.every((one: unknown) => isListed(root, resolved(root, one)))
  return Array.isArray(schema['enum']) || 'const' in schema || schema['type'] === 'null'
}

function listOf(items: ItemKind | undefined): { kind: 'json'; items?: ItemKind } {
  return { kind: 'json', ...(items && { items }) }
}

const itemKinds: Partial<Record<ColumnKind, ItemKind>> = {
  ...({ text: 'text', datetime: 'text', date: 'text', uuid: 'text' } as const),
  ...({ integer: 'number', number: 'number', boolean: 'boolean' } as const),
}

function kindOf(root: Table, schema: Table): Kind {
  const any = schema['anyOf'] ?? schema['oneOf']
  if (Array.isArray(any)) return common(any.map((one: unknown) => kindOf(root, resolved(root, one))))
  const { type } = schema
  if (Array.isArray(type)) return common(type.map((one: unknown) => kindOf(root, { ...schema, type: one })))
  if (type === 'null') return { kind: 'json', nullable: true }
  if (type === 'string') return { kind: formats[String(schema['format'])] ?? 'text', nullable: false }
  if (type === 'array' && isPlainObject(schema['items'])) {
    return { ...listOf(itemKinds[kindOf(root, resolved(root, schema['items'])).kind]), nullable: false }
  }
  if (typeof type === 'string' && Object.hasOwn(scalars, type)) return { kind: scalars[type]!, nullable: false }
  const values = Array.isArray(schema['enum']) ? schema['enum'] : 'const' in schema ? [schema['const']] : []
  if (type === undefined && values.length > 0) return common(values.map(kindOfValue))
  // Anything at all may be null, too.
  return { kind: 'json', nullable: type === undefined }
}

function kindOfValue(value: unknown): Kind {
  if (value === null) return { kind: 'json', nullable: true }
  if (typeof value === 'string') return { kind: 'text', nullable: false }
  if (typeof value === 'boolean') return { kind: 'boolean', nullable: false }
  if (typeof value === 'number') return { kind: Number.isInteger(value) ? 'integer' : 'number', nullable: false }
  return { kind: 'json', nullable: false }
}

/** The kind that all of them share, beside null; text and numbers of several kinds are still text and numbers. */
function common(all: readonly Kind[]): Kind {
  const nullable = all.some((one) => one.nullable)
  const values = all.filter((one) => !(one.nullable && one.kind === 'json'))
  const kinds = new Set(values.map(({ kind }) => kind))
  const [kind] = kinds
  const items = new Set(values.map((one) => one.items))
  if (kinds.size === 1) return { kind: kind!, ...(items.size === 1 && { items: values[0]!.items }), nullable }
  if (kinds.size === 2 && kinds.has('integer') && kinds.has('number')) return { kind: 'number', nullable }
  const texts = kinds.size > 0 && [...kinds].every((one) => ['text', 'datetime', 'date', 'uuid'].includes(one))
  return { kind: texts ? 'text' : 'json', nullable }
}

function resolved(root: Table, schema: unknown): Table {
  if (!isPlainObject(schema)) return {}
  const [, place, name] = /^#\/(\$defs|definitions)\/([^/]+)$/.exec(String(schema['$ref'])) ?? []
  const defined = place === undefined ? undefined : root[place]
  const found = isPlainObject(defined) ? defined[name!] : undefined
  return isPlainObject(found) ? { ...found, ...schema, $ref: undefined } : schema
}

function invalid(path: string, problem: string, cause?: unknown): HeadwaterError {
  return new HeadwaterError('HW_INVALID_OPTIONS', `${path}: ${problem}`, { path, cause })
}
