import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PGlite } from '@electric-sql/pglite'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { openStore, type Store } from '../../index'

const root = fileURLToPath(new URL('../..', import.meta.url))
const embedder = { hashing: { dimensions: 32 } }
const loader = join(root, 'node_modules', 'tsx', 'dist', 'loader.mjs')

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hw-death-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))
afterEach(() => {
  vi.restoreAllMocks()
})

/** Runs a child under a limit of the size of its files, of which a write tells as of a full disk. */
function limited(kilobytes: number, ...args: string[]): Promise<string> {
  const line = `trap '' XFSZ; ulimit -f ${kilobytes}; exec "$0" "$@"`
  const child = spawn('bash', ['-c', line, process.execPath, '--import', loader, ...args], { cwd: root })
  let out = ''
  child.stdout.on('data', (data) => {
    out += data
  })
  child.stderr.on('data', (data) => {
    out += data
  })
  return new Promise((resolve) => child.on('close', () => resolve(out)))
}

describe('a disk that is full', () => {
  it('is HW_STORAGE at once for all that waits, and the store closes, lets go and opens again with all that was acknowledged', async () => {
    const path = join(folder, 'full')
    await (await openStore({ embedded: { path }, embedder })).close()
    const out = await limited(12_000, join(root, 'test/store/children/full-disk.ts'), path)
    const last = out.trim().split('\n').at(-1)!
    expect(last, out).toMatch(/^\{/)
    const found = JSON.parse(last)
    expect(found).toMatchObject({
      put: { outcome: expect.stringMatching(/^HW_(STORAGE|COMMIT_UNKNOWN)$/) },
      get: { outcome: 'HW_STORAGE' },
      small: { outcome: 'HW_STORAGE' },
      search: { outcome: 'HW_STORAGE' },
      status: 'down',
      close: { outcome: 'ok' },
      locked: false,
      told: ['HW_STORAGE'],
      unhandled: [],
    })
    for (const { ms } of [found.get, found.small, found.search]) expect(ms).toBeLessThan(2_000)
    expect(found.close.ms).toBeLessThan(10_000)
    const store = await openStore({ embedded: { path }, embedder })
    const acme = store.forTenant('acme')
    for (let i = 0; i < found.acknowledged; i++) expect(await acme.documents.get(`f${i}`)).not.toBeNull()
    expect(await acme.documents.put({ id: 'after', text: 'words' })).toMatchObject({ version: 1 })
    await store.close()
  }, 180_000)
})

describe('an engine that dies', () => {
  const failing: Record<string, () => Promise<never>> = {
    'throws as an aborted WebAssembly does': () => Promise.reject(new TypeError('unreachable')),
    'is silent': () => new Promise(() => undefined),
    'ends with FATAL': async () =>
      [{ name: 'error', severity: 'FATAL', message: 'terminating', code: '57P01' }] as never,
  }

  it.each(Object.entries(failing))(
    'and %s is HW_STORAGE for what waits and what comes',
    async (how, fail) => {
      const path = join(folder, `dies-${how.replaceAll(' ', '-')}`)
      const told: string[] = []
      const store: Store = await openStore({ embedded: { path }, embedder, onError: ({ code }) => told.push(code) })
      const acme = store.forTenant('acme')
      await acme.documents.put({ id: 'a', text: 'words' })
      vi.spyOn(PGlite.prototype, 'execProtocolStream').mockImplementation(fail)
      const startedAt = performance.now()
      const calls = [
        acme.documents.get('a'),
        acme.documents.put({ id: 'b', text: 'more' }),
        acme.search({ query: 'words' }),
      ]
      for (const outcome of await Promise.allSettled(calls)) {
        expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'HW_STORAGE' } })
      }
      expect(performance.now() - startedAt).toBeLessThan(12_000)
      await expect(acme.documents.get('a')).rejects.toMatchObject({ code: 'HW_STORAGE', details: { dead: true } })
      await vi.waitFor(() => expect(new Set(told)).toEqual(new Set(['HW_STORAGE'])), { timeout: 10_000 })
      const closingAt = performance.now()
      await store.close()
      expect(performance.now() - closingAt).toBeLessThan(10_000)
      expect(existsSync(join(path, 'headwater.lock'))).toBe(false)
      vi.restoreAllMocks()
      const again = await openStore({ embedded: { path }, embedder })
      expect(await again.forTenant('acme').documents.get('a')).toMatchObject({ id: 'a' })
      await again.close()
    },
    60_000,
  )

  it('a statement that blocks the loop for long is no death', async () => {
    const store = await openStore({ embedded: { path: ':memory:' }, embedder })
    const original = PGlite.prototype.execProtocolStream
    vi.spyOn(PGlite.prototype, 'execProtocolStream').mockImplementationOnce(async function (this: PGlite, ...args) {
      const until = performance.now() + 6_000
      while (performance.now() < until);
      return original.apply(this, args)
    })
    expect(await store.forTenant('acme').documents.count()).toBe(0)
    await store.close()
  }, 30_000)
})

describe('half a folder', () => {
  it.each(['PG_VERSION', '.'])('is HW_STORAGE and nothing is made in it (%s is gone)', async (gone) => {
    const path = join(folder, `half-${gone.length}`)
    await (await openStore({ embedded: { path }, embedder })).close()
    await rm(join(path, 'postgres', gone === '.' ? 'base' : gone), { recursive: true })
    if (gone === '.') await rm(join(path, 'postgres', 'PG_VERSION'))
    await expect(openStore({ embedded: { path }, embedder })).rejects.toMatchObject({
      code: 'HW_STORAGE',
      message: expect.stringContaining('PG_VERSION'),
    })
    expect(existsSync(join(path, 'headwater.lock'))).toBe(false)
    expect(existsSync(join(path, 'postgres', 'PG_VERSION'))).toBe(false)
  })
})
