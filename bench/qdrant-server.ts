/**
 * The Qdrant to measure with: QDRANT_URL, else a stand-in in a process of its own, so that it takes no time from either
 * side. `double` is the tests' double, which is JavaScript and computes everything. `sink` reads what is written to
 * points to its end, keeps nothing and says that it is done; all else, as what an opening asks, goes to a double.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingMessage, request as send } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { startQdrantDouble } from '../test/support/qdrant-double'

export type QdrantKind = 'real' | 'double' | 'sink'

export interface BenchQdrant {
  readonly url: string
  readonly kind: QdrantKind
  /** What to read processor time of: a process, or who listens at a URL. */
  readonly process: number | string
  stop(): Promise<void>
}

export const qdrantNames = {
  real: 'Qdrant',
  double: 'the Qdrant double, which is JavaScript: set QDRANT_URL for a real one',
  sink: 'a sink, which reads and answers as Qdrant and keeps nothing: set QDRANT_URL for a real one',
} satisfies Record<QdrantKind, string>

/** The stand-in where there is no QDRANT_URL. */
export async function openQdrant(standIn: 'double' | 'sink' = 'double'): Promise<BenchQdrant> {
  const given = process.env['QDRANT_URL']
  if (given) return { url: given, kind: 'real', process: given, stop: async () => undefined }
  const child: ChildProcess = fork(fileURLToPath(import.meta.url), [standIn], { execArgv: [...process.execArgv] })
  const [url] = (await once(child, 'message')) as [string]
  const stop = async (): Promise<void> => {
    child.disconnect()
    await once(child, 'exit')
  }
  return { url, kind: standIn, process: child.pid!, stop }
}

/** Writes of points, but not those of a start check, which wants them kept. */
function isPointWrite({ method, url = '' }: IncomingMessage): boolean {
  if (url.startsWith('/collections/headwater_canary_')) return false
  return (
    (method === 'PUT' && /^\/collections\/[^/]+\/points(\/(payload|vectors))?(\?|$)/.test(url)) ||
    (method === 'POST' && /\/points\/(batch|delete|payload|payload\/delete|vectors\/delete)(\?|$)/.test(url))
  )
}

/** Returns its URL. */
async function startSink(double: string): Promise<string> {
  let operation = 0
  const server = createServer((request, response) => {
    if (isPointWrite(request)) {
      const batch = request.url!.includes('/points/batch')
      request.resume().on('end', () => {
        const result = { operation_id: ++operation, status: 'completed' }
        const body = JSON.stringify({ result: batch ? [result] : result, status: 'ok', time: 0 })
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
        response.end(body)
      })
      return
    }
    const { method, headers } = request
    const passed = send(new URL(request.url ?? '/', double), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    passed.on('error', () => response.destroy())
    request.pipe(passed)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

if (process.send && process.argv[1] === fileURLToPath(import.meta.url)) {
  const { url } = await startQdrantDouble()
  process.send(process.argv[2] === 'sink' ? await startSink(url) : url)
  process.once('disconnect', () => process.exit())
}
