import { leafTypes } from '../../filter/leaves'
import { isStorableText } from '../../filter/metadata-key'
import type { FieldRef, ParsedFilter } from '../../filter/parsed'
import { reduceTests } from '../../filter/reduce-tests'
import { systemFieldTypes } from '../../filter/system-fields'
import { existsToken, numberRange, token } from './filter-tokens'

export type Query = Record<string, unknown>

/** Field of the keyword tokens; see filter-tokens.ts. */
export const tokenField = 'filter'

const everything: Query = { match_all: {} }
const nothing: Query = { match_none: {} }

/** The filter as a query for filter context. Values and paths become terms, never syntax. */
export function compileFilter(filter: ParsedFilter | undefined): Query {
  if (filter === undefined) return everything
  switch (filter.kind) {
    case 'all':
      return filter.of.length === 0 ? everything : { bool: { filter: filter.of.map(compileFilter) } }
    case 'any':
      if (filter.of.length === 0) return nothing
      return { bool: { should: filter.of.map(compileFilter), minimum_should_match: 1 } }
    case 'not':
      return { bool: { must_not: [compileFilter(filter.of)] } }
    case 'exists':
      return exists(filter.field)
    case 'some':
      return some(filter.field, filter.tests)
  }
}

function exists(field: FieldRef): Query {
  if (field.kind === 'system' && field.name !== '$source') return everything
  const path = pathOf(field)
  return isStorableText(path) ? { term: { [tokenField]: existsToken(path) } } : nothing
}

function some(field: FieldRef, tests: Extract<ParsedFilter, { kind: 'some' }>['tests']): Query {
  const reduced = reduceTests(tests)
  if (reduced.kind === 'anything') return exists(field)
  const path = pathOf(field)
  if (!isStorableText(path)) return nothing
  const types = field.kind === 'system' ? [systemFieldTypes[field.name]] : leafTypes
  if (reduced.kind === 'interval') {
    if (!types.includes(reduced.type)) return nothing
    return { range: { [tokenField]: numberRange(path, reduced.type, reduced.min, reduced.max) } }
  }
  const tokens = reduced.values
    .filter(({ type, value }) => types.includes(type) && (typeof value !== 'string' || isStorableText(value)))
    .map(({ type, value }) => token(path, type, value))
  return tokens.length === 0 ? nothing : { terms: { [tokenField]: tokens } }
}

function pathOf(field: FieldRef): string {
  return field.kind === 'system' ? field.name : field.path
}
