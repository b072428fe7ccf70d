import type { RedisConnection } from '../../connections/redis/connection'
import type { CallOptions } from '../../core/abort'

/** What a Redis server counts, over everybody who uses it. */
export interface RedisServerStats {
  /** Reads that found a key, since it started. */
  readonly hits: number
  readonly misses: number
  /** Keys that were dropped to make room. */
  readonly evicted: number
  /** Bytes in use. */
  readonly memory: number
  /** Bytes it may use; 0 for no limit. */
  readonly maxMemory: number
  readonly clients: number
}

export async function serverStats(
  connection: Pick<RedisConnection, 'command'>,
  call?: CallOptions,
): Promise<RedisServerStats> {
  const info = String(await connection.command('INFO', [], call))
  const read = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0)
  return {
    hits: read('keyspace_hits'),
    misses: read('keyspace_misses'),
    evicted: read('evicted_keys'),
    memory: read('used_memory'),
    maxMemory: read('maxmemory'),
    clients: read('connected_clients'),
  }
}

/** Counts keys by SCAN, which never holds up the server as KEYS does and may name a key twice. */
export async function countKeys(
  connection: Pick<RedisConnection, 'command'>,
  pattern: string,
  call?: CallOptions,
): Promise<number> {
  const seen = new Set<string>()
  for (let cursor = '0'; ; ) {
    const answer = await connection.command('SCAN', [cursor, 'MATCH', pattern, 'COUNT', 1_000], call)
    const [next, names] = answer as [string, string[]]
    for (const name of names) seen.add(name)
    if (next === '0') return seen.size
    cursor = next
  }
}
