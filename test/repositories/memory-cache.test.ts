import { describe, expect, it } from 'vitest'
import { tenantId } from '../../src/core/ids'
import { MemoryCacheRepository } from '../../src/repositories/memory/cache'
import { FakeClock } from '../../src/testing/fake-clock'

const acme = tenantId('acme')

describe('the cache in this process', () => {
  it('lets the least recently used go, with its tags', async () => {
    const cache = new MemoryCacheRepository({ maxEntries: 2 })
    await cache.set(acme, 'a', 1, { tags: ['t'] })
    await cache.set(acme, 'b', 2, { tags: ['t'] })
    await cache.get(acme, 'a')
    await cache.set(acme, 'c', 3)
    expect(await cache.getMany(acme, ['a', 'b', 'c'])).toEqual([1, undefined, 3])
    expect(await cache.deleteByTag(acme, 't')).toBe(1)
    expect((await cache.stats(acme)).entries).toBe(1)
  })

  it('takes the time to live of its options, and sets no timer', async () => {
    const clock = new FakeClock()
    const cache = new MemoryCacheRepository({ clock, ttlMs: 1000 })
    await cache.set(acme, 'a', 1)
    await clock.advance(1000)
    expect(await cache.get(acme, 'a')).toBe(1)
    await clock.advance(1)
    expect((await cache.stats(acme)).entries).toBe(0)
    expect(await cache.get(acme, 'a')).toBe(undefined)
    expect(clock.pending).toBe(0)
  })

  it('a set during a load is the newer value', async () => {
    const cache = new MemoryCacheRepository()
    const loaded = await cache.getOrLoad(acme, 'k', async () => {
      await cache.set(acme, 'k', 'set')
      return 'loaded'
    })
    expect([loaded, await cache.get(acme, 'k')]).toEqual(['loaded', 'set'])
  })

  it('stores nothing that is loaded after it was closed', async () => {
    const cache = new MemoryCacheRepository()
    const value = await cache.getOrLoad(acme, 'k', async () => {
      await cache.close()
      return 1
    })
    expect(value).toBe(1)
    await expect(cache.get(acme, 'k')).rejects.toMatchObject({ code: 'HW_CLOSED' })
  })

  it.each([{ maxEntries: 0 }, { maxEntries: 1.5 }, { ttlMs: 0 }, { ttlMs: Number.POSITIVE_INFINITY }])(
    'refuses %o by the path of the option',
    (options) => {
      const path = `cache.${Object.keys(options)[0]}`
      expect(() => new MemoryCacheRepository(options)).toThrow(
        expect.objectContaining({ code: 'HW_INVALID_OPTIONS', path }),
      )
    },
  )
})
