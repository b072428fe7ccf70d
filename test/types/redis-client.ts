import type { Cluster, Redis } from 'ioredis'
import type { Redis as Redis6 } from 'ioredis-6'
import type { OwnRedisClient, RedisClient } from '../../src/connections/redis/client'
import type { RedisOptions } from '../../src/connections/redis/options'

/** Compiled, never run: real clients of ioredis are what the structural types ask for. */
export const redisFits = (client: Redis): RedisClient => client
export const clusterFits = (client: Cluster): RedisClient => client
export const ownFits = (client: Redis): OwnRedisClient => client
export const optionsTakeIt = (client: Redis): RedisOptions => ({ client })

// @ts-expect-error: a function is no client
export const functionIsNoClient = (client: () => void): RedisClient => client

/** The newest major, too. */
export const newestFits = (client: Redis6): RedisClient => client
