import { quoteName as quoted } from '../../connections/postgres/row-security'
import { isStorableText } from '../../filter/metadata-key'
import type { FieldRef, LeafType, ParsedFilter } from '../../filter/parsed'
import { type Bound, type ReducedTests, reduceTests, type TypedValue } from '../../filter/reduce-tests'
import {
  type ColumnKind,
  columnOf,
  type EntityColumn,
  type EntityTable,
  firstInstant,
  type ItemKind,
  lastInstant,
} from '../entity-table'

const day = 86_400_000
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
/** Scalars of a JSON value, at any depth. */
const scalar = `'strict $.** ? (@.type() != "null" && @.type() != "object" && @.type() != "array")'::jsonpath`

/** Kinds whose values are whole numbers of a step, between two bounds. */
const steps: Partial<Record<ColumnKind, { readonly step: number; readonly least: number; readonly most: number }>> = {
  integer: { step: 1, least: Number.MIN_SAFE_INTEGER, most: Number.MAX_SAFE_INTEGER },
  datetime: { step: 1, least: firstInstant, most: lastInstant },
  date: { step: day, least: firstInstant, most: lastInstant },
}

/**
 * The filter as a condition over typed columns: each comparison is of a column with a value of its own type, which a plain
 * index serves and which is leakproof. NULL where a column has no value, which counts as false; what negates asks for that.
 * `listed` names the table of a list's elements, of the tenant that is the first parameter, where there is one.
 */
export function compileColumnFilter(
  filter: ParsedFilter,
  table: EntityTable,
  values: unknown[],
  listed: (column: EntityColumn) => string | undefined,
): string {
  const condition = (part: ParsedFilter): string => {
    switch (part.kind) {
      case 'all':
        return joined(part.of, ' AND ', 'true')
      case 'any':
        return joined(part.of, ' OR ', 'false')
      case 'not':
        return `(${condition(part.of)}) IS NOT TRUE`
      case 'exists':
        return there(columnAt(part.field))
      case 'some':
        return some(columnAt(part.field), reduceTests(part.tests))
    }
  }
  const joined = (parts: readonly ParsedFilter[], word: string, none: string): string =>
    parts.length === 0 ? none : `(${parts.map(condition).join(word)})`
  const columnAt = (field: FieldRef): EntityColumn =>
    columnOf(table, field.kind === 'metadata' ? field.path : field.name)
  const bind = (value: unknown, type: string): string => `$${values.push(value)}::${type}`

  function some(column: EntityColumn, tests: ReducedTests): string {
    if (tests.kind === 'anything') return there(column)
    const { items } = column
    if (!items) return compared(quoted(column.column), column.kind, tests)
    const list = listed(column)
    if (list === undefined) {
      const condition = compared('i.value', items, tests)
      return `EXISTS (SELECT FROM ${elementsSql(quoted(column.column), items)} AS i WHERE ${condition})`
    }
    const key = columnOf(table, table.key)
    return `${quoted(key.column)} IN (SELECT i.key FROM ${list} AS i WHERE i.tenant = $1 AND ${compared('i.value', items, tests)})`
  }

  function compared(name: string, kind: ColumnKind, tests: Exclude<ReducedTests, { kind: 'anything' }>): string {
    if (tests.kind === 'interval') return interval(name, kind, tests)
    const found = tests.values.flatMap((value) => operand(kind, value) ?? [])
    if (found.length === 0) return 'false'
    const type = sqlTypes[kind]
    return found.length === 1 ? `${name} = ${bind(found[0], type)}` : `${name} = ANY (${bind(found, `${type}[]`)})`
  }

  function interval(name: string, kind: ColumnKind, { min, max }: Extract<ReducedTests, { kind: 'interval' }>): string {
    const type = sqlTypes[kind]
    const stepped = steps[kind]
    if (!stepped) {
      const bound = (word: string, { value, inclusive }: Bound): string =>
        `${name} ${word}${inclusive ? '=' : ''} ${bind(value, type)}`
      return [...(min ? [bound('>', min)] : []), ...(max ? [bound('<', max)] : [])].join(' AND ')
    }
    const { step, least, most } = stepped
    const from = min && (min.inclusive ? Math.ceil(min.value / step) : Math.floor(min.value / step) + 1) * step
    const to = max && (max.inclusive ? Math.floor(max.value / step) : Math.ceil(max.value / step) - 1) * step
    if ((from ?? least) > most || (to ?? most) < least) return 'false'
    const parts: string[] = []
    if (from !== undefined && from > least) parts.push(`${name} >= ${bind(asText(kind, from), type)}`)
    if (to !== undefined && to < most) parts.push(`${name} <= ${bind(asText(kind, to), type)}`)
    return parts.length === 0 ? `${name} IS NOT NULL` : `(${parts.join(' AND ')})`
  }

  return condition(filter)
}

export const sqlTypes: Readonly<Record<ColumnKind, string>> = {
  text: 'text',
  integer: 'bigint',
  number: 'float8',
  boolean: 'boolean',
  datetime: 'timestamptz',
  date: 'date',
  uuid: 'uuid',
  json: 'jsonb',
}

/** The elements of a list of JSON that are of their kind, as rows of `value`. */
export function elementsSql(list: string, items: ItemKind): string {
  const value = { text: `e #>> '{}'`, number: 'e::float8', boolean: 'e::boolean' }[items]
  const type = items === 'text' ? 'string' : items
  const array = `CASE jsonb_typeof(${list}) WHEN 'array' THEN ${list} END`
  return `(SELECT CASE jsonb_typeof(e) WHEN '${type}' THEN ${value} END AS value FROM jsonb_array_elements(${array}) AS e)`
}

function there({ column, kind }: EntityColumn): string {
  return kind === 'json' ? `jsonb_path_exists(${quoted(column)}, ${scalar})` : `${quoted(column)} IS NOT NULL`
}

const types: Partial<Record<ColumnKind, LeafType>> = { text: 's', uuid: 's', integer: 'n', number: 'n', boolean: 'b' }

/** The value as a parameter; undefined where no column of the kind can hold it. */
function operand(kind: ColumnKind, { type, value }: TypedValue): unknown {
  if (type !== (types[kind] ?? 'd')) return undefined
  if (kind === 'text') return isStorableText(String(value)) ? value : undefined
  if (kind === 'uuid') return uuid.test(String(value)) ? value : undefined
  const stepped = steps[kind]
  if (!stepped) return value
  const number = Number(value)
  const fits = Number.isInteger(number / stepped.step) && number >= stepped.least && number <= stepped.most
  return fits ? asText(kind, number) : undefined
}

function asText(kind: ColumnKind, value: number): string {
  if (kind === 'integer') return String(value)
  const text = new Date(value).toISOString()
  return kind === 'date' ? text.slice(0, 10) : text
}
