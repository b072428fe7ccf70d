/**
 * The part of `pg` that is used here, by structure: any version of the user's that has it fits, and no type of the
 * driver's appears in the public surface. test/types proves that a real `pg.Pool` does.
 */
export interface PostgresPool {
  connect(): Promise<PostgresClient>
  end(): Promise<void>
  readonly totalCount: number
  readonly idleCount: number
  readonly waitingCount: number
}

export interface PostgresClient {
  query(query: PostgresQuery): Promise<PostgresResult>
  /** With an error the connection is closed rather than used again. */
  release(error?: Error | boolean): void
  on(event: 'error', listener: (error: Error) => void): unknown
  removeListener(event: 'error', listener: (error: Error) => void): unknown
}

export interface PostgresQuery {
  text: string
  values?: unknown[]
  /** Makes it a prepared statement of this name on each connection. */
  name?: string
  /** Instead of the pool's; a pool that is not of pg may ignore it. */
  types?: TypeParsers
}

export interface TypeParsers {
  getTypeParser(oid: number, format?: string): (value: string) => unknown
}

export interface PostgresResult {
  readonly rows: Record<string, unknown>[]
  readonly rowCount: number | null
  /** The command tag: SELECT, COMMIT, ROLLBACK... */
  readonly command?: string | undefined
  /** Name and type of each column. */
  readonly fields?: readonly { readonly name: string; readonly dataTypeID: number }[] | undefined
}

/** A setting's name and its value. */
export type Setting = readonly [name: string, value: string]

/** Runs a named statement in a transaction of its own, under settings that end with it, in one round trip. */
export type ScopedQuery = (
  client: PostgresClient,
  settings: readonly Setting[],
  query: PostgresQuery,
) => Promise<PostgresResult>

/** A pool that is open, and how to be rid of it. */
export interface OpenPool {
  readonly pool: PostgresPool
  /** Where pg is ours and pipelined. */
  readonly scoped?: ScopedQuery | undefined
  /** For each statement, where the pool has parsers of the user's. */
  readonly types?: TypeParsers | undefined
  /** Waits for what is running; does nothing to a pool of the user's. */
  close(): Promise<void>
  /** Cuts off every connection, also one that is still being made; ours only. */
  readonly destroySockets?: (() => void) | undefined
}

/** True when statements may be sent without waiting for the answer to the one before. */
export function isPipelined(client: PostgresClient): boolean {
  return Reflect.get(client, 'pipeline') === true
}

/** Closes the socket at once: a client in pipeline mode would first wait for answers that never come. */
export function destroySocket(client: PostgresClient): void {
  onStream(client, 'destroy')
}

/** What `send` writes before it returns goes out in one piece, and wakes the server once. */
export function inOnePiece<T>(client: PostgresClient, send: () => T): T {
  onStream(client, 'cork')
  try {
    return send()
  } finally {
    onStream(client, 'uncork')
  }
}

function onStream(client: PostgresClient, method: 'cork' | 'uncork' | 'destroy'): void {
  const connection: unknown = Reflect.get(client, 'connection')
  const stream: unknown = typeof connection === 'object' && connection && Reflect.get(connection, 'stream')
  if (typeof stream !== 'object' || stream === null) return
  const found: unknown = Reflect.get(stream, method)
  if (typeof found === 'function') found.call(stream)
}
