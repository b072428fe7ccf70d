import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { createServer } from 'node:net'
import { delimiter, join } from 'node:path'

export interface ServerProcess {
  readonly port: number
  stop(): Promise<void>
}

/** Where a command lies in the PATH, or undefined. */
export function findCommand(name: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  return folders.map((folder) => join(folder, name)).find(isExecutable)
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/**
 * Starts a server on a free port and waits until `ready`. A shell stands between that stops the server as soon as its
 * input ends, so that none outlives this process, however it ends.
 */
export async function startServer(
  command: (port: number) => readonly string[],
  ready: (port: number) => Promise<boolean>,
  env: Record<string, string> = {},
): Promise<ServerProcess> {
  const port = await freePort()
  const watch = '"$@" <&- >&2 & pid=$!; cat >/dev/null; kill -9 $pid; wait $pid'
  const child = spawn('sh', ['-c', watch, 'sh', ...command(port)], {
    stdio: ['pipe', 'ignore', 'pipe'],
    env: { ...process.env, ...env },
  })
  const exited = once(child, 'exit')
  let log = ''
  child.stderr.on('data', (bytes: Buffer) => {
    log = `${log}${bytes.toString()}`.slice(-4_000)
  })
  const stop = async (): Promise<void> => {
    child.stdin.end()
    await exited
  }
  for (let tries = 0; !(await ready(port).catch(() => false)); tries++) {
    if (tries > 300) {
      await stop()
      throw new Error(`${command(port)[0]} did not start:\n${log}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return { port, stop }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address ? address.port : 0
}
