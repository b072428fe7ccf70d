import type http from 'node:http'
import { driverMissing } from '../../resilience/driver-missing'
import type { S3Client } from './client'
import type { ResolvedS3Options, S3Server } from './options'
import type { S3Transport } from './transport'

async function load() {
  try {
    return await import('minio')
  } catch (error) {
    throw driverMissing('minio', error)
  }
}

/** A client of ours; it opens nothing by itself and retries nothing. */
export async function openS3Client(
  server: S3Server,
  options: ResolvedS3Options,
  transport: S3Transport,
): Promise<S3Client> {
  const { Client } = await load()
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
