/** A Postgres to keep records in: DATABASE_URL, else the one that comes from npm, until `stop`. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export async function openPostgres(): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const given = process.env['DATABASE_URL']
  if (given) return { url: given, stop: async () => undefined }
  const script = fileURLToPath(new URL('../../test/support/postgres-server.mjs', import.meta.url))
  const server = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = once(server, 'exit')
  const said = await Promise.race([once(server.stdout, 'data'), exited.then(() => undefined)])
  if (!said) throw new Error('Postgres did not start: set DATABASE_URL')
  return {
    url: String(said[0]).trim(),
    async stop() {
      server.stdin.end()
      await exited
    },
  }
}
