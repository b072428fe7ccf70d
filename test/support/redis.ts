import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe } from 'vitest'
import { findCommand, type ServerProcess, startServer } from './server-process'

export interface TestRedis {
  readonly url: string
  /** The raw client, for looking behind the back of what is tested. */
  readonly raw: Redis
}

const given = process.env['HW_TEST_REDIS_URL'] || undefined
const binary = findCommand('redis-server')

/**
 * A suite over a real Redis: the one that HW_TEST_REDIS_URL names, else a `redis-server` of this machine as a child
 * process on a free port. Without either it is skipped, and says so.
 */
export function describeWithRedis(name: string, suite: (redis: () => TestRedis) => void): void {
  const possible = given !== undefined || binary !== undefined
  if (!possible) {
    console.warn(`SKIPPED ${name}: install redis-server (apt-get install redis-server) or set HW_TEST_REDIS_URL`)
  }
  describe.skipIf(!possible)(name, () => {
    let server: ServerProcess | undefined
    let redis: TestRedis | undefined
    beforeAll(async () => {
      if (given === undefined) server = await startServer(commandLine, answers)
      const url = given ?? `redis://127.0.0.1:${server?.port}/0`
      redis = { url, raw: new Redis(url) }
    })
    afterAll(async () => {
      redis?.raw.disconnect()
      await server?.stop()
    })
    suite(() => {
      if (!redis) throw new Error('describeWithRedis: there is no server before beforeAll')
      return redis
    })
  })
}

/** A prefix of this test's own, so that a server may be shared. */
export function freshPrefix(): string {
  return `hw-test-${randomBytes(6).toString('hex')}`
}

/** Every key under a prefix. */
export async function keysUnder(raw: Redis, prefix: string): Promise<string[]> {
  const found: string[] = []
  for await (const names of raw.scanStream({ match: `${prefix}:*`, count: 1_000 })) found.push(...(names as string[]))
  return [...new Set(found)]
}

/** As if `ms` had passed for every key under a prefix: nobody has to wait. */
export async function passTime(raw: Redis, prefix: string, ms: number): Promise<void> {
  for (const key of await keysUnder(raw, prefix)) {
    const left = await raw.pttl(key)
    if (left >= 0 && left <= ms) await raw.del(key)
    else if (left > ms) await raw.pexpire(key, left - ms)
  }
}

export async function forgetAll(raw: Redis, prefix: string): Promise<void> {
  const keys = await keysUnder(raw, prefix)
  if (keys.length > 0) await raw.unlink(...keys)
}

function commandLine(port: number): string[] {
  return [binary!, '--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
}

async function answers(port: number): Promise<boolean> {
  const client = new Redis(port, '127.0.0.1', { lazyConnect: true, retryStrategy: () => null })
  client.on('error', () => undefined)
  try {
    await client.connect()
    return (await client.ping()) === 'PONG'
  } finally {
    client.disconnect()
  }
}
