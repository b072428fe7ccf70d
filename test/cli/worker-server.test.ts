import { once } from 'node:events'
import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { serveWorker, type WorkerPages } from '../../src/cli/worker-server'
import { systemClock } from '../../src/core/clock'

let asked = 0
let ask: () => Promise<void>
let server: Awaited<ReturnType<typeof serveWorker>>
const open: Socket[] = []

const store: WorkerPages = {
  async health() {
    asked++
    await ask()
    return { status: 'ok', degraded: [], backlog: null, workers: 1 }
  },
}

beforeEach(async () => {
  asked = 0
  ask = async () => undefined
  server = await serveWorker(store, systemClock, { host: '127.0.0.1', port: 0 })
})
afterEach(async () => {
  for (const socket of open.splice(0)) socket.destroy()
  await server.close()
})

/** What comes back for the bytes, until the other side closes. */
async function raw(bytes: string): Promise<string> {
  const socket = connect(server.port, '127.0.0.1')
  open.push(socket)
  let answer = ''
  socket.on('data', (data) => {
    answer += data.toString()
  })
  socket.on('error', () => undefined)
  socket.write(bytes)
  await once(socket, 'close')
  return answer
}

function get(path: string, method = 'GET'): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port: server.port, path, method, agent: false }, (response) => {
      let body = ''
      response.on('data', (data) => {
        body += data
      })
      response.on('end', () => resolve({ status: response.statusCode!, body }))
    })
      .on('error', reject)
      .end()
  })
}

describe("a worker's pages", () => {
  it('listen on loopback', () => {
    expect(server.host).toBe('127.0.0.1')
  })

  it.each(['//', 'http://[', 'x:__proto__', '__proto__', '/%', '*', '/../../etc/passwd', '?'])(
    'GET %s is not found, and nothing ends',
    async (target) => {
      const answer = await raw(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
      expect(answer).toMatch(/^HTTP\/1\.1 40[04] /)
      expect(await get('/health')).toMatchObject({ status: 200 })
    },
  )

  it('are read only', async () => {
    expect(await get('/health?verbose', 'HEAD')).toEqual({ status: 200, body: '' })
    for (const method of ['POST', 'DELETE', 'PUT', 'OPTIONS']) {
      expect(await get('/health', method)).toMatchObject({ status: 405 })
    }
    expect(await raw('nonsense\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /)
    expect(await raw(`GET /health HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`)).toMatch(/ 431 /)
  })

  it('ask the store once a second, whoever asks', async () => {
    const answers = await Promise.all(Array.from({ length: 40 }, () => get('/health')))
    expect(answers.every(({ status }) => status === 200)).toBe(true)
    expect(asked).toBe(1)
    ask = () => Promise.reject(new Error('closed'))
    await vi.waitFor(async () => expect(await get('/health')).toMatchObject({ status: 500 }), { timeout: 5_000 })
    ask = async () => undefined
    expect(await get('/health')).toMatchObject({ status: 200 })
  })

  it('take so many connections, and who says nothing loses his', async () => {
    const gone: Promise<unknown>[] = []
    for (let i = 0; i < 200; i++) {
      const socket = connect(server.port, '127.0.0.1')
      socket.on('error', () => undefined)
      socket.write('GET /health HTTP/1.1\r\nX: ')
      open.push(socket.resume())
      gone.push(new Promise((resolve) => socket.on('close', resolve)))
    }
    await Promise.all(gone)
    expect(await get('/health')).toMatchObject({ status: 200 })
  }, 30_000)
})
