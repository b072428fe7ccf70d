import { describe, expect, it } from 'vitest'
import { HeadwaterError } from '../../src/core/errors'
import { tenantId } from '../../src/core/ids'
import { seededRandom } from '../../src/core/random'
import { codeOf } from '../../src/testing/runner'
import { Dice } from '../../src/testing/simulator/dice'
import { ModelTruth } from '../../src/testing/simulator/model-truth'
import { Network } from '../../src/testing/simulator/network'
import { Scheduler } from '../../src/testing/simulator/scheduler'
import { SimProcess } from '../../src/testing/simulator/sim-process'
import type { EngineFaultPlan, TruthFaultPlan } from '../../src/testing/simulator/swarm'
import { VirtualClock } from '../../src/testing/simulator/virtual-clock'
import { World } from '../../src/testing/simulator/world'

const tenant = tenantId('acme')
const reliable: EngineFaultPlan = { refused: 0, lostRequest: 0, lostAnswer: 0, late: 0, duplicate: 0, slow: 0 }
const steady: TruthFaultPlan = { error: 0, lostCommit: 0, earlyLoss: 0, slow: 0 }

function stage(seed = 1): { world: World; clock: VirtualClock; process: SimProcess; other: SimProcess } {
  const world = new World(seed, false)
  world.faulty = true
  const clock = new VirtualClock(world.scheduler)
  return {
    world,
    clock,
    process: new SimProcess('p0', 1, world.scheduler, clock),
    other: new SimProcess('p1', 2, world.scheduler, clock),
  }
}

describe('scheduler', () => {
  it('fires by time and lets promises settle before the next event', async () => {
    const scheduler = new Scheduler(seededRandom(1))
    const seen: string[] = []
    scheduler.after(5, () => {
      seen.push(`b${scheduler.now}`)
      void (async () => {
        for (let i = 0; i < 50; i++) await undefined
        seen.push('settled')
      })()
    })
    scheduler.after(5.5, () => seen.push(`c${scheduler.now}`))
    scheduler.after(1, () => seen.push(`a${scheduler.now}`))
    scheduler.after(3, () => seen.push('cancelled'))()
    expect(await scheduler.run(scheduler.delay(10), 100)).toBe('done')
    expect(seen).toEqual(['a1', 'b5', 'settled', 'c6'])
  })

  it('orders events of one moment by the seed', async () => {
    const orderOf = async (seed: number): Promise<string> => {
      const scheduler = new Scheduler(seededRandom(seed))
      const seen: string[] = []
      for (const name of 'abcdefgh') scheduler.after(1, () => seen.push(name))
      await scheduler.run(scheduler.delay(2), 100)
      return seen.join('')
    }
    expect(await orderOf(7)).toBe(await orderOf(7))
    expect(new Set(await Promise.all([1, 2, 3, 4].map(orderOf))).size).toBe(4)
  })

  it('tells a deadlock from work without end', async () => {
    const stuck = new Scheduler(seededRandom(1))
    stuck.after(1, () => undefined)
    expect(await stuck.run(new Promise(() => undefined), 100)).toBe('deadlock')
    const busy = new Scheduler(seededRandom(1))
    const again = (): void => void busy.after(1, again)
    again()
    expect(await busy.run(new Promise(() => undefined), 100)).toBe('endless')
  })
})

describe('a process', () => {
  it('hears nothing after its crash, neither answers nor timers', async () => {
    const { world, process } = stage()
    const heard: string[] = []
    process.guard(world.scheduler.delay(1)).then(() => heard.push('early'))
    process.guard(world.scheduler.delay(5)).then(() => heard.push('late'))
    process.clock.timer(5, () => heard.push('timer'))
    world.scheduler.after(3, () => process.crash())
    await world.scheduler.run(world.scheduler.delay(10), 100)
    expect(heard).toEqual(['early'])
  })
})

