import { createServer as createTcpServer, type Server, type Socket, connect as tcpConnect } from 'node:net'
import { createServer, type TLSSocket, type Server as TlsServer } from 'node:tls'
import type { Authority } from './authority'

const schemes: Readonly<Record<string, string>> = { 'http:': 'https:', 'redis:': 'rediss:' }

/** TLS in front of a server that has none. It asks clients for a certificate of `clients`, where that is given. */
export class TlsFront {
  readonly url: string
  readonly #server: Server
  readonly #sockets: Set<Socket>

  private constructor(url: string, server: Server, sockets: Set<Socket>) {
    this.url = url
    this.#server = server
    this.#sockets = sockets
  }

  static async before(url: string, authority: Authority, clients?: Authority): Promise<TlsFront> {
    const target = new URL(url)
    const asked = clients ? { requestCert: true, rejectUnauthorized: true, ca: clients.ca } : {}
    const secure: TlsServer = createServer({ ...authority.server, ...asked }, (socket: TLSSocket) => {
      const behind = tcpConnect(Number(target.port), target.hostname)
      socket.pipe(behind).pipe(socket)
      socket.on('error', () => behind.destroy()).on('close', () => behind.destroy())
      behind.on('error', () => socket.destroy()).on('close', () => socket.destroy())
    })
    secure.on('tlsClientError', (_error, socket) => socket.destroy())
    const sockets = new Set<Socket>()
    const server = createTcpServer((socket) => {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket)).on('error', () => socket.destroy())
      if (!target.protocol.startsWith('postgres')) secure.emit('connection', socket)
      else {
        // Postgres is asked for TLS by a message of its own first.
        socket.once('data', () => {
          socket.write('S')
          secure.emit('connection', socket)
        })
      }
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const port = typeof address === 'object' && address ? address.port : 0
    const front = url.replace(target.protocol, schemes[target.protocol] ?? target.protocol)
    return new TlsFront(front.replace(target.host, `127.0.0.1:${port}`), server, sockets)
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
