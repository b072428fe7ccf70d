/**
 * The Qdrant to measure with: QDRANT_URL, else the tests' double in a process of its own, so that it takes no time from
 * either side. The double is JavaScript and computes everything; a real server is faster.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { startQdrantDouble } from '../test/support/qdrant-double'

export interface BenchQdrant {
  readonly url: string
  readonly real: boolean
  stop(): Promise<void>
}

export async function openQdrant(): Promise<BenchQdrant> {
  const given = process.env['QDRANT_URL']
  if (given) return { url: given, real: true, stop: async () => undefined }
  const child: ChildProcess = fork(fileURLToPath(import.meta.url), { execArgv: [...process.execArgv] })
  const [url] = (await once(child, 'message')) as [string]
  const stop = async (): Promise<void> => {
    child.disconnect()
    await once(child, 'exit')
  }
  return { url, real: false, stop }
}

if (process.send && process.argv[1] === fileURLToPath(import.meta.url)) {
  const double = await startQdrantDouble()
  process.send(double.url)
  process.once('disconnect', () => process.exit())
}
