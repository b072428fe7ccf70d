import { createServer, type IncomingMessage, type Server } from 'node:http'

export interface ScriptedRequest {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export interface ScriptedAnswer {
  readonly status?: number
  readonly headers?: Record<string, string>
  /** Sent as JSON; a text as it is. */
  readonly body?: unknown
}

/** An HTTP server whose answers a test decides, for what a real server gives only when it is in trouble. */
export class ScriptedHttp {
  readonly requests: ScriptedRequest[] = []
  answer: (request: ScriptedRequest) => ScriptedAnswer = () => ({ body: {} })
  readonly #server: Server

  private constructor() {
    this.#server = createServer((incoming, outgoing) => {
      const chunks: Buffer[] = []
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.on('end', () => {
        const { method = '', url = '', headers } = incoming
        const request = { method, url, headers, body: Buffer.concat(chunks).toString() }
        this.requests.push(request)
        const { status = 200, headers: more = {}, body = {} } = this.answer(request)
        outgoing.writeHead(status, {
          'content-type': 'application/json',
          'x-elastic-product': 'Elasticsearch',
          ...more,
        })
        outgoing.end(typeof body === 'string' ? body : JSON.stringify(body))
      })
    })
  }

  static async start(): Promise<ScriptedHttp> {
    const scripted = new ScriptedHttp()
    await new Promise<void>((resolve) => scripted.#server.listen(0, '127.0.0.1', resolve))
    return scripted
  }

  get url(): string {
    const address = this.#server.address()
    return `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
