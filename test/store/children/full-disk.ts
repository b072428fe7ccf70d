import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { openStore } from '../../../index'

/**
 * Writes to an embedded store until no more can be written: who starts it limits the size of files (`ulimit -f`), as a
 * full disk would. Then tries everything that a service does next, and says what came of it and how long it took, ms.
 */
const [folder] = process.argv.slice(2) as [string]
const unhandled: string[] = []
process.on('unhandledRejection', (error) => unhandled.push(String(error)))
process.on('uncaughtException', (error) => unhandled.push(String(error)))

async function attempt(work: () => Promise<unknown>): Promise<{ outcome: string; ms: number }> {
  const startedAt = performance.now()
  let timer: NodeJS.Timeout | undefined
  const never = new Promise<string>((resolve) => {
    timer = setTimeout(resolve, 20_000, 'HANGS')
  })
  const outcome = await Promise.race([
    work().then(
      () => 'ok',
      (error: { code?: string }) => error.code ?? `raw: ${String(error)}`,
    ),
    never,
  ])
  clearTimeout(timer)
  return { outcome, ms: performance.now() - startedAt }
}

const told: string[] = []
const store = await openStore({
  embedded: { path: folder },
  embedder: { hashing: { dimensions: 32 } },
  onError: ({ code }) => told.push(code),
})
const acme = store.forTenant('acme')
const text = (): string => Array.from({ length: 20_000 }, () => Math.random().toString(36).slice(2)).join(' ')
let acknowledged = 0
let put = await attempt(async () => undefined)
while (put.outcome === 'ok' && acknowledged < 80) {
  put = await attempt(() => acme.documents.put({ id: `f${acknowledged}`, text: text() }, { embed: 'deferred' }))
  if (put.outcome === 'ok') acknowledged++
}
const results = {
  put,
  get: await attempt(() => acme.documents.get('f0')),
  small: await attempt(() => acme.documents.put({ id: 'z', text: 'small' })),
  search: await attempt(() => acme.search({ query: 'small' })),
  drain: await attempt(() => store.relay.drain({ timeoutMs: 500 })),
}
// The relay looks by itself within a second or two.
for (let turn = 0; turn < 100 && told.length === 0; turn++) await new Promise((resolve) => setTimeout(resolve, 50))
const { status } = await store.health()
const close = await attempt(() => store.close())
const locked = existsSync(join(folder, 'headwater.lock'))
console.log(JSON.stringify({ acknowledged, ...results, status, close, locked, told: [...new Set(told)], unhandled }))