describe('network', () => {
  async function send(fault: Partial<EngineFaultPlan>): Promise<{ answer: string; at: number; arrivals: number[] }> {
    const { world, process } = stage()
    const network = new Network('engine', world, { ...reliable, ...fault }, new Dice(1, 'engine'), () => false)
    const arrivals: number[] = []
    const call = codeOf(network.call(process, 'upsert', undefined, async () => void arrivals.push(world.scheduler.now)))
    let answer = ''
    let at = 0
    const answered = call.then((code) => {
      answer = code
      at = world.scheduler.now
    })
    await world.scheduler.run(Promise.all([answered, world.scheduler.delay(5_000)]), 100)
    return { answer, at, arrivals }
  }

  it('answers what arrives', async () => {
    const { answer, at, arrivals } = await send({})
    expect(answer).toBe('resolved')
    expect(arrivals).toHaveLength(1)
    expect(at).toBeLessThan(20)
  })

  it('refuses, loses the request, or loses the answer', async () => {
    expect(await send({ refused: 1 })).toMatchObject({ answer: 'HW_UNAVAILABLE', arrivals: [] })
    expect(await send({ lostRequest: 1 })).toMatchObject({ answer: 'HW_TIMEOUT', arrivals: [] })
    const lost = await send({ lostAnswer: 1 })
    expect(lost.answer).toBe('HW_TIMEOUT')
    expect(lost.arrivals).toHaveLength(1)
  })

  it('delivers after the caller gave up, or twice', async () => {
    const late = await send({ late: 1 })
    expect(late.answer).toBe('HW_TIMEOUT')
    expect(late.arrivals[0]).toBeGreaterThanOrEqual(late.at)
    expect((await send({ duplicate: 1 })).arrivals).toHaveLength(2)
  })
})

describe('truth', () => {
  function truthOf(plan: Partial<TruthFaultPlan>, seed: number): ReturnType<typeof stage> & { truth: ModelTruth } {
    const staged = stage(seed)
    const { world, clock } = staged
    const truth = new ModelTruth({
      world,
      clock,
      plan: { ...steady, ...plan },
      dice: new Dice(seed, 'truth'),
      down: () => false,
      committed: () => undefined,
      withoutGuard: undefined,
    })
    return { ...staged, truth }
  }

  it('loses the answer to COMMIT with either outcome, which its marker tells', async () => {
    for (const plan of [{ lostCommit: 1 }, { earlyLoss: 1 }]) {
      const outcomes = new Set<string>()
      for (let seed = 1; seed <= 12; seed++) {
        const { world, process, truth } = truthOf(plan, seed)
        const mine = truth.for(process)
        const work = (async () => {
          const write = mine.transaction({ tenant }, (session) => session.commits.begin(tenant, 'marker', ''))
          const told = await codeOf(write)
          world.faulty = false
          const refuted = await mine.session({ tenant }).commits.refute(tenant, 'marker')
          const row = truth.tables.commits.rows.get('acme/marker')!
          expect(row.refuted).toBe(refuted)
          outcomes.add(`${told} ${refuted ? 'undone' : 'done'}`)
        })()
        expect(await world.scheduler.run(work, 1_000)).toBe('done')
        await work
      }
      expect([...outcomes].sort()).toEqual(['HW_COMMIT_UNKNOWN done', 'HW_COMMIT_UNKNOWN undone'])
    }
  })

  it('rolls back what a process had open when it died, and lets the others go on', async () => {
    const { world, process, other, truth } = truthOf({}, 1)
    let told = 'nothing'
    truth
      .for(process)
      .transaction({ tenant }, async (session) => {
        await session.commits.begin(tenant, 'dead', '')
        await new Promise(() => undefined)
      })
      .then(
        () => {
          told = 'resolved'
        },
        () => {
          told = 'rejected'
        },
      )
    world.scheduler.after(50, () => {
      process.crash()
      truth.crash(process)
    })
    const next = truth.for(other).transaction({ tenant }, (session) => session.commits.begin(tenant, 'alive', ''))
    expect(await world.scheduler.run(next, 1_000)).toBe('done')
    await next
    expect([...truth.tables.commits.rows.keys()]).toEqual(['acme/alive'])
    expect(told).toBe('nothing')
  })

  it('breaks connections with an error of ours, within a transaction for good', async () => {
    const { world, process, truth } = truthOf({ error: 1 }, 3)
    const read = truth.for(process).session({ tenant }).registry.epoch()
    const caught = read.catch((error: unknown) => error)
    await world.scheduler.run(caught, 100)
    expect(await caught).toBeInstanceOf(HeadwaterError)
  })
})
