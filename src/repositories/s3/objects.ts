import type { S3Connection } from '../../connections/s3/connection'
import type { CallOptions } from '../../core/abort'

export interface StoredObject {
  readonly name: string
  /** Bytes. */
  readonly size: number
  /** Epoch ms, by the server's clock. */
  readonly modifiedAt: number
}

/** Objects under a prefix by name, page after page. */
export async function* objectsUnder(
  connection: S3Connection,
  bucket: string,
  prefix: string,
  after: string,
  pageSize: number,
  call: CallOptions | undefined,
): AsyncGenerator<StoredObject[]> {
  let last = after
  for (;;) {
    const page = await connection.call(
      'listObjects',
      (client) => client.listObjectsV2Query(bucket, prefix, '', '', pageSize, last),
      { ...call },
    )
    const objects = page.objects.flatMap(({ name, size, lastModified }) =>
      name === undefined ? [] : [{ name, size: size ?? 0, modifiedAt: lastModified?.getTime() ?? 0 }],
    )
    if (objects.length > 0) yield objects
    const end = objects.at(-1)?.name
    if (!page.isTruncated || end === undefined) return
    last = end
  }
}
