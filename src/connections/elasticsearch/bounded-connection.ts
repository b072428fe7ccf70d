import type { Readable } from 'node:stream'
import { createUnzip } from 'node:zlib'
import type { errors as Errors, UndiciConnection } from '@elastic/elasticsearch'

type Base = typeof UndiciConnection
type Parameters = ConstructorParameters<Base>
type Request = InstanceType<Base>['request']

/**
 * The client's connection, which reads of an answer what is allowed and no more, as it comes and unpacked. By itself it
 * unpacks whatever comes of it, and an answer that announces more than is allowed ends the process: its stream fails with
 * nobody to hear.
 */
export function boundedConnection(base: Base, errors: typeof Errors): Base {
  return class BoundedConnection extends base {
    constructor(...options: Parameters) {
      super(...options)
    }

    override request = (async (params, options) => {
      const whole = 'asStream' in options && options.asStream === true ? undefined : options.maxResponseSize
      const answer = await super.request(params, { ...options, asStream: true })
      if (whole === undefined) return answer
      const { 'content-encoding': packed, ...headers } = answer.headers
      try {
        return { ...answer, headers, body: await textOf(answer.body, packed !== undefined, whole) }
      } catch (cause) {
        if (cause instanceof RangeError) throw new errors.RequestAbortedError(cause.message)
        throw new errors.ConnectionError(cause instanceof Error ? cause.message : String(cause))
      }
    }) as Request
  }
}

async function textOf(body: Readable, packed: boolean, most: number): Promise<string> {
  const pieces: Buffer[] = []
  let size = 0
  await new Promise<void>((resolve, reject) => {
    const take = (piece: Buffer): void => {
      size += piece.length
      if (size <= most) pieces.push(piece)
      else end(new RangeError(`the answer is larger than elasticsearch.maxAnswerBytes (${most})`))
    }
    const plain = packed ? body.pipe(createUnzip()) : body
    const end = (error: Error): void => {
      reject(error)
      body.destroy()
      plain.destroy()
    }
    for (const stream of new Set<Readable>([body, plain])) {
      stream.on('error', end)
      stream.on('close', () => {
        if (!stream.readableEnded) end(new Error('the answer ended before its end'))
      })
    }
    plain.on('data', take)
    plain.on('end', resolve)
  })
  return Buffer.concat(pieces, size).toString('utf8')
}
