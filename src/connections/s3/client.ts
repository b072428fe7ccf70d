/** A body as it arrives. */
export interface S3Stream extends AsyncIterable<Uint8Array> {
  destroy(error?: Error): unknown
}

/** What an object's headers say. */
export interface S3ObjectStat {
  readonly size: number
  readonly lastModified: Date
  /** Names in lower case, without `x-amz-meta-`. */
  readonly metaData: Readonly<Record<string, unknown>>
}

export interface S3ObjectPage {
  readonly objects: readonly {
    readonly name?: string | undefined
    readonly size?: number | undefined
    readonly lastModified?: Date | undefined
  }[]
  readonly isTruncated?: boolean | undefined
  readonly nextContinuationToken?: string | undefined
}

/**
 * The part of the minio client (8.0 and later) that is used here, by structure: any version of the user's that has it
 * fits. test/types proves that a real client does.
 */
export interface S3Client {
  bucketExists(bucket: string): Promise<boolean>
  makeBucket(bucket: string, region?: string): Promise<void>
  setBucketVersioning(bucket: string, config: { Status: 'Enabled' | 'Suspended' }): Promise<void>
  setBucketLifecycle(bucket: string, config: { Rule: S3LifecycleRule[] }): Promise<void>
  setBucketPolicy(bucket: string, policy: string): Promise<void>
  putObject(
    bucket: string,
    name: string,
    bytes: Buffer,
    size: number,
    headers: Record<string, string>,
  ): Promise<unknown>
  statObject(bucket: string, name: string): Promise<S3ObjectStat>
  getPartialObject(bucket: string, name: string, offset: number, length?: number): Promise<S3Stream>
  removeObject(bucket: string, name: string): Promise<void>
  copyObject(bucket: string, name: string, source: string): Promise<unknown>
  listObjectsV2Query(
    bucket: string,
    prefix: string,
    token: string,
    delimiter: string,
    limit: number,
    after: string,
  ): Promise<S3ObjectPage>
  initiateNewMultipartUpload(bucket: string, name: string, headers: Record<string, string>): Promise<string>
  uploadPart(
    part: {
      bucketName: string
      objectName: string
      uploadID: string
      partNumber: number
      headers: Record<string, string>
    },
    bytes: Buffer,
  ): Promise<{ readonly etag: string }>
  completeMultipartUpload(
    bucket: string,
    name: string,
    upload: string,
    parts: { part: number; etag: string }[],
  ): Promise<unknown>
  abortMultipartUpload(bucket: string, name: string, upload: string): Promise<void>
  presignedGetObject(bucket: string, name: string, seconds: number): Promise<string>
  presignedPutObject(bucket: string, name: string, seconds: number): Promise<string>
}

/** One rule of a bucket's lifecycle, in the form of S3's XML. */
export interface S3LifecycleRule {
  ID: string
  Status: 'Enabled' | 'Disabled'
  Filter?: { Prefix: string }
  Expiration?: { Days: number }
  NoncurrentVersionExpiration?: { NoncurrentDays: number }
  AbortIncompleteMultipartUpload?: { DaysAfterInitiation: number }
}
