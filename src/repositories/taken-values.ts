import { HeadwaterError } from '../core/errors'
import type { EntityReference, EntityTable } from './entity-table'

/** Another row has these values. The values themselves, and what a driver says of them, are left out. */
export function takenError({ name }: EntityTable, columns: readonly string[]): HeadwaterError {
  const what = `${columns.join(', ')}: a row of ${name} has ${columns.length === 1 ? 'this value' : 'these values'} already`
  return new HeadwaterError('HW_CONFLICT', what, {
    path: columns.length === 1 ? columns[0] : undefined,
    retryable: false,
    details: { entity: name, columns },
  })
}

/** The row that is referred to is not there, or was deleted. */
export function missingError({ name }: EntityTable, { column, entity }: EntityReference): HeadwaterError {
  return new HeadwaterError('HW_CONFLICT', `${column}: no row of ${entity} has this key`, {
    path: column,
    retryable: false,
    details: { entity: name, columns: [column], references: entity },
  })
}

/** Rows that refer to it keep a row from being deleted; of the others, one has come meanwhile. */
export function referredError(
  { name, key }: EntityTable,
  by: { readonly table: EntityTable; readonly reference: EntityReference },
): HeadwaterError {
  const { column, onDelete } = by.reference
  return new HeadwaterError(
    'HW_CONFLICT',
    `${key}: rows of ${by.table.name} refer to this row of ${name} by ${column}`,
    {
      path: key,
      retryable: onDelete !== 'restrict',
      details: { entity: name, columns: [key], referrers: by.table.name },
    },
  )
}
