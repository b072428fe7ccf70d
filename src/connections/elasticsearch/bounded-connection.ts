import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { StringDecoder } from 'node:string_decoder'
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
  let text = ''
  let size = 0
  const take = async (pieces: AsyncIterable<Buffer>): Promise<void> => {
    const decoder = new StringDecoder('utf8')
    for await (const piece of pieces) {
      size += piece.length
      if (size > most) throw tooLong()
      text += decoder.write(piece)
    }
    text += decoder.end()
  }
  const tooLong = (): Error => new RangeError(`the answer is larger than elasticsearch.maxAnswerBytes (${most})`)
  body.on('error', () => {})
  try {
    await (packed ? pipeline(body, createUnzip(), take) : pipeline(body, take))
  } catch (error) {
    // Which of the streams is told first that reading has ended is theirs to say.
    throw size > most ? tooLong() : error
  }
  return text
}
