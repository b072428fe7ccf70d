import { mkdtemp, rm } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'minio'
import { afterAll, beforeAll, describe } from 'vitest'
import type { S3Options } from '../../src/connections/s3/options'
import { isExecutable, type ServerProcess, startServer } from './server-process'

export interface TestS3 {
  readonly endpoint: string
  readonly options: S3Options
}

/** `http://accessKey:secretKey@host:port` */
const given = process.env['HW_TEST_S3_URL'] || undefined
const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache')
const binary = join(cache, 'headwater-ci', 'minio')
const keys = { accessKey: 'headwater', secretKey: 'headwater-secret' }

/**
 * A suite over a real S3 server: the one that HW_TEST_S3_URL names, else the MinIO in the cache folder as a child process
 * on a free port. Without either it is skipped, and says so.
 */
export function describeWithS3(name: string, suite: (s3: () => TestS3) => void): void {
  const possible = given !== undefined || isExecutable(binary)
  if (!possible) {
    const install = `GOBIN=${join(cache, 'headwater-ci')} go install github.com/minio/minio@latest`
    console.warn(`SKIPPED ${name}: run \`${install}\` or set HW_TEST_S3_URL`)
  }
  describe.skipIf(!possible)(name, () => {
    let server: ServerProcess | undefined
    let folder: string | undefined
    let s3: TestS3 | undefined
    beforeAll(async () => {
      if (given !== undefined) {
        const url = new URL(given)
        const [accessKey, secretKey] = [url.username, url.password].map(decodeURIComponent)
        s3 = { endpoint: url.origin, options: { endpoint: url.origin, accessKey, secretKey } }
        return
      }
      const data = await mkdtemp(join(tmpdir(), 'headwater-minio-'))
      folder = data
      server = await startServer((port) => commandLine(port, data), answers, {
        MINIO_ROOT_USER: keys.accessKey,
        MINIO_ROOT_PASSWORD: keys.secretKey,
        MINIO_BROWSER: 'off',
        MINIO_UPDATE: 'off',
      })
      const endpoint = `http://127.0.0.1:${server.port}`
      s3 = { endpoint, options: { endpoint, ...keys } }
    })
    afterAll(async () => {
      await server?.stop()
      if (folder) await rm(folder, { recursive: true, force: true })
    })
    suite(() => {
      if (!s3) throw new Error('describeWithS3: there is no server before beforeAll')
      return s3
    })
  })
}

function commandLine(port: number, folder: string): string[] {
  return [binary, 'server', folder, '--quiet', '--address', `127.0.0.1:${port}`]
}

/** Its own page of readiness says 200 long before: until users and buckets are read every request of S3 is a 503. */
async function answers(port: number): Promise<boolean> {
  const retryOptions = { disableRetry: true }
  const client = new Client({ endPoint: '127.0.0.1', port, useSSL: false, ...keys, retryOptions })
  await client.listBuckets()
  return true
}
