import { createServer, type Server, type Socket, connect as tcpConnect } from 'node:net'

/**
 * What becomes of bytes on their way: on, nowhere, or the connection ends before them, after them, after so many of them,
 * or by a reset.
 */
export type Verdict = 'pass' | 'swallow' | 'cut-before' | 'cut-after' | 'reset' | number

/** A TCP proxy in this process that misbehaves when told to. */
export class TcpProxy {
  /** Called with what a client sends. */
  onRequest: (bytes: Buffer) => Verdict = () => 'pass'
  /** Called with what the server sends. */
  onResponse: (bytes: Buffer) => Verdict = () => 'pass'
  readonly #server: Server
  readonly #pairs = new Set<readonly [Socket, Socket]>()
  readonly #clients = new Set<Socket>()
  readonly #target: URL
  #stalled = false
  #refusing = false
  #slow: { readonly bytes: number; readonly everyMs: number } | undefined
  /** Connections made so far. */
  accepted = 0

  private constructor(target: URL) {
    this.#target = target
    this.#server = createServer((client) => this.#accept(client))
  }

  static async to(url: string): Promise<TcpProxy> {
    const proxy = new TcpProxy(new URL(url))
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  /** The target's URL by way of this proxy. */
  get url(): string {
    const url = new URL(this.#target)
    const address = this.#server.address()
    url.hostname = '127.0.0.1'
    url.port = String(typeof address === 'object' && address ? address.port : 0)
    return url.href
  }

  /** Connections of clients that are open now. */
  get open(): number {
    return this.#clients.size
  }

  /** Everything hangs: what is sent arrives nowhere, new connections get no answer. */
  stall(): void {
    this.#stalled = true
  }

  /** New connections are closed at once. */
  refuse(): void {
    this.#refusing = true
    this.cut()
  }

  /** Ends every connection. */
  cut(): void {
    for (const [client, server] of this.#pairs) {
      client.destroy()
      server.destroy()
    }
    for (const client of this.#clients) client.destroy()
  }

  /** Connections end by RST instead of an answer. */
  reset(): void {
    this.onResponse = () => 'reset'
  }

  /** Lets `bytes` more of the server's answers through, then cuts in the middle of a message. */
  truncateAfter(bytes: number): void {
    let left = bytes
    this.onResponse = (chunk) => {
      const through = Math.max(0, left)
      left -= chunk.length
      return left > 0 ? 'pass' : through
    }
  }

  /** Answers drip: `bytes` of them every so many ms, so that no connection is ever silent for long. */
  slow(bytes: number, everyMs: number): void {
    this.#slow = { bytes, everyMs }
  }

  resume(): void {
    this.#stalled = false
    this.#refusing = false
    this.#slow = undefined
    this.onRequest = () => 'pass'
    this.onResponse = () => 'pass'
  }

  async close(): Promise<void> {
    this.cut()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #accept(client: Socket): void {
    this.accepted++
    this.#clients.add(client)
    client.on('close', () => this.#clients.delete(client))
    if (this.#refusing) {
      client.destroy()
      return
    }
    const server = tcpConnect(Number(this.#target.port), this.#target.hostname)
    const pair = [client, server] as const
    this.#pairs.add(pair)
    this.#pipe(client, server, (bytes) => this.onRequest(bytes), pair)
    this.#pipe(server, client, (bytes) => this.onResponse(bytes), pair)
  }

  #pipe(from: Socket, to: Socket, judge: (bytes: Buffer) => Verdict, pair: readonly [Socket, Socket]): void {
    const end = (): void => {
      from.destroy()
      to.destroy()
      this.#pairs.delete(pair)
    }
    const last = (bytes: Buffer): void => {
      from.destroy()
      // The other side gets it and may act on it; only the answer has no way back.
      to.end(bytes)
      this.#pairs.delete(pair)
    }
    from.on('data', (bytes: Buffer) => {
      const verdict = this.#stalled ? 'swallow' : judge(bytes)
      if (verdict === 'cut-before') end()
      else if (verdict === 'pass') {
        if (this.#slow && from === pair[1]) this.#drip(from, to, bytes, this.#slow)
        else to.write(bytes)
      } else if (verdict === 'cut-after') last(bytes)
      else if (typeof verdict === 'number') last(bytes.subarray(0, verdict))
      else if (verdict === 'reset') {
        const [client, server] = pair
        // Node never closes a socket that is told to reset while it is being shut down.
        if (client.writable) client.resetAndDestroy()
        else client.destroy()
        server.destroy()
        this.#pairs.delete(pair)
      }
    })
    from.on('error', end)
    from.on('close', () => {
      if (!to.writableEnded) end()
    })
  }

  #drip(from: Socket, to: Socket, bytes: Buffer, { bytes: size, everyMs }: { bytes: number; everyMs: number }): void {
    from.pause()
    let sent = 0
    const timer = setInterval(() => {
      to.write(bytes.subarray(sent, sent + size))
      sent += size
      if (sent < bytes.length && this.#slow) return
      clearInterval(timer)
      if (to.destroyed) return
      if (sent < bytes.length) to.write(bytes.subarray(sent))
      from.resume()
    }, everyMs)
    to.once('close', () => clearInterval(timer))
  }
}
