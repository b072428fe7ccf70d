/** A Redis to measure with: REDIS_URL, else a `redis-server` of this machine on a free port until `stop`. */
import { Redis } from 'ioredis'
import { findCommand, startServer } from '../test/support/server-process'

export async function openRedis(): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const given = process.env['REDIS_URL']
  if (given) return { url: given, stop: async () => undefined }
  const command = findCommand('redis-server')
  if (!command) throw new Error('install redis-server or set REDIS_URL')
  const options = ['--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
  const server = await startServer((port) => [command, '--port', String(port), ...options], answers)
  return { url: `redis://127.0.0.1:${server.port}/0`, stop: server.stop }
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
