import type { AddressInfo } from 'node:net'
import { createServer, type Server, type Socket } from 'node:net'
import { Redis } from 'ioredis'
import { Redis as Redis6 } from 'ioredis-6'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { AnswerBounds } from '../../../src/connections/redis/answer-bounds'
import type { OwnRedisClient } from '../../../src/connections/redis/client'
import { RedisConnection } from '../../../src/connections/redis/connection'
import { guardAnswers } from '../../../src/connections/redis/guard-answers'
import { tenantId } from '../../../src/core/ids'
import { RedisCacheRepository } from '../../../src/repositories/redis/cache'
import { rejection } from '../postgres/backends'

const most = 65_536
/** What the network holds on its way, beside what is read. */
const underway = 16 * 2 ** 20

/** What is written at once, and what follows it without end. */
const answers: Readonly<Record<string, readonly [string, string?]>> = {
  'a nest of lists': ['*1\r\n'.repeat(100_000)],
  'a nest of lists that ends': [`${'*1\r\n'.repeat(50_000)}:1\r\n`],
  'a nest without end': ['', '*1\r\n'.repeat(10_000)],
  'a nest of long lists': ['*30000000\r\n'.repeat(20)],
  'a nest of lists that have begun': ['*2\r\n:1\r\n'.repeat(50_000)],
  'a list of more than there can be': ['*99999999999\r\n'],
  'many lists in a list': ['*900000\r\n', '*900000\r\n'],
  'a list without end': ['*900000\r\n', ':1\r\n'.repeat(10_000)],
  'a string of a length that it announces': [`$${2 ** 40}\r\n`, 'a'.repeat(65_536)],
  'a string without end': ['$2147483647\r\n', 'a'.repeat(65_536)],
  'a line without end': ['+', 'a'.repeat(65_536)],
  'an error without end': ['-ERR ', 'a'.repeat(65_536)],
  'a length without end': ['*', '1'.repeat(65_536)],
  'lines that end in half': ['*1\rx'.repeat(10_000)],
  'a nest of maps': ['%1\r\n+a\r\n'.repeat(50_000)],
  'a length of letters': ['*one\r\n'],
  'kinds that are none': ['hello\r\n'.repeat(100)],
  'answers that nobody asked for': ['+OK\r\n', '+OK\r\n'.repeat(10_000)],
}

describe.each(Object.keys(answers))('a server of Redis whose answer is %s', (name) => {
  const [first, rest] = answers[name]!
  const heard: unknown[] = []
  const hear = (error: unknown): void => void heard.push(error)
  const sockets = new Set<Socket>()
  let server: Server
  let url: string
  let written = 0
  /** Whether the server answers as one until it is asked for a value. */
  let polite: boolean

  beforeEach(async () => {
    process.on('uncaughtExceptionMonitor', hear)
    process.on('unhandledRejection', hear)
    written = 0
    server = createServer((socket) => {
      sockets.add(socket.on('error', () => {}))
      socket.on('data', (asked) => {
        const text = String(asked).toLowerCase()
        if (polite && !text.includes('ping')) return void socket.write(politely(text))
        if (socket.listenerCount('drain') > 0) return
        socket.write(first)
        if (rest !== undefined) pour(socket, rest)
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `redis://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterEach(async () => {
    for (const socket of sockets) {
      written += socket.bytesWritten
      socket.destroy()
    }
    sockets.clear()
    await new Promise((resolve) => server.close(resolve))
    process.off('uncaughtExceptionMonitor', hear)
    process.off('unhandledRejection', hear)
    expect(heard).toEqual([])
    expect(written).toBeLessThan(underway)
  })

  function pour(socket: Socket, piece: string): void {
    const more = (): void => {
      if (socket.destroyed) return
      if (socket.write(piece)) setImmediate(more)
    }
    socket.on('drain', more)
    more()
  }

  it.each([
    ['at once', false],
    ['to a command', true],
  ])('%s: the call fails with a typed error, and the connection is given up', async (_when, politeFirst) => {
    polite = politeFirst
    const connection = new RedisConnection({ url, maxAnswerBytes: most, retry: { maxAttempts: 1 } })
    const asked = connection.command('PING', [])
    if (name.startsWith('answers') && polite) expect(await asked).toBe('OK')
    else expect(await rejection(asked)).toMatchObject({ code: 'HW_UNAVAILABLE' })
    await until(() => [...sockets].every((socket) => socket.destroyed || socket.readableEnded))
    await connection.close()
  })

  it('a cache over it is one that is down: reads miss, and the breaker opens', async () => {
    polite = false
    const connection = new RedisConnection({ url, maxAnswerBytes: most })
    const cache = new RedisCacheRepository(connection, { prefix: 'p' })
    for (let i = 0; i < 6; i++) expect(await cache.get(tenantId('acme'), 'k')).toBeUndefined()
    expect(await connection.health()).toMatchObject({ status: 'down', breaker: 'open' })
    await connection.close()
  })

  it.each<[string, (port: number) => Redis | Redis6]>([
    ['5', (port) => new Redis({ port, lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 })],
    ['6', (port) => new Redis6({ port, lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 })],
  ])('a client of ioredis %s behind the guard ends its connection', async (_version, open) => {
    polite = false
    const client = open(Number(new URL(url).port))
    guardAnswers(client as OwnRedisClient, most)
    client.on('error', () => {}).once('error', () => client.disconnect())
    await rejection(client.connect())
    await until(() => client.status === 'end')
  })
})

describe('bounds of answers', () => {
  const whole = `*3\r\n$5\r\nab\r\nc\r\n*2\r\n:-1\r\n*0\r\n$-1\r\n%1\r\n+k\r\n*-1\r\n-ERR no\r\n$0\r\n\r\n_\r\n`

  it.each([1, 2, 3, 7, 1_000])('take what is right in pieces of %d bytes, as often as it comes', (size) => {
    const bounds = new AnswerBounds(64)
    const bytes = Buffer.from(whole.repeat(50))
    for (let at = 0; at < bytes.length; at += size) {
      expect(bounds.fault(bytes.subarray(at, at + size))).toBeUndefined()
    }
    // Each answer was counted for itself, and none is open.
    expect(bounds.fault(Buffer.from(`*${1_000_000}\r\n`))).toBeUndefined()
    expect(bounds.fault(Buffer.from('*1\r\n'))).toMatch(/elements/)
  })

  it('take 32 levels, and answers up to their bytes', () => {
    expect(new AnswerBounds(1_000).fault(Buffer.from('*1\r\n'.repeat(32)))).toBeUndefined()
    expect(new AnswerBounds(1_000).fault(Buffer.from('*1\r\n'.repeat(33)))).toMatch(/nested/)
    expect(new AnswerBounds(100).fault(Buffer.from('$93\r\n'))).toBeUndefined()
    expect(new AnswerBounds(100).fault(Buffer.from('$94\r\n'))).toMatch(/maxAnswerBytes/)
  })
})

function politely(asked: string): string {
  const info = 'redis_version:7.0.0\r\nloading:0\r\n'
  const commands = asked.match(/\b(info|setname|hello|select)\b/g) ?? []
  return commands.map((one) => (one === 'info' ? `$${info.length}\r\n${info}\r\n` : '+OK\r\n')).join('')
}

async function until(holds: () => boolean): Promise<void> {
  const end = performance.now() + 5_000
  while (!holds()) {
    expect(performance.now()).toBeLessThan(end)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
