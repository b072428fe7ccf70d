import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { PassThrough, Writable } from 'node:stream'
import { afterAll, beforeAll } from 'vitest'
import type { CliStream } from '../../src/cli/io'
import { runCli } from '../../src/cli/run'

export interface CliResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  /** The one document on stdout. */
  // biome-ignore lint/suspicious/noExplicitAny: each test knows the shape that it asks for
  json(): any
}

export interface CliOptions {
  readonly env?: Record<string, string> | undefined
  readonly cwd?: string | undefined
  readonly signal?: AbortSignal | undefined
  /** Both streams are terminals of 100 columns. */
  readonly tty?: boolean | undefined
  /** What is typed at the terminal. */
  readonly typed?: string | undefined
}

/** Runs the command line within this process, over the real store. */
export async function cli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const stdout = new Collector(options.tty)
  const stderr = new Collector(options.tty)
  const stdin = Object.assign(new PassThrough(), { isTTY: options.tty === true })
  if (options.typed !== undefined) stdin.end(options.typed)
  const code = await runCli(args, {
    stdin,
    stdout: stdout as CliStream,
    stderr: stderr as CliStream,
    env: options.env ?? {},
    cwd: options.cwd ?? tmpdir(),
    signal: options.signal ?? new AbortController().signal,
  })
  return { code, stdout: stdout.text, stderr: stderr.text, json: () => JSON.parse(stdout.text) }
}

/** A folder for the tests of a describe. */
export function useFolder(): () => string {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'hw-cli-'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))
  return () => folder
}

class Collector extends Writable {
  text = ''
  readonly isTTY: boolean
  readonly columns = 100

  constructor(tty = false) {
    super()
    this.isTTY = tty
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString()
    done()
  }

  // What a progress bar asks of a terminal.
  cursorTo(): boolean {
    return true
  }
  clearLine(): boolean {
    return true
  }
  moveCursor(): boolean {
    return true
  }
}
