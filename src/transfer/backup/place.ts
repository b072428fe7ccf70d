import { S3Connection } from '../../connections/s3/connection'
import type { S3Options } from '../../connections/s3/options'
import type { CorePorts } from '../../core/core-ports'
import { describeValue } from '../../core/describe-value'
import { HeadwaterError } from '../../core/errors'
import { type Random, systemRandom } from '../../core/random'
import { BucketFiles } from './bucket-files'
import type { BackupFiles } from './files'
import { FolderFiles } from './folder-files'
import type { PlaceKeys } from './place-keys'
import { SealedFiles } from './sealed-files'
import { checkSigning } from './signature'

/**
 * Where backups lie: a folder by its path, or a bucket. `prefix` lets a bucket hold others' objects too; one place may
 * hold backups of several stores.
 */
export type BackupPlace =
  | string
  | ({ readonly path: string } & PlaceKeys)
  | ({ readonly s3: S3Options; readonly bucket: string; readonly prefix?: string | undefined } & PlaceKeys)

/** Opens nothing yet. HW_INVALID_OPTIONS. */
export function openPlace(place: BackupPlace, path: string, ports: CorePorts = {}): BackupFiles {
  return new SealedFiles(openFiles(place, path, ports), keysOf(place, path), path)
}

const keyLists = ['recipients', 'identities', 'trustedKeys'] as const

/** HW_INVALID_OPTIONS; no message has a key in it. */
function keysOf(place: BackupPlace, path: string): PlaceKeys {
  if (typeof place === 'string') return {}
  const { recipients, identities, signingKey, trustedKeys } = place
  for (const name of keyLists) {
    const list: unknown = place[name]
    if (list === undefined || (Array.isArray(list) && list.every((key) => typeof key === 'string'))) continue
    throw invalid(`${path}.${name}`, 'must be a list of texts', {})
  }
  if (signingKey !== undefined && typeof signingKey !== 'string') throw invalid(`${path}.signingKey`, 'must be PEM', {})
  const keys = { recipients, identities, signingKey, trustedKeys }
  checkSigning(keys)
  return keys
}

function openFiles(place: BackupPlace, path: string, ports: CorePorts): BackupFiles {
  const random: Random = ports.random ?? systemRandom
  if (typeof place === 'string' && place !== '' && !/^[a-z0-9]+:\/\//i.test(place))
    return new FolderFiles(place, random)
  if (typeof place === 'object' && place !== null) {
    if ('path' in place && typeof place.path === 'string' && place.path !== '')
      return new FolderFiles(place.path, random)
    if ('s3' in place && typeof place.s3 === 'object' && typeof place.bucket === 'string') {
      const { s3, bucket, prefix = '' } = place
      if (!/^[a-z0-9][a-z0-9.-]{2,62}$/.test(bucket))
        throw invalid(`${path}.bucket`, 'is not the name of a bucket', bucket)
      if (typeof prefix !== 'string' || prefix.startsWith('/') || prefix.includes('//'))
        throw invalid(`${path}.prefix`, 'is not the beginning of names', prefix)
      const below = prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`
      return new BucketFiles(new S3Connection(s3, ports), bucket, below)
    }
  }
  throw invalid(path, 'must be the path of a folder, { path } or { s3, bucket, prefix? }', place)
}

function invalid(path: string, problem: string, value: unknown): HeadwaterError {
  const shown = typeof value === 'object' ? '' : `, got ${describeValue(value)}`
  return new HeadwaterError('HW_INVALID_OPTIONS', `${path}: ${problem}${shown}`, { path })
}
