import type { Socket } from 'node:net'
import type { Agent } from 'undici'
import { driverMissing } from '../../resilience/driver-missing'
import type { QdrantClient } from './client'
import type { ResolvedQdrantOptions } from './options'

async function load() {
  try {
    // One by one, so that bundlers see each of them in its try.
    const { QdrantClient } = await import('@qdrant/js-client-rest')
    const { Agent, buildConnector } = await import('undici')
    return { QdrantClient, Agent, buildConnector }
  } catch (error) {
    throw driverMissing('@qdrant/js-client-rest undici', error)
  }
}

export interface OwnQdrantClient {
  readonly client: QdrantClient
  /** The connections, given to each request: those of the client's own agent nobody can close. */
  readonly agent: Agent
  /** Those of files, which are as long as they are. */
  readonly files: Agent
  readonly sockets: ReadonlySet<Socket>
}

/** The official client, which leaves time, retries and the check of versions to us, over connections of ours. */
export async function openClient(base: URL, options: ResolvedQdrantOptions): Promise<OwnQdrantClient> {
  const { QdrantClient, Agent, buildConnector } = await load()
  const { ca, cert, key, serverName, verify } = options.tls
  const connect = buildConnector({
    timeout: 0,
    keepAlive: true,
    rejectUnauthorized: verify ?? true,
    ...(ca !== undefined && { ca: Array.isArray(ca) ? [...ca] : (ca as string | Buffer) }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(serverName !== undefined && { servername: serverName }),
  })
  const sockets = new Set<Socket>()
  const kept: Agent.Options = {
    connections: options.maxConnections,
    keepAliveTimeout: options.idleTimeoutMs,
    keepAliveMaxTimeout: options.idleTimeoutMs,
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: (given, made) =>
      connect(given, (error, socket) => {
        if (error) return made(error, null)
        sockets.add(socket)
        socket.once('close', () => sockets.delete(socket))
        made(null, socket)
      }),
  }
  const agent = new Agent({ ...kept, maxResponseSize: options.maxAnswerBytes })
  const files = new Agent(kept)
  const client = new QdrantClient({
    url: base.origin,
    port: Number(base.port || (base.protocol === 'https:' ? 443 : 80)),
    prefix: base.pathname.replace(/\/$/, ''),
    // In the client a key over plain http prints a warning; here it is refused unless allowed.
    headers: { ...options.headers, ...(options.apiKey && { 'api-key': options.apiKey.reveal() }) },
    // Any time of its own would take the place of our signal.
    timeout: Number.POSITIVE_INFINITY,
    checkCompatibility: false,
  })
  return { client, agent, files, sockets }
}
