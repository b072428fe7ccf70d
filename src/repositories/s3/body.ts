import { createHash } from 'node:crypto'
import type { S3Stream } from '../../connections/s3/client'
import type { S3Connection } from '../../connections/s3/connection'
import { abortError, type CallOptions, offAbort, onAbort, throwIfAborted } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import { classifyS3 } from '../../resilience/classify-s3'

/**
 * Bytes `start` up to `end` of an object. It is asked for when the first piece is; it ends with the caller's signal, and
 * with HW_TIMEOUT when the server falls silent.
 */
export async function* readBody(
  connection: S3Connection,
  bucket: string,
  name: string,
  { start, end }: { readonly start: number; readonly end: number },
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  if (start >= end) return
  throwIfAborted(signal)
  const open = (call: CallOptions): Promise<S3Stream> =>
    connection.call('getObject', (client) => client.getPartialObject(bucket, name, start, end - start), {
      ...call,
      late: (stream) => stream.destroy(),
    })
  const stream = await open({ signal })
  const { requestTimeoutMs } = connection.options
  let failure: HeadwaterError | undefined
  const stop = (error: HeadwaterError): void => {
    failure ??= error
    stream.destroy()
  }
  const aborted = (): void => stop(abortError(signal!))
  onAbort(signal, aborted)
  const release = connection.holdBody(() => stop(new HeadwaterError('HW_CLOSED', 'The connection to S3 is closed')))
  const watch = (): (() => void) =>
    connection.clock.timer(requestTimeoutMs, () =>
      stop(new HeadwaterError('HW_TIMEOUT', `${bucket}/${name}: nothing came for ${requestTimeoutMs} ms`)),
    )
  let unwatch = watch()
  try {
    let size = 0
    for await (const piece of stream) {
      unwatch()
      if (failure) throw failure
      size += piece.byteLength
      // A copy: what was read belongs to the caller. Nobody waits for the server meanwhile.
      yield Uint8Array.from(piece)
      if (failure) throw failure
      unwatch = watch()
    }
    if (failure) throw failure
    if (size !== end - start) {
      const what = `${bucket}/${name} ended after ${size} bytes instead of ${end - start}`
      throw new HeadwaterError('HW_UNAVAILABLE', what)
    }
  } catch (error) {
    throw failure ?? classifyS3(error, `S3 getObject ${bucket}/${name}`)
  } finally {
    unwatch()
    offAbort(signal, aborted)
    release()
    stream.destroy()
  }
}

/** All the bytes; at their end, the hash is compared with the key. */
export async function* verified(
  pieces: AsyncIterable<Uint8Array>,
  key: string,
  name: string,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256')
  for await (const piece of pieces) {
    hash.update(piece)
    yield piece
  }
  const actual = hash.digest('hex')
  if (actual === key) return
  throw new HeadwaterError('HW_STORAGE', `${name} is corrupt: its bytes hash to ${actual}`, {
    path: name,
    details: { path: name },
  })
}
