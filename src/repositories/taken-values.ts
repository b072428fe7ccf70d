import { HeadwaterError } from '../core/errors'
import type { EntityTable } from './entity-table'

/** Another row has these values. The values themselves, and what a driver says of them, are left out. */
export function takenError({ name }: EntityTable, columns: readonly string[]): HeadwaterError {
  const what = `${columns.join(', ')}: a row of ${name} has ${columns.length === 1 ? 'this value' : 'these values'} already`
  return new HeadwaterError('HW_CONFLICT', what, {
    path: columns.length === 1 ? columns[0] : undefined,
    retryable: false,
    details: { entity: name, columns },
  })
}
