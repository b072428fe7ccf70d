import { createServer as createHttp } from 'node:http'
import { type AddressInfo, connect as tcpConnect } from 'node:net'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import { QdrantClient } from '@qdrant/js-client-rest'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { QdrantConnection } from '../../../src/connections/qdrant/connection'
import type { QdrantOptions } from '../../../src/connections/qdrant/options'
import { type QdrantDouble, startQdrantDouble } from '../../support/qdrant-double'
import { rejection } from '../postgres/backends'
import { certificate, privateKey } from './certificate'

const list = { operation: 'getCollections' } as const
const trusted = { ca: certificate, serverName: 'qdrant.test' }

/** The double knows keys but no TLS: this goes in front of it. */
async function terminate(double: QdrantDouble, clients: boolean): Promise<{ server: Server; url: string }> {
  const { hostname, port } = new URL(double.url)
  const asked = clients ? { requestCert: true, rejectUnauthorized: true, ca: certificate } : {}
  const server = createServer({ cert: certificate, key: privateKey, ...asked }, (socket: TLSSocket) => {
    const behind = tcpConnect(Number(port), hostname)
    socket.pipe(behind).pipe(socket)
    socket.on('error', () => behind.destroy()).on('close', () => behind.destroy())
    behind.on('error', () => socket.destroy()).on('close', () => socket.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return { server, url: `https://127.0.0.1:${typeof address === 'object' ? address?.port : 0}` }
}

describe('keys and certificates', () => {
  const seen: (string | string[] | undefined)[] = []
  const encodings = new Set<unknown>()
  let double: QdrantDouble
  let plain: { server: Server; url: string }
  let mutual: { server: Server; url: string }
  const open: QdrantConnection[] = []
  const connect = (options: QdrantOptions) => {
    const connection = new QdrantConnection({ retry: { maxAttempts: 1 }, ...options })
    open.push(connection)
    return connection
  }
  beforeAll(async () => {
    double = await startQdrantDouble({
      apiKey: 'sesame',
      readOnlyKey: 'looker',
      onRequest: ({ headers }) => {
        seen.push(headers['api-key'])
        encodings.add(headers['accept-encoding'])
      },
    })
    plain = await terminate(double, false)
    mutual = await terminate(double, true)
  })
  afterEach(() => Promise.all(open.splice(0).map((connection) => connection.destroy())))
  afterAll(async () => {
    for (const { server } of [plain, mutual]) await new Promise((resolve) => server.close(resolve))
    await double.close()
  })

  it('a redirect is refused: it would take the key along to another server', async () => {
    const reached: unknown[] = []
    const other = createHttp(({ headers }, response) => {
      reached.push(headers['api-key'])
      response.end('{}')
    })
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as AddressInfo
    const location = `http://localhost:${port}/collections`
    const first = createHttp((_, response) => response.writeHead(307, { location }).end())
    await new Promise<void>((resolve) => first.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(first.address() as AddressInfo).port}`
    const client = new QdrantClient({ url, checkCompatibility: false, apiKey: 'sesame' })
    for (const options of [{ url, apiKey: 'sesame', allowInsecure: true }, { client }]) {
      const error = await rejection(connect(options).call(list))
      expect(error).toMatchObject({ code: 'HW_INVALID_OPTIONS', message: expect.stringContaining('307') })
    }
    expect(reached).toEqual([])
    for (const server of [first, other]) server.closeAllConnections()
    for (const server of [first, other]) server.close()
  })

  it('an authority of one’s own is trusted, and the key goes along; answers come uncompressed', async () => {
    seen.length = 0
    await connect({ url: plain.url, apiKey: 'sesame', tls: trusted }).call(list)
    expect(new Set(seen)).toEqual(new Set(['sesame']))
    expect([...encodings]).toEqual(['identity'])
  })

  it('an unknown authority, or another name, is refused for good unless told', async () => {
    for (const tls of [undefined, { ca: certificate }, { ...trusted, serverName: 'other.test' }]) {
      const error = await rejection(connect({ url: plain.url, apiKey: 'sesame', tls }).call(list))
      expect(error).toMatchObject({ code: 'HW_UNAVAILABLE', retryable: false })
    }
    await connect({ url: plain.url, apiKey: 'sesame', tls: { verify: false } }).call(list)
  })

  it('a client certificate is shown where it is asked for', async () => {
    const tls = { ...trusted, cert: certificate, key: privateKey }
    await connect({ url: mutual.url, apiKey: 'sesame', tls }).call(list)
    const error = await rejection(connect({ url: mutual.url, apiKey: 'sesame', tls: trusted }).call(list))
    expect(error).toMatchObject({ code: 'HW_UNAVAILABLE' })
  })

  it('a key that may only read is found out by check', async () => {
    const connection = connect({ url: double.url, apiKey: 'looker', allowInsecure: true })
    await connection.call(list)
    expect(await rejection(connection.check())).toMatchObject({ code: 'HW_UNAUTHORIZED' })
  })
})
