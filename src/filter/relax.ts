import { chunkPath, isBesideMetadata } from './entry-leaves'
import type { FieldRef, ParsedFilter } from './parsed'

const everything: ParsedFilter = { kind: 'all', of: [] }
const nothing: ParsedFilter = { kind: 'any', of: [] }

type IsUnheld = (field: FieldRef) => boolean

/**
 * The filter for an index: conditions on what it does not hold, or holds as of an earlier projection, are taken as
 * fulfilled, so that the answer is a superset, to be checked against the truth. Undefined when nothing is left to ask.
 */
export function relaxVolatile(filter: ParsedFilter | undefined): ParsedFilter | undefined {
  return relaxed(filter, isVolatile)
}

/** As `relaxVolatile`, for what holds leaves of metadata alone. */
export function relaxToMetadata(filter: ParsedFilter | undefined): ParsedFilter | undefined {
  return relaxed(filter, (field) => isVolatile(field) || (field.kind === 'metadata' && isBesideMetadata(field.path)))
}

/** For what holds no metadata of chunks. */
export function relaxToDocuments(filter: ParsedFilter | undefined): ParsedFilter | undefined {
  return relaxed(filter, (field) => field.kind === 'metadata' && field.path.startsWith(chunkPath))
}

function relaxed(filter: ParsedFilter | undefined, isUnheld: IsUnheld): ParsedFilter | undefined {
  const found = filter && relax(filter, isUnheld, true)
  return found && isEmpty(found, 'all') ? undefined : found
}

/** `assumed`: the value that a condition on an unheld field takes; false below a negation. */
function relax(filter: ParsedFilter, isUnheld: IsUnheld, assumed: boolean): ParsedFilter {
  switch (filter.kind) {
    case 'all':
    case 'any':
      return joined(
        filter.kind,
        filter.of.map((part) => relax(part, isUnheld, assumed)),
      )
    case 'not': {
      const of = relax(filter.of, isUnheld, !assumed)
      if (isEmpty(of, 'any')) return everything
      return isEmpty(of, 'all') ? nothing : { kind: 'not', of }
    }
    default:
      if (!isUnheld(filter.field)) return filter
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

/** `$version` and `$updatedAt`. */
function isVolatile(field: FieldRef): boolean {
  return field.kind === 'system' && (field.name === '$version' || field.name === '$updatedAt')
}
