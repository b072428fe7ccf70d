import type { S3Connection } from '../../connections/s3/connection'
import type { CallOptions } from '../../core/abort'
import { isHeadwaterError } from '../../core/errors'
import { Lazy } from '../../core/lifecycle'
import { readBody } from '../../repositories/s3/body'
import { ensureBucket } from '../../repositories/s3/bucket'
import { objectsUnder } from '../../repositories/s3/objects'
import { partsOf, Upload } from '../../repositories/s3/upload'
import type { BackupFile, BackupFiles } from './files'
import { missingFile } from './refusals'

const partBytes = 8 * 1024 * 1024
const pageSize = 1_000
const headers = { 'Content-Type': 'application/octet-stream' }

/** An S3-compatible bucket, made if it is not there. Objects are seen whole or not at all. Closes its connection. */
export class BucketFiles implements BackupFiles {
  readonly shown: string
  readonly #connection: S3Connection
  readonly #bucket: string
  readonly #prefix: string
  readonly #ready: Lazy<void>

  /** `prefix` is empty or ends with a slash. */
  constructor(connection: S3Connection, bucket: string, prefix: string) {
    this.#connection = connection
    this.#bucket = bucket
    this.#prefix = prefix
    this.#ready = new Lazy(() => ensureBucket(connection, bucket, {}))
    this.shown = `s3://${bucket}/${prefix}`
  }

  async put(name: string, source: Uint8Array | AsyncIterable<Uint8Array>, call: CallOptions = {}): Promise<number> {
    await this.#ready.get()
    const object = this.#prefix + name
    const parts = partsOf(piecesOf(source), partBytes)
    const first = (await parts.next()).value ?? Buffer.alloc(0)
    const second = first.byteLength < partBytes ? undefined : (await parts.next()).value
    if (second === undefined) {
      // A copy of the headers: minio adds to those it is given.
      const send = { ...headers }
      await this.#connection.call(
        'putObject',
        (client) => client.putObject(this.#bucket, object, first, first.byteLength, send),
        callOf(call),
      )
      return first.byteLength
    }
    const upload = await Upload.begin(this.#connection, this.#bucket, object, { ...headers }, callOf(call))
    let size = first.byteLength + second.byteLength
    try {
      await upload.add(first)
      await upload.add(second)
      for await (const part of parts) {
        size += part.byteLength
        await upload.add(part)
      }
      await upload.complete()
    } catch (error) {
      await parts.return(undefined)
      await upload.giveUp()
      throw error
    }
    return size
  }

  async stat(name: string, call: CallOptions = {}): Promise<BackupFile | null> {
    await this.#ready.get()
    try {
      const { size, lastModified } = await this.#connection.call(
        'statObject',
        (client) => client.statObject(this.#bucket, this.#prefix + name),
        callOf(call),
      )
      return { name, size, modifiedAt: lastModified.getTime() }
    } catch (error) {
      if (isHeadwaterError(error, 'HW_NOT_FOUND')) return null
      throw error
    }
  }

  async *read(name: string, call: CallOptions = {}): AsyncGenerator<Uint8Array> {
    const found = await this.stat(name, call)
    if (!found) throw missingFile(this.shown, name)
    const range = { start: 0, end: found.size }
    yield* readBody(this.#connection, this.#bucket, this.#prefix + name, range, call.signal)
  }

  async *list(prefix: string, call: CallOptions = {}): AsyncGenerator<BackupFile> {
    await this.#ready.get()
    const under = this.#prefix + prefix
    for await (const page of objectsUnder(this.#connection, this.#bucket, under, '', pageSize, callOf(call))) {
      for (const { name, ...rest } of page) yield { ...rest, name: name.slice(this.#prefix.length) }
    }
  }

  async remove(name: string, call: CallOptions = {}): Promise<void> {
    await this.#ready.get()
    const object = this.#prefix + name
    await this.#connection.call('removeObject', (client) => client.removeObject(this.#bucket, object), callOf(call))
  }

  close(): Promise<void> {
    return this.#connection.close()
  }
}

async function* piecesOf(source: Uint8Array | AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (source instanceof Uint8Array) yield source
  else yield* source
}

function callOf({ signal, timeoutMs }: CallOptions): CallOptions {
  return { signal, timeoutMs }
}
