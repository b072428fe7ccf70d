import { HeadwaterError } from '../core/errors'

/** The row is not at the version that was asked for. */
export function moved(ifVersion: number, version: number | undefined): HeadwaterError {
  const what =
    version === undefined
      ? 'others have changed the row meanwhile'
      : `the row is at version ${version}, not ${ifVersion}`
  return new HeadwaterError('HW_VERSION_CONFLICT', `ifVersion: ${what}`, {
    path: 'ifVersion',
    details: { ifVersion, ...(version !== undefined && { version }) },
  })
}
