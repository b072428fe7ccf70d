/** What a command takes; numbers are sent as text. */
export type RedisArgument = string | number | Buffer

/**
 * The part of ioredis (5.0 and later, `Redis` and `Cluster`) that is used here, by structure: any version of the
 * user's that has it fits. test/types proves that a real client does.
 */
export interface RedisClient {
  call(command: string, args: RedisArgument[]): Promise<unknown>
  /** The same with answers as Buffers. */
  callBuffer(command: string, args: RedisArgument[]): Promise<unknown>
}

/** A client that is ours to open and to close. */
export interface OwnRedisClient extends RedisClient {
  readonly status: string
  connect(): Promise<void>
  disconnect(): void
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'connect', listener: () => void): unknown
}

/** Closes the socket at once; ioredis itself would wait for the other side, which may be silent. */
export function destroySocket(client: OwnRedisClient): void {
  const stream: unknown = Reflect.get(client, 'stream')
  client.disconnect()
  if (typeof stream !== 'object' || stream === null) return
  const destroy: unknown = Reflect.get(stream, 'destroy')
  if (typeof destroy === 'function') destroy.call(stream)
}
