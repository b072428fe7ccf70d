import { describe, expect, it } from 'vitest'
import { FakeClock } from '../../src/testing/fake-clock'
import { AdaptiveLimit } from '../../src/writer/relay/adaptive-limit'

/** As many batches at once as the limit says, each of which takes what `cost` gives for that many, or is refused. */
async function rounds(limit: AdaptiveLimit, count: number, cost: (atOnce: number) => number | 'refused', full = true) {
  const clock = new FakeClock()
  const sizes: number[] = []
  for (let round = 0; round < count; round++) {
    const atOnce = limit.size
    const startedAt = clock.monotonic()
    const took = cost(atOnce)
    await clock.advance(took === 'refused' ? 1 : took)
    const endedAt = clock.monotonic()
    for (let at = 0; at < atOnce; at++) limit.note({ startedAt, endedAt, full, ok: took !== 'refused' })
    await clock.advance(1)
    sizes.push(limit.size)
  }
  return sizes
}

describe('AdaptiveLimit', () => {
  it('begins with one and adds one a round, up to the most', async () => {
    expect(await rounds(new AdaptiveLimit(4), 6, () => 100)).toEqual([2, 3, 4, 4, 4, 4])
  })

  it('is halved once by an overload that several batches meet, and grows again', async () => {
    const limit = new AdaptiveLimit(8)
    await rounds(limit, 7, () => 100)
    expect(limit.size).toBe(8)
    expect(await rounds(limit, 1, () => 'refused')).toEqual([4])
    expect(await rounds(new AdaptiveLimit(8), 3, () => 'refused')).toEqual([1, 1, 1])
  })

  it('stays where latency jumps: a target that is as fast with two as with four gets no more than three', async () => {
    const sizes = await rounds(new AdaptiveLimit(8), 60, (atOnce) => (atOnce <= 3 ? 100 : 400))
    expect(Math.max(...sizes)).toBe(4)
    expect(sizes.filter((size) => size === 4).length).toBeLessThan(30)
  })

  it('takes a target that has become slower for what it is, in time', async () => {
    const limit = new AdaptiveLimit(4)
    await rounds(limit, 6, () => 100)
    const sizes = await rounds(limit, 200, () => 300)
    expect(sizes[0]).toBeLessThan(4)
    expect(sizes.at(-1)).toBe(4)
  })

  it('learns nothing from batches that are not full', async () => {
    expect(await rounds(new AdaptiveLimit(4), 5, () => 100, false)).toEqual([1, 1, 1, 1, 1])
  })
})
