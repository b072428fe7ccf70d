import { driverMissing } from '../../resilience/driver-missing'
import { boundedConnection } from './bounded-connection'
import type { ElasticsearchClient } from './client'
import type { ResolvedElasticsearchOptions, ServerTarget } from './options'

/** Node's own connections are idle for shorter than the server's, so that no request meets a closing one. */
const keepAliveMs = 4_000

async function load() {
  try {
    return await import('@elastic/elasticsearch')
  } catch (error) {
    throw driverMissing('@elastic/elasticsearch@8', error)
  }
}

/** Loads `@elastic/elasticsearch` and makes a client that leaves retries, timeouts and sniffing to us. */
export async function openClient(
  target: ServerTarget,
  options: ResolvedElasticsearchOptions,
): Promise<ElasticsearchClient> {
  const { Client, UndiciConnection, errors } = await load()
  const { tls, caFingerprint, auth } = options
  const { ca, cert, key, serverName, verify } = tls
  const secure = target.nodes.some((node) => node.protocol === 'https:')
  return new Client({
    nodes: target.nodes.map((node) => node.href),
    ...(auth && {
      auth:
        auth.kind === 'apiKey'
          ? { apiKey: auth.apiKey.reveal() }
          : { username: auth.username, password: auth.password.reveal() },
    }),
    ...(caFingerprint !== undefined && { caFingerprint }),
    ...(secure && {
      tls: {
        rejectUnauthorized: verify ?? true,
        ...(ca !== undefined && { ca: ca as string }),
        ...(cert !== undefined && { cert }),
        ...(key !== undefined && { key }),
        ...(serverName !== undefined && { servername: serverName }),
      },
    }),
    Connection: boundedConnection(UndiciConnection, errors),
    agent: { connections: options.maxConnections, keepAliveTimeout: keepAliveMs },
    maxRetries: 0,
    requestTimeout: options.timeoutMs,
    sniffOnStart: false,
    sniffOnConnectionFault: false,
    // The default asks `HEAD /`, which a server may lack: a node would then stay dead for ever.
    resurrectStrategy: 'optimistic',
    // 'remove' would take Retry-After away with the credentials.
    redaction: { type: 'replace' },
  })
}
