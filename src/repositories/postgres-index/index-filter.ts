import type { ParsedFilter } from '../../filter/parsed'
import { compileFilter, type FilterColumns } from '../postgres/filter-sql'

const columns: FilterColumns = {
  leaves: 'leaves',
  id: 'document',
  source: 'source',
  createdAt: 'created_at',
  updatedAt: 'updated_at',
  version: 'version',
}

/** The filter as ` AND ...` over the columns of an index table, its values appended to `values`; empty without one. */
export function filterCondition(filter: ParsedFilter | undefined, values: unknown[]): string {
  return filter ? ` AND (${compileFilter(filter, columns, values)})` : ''
}
