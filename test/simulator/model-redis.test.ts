import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../src/core/random'
import { RedisCacheRepository } from '../../src/repositories/redis/cache'
import { cacheRepositoryContract } from '../../src/testing/contracts/cache'
import { ModelRedis } from '../../src/testing/simulator/model-redis'
import { Scheduler } from '../../src/testing/simulator/scheduler'
import { SimProcess } from '../../src/testing/simulator/sim-process'
import { VirtualClock } from '../../src/testing/simulator/virtual-clock'

describe('the model of Redis', () => {
  cacheRepositoryContract({ describe, it, expect }, async () => {
    const scheduler = new Scheduler(seededRandom(1))
    const process = new SimProcess('p0', 1, scheduler, new VirtualClock(scheduler))
    let now = 0
    const time = {
      get now() {
        return now
      },
    }
    const redis = new ModelRedis({ call: (_process, _what, _call, serve) => serve() }, time, { withoutLease: false })
    return {
      cache: new RedisCacheRepository(redis.for(process), { jitter: 0 }),
      advance: (ms) => {
        now += ms
      },
      dispose: async () => undefined,
    }
  })
})
