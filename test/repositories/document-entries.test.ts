import { expect, it } from 'vitest'
import { HeadwaterError } from '../../src/core/errors'
import { seededRandom } from '../../src/core/random'
import { DocumentEntries, documentTag } from '../../src/repositories/document-entries'
import { EpochWatch } from '../../src/repositories/epoch-watch'
import { MemoryTruth } from '../../src/repositories/memory/truth'
import { RedisCacheRepository } from '../../src/repositories/redis/cache'
import { acme, scope } from '../../src/testing/contracts/rows'
import { FakeClock } from '../../src/testing/fake-clock'
import { ModelRedis } from '../../src/testing/simulator/model-redis'
import { Scheduler } from '../../src/testing/simulator/scheduler'
import { SimProcess } from '../../src/testing/simulator/sim-process'
import { VirtualClock } from '../../src/testing/simulator/virtual-clock'

it('a process that has not heard of a restore deletes what others have cached since', async () => {
  let down = false
  const before = async (): Promise<void> => {
    if (down) throw new HeadwaterError('HW_UNAVAILABLE', 'down')
  }
  const truth = new MemoryTruth({ faults: { before, commit: async () => 'ok' } })
  const scheduler = new Scheduler(seededRandom(1))
  const redis = new ModelRedis({ call: (_process, _what, _call, serve) => serve() }, scheduler, { withoutLease: false })
  const member = async (): Promise<{ epoch: EpochWatch; cache: RedisCacheRepository }> => {
    const epoch = new EpochWatch(truth, new FakeClock())
    await epoch.refresh()
    const process = new SimProcess('p0', 1, scheduler, new VirtualClock(scheduler))
    return { epoch, cache: new RedisCacheRepository(redis.for(process), { epoch: epoch.current }) }
  }
  const worker = await member()
  const restored = truth.bumpEpoch()
  const { cache } = await member()
  await cache.set(acme, 'summary', 'of the first words', { tags: [documentTag('documents', 'd')] })
  const entries = new DocumentEntries(worker.cache, { shared: true, epoch: worker.epoch })
  // Not under the keys of before, which would be no error and no help.
  down = true
  const changed = [{ ...scope, document: 'd', epoch: restored }]
  await expect(entries.forget(changed, {})).rejects.toMatchObject({ code: 'HW_UNAVAILABLE' })
  down = false
  await entries.forget(changed, {})
  expect(await cache.get(acme, 'summary')).toBe(undefined)
})
