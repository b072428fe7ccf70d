import type http from 'node:http'
import { loadDriver } from '../../resilience/load-driver'
import type { S3Client } from './client'
import type { ResolvedS3Options, S3Server } from './options'
import type { S3Transport } from './transport'

/** A client of ours; it opens nothing by itself and retries nothing. */
export async function openS3Client(
  server: S3Server,
  options: ResolvedS3Options,
  transport: S3Transport,
): Promise<S3Client> {
  const { Client } = await loadDriver('minio', () => import('minio'))
  return new Client({
    endPoint: server.host,
    port: server.port,
    useSSL: server.secure,
    accessKey: server.accessKey,
    secretKey: server.secretKey.reveal(),
    ...(server.sessionToken && { sessionToken: server.sessionToken.reveal() }),
    region: options.region,
    pathStyle: options.pathStyle,
    // minio calls it with an object and a callback only.
    transport: { request: transport.request as typeof http.request },
    transportAgent: transport.agent,
    retryOptions: { disableRetry: true },
  })
}
