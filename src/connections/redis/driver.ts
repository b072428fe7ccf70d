import { driverMissing } from '../../resilience/driver-missing'
import type { OwnRedisClient } from './client'
import { guardAnswers } from './guard-answers'
import type { RedisAddress, ResolvedRedisOptions } from './options'

async function load() {
  try {
    return await import('ioredis')
  } catch (error) {
    throw driverMissing('ioredis', error)
  }
}

/**
 * A client of ours, not connected yet. It keeps no queue, sends nothing twice and never reconnects by itself: a command
 * that timed out must not be sent later, and the breaker decides when to try again.
 */
export async function openClient(address: RedisAddress, options: ResolvedRedisOptions): Promise<OwnRedisClient> {
  const driver = await load()
  // The first of 5 have no such name beside the default.
  const Redis = driver.Redis ?? driver.default
  const { host, port, username, password, db, tls } = address
  const client = new Redis({
    host,
    port,
    db,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls && { tls: definedOnly(tls) }),
    connectionName: options.connectionName,
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    connectTimeout: options.connectTimeoutMs,
    commandTimeout: options.commandTimeoutMs,
    // We destroy sockets ourselves; for one that is gone already its timer would keep the process alive for 2 s.
    disconnectTimeout: 1,
    disableClientInfo: true,
  })
  guardAnswers(client, options.maxAnswerBytes)
  return client
}

function definedOnly(values: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
}
