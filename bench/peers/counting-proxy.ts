/**
 * Stands before a Qdrant, real or double: counts what is written to the collections whose names begin with `start`, and
 * is where a writer can be stopped.
 */
import { createServer, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface WriteCounts {
  /** Points that were sent with their vector. */
  vectors: number
  /** Points whose payload alone was sent. */
  payloads: number
  /** Requests that write or delete points. */
  requests: number
}

/** Called for each request that brings vectors, before it is passed on and when Qdrant has done it. */
export interface WriteHooks {
  before?(): Promise<void>
  after?(): Promise<void>
}

export class CountingProxy {
  readonly url: string
  readonly #server: ReturnType<typeof createServer>
  readonly #start: string
  counts: WriteCounts = { vectors: 0, payloads: 0, requests: 0 }
  hooks: WriteHooks = {}

  private constructor(server: ReturnType<typeof createServer>, start: string) {
    this.#server = server
    this.#start = start
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  static async open(target: string, start: string): Promise<CountingProxy> {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const proxy = new CountingProxy(server, start)
    server.on('request', (request, response) => {
      proxy.#pass(target, request).then(
        ({ status, body }) => {
          response.writeHead(status, { 'content-type': 'application/json' }).end(body)
        },
        () => response.destroy(),
      )
    })
    return proxy
  }

  reset(): void {
    this.counts = { vectors: 0, payloads: 0, requests: 0 }
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      this.#server.closeAllConnections()
    })
  }

  async #pass(target: string, request: IncomingMessage): Promise<{ status: number; body: Buffer }> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks)
    const brings = this.#count(request.method ?? 'GET', request.url ?? '/', body)
    if (brings) await this.hooks.before?.()
    const answer = await fetch(new URL(request.url ?? '/', target), {
      method: request.method ?? 'GET',
      headers: forwarded(request.headers),
      ...(body.length > 0 && { body }),
    })
    const answered = Buffer.from(await answer.arrayBuffer())
    if (brings) await this.hooks.after?.()
    return { status: answer.status, body: answered }
  }

  /** True when it brings vectors. */
  #count(method: string, url: string, body: Buffer): boolean {
    const path = url.split('?')[0]!
    const isWrite =
      (method === 'PUT' && path.endsWith('/points')) || /\/points\/(batch|delete|vectors|payload.*)$/.test(path)
    if (!isWrite || !path.startsWith(`/collections/${this.#start}`)) return false
    const sent = JSON.parse(body.toString()) as Sent
    const operations = sent.operations ?? [method === 'PUT' && path.endsWith('/points') ? { upsert: sent } : {}]
    const before = this.counts.vectors
    this.counts.requests++
    for (const operation of operations) {
      this.counts.vectors += operation.upsert?.points?.length ?? operation.upsert?.batch?.ids.length ?? 0
      if (operation.overwrite_payload ?? operation.set_payload) this.counts.payloads++
    }
    return this.counts.vectors > before
  }
}

interface Sent {
  readonly points?: readonly unknown[]
  readonly batch?: { readonly ids: readonly unknown[] }
  readonly operations?: readonly {
    readonly upsert?: Pick<Sent, 'points' | 'batch'>
    readonly overwrite_payload?: object
    readonly set_payload?: object
  }[]
}

function forwarded({ 'content-type': type, 'api-key': key }: IncomingHttpHeaders): Record<string, string> {
  return {
    'accept-encoding': 'identity',
    ...(type && { 'content-type': type }),
    ...(key && { 'api-key': String(key) }),
  }
}
