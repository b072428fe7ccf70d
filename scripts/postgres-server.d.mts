export interface PostgresBinaries {
  /** Everything that the binaries need. */
  readonly folder: string
  /** Path of initdb, pg_ctl and postgres in it. */
  readonly bin: string
}

export interface PostgresServer {
  readonly home: string
  readonly bin: string
  readonly data: string
  readonly url: string
}

export function startPostgres(
  options: PostgresBinaries & {
    readonly password?: string
    readonly settings?: Record<string, string | number>
  },
): Promise<PostgresServer>
export function isRunning(server: PostgresServer): boolean
export function stopPostgres(server: PostgresServer): void
export function embeddedBinaries(nodeModules: string): PostgresBinaries | null
