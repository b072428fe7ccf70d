import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Administrator's URL of the Postgres server of this run. */
    postgresUrl: string
    /** The same of a server that has pgvector, where HW_TEST_PGVECTOR_URL names one. */
    pgvectorUrl: string | undefined
  }
}

/**
 * One Postgres 18 from npm for the whole run, gone with its data afterwards, also when this process is killed.
 * HW_TEST_PG_URL uses a server that runs already.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  project.provide('pgvectorUrl', process.env['HW_TEST_PGVECTOR_URL'] || undefined)
  const running = process.env['HW_TEST_PG_URL']
  if (running) {
    project.provide('postgresUrl', running)
    return async () => {}
  }
  const script = fileURLToPath(new URL('./postgres-server.mjs', import.meta.url))
  const server = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'pipe'] })
  const exited = once(server, 'exit')
  let log = ''
  server.stderr.on('data', (bytes) => {
    log = `${log}${bytes}`.slice(-4_000)
  })
  const url = await Promise.race([
    once(server.stdout, 'data').then(([bytes]) => String(bytes).trim()),
    exited.then(() => undefined),
  ])
  if (!url) throw new Error(`The test server did not start:\n${log}`)
  project.provide('postgresUrl', url)
  return async () => {
    server.stdin.end()
    await exited
  }
}
