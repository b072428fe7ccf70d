import type { Json } from '../../core/json'
import type { CacheRepository } from '../../repositories/cache'
import { codeOf, type Fixture, fixtureTest, type TestRunner } from '../runner'
import { acme, globex, hostileStrings } from './rows'

export interface CacheFixture extends Fixture {
  readonly cache: CacheRepository
  /** Moves the cache's clock on, ms. */
  advance(ms: number): Promise<void> | void
}

/** What every `CacheRepository` promises. `make` gives an empty one that is large enough for 1,000 entries. */
export function cacheRepositoryContract(runner: TestRunner, make: () => Promise<CacheFixture>): void {
  const { expect } = runner
  const test = fixtureTest(runner, make)

  runner.describe('CacheRepository', () => {
    test('keeps JSON of every kind', async ({ cache }) => {
      const values: Json[] = ['text', '', 0, -0.5, true, false, null, [], {}, { a: [null, { b: 'é\u{1F600}' }] }]
      for (const [i, value] of values.entries()) await cache.set(acme, `k${i}`, value)
      for (const [i, value] of values.entries()) expect(await cache.get(acme, `k${i}`)).toEqual(value)
      expect(await cache.get(acme, 'absent')).toBe(undefined)
      await cache.set(acme, 'k0', 'over')
      expect(await cache.get(acme, 'k0')).toBe('over')
    })

    test('gets many in the order of the keys', async ({ cache }) => {
      await cache.set(acme, 'a', 1)
      await cache.set(acme, 'b', 2)
      expect(await cache.getMany(acme, ['b', 'absent', 'a', 'b'])).toEqual([2, undefined, 1, 2])
      expect(await cache.getMany(acme, [])).toEqual([])
    })

    test('tenants are apart: values, deletes, tags, loads and stats', async ({ cache }) => {
      await cache.set(acme, 'k', 'ours', { tags: ['t'] })
      expect(await cache.get(globex, 'k')).toBe(undefined)
      expect(await cache.getMany(globex, ['k'])).toEqual([undefined])
      expect(await cache.delete(globex, 'k')).toBe(false)
      expect(await cache.deleteByTag(globex, 't')).toBe(0)
      expect(await cache.getOrLoad(globex, 'k', async () => 'theirs')).toBe('theirs')
      expect(await cache.get(acme, 'k')).toBe('ours')
      const { entries } = await cache.stats(acme)
      expect(entries).toBe(1)
    })

    test('keeps hostile keys and tags apart', async ({ cache }) => {
      for (const [i, key] of hostileStrings.entries()) await cache.set(acme, key, i, { tags: [key] })
      for (const [i, key] of hostileStrings.entries()) expect(await cache.get(acme, key)).toBe(i)
      expect(await cache.deleteByTag(acme, hostileStrings[0]!)).toBe(1)
      expect(await cache.deleteByTag(acme, '*')).toBe(0)
      expect(await cache.get(acme, hostileStrings[1]!)).toBe(1)
    })

    test('an entry lives as long as was said', async ({ cache, advance }) => {
      await cache.set(acme, 'short', 1, { ttlMs: 100 })
      await cache.set(acme, 'long', 2, { ttlMs: 100_000 })
      expect(await cache.get(acme, 'short')).toBe(1)
      await advance(150)
      expect(await cache.get(acme, 'short')).toBe(undefined)
      expect(await cache.get(acme, 'long')).toBe(2)
      expect(await cache.delete(acme, 'short')).toBe(false)
      expect(await cache.getOrLoad(acme, 'short', async () => 3)).toBe(3)
    })

    test('setting again starts its time anew', async ({ cache, advance }) => {
      await cache.set(acme, 'k', 1, { ttlMs: 100 })
      await advance(80)
      await cache.set(acme, 'k', 2, { ttlMs: 100 })
      await advance(80)
      expect(await cache.get(acme, 'k')).toBe(2)
    })

    test('refuses a time to live that is none', async ({ cache }) => {
      for (const ttlMs of [0, -1, Number.NaN]) {
        expect(await codeOf(cache.set(acme, 'k', 1, { ttlMs }))).toBe('HW_INVALID_ARGUMENT')
      }
      expect(await cache.get(acme, 'k')).toBe(undefined)
    })

    test('deletes, and says whether there was something', async ({ cache }) => {
      await cache.set(acme, 'k', null)
      expect(await cache.delete(acme, 'k')).toBe(true)
      expect(await cache.delete(acme, 'k')).toBe(false)
      expect(await cache.get(acme, 'k')).toBe(undefined)
    })

    test('deletes by tag', async ({ cache }) => {
      await cache.set(acme, 'a', 1, { tags: ['x', 'y'] })
      await cache.set(acme, 'b', 2, { tags: ['y'] })
      await cache.set(acme, 'c', 3)
      expect(await cache.deleteByTag(acme, 'x')).toBe(1)
      expect(await cache.getMany(acme, ['a', 'b', 'c'])).toEqual([undefined, 2, 3])
      await cache.set(acme, 'b', 4)
      expect(await cache.deleteByTag(acme, 'y')).toBe(0)
      expect(await cache.get(acme, 'b')).toBe(4)
    })

    test('loads once for many callers, and keeps what was loaded', async ({ cache }) => {
      let loads = 0
      const gate = signal()
      const load = async (): Promise<Json> => {
        loads++
        await gate.opened
        return { loaded: loads }
      }
      const callers = Promise.all(Array.from({ length: 5 }, () => cache.getOrLoad(acme, 'k', load)))
      gate.open()
      expect(await callers).toEqual(Array.from({ length: 5 }, () => ({ loaded: 1 })))
      expect(await cache.getOrLoad(acme, 'k', load)).toEqual({ loaded: 1 })
      expect(await cache.get(acme, 'k')).toEqual({ loaded: 1 })
      expect(loads).toBe(1)
    })

    test('keeps a loaded null, and its tags and time', async ({ cache, advance }) => {
      expect(await cache.getOrLoad(acme, 'null', async () => null)).toBe(null)
      expect(await cache.getOrLoad(acme, 'null', async () => 'not asked')).toBe(null)
      await cache.getOrLoad(acme, 'tagged', async () => 1, { tags: ['t'], ttlMs: 100_000 })
      await cache.getOrLoad(acme, 'short', async () => 1, { ttlMs: 100 })
      await advance(150)
      expect(await cache.getMany(acme, ['tagged', 'short'])).toEqual([1, undefined])
      expect(await cache.deleteByTag(acme, 't')).toBe(1)
    })

    test('a load that fails is not kept, and the next caller loads again', async ({ cache }) => {
      const broken = async (): Promise<Json> => {
        throw Object.assign(new TypeError('broken'), { code: 'BROKEN' })
      }
      const both = [cache.getOrLoad(acme, 'k', broken), cache.getOrLoad(acme, 'k', broken)]
      expect(await Promise.all(both.map(codeOf))).toEqual(['BROKEN', 'BROKEN'])
      expect(await cache.getOrLoad(acme, 'k', async () => 'fine')).toBe('fine')
    })

    for (const [how, tags, remove] of [
      ['a delete', [], (cache: CacheRepository) => cache.delete(acme, 'k')],
      ['a delete by tag', ['t'], (cache: CacheRepository) => cache.deleteByTag(acme, 't')],
    ] as const) {
      test(`${how} during a load keeps its result from being stored`, async ({ cache }) => {
        const started = signal()
        const gate = signal()
        const loading = cache.getOrLoad(
          acme,
          'k',
          async () => {
            started.open()
            await gate.opened
            return 'old'
          },
          { tags },
        )
        await started.opened
        await remove(cache)
        gate.open()
        expect(await loading).toBe('old')
        expect(await cache.get(acme, 'k')).toBe(undefined)
        expect(await cache.getOrLoad(acme, 'k', async () => 'new')).toBe('new')
      })
    }

    test('a caller who aborts stops waiting; the load goes on for the others', async ({ cache }) => {
      const gate = signal()
      const started = signal()
      const controller = new AbortController()
      const load = async (): Promise<Json> => {
        started.open()
        await gate.opened
        return 1
      }
      const leaving = codeOf(cache.getOrLoad(acme, 'k', load, { signal: controller.signal }))
      const staying = cache.getOrLoad(acme, 'k', load)
      await started.opened
      controller.abort()
      expect(await leaving).toBe('HW_ABORTED')
      gate.open()
      expect(await staying).toBe(1)
      expect(await codeOf(cache.get(acme, 'k', { signal: controller.signal }))).toBe('HW_ABORTED')
    })

    test('does not share memory with the caller', async ({ cache }) => {
      const mine = { list: [1] }
      await cache.set(acme, 'k', mine)
      mine.list.push(2)
      const read = await cache.get(acme, 'k')
      expect(read).toEqual({ list: [1] })
      ;(read as { list: number[] }).list.push(3)
      expect(await cache.get(acme, 'k')).toEqual({ list: [1] })
      const loaded = await cache.getOrLoad(acme, 'l', async () => ({ list: [1] }))
      ;(loaded as { list: number[] }).list.push(3)
      expect(await cache.get(acme, 'l')).toEqual({ list: [1] })
    })

    test('counts hits, misses and entries', async ({ cache }) => {
      await cache.set(acme, 'a', 1)
      await cache.set(acme, 'b', 1)
      await cache.set(acme, 'b', 2)
      await cache.getMany(acme, ['a', 'b', 'absent'])
      await cache.get(acme, 'absent')
      expect(await cache.stats(acme)).toEqual({ hits: 2, misses: 2, entries: 2 })
      await cache.delete(acme, 'a')
      expect((await cache.stats(acme)).entries).toBe(1)
    })

    test('takes 600 keys at once', async ({ cache }) => {
      const keys = Array.from({ length: 600 }, (_, i) => `k${i}`)
      await Promise.all(keys.map((key, i) => cache.set(acme, key, i, { tags: ['all'] })))
      expect(await cache.getMany(acme, keys)).toEqual(keys.map((_, i) => i))
      expect(await cache.deleteByTag(acme, 'all')).toBe(600)
    })

    test('deletes by many tags in one call', async ({ cache }) => {
      const keys = Array.from({ length: 1_200 }, (_, i) => `k${i}`)
      // In parts: what a busy server answers too late is not stored, and no error.
      for (let from = 0; from < keys.length; from += 100) {
        const part = keys.slice(from, from + 100)
        await Promise.all(part.map((key, i) => cache.set(acme, key, i, { tags: [`t${from + i}`, 'both'] })))
      }
      expect(await cache.deleteByTag(acme, [...keys.map((_, i) => `t${i}`).slice(1), 'absent'])).toBe(1_199)
      expect(await cache.deleteByTag(acme, ['t0', 'both', 't0'])).toBe(1)
      expect(await cache.deleteByTag(acme, [])).toBe(0)
    })

    test('a closed cache says so', async ({ cache }) => {
      await cache.close()
      expect(await codeOf(cache.get(acme, 'k'))).toBe('HW_CLOSED')
      await cache.close()
    })
  })
}

/** A promise that is opened from outside. */
function signal(): { readonly opened: Promise<void>; open(): void } {
  let open: () => void = () => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open: () => open() }
}
