import { HeadwaterError } from '../../core/errors'
import { AnswerBounds } from './answer-bounds'
import type { OwnRedisClient } from './client'

/** A client's socket, as far as its reading goes. */
interface ReadSocket {
  listeners(event: 'data'): unknown[]
  removeAllListeners(event: 'data'): unknown
  on(event: 'data', listener: (chunk: Buffer) => void): unknown
  destroy(error: Error): unknown
}

/**
 * Puts bounds between the socket of a client and its parser: what a server answers ends its connection at most. Parsers
 * of ioredis take answers of any depth and size, by recursion, and what they throw nobody would catch.
 */
export function guardAnswers(client: OwnRedisClient, maxBytes: number): void {
  // Told within the tick in which the parser was put to the socket: nothing has been read yet.
  client.on('connect', () => {
    const socket: unknown = Reflect.get(client, 'stream')
    if (isReadSocket(socket)) guard(socket, new AnswerBounds(maxBytes))
  })
}

function guard(socket: ReadSocket, bounds: AnswerBounds): void {
  const readers = socket.listeners('data').filter((reader) => typeof reader === 'function')
  socket.removeAllListeners('data')
  let ended = false
  const end = (what: string, cause?: unknown): void => {
    ended = true
    socket.destroy(new HeadwaterError('HW_UNAVAILABLE', `Redis gave an answer that is not read: ${what}`, { cause }))
  }
  socket.on('data', (chunk) => {
    if (ended) return
    const fault = bounds.fault(chunk)
    if (fault !== undefined) return end(fault)
    try {
      for (const reader of readers) reader.call(socket, chunk)
    } catch (error) {
      end('the driver fails on it', error)
    }
  })
}

function isReadSocket(value: unknown): value is ReadSocket {
  return ['listeners', 'removeAllListeners', 'on', 'destroy'].every(
    (name) => typeof Reflect.get(Object(value), name) === 'function',
  )
}
