import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Clock } from '../core/clock'
import { HeadwaterError } from '../core/errors'
import { driverMissing } from '../resilience/driver-missing'
import type { StoreHealth } from '../store/store-health'

/** Serving `/metrics` and `/health`, until it is closed. */
interface WorkerServer {
  readonly host: string
  readonly port: number
  close(): Promise<void>
}

/** What the pages are about. */
export interface WorkerPages {
  health(): Promise<Pick<StoreHealth, 'status' | 'degraded' | 'backlog' | 'workers'>>
}

interface Page {
  readonly status: number
  readonly type: string
  readonly body: string
}

/** How long an answer is given again, ms: whoever asks more often costs the store nothing. */
const freshMs = 1_000
/** Who connects and says nothing keeps a place for so long; a page is small and made at once, ms. */
const headersMs = 5_000
const idleMs = 10_000
const mostConnections = 64
const mostHeaderBytes = 8_192

/**
 * Metrics of this process for Prometheus, and the store's health: 503 where the truth is down. Needs prom-client. For
 * whoever can reach the address: nothing that a request holds is parsed further than its path, none can end the process.
 */
export async function serveWorker(
  store: WorkerPages,
  clock: Clock,
  at: { readonly host: string; readonly port: number },
): Promise<WorkerServer> {
  const [{ collectDefaultMetrics, Registry }, { prometheusMetrics }] = await load()
  const registry = new Registry()
  const metrics = shared(clock, async () => {
    return { status: 200, type: registry.contentType, body: await registry.metrics() }
  })
  const health = shared(clock, async () => {
    const { status, degraded, backlog, workers } = await store.health()
    const body = JSON.stringify({ status, degraded: degraded.map(({ what }) => what), backlog, workers })
    return { status: status === 'down' ? 503 : 200, type: 'application/json', body }
  })
  const pages = new Map([
    ['/metrics', metrics],
    ['/health', health],
  ])
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const page = pages.get((request.url ?? '').split('?', 1)[0]!)
    if (!page) return void response.writeHead(404).end()
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return void response.writeHead(405, { allow: 'GET, HEAD', connection: 'close' }).end()
    }
    const { status, type, body } = await page()
    response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body)
  }
  const server = createServer(
    {
      maxHeaderSize: mostHeaderBytes,
      headersTimeout: headersMs,
      requestTimeout: idleMs,
      keepAliveTimeout: headersMs,
      connectionsCheckingInterval: 1_000,
    },
    (request, response) => {
      answer(request, response).catch(() => {
        if (response.headersSent) response.destroy()
        else response.writeHead(500).end()
      })
    },
  )
  server.maxConnections = mostConnections
  server.setTimeout(idleMs)
  server.listen(at.port, at.host)
  try {
    await once(server, 'listening')
  } catch (cause) {
    throw new HeadwaterError('HW_INVALID_SETTINGS', `PROMETHEUS_PORT: cannot listen on port ${at.port} of ${at.host}`, {
      cause,
      path: 'PROMETHEUS_PORT',
    })
  }
  // A process that has no file descriptor left for a connection goes on without it.
  server.on('error', () => undefined)
  collectDefaultMetrics({ register: registry })
  const stop = prometheusMetrics({ registry })
  const { address, port } = server.address() as AddressInfo
  return {
    host: address,
    port,
    async close() {
      stop()
      registry.clear()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** One page for all who ask at once, and for `freshMs` after it was made. A failure is nobody's but theirs who asked. */
function shared(clock: Clock, make: () => Promise<Page>): () => Promise<Page> {
  let made: { readonly page: Promise<Page>; at: number } | undefined
  return () => {
    if (made && clock.monotonic() - made.at < freshMs) return made.page
    const next = { page: make(), at: Number.POSITIVE_INFINITY }
    made = next
    next.page.then(
      () => {
        next.at = clock.monotonic()
      },
      () => {
        if (made === next) made = undefined
      },
    )
    return next.page
  }
}

async function load() {
  try {
    return await Promise.all([import('prom-client'), import('../observability/prometheus')])
  } catch (error) {
    throw driverMissing('prom-client', error)
  }
}
