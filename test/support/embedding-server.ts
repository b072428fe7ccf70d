import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

export interface EmbeddingRequest {
  readonly headers: IncomingMessage['headers']
  readonly url: string
  readonly body: { model: string; input: string[]; encoding_format?: string; dimensions?: number }
}

/** Answers one request; leaves it unanswered if it does nothing. */
export type Answer = (request: EmbeddingRequest, response: ServerResponse) => void

/** A vector that tells its text: the length, the first character, 1, 0... scaled to length 1. */
export function vectorOf(text: string, dimensions = 8): Float32Array {
  const vector = new Float32Array(dimensions)
  vector.set([text.length, text.charCodeAt(0) || 0, 1])
  const length = Math.hypot(...vector)
  return vector.map((value) => value / length)
}

/** What a good server says, `change` its items. */
export function good(change: (items: unknown[]) => unknown[] = (items) => items, dimensions = 8): Answer {
  return ({ body }, response) => {
    const data = body.input.map((text, index) => {
      const vector = vectorOf(text, dimensions)
      const bytes = Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength)
      const embedding = body.encoding_format === 'base64' ? bytes.toString('base64') : [...vector]
      return { object: 'embedding', index, embedding }
    })
    json(200, { object: 'list', data: change(data), usage: { prompt_tokens: body.input.length * 10 } })(
      { body } as EmbeddingRequest,
      response,
    )
  }
}

export function json(status: number, body: unknown, headers: Record<string, string> = {}): Answer {
  return (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(JSON.stringify(body))
  }
}

/** A real HTTP server whose next answers a test lines up; after those it is good. */
export class EmbeddingServer {
  readonly requests: EmbeddingRequest[] = []
  /** Answers for the next requests, in turn. */
  readonly next: Answer[] = []
  standard: Answer = good()
  /** Requests being answered now, and the most there were. */
  running = 0
  most = 0
  readonly #sockets = new Set<Socket>()
  readonly #server: Server

  private constructor() {
    this.#server = createServer((incoming, response) => {
      const chunks: Buffer[] = []
      this.most = Math.max(this.most, ++this.running)
      response.on('close', () => {
        this.running--
      })
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.on('end', () => {
        const { headers, url = '' } = incoming
        const request = { headers, url, body: JSON.parse(Buffer.concat(chunks).toString()) }
        this.requests.push(request)
        const answer = this.next.shift() ?? this.standard
        answer(request, response)
      })
    })
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
  }

  static async start(): Promise<EmbeddingServer> {
    const server = new EmbeddingServer()
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve))
    return server
  }

  get url(): string {
    const address = this.#server.address()
    return `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/v1`
  }

  /** Connections that clients hold. */
  get sockets(): number {
    return this.#sockets.size
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
