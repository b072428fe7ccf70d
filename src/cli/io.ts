import type { Readable, Writable } from 'node:stream'
import type { Environment } from '../config/settings'

/** A stream of the process, or one of a test. */
export type CliStream = Writable & { readonly isTTY?: boolean | undefined; readonly columns?: number | undefined }

/** What the command line meets: nothing in cli/ but main.ts touches the process itself. */
export interface CliIo {
  readonly stdout: CliStream
  readonly stderr: CliStream
  /** Asked only where it and stderr are terminals; nothing is read from a pipe. */
  readonly stdin?: (Readable & { readonly isTTY?: boolean | undefined }) | undefined
  readonly env: Environment
  /** Relative paths and `.env` are looked up here. */
  readonly cwd: string
  /** Aborted by SIGINT and SIGTERM. */
  readonly signal: AbortSignal
}
