import { describe, expect, it } from 'vitest'
import { HeadwaterError } from '../../src/core/errors'
import { EpochWatch } from '../../src/repositories/epoch-watch'
import { MemoryTruth } from '../../src/repositories/memory/truth'
import { FakeClock } from '../../src/testing/fake-clock'
import { steppedTruth } from '../interleavings/steps'

describe('the epoch as a process knows it', () => {
  it('is not made up before it is known, and stands while the truth is away', async () => {
    const clock = new FakeClock()
    let down = true
    let asked = 0
    const truth = steppedTruth(new MemoryTruth({ clock }), async (call, _args, go) => {
      if (call !== 'registry.epoch') return go()
      asked++
      if (down) throw new HeadwaterError('HW_UNAVAILABLE', 'down')
      return go()
    })
    const epoch = new EpochWatch(truth, clock)
    for (let turn = 0; turn < 2; turn++) await expect(epoch.refresh()).rejects.toMatchObject({ code: 'HW_UNAVAILABLE' })
    expect(epoch.current()).toBe(0)
    down = false
    await epoch.refresh()
    expect([epoch.current(), asked]).toEqual([1, 3])
    down = true
    await clock.advance(2_000)
    await epoch.refresh()
    await epoch.refresh()
    expect([epoch.current(), asked]).toEqual([1, 4])
  })
})
