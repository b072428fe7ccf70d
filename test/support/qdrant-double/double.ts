import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { type Keys, refusal } from './access'
import type { Collection } from './collection'
import { badFormat, QdrantFailure } from './failure'
import { type Faults, faultsFor } from './faults'
import { isObject, type JsonObject, parseJson, writeJson } from './json'
import { findRoute } from './route-match'
import { Snapshots, uploadedFile } from './snapshots'
import { Storage } from './storage'
import type { Operation } from './updates'

/** What the double was built after. */
const likeVersion = '1.18.3'
const largestBody = 32 * 1024 * 1024

export interface QdrantDoubleOptions extends Keys {
  readonly version?: string
  /** Sees each request before any fault. */
  readonly onRequest?: (request: { method: string; path: string; headers: IncomingMessage['headers'] }) => void
}

/** A server that answers as Qdrant does. It computes: only what it was told is in it. */
export interface QdrantDouble {
  readonly url: string
  /** What it does wrong; change it at any time. */
  readonly faults: Faults
  /** What it holds, by name: to look at, or to change behind the clients' back. */
  collections(): ReadonlyMap<string, Collection>
  /** Does the writes that `faults.lateApply` kept back, in their order; gives their number. */
  applyLate(): number
  /** Ends all connections and the server. */
  close(): Promise<void>
}

export async function startQdrantDouble(options: QdrantDoubleOptions = {}): Promise<QdrantDouble> {
  const state = new DoubleServer(options)
  const server = createServer((request, response) => {
    state.handle(request, response).catch((cause: unknown) => response.destroy(cause as Error))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    faults: state.faults,
    collections: () => state.storage.collections,
    applyLate: () => state.applyLate(),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

class DoubleServer {
  readonly faults: Faults = {}
  readonly storage = new Storage()
  readonly #snapshots = new Snapshots(this.storage)
  readonly #options: QdrantDoubleOptions
  #late: (() => void)[] = []

  constructor(options: QdrantDoubleOptions) {
    this.#options = options
  }

  applyLate(): number {
    const late = this.#late
    this.#late = []
    for (const apply of late) apply()
    return late.length
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const method = request.method ?? 'GET'
    const url = new URL(request.url ?? '/', 'http://double')
    this.#options.onRequest?.({ method, path: url.pathname, headers: request.headers })
    const faults = faultsFor(this.faults, method, url.pathname)
    const body = faults.refuse ? undefined : await readBody(request)
    if (!body) {
      request.socket.destroy()
      return
    }
    if (faults.delayMs) await delay(faults.delayMs)
    if (faults.status) {
      const { code, retryAfter } = faults.status
      if (retryAfter !== undefined) response.setHeader('retry-after', String(retryAfter))
      send(response, code, { status: { error: 'Service error: a fault of the double' }, time: 0 })
      return
    }
    let answer: Sent
    try {
      answer = await this.#answer(request, method, url, body, faults)
    } catch (cause) {
      if (!(cause instanceof QdrantFailure)) throw cause
      answer = { status: cause.status, body: { status: { error: cause.message }, time: 0 } }
    }
    if (faults.loseAnswer) request.socket.destroy()
    else send(response, answer.status, answer.body)
  }

  async #answer(request: IncomingMessage, method: string, url: URL, body: Buffer, faults: Faults): Promise<Sent> {
    const refused = refusal(this.#options, method, url.pathname, request.headers)
    if (refused !== undefined) return { status: 401, body: refused }
    const version = faults.forgetVersion ?? this.#options.version ?? likeVersion
    if (url.pathname === '/' && method === 'GET') {
      return { status: 200, body: { title: 'qdrant - vector search engine', version, commit: 'double' } }
    }
    const found = findRoute(method, url.pathname)
    if (!found) return { status: 404, body: '' }
    let parsed: JsonObject | undefined
    const result = await found.answer({
      storage: this.storage,
      snapshots: this.#snapshots,
      version,
      optimizing: faults.optimizing ?? false,
      args: found.args,
      body: () => {
        parsed ??= parseBody(body, method, url.pathname)
        return parsed
      },
      file: () => uploadedFile(body, request.headers['content-type']),
      write: (collection, operations) => this.#write(collection, operations, url, faults),
    })
    if (typeof result === 'string' || Buffer.isBuffer(result)) return { status: 200, body: result }
    return { status: 200, body: { result, status: 'ok', time: 0 } }
  }

  #write(collection: Collection, operations: readonly Operation[], url: URL, faults: Faults): JsonObject[] {
    const waits = url.searchParams.get('wait') === 'true'
    return operations.map((operation) => {
      const operation_id = ++collection.operation
      if (faults.lateApply) {
        this.#late.push(() => unheard(() => operation(operation_id)))
        return { operation_id, status: waits ? 'wait_timeout' : 'acknowledged' }
      }
      // Who does not wait does not hear of a failure either.
      if (waits) operation(operation_id)
      else unheard(() => operation(operation_id))
      return { operation_id, status: waits ? 'completed' : 'acknowledged' }
    })
  }
}

interface Sent {
  readonly status: number
  readonly body: unknown
}

function unheard(operation: () => void): void {
  try {
    operation()
  } catch (cause) {
    if (!(cause instanceof QdrantFailure)) throw cause
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : writeJson(body))
  const type = Buffer.isBuffer(body)
    ? 'application/octet-stream'
    : typeof body === 'string'
      ? 'text/plain'
      : 'application/json'
  response.writeHead(status, { 'content-type': type, 'content-length': bytes.length })
  response.end(bytes)
}

/** The whole body, or undefined where the server would cut the connection: past 32 MiB. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > largestBody) return undefined
  const parts: Buffer[] = []
  let size = 0
  for await (const part of request) {
    parts.push(part as Buffer)
    size += (part as Buffer).length
    if (size > largestBody) return undefined
  }
  return Buffer.concat(parts)
}

function parseBody(body: Buffer, method: string, path: string): JsonObject {
  if (body.length === 0) {
    if (method === 'GET' || method === 'DELETE' || path.includes('/snapshots')) return {}
    throw badFormat('EOF while parsing a value at line 1 column 0')
  }
  const value = parseJson(body.toString())
  if (!isObject(value)) throw badFormat('invalid type, expected a map')
  return value
}
