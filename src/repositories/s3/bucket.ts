import type { S3LifecycleRule } from '../../connections/s3/client'
import type { S3Connection } from '../../connections/s3/connection'
import type { CallOptions } from '../../core/abort'
import { isHeadwaterError } from '../../core/errors'
import { codeOf } from '../../resilience/classify-network'
import { incomingPrefix, partialPrefix } from './layout'

export interface S3BucketOptions {
  /** `<bucketPrefix>-blobs` by default. */
  readonly bucket?: string | undefined
  /** Whether a missing bucket is made; true by default. One that is there is left as it is. */
  readonly createBucket?: boolean | undefined
  /** Keeps what was deleted or put again as older versions. Off by default. */
  readonly versioning?: boolean | undefined
  /** Days until older versions go; 30 by default. */
  readonly noncurrentDays?: number | undefined
  /** Days until what was sent and never finished or accepted goes; 1 by default. */
  readonly leftoverDays?: number | undefined
  /** A bucket policy, as JSON text or as an object. None by default: nobody but its owner may read. */
  readonly policy?: string | Readonly<Record<string, unknown>> | undefined
}

/** Makes the bucket with its versioning, lifecycle and policy, if it is not there. */
export async function ensureBucket(
  connection: S3Connection,
  bucket: string,
  options: S3BucketOptions,
  call?: CallOptions,
): Promise<void> {
  const { versioning = false, policy } = options
  const { region } = connection.options
  if (await connection.call('bucketExists', (client) => client.bucketExists(bucket), { ...call })) return
  if (options.createBucket === false) return
  try {
    await connection.call('makeBucket', (client) => client.makeBucket(bucket, region), { ...call })
  } catch (error) {
    // Another process was first, or an answer was lost.
    if (!isHeadwaterError(error) || !/^BucketAlready/.test(codeOf(error.cause) ?? '')) throw error
  }
  if (versioning) {
    await connection.call('setBucketVersioning', (it) => it.setBucketVersioning(bucket, { Status: 'Enabled' }), {
      ...call,
    })
  }
  const rules = { Rule: lifecycleRules(options) }
  await connection.call('setBucketLifecycle', (client) => client.setBucketLifecycle(bucket, rules), { ...call })
  if (policy !== undefined) {
    const text = typeof policy === 'string' ? policy : JSON.stringify(policy)
    await connection.call('setBucketPolicy', (client) => client.setBucketPolicy(bucket, text), { ...call })
  }
}

function lifecycleRules({ versioning, noncurrentDays = 30, leftoverDays = 1 }: S3BucketOptions): S3LifecycleRule[] {
  const leftovers = [partialPrefix, incomingPrefix].map(
    (prefix): S3LifecycleRule => ({
      ID: `headwater-${prefix.slice(0, -1)}`,
      Status: 'Enabled',
      Filter: { Prefix: prefix },
      Expiration: { Days: leftoverDays },
    }),
  )
  if (!versioning) return leftovers
  return [
    ...leftovers,
    {
      ID: 'headwater-versions',
      Status: 'Enabled',
      Filter: { Prefix: '' },
      NoncurrentVersionExpiration: { NoncurrentDays: noncurrentDays },
    },
  ]
}
