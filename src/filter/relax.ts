import type { FieldRef, ParsedFilter } from './parsed'

const everything: ParsedFilter = { kind: 'all', of: [] }
const nothing: ParsedFilter = { kind: 'any', of: [] }

/** Whether the filter names `$version` or `$updatedAt`, which an index may hold as of an earlier projection. */
export function isVolatile(filter: ParsedFilter | undefined): boolean {
  if (filter === undefined) return false
  switch (filter.kind) {
    case 'all':
    case 'any':
      return filter.of.some(isVolatile)
    case 'not':
      return isVolatile(filter.of)
    default:
      return isVolatileField(filter.field)
  }
}

/**
 * The filter for an index: conditions on volatile fields are taken as fulfilled, so that the answer is a superset, to
 * be checked against the truth. Undefined when nothing is left to ask.
 */
export function relaxVolatile(filter: ParsedFilter | undefined): ParsedFilter | undefined {
  if (filter === undefined) return undefined
  const relaxed = isVolatile(filter) ? relax(filter, true) : filter
  return isEmpty(relaxed, 'all') ? undefined : relaxed
}

/** `assumed`: the value that a condition on a volatile field takes; false below a negation. */
function relax(filter: ParsedFilter, assumed: boolean): ParsedFilter {
  switch (filter.kind) {
    case 'all':
    case 'any':
      return joined(
        filter.kind,
        filter.of.map((part) => relax(part, assumed)),
      )
    case 'not': {
      const of = relax(filter.of, !assumed)
      if (isEmpty(of, 'any')) return everything
      return isEmpty(of, 'all') ? nothing : { kind: 'not', of }
    }
    default:
      if (!isVolatileField(filter.field)) return filter
      return assumed ? everything : nothing
  }
}

function joined(kind: 'all' | 'any', parts: readonly ParsedFilter[]): ParsedFilter {
  const other = kind === 'all' ? 'any' : 'all'
  if (parts.some((part) => isEmpty(part, other))) return { kind: other, of: [] }
  const of = parts.filter((part) => !isEmpty(part, kind))
  return of.length === 1 ? of[0]! : { kind, of }
}

function isEmpty(filter: ParsedFilter, kind: 'all' | 'any'): boolean {
  return filter.kind === kind && filter.of.length === 0
}

function isVolatileField(field: FieldRef): boolean {
  return field.kind === 'system' && (field.name === '$version' || field.name === '$updatedAt')
}
