import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { HeadwaterError } from '../core/errors'
import { loadDriver } from '../resilience/load-driver'
import type { CliStore } from './context'

/** Serving `/metrics` and `/health`, until it is closed. */
interface WorkerServer {
  readonly port: number
  close(): Promise<void>
}

/** Metrics of this process for Prometheus, and the store's health: 503 where the truth is down. Needs prom-client. */
export async function serveWorker(store: CliStore, port: number): Promise<WorkerServer> {
  const [{ collectDefaultMetrics, Registry }, { prometheusMetrics }] = await loadDriver('prom-client', () =>
    Promise.all([import('prom-client'), import('../observability/prometheus')]),
  )
  const registry = new Registry()
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://worker')
    const answers = { '/metrics': metrics, '/health': health } as Record<string, (to: ServerResponse) => Promise<void>>
    const answer = answers[pathname]
    if (!answer) return void response.writeHead(404).end()
    answer(response).catch(() => response.writeHead(500).end())
  })
  async function metrics(response: ServerResponse): Promise<void> {
    const text = await registry.metrics()
    response.writeHead(200, { 'content-type': registry.contentType }).end(text)
  }
  async function health(response: ServerResponse): Promise<void> {
    const { status, degraded, backlog, workers } = await store.health()
    const body = JSON.stringify({ status, degraded: degraded.map(({ what }) => what), backlog, workers })
    response.writeHead(status === 'down' ? 503 : 200, { 'content-type': 'application/json' }).end(body)
  }
  server.listen(port)
  try {
    await once(server, 'listening')
  } catch (cause) {
    throw new HeadwaterError('HW_INVALID_SETTINGS', `PROMETHEUS_PORT: cannot listen on port ${port}`, {
      cause,
      path: 'PROMETHEUS_PORT',
    })
  }
  collectDefaultMetrics({ register: registry })
  const stop = prometheusMetrics({ registry })
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      stop()
      registry.clear()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
