import type { Settings } from '../config/settings'
import { HeadwaterError } from '../core/errors'
import { storeOptionsFrom } from '../store/store-settings'
import type { BackupPlace } from '../transfer/backup/place'
import type { CliContext } from './context'

/** A place as the command line names it: a folder, or `s3://bucket/prefix` with the keys of the settings. */
export function placeFrom(context: CliContext, settings: Settings, flag: string, given: string): BackupPlace {
  const [, bucket, prefix = ''] = /^s3:\/\/([^/]+)\/?(.*)$/.exec(given) ?? []
  if (bucket === undefined) {
    if (!/^[a-z0-9]+:\/\//i.test(given)) return { path: context.resolve(given) }
    throw new HeadwaterError('HW_INVALID_ARGUMENT', `${flag}: give a folder or s3://bucket/prefix`, { path: flag })
  }
  const { s3 } = storeOptionsFrom(settings)
  if (!s3) {
    const missing = `${flag}: ${given} needs S3_ENDPOINT, S3_ACCESS_KEY and S3_SECRET_KEY in the environment`
    throw new HeadwaterError('HW_INVALID_SETTINGS', missing, { path: 'S3_ENDPOINT' })
  }
  const { blobs: _, ...where } = s3
  return { s3: where, bucket, prefix }
}
