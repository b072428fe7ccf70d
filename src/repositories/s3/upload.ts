import { createHash } from 'node:crypto'
import type { S3Connection } from '../../connections/s3/connection'
import { type CallOptions, throwIfAborted } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'

/** Bytes gathered to parts of equal size; each is a copy, so that the source may use one buffer for all. */
export async function* partsOf(source: AsyncIterable<Uint8Array>, partBytes: number): AsyncGenerator<Buffer> {
  let pieces: Buffer[] = []
  let size = 0
  for await (const piece of source) {
    for (let at = 0; at < piece.byteLength; ) {
      const taken = Math.min(partBytes - size, piece.byteLength - at)
      pieces.push(Buffer.from(piece.subarray(at, at + taken)))
      size += taken
      at += taken
      if (size < partBytes) continue
      yield Buffer.concat(pieces)
      pieces = []
      size = 0
    }
  }
  if (size > 0) yield Buffer.concat(pieces)
}

/** A multipart upload: parts one after another, each with its MD5, until it is completed or given up. */
export class Upload {
  readonly #connection: S3Connection
  readonly #bucket: string
  readonly #name: string
  readonly #id: string
  readonly #call: CallOptions
  readonly #parts: { part: number; etag: string }[] = []

  private constructor(connection: S3Connection, bucket: string, name: string, id: string, call: CallOptions) {
    this.#connection = connection
    this.#bucket = bucket
    this.#name = name
    this.#id = id
    this.#call = call
  }

  static async begin(
    connection: S3Connection,
    bucket: string,
    name: string,
    headers: Record<string, string>,
    call: CallOptions,
  ): Promise<Upload> {
    const id = await connection.call(
      'initiateNewMultipartUpload',
      (client) => client.initiateNewMultipartUpload(bucket, name, headers),
      { ...call },
    )
    return new Upload(connection, bucket, name, id, call)
  }

  async add(bytes: Buffer): Promise<void> {
    throwIfAborted(this.#call.signal)
    const partNumber = this.#parts.length + 1
    if (partNumber > 10_000) throw new HeadwaterError('HW_LIMIT_EXCEEDED', 'A blob has at most 10,000 parts')
    const { etag } = await this.#connection.call(
      'uploadPart',
      (client) =>
        client.uploadPart(
          {
            bucketName: this.#bucket,
            objectName: this.#name,
            uploadID: this.#id,
            partNumber,
            headers: { 'Content-MD5': createHash('md5').update(bytes).digest('base64') },
          },
          bytes,
        ),
      { ...this.#call },
    )
    this.#parts.push({ part: partNumber, etag })
  }

  async complete(): Promise<void> {
    await this.#connection.call(
      'completeMultipartUpload',
      (client) => client.completeMultipartUpload(this.#bucket, this.#name, this.#id, this.#parts),
      { ...this.#call, idempotent: false },
    )
  }

  /** Also after an abort; what cannot be given up now, the server drops by itself in time. */
  async giveUp(): Promise<void> {
    const giving = this.#connection.call('abortMultipartUpload', (client) =>
      client.abortMultipartUpload(this.#bucket, this.#name, this.#id),
    )
    await giving.catch(() => undefined)
  }
}
