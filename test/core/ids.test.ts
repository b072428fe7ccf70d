import { describe, expect, it } from 'vitest'
import { uuidV7 } from '../../src/core/ids'
import { systemRandom } from '../../src/core/random'
import { FakeClock } from '../../src/testing/fake-clock'

describe('a time-ordered id', () => {
  it('is one whatever the clock says, in its order', () => {
    const times = [-5_000, 0, 1, 1_796_000_000_000.5, 2 ** 48 - 1, 2 ** 52]
    const ids = times.map((now) => uuidV7(new FakeClock(now), systemRandom))
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(ids.map((id) => id.slice(0, 13))).toEqual([...ids.map((id) => id.slice(0, 13))].sort())
  })
})
