import { describe } from 'vitest'
import { rebuild } from '../../src/writer/rebuild/rebuild'
import { Stage, scope, trap, useStages } from './stage'
import { both, Gate, passing, remembered, type Step } from './steps'

describe('a writer in flight across a generation switch', () => {
  useStages()

  trap(
    'a worker that listed the generations before the new one confirms no more than it had claimed',
    'the job that is not the claim',
    async (guarded) => {
      const stage = await Stage.open()
      const { ports, writer } = stage.process()
      await writer.put(scope, { id: 'd', text: 'first words' })
      const listed = new Gate()
      const worker = stage.process({
        inTruth: async (call, args, go) => {
          if (call === 'chunks.states' && args[0][0].target === 'text') await listed.pass()
          const answer = await go()
          // As if it confirmed whatever it had read.
          if (call === 'jobs.settle' && !guarded) await stage.database.admin('DELETE FROM headwater.queue')
          return answer
        },
      })
      const draining = worker.writer.relay.drain()
      await listed.reached
      await rebuild(ports, { target: 'text', collection: stage.plan })
      // Applied by the worker together with the first, to the index that was.
      await writer.put(scope, { id: 'd', text: 'second words' })
      listed.open()
      await draining
      return { index: await stage.texted(), jobs: await stage.jobs() }
    },
    { safe: { index: ['second words'], jobs: 0 }, broken: { index: ['first words'], jobs: 0 } },
  )

  trap(
    'a transaction that is open while the new generation is made and switched to reaches it',
    'the list of generations that is read after the claim',
    async (guarded) => {
      const stage = await Stage.open()
      const { ports, writer } = stage.process()
      await writer.put(scope, { id: 'd', text: 'first words' })
      await writer.relay.drain()
      const enqueued = new Gate()
      const slow = stage.process({
        options: { relay: 'background' },
        inTruth: both(guarded ? passing : remembered('generations.list'), async (call, args, go) => {
          const answer = await go()
          if (call === 'jobs.enqueue' && args[0][0].document === 'd') await enqueued.pass()
          return answer
        }),
      })
      // It knows the generations by now, if it remembers anything.
      await slow.writer.put(scope, { id: 'e', text: 'other words' })
      // Under a key it is more than one statement.
      const writing = slow.writer.put(scope, { id: 'd', text: 'second words' }, { idempotencyKey: 'k' })
      await enqueued.reached
      await rebuild(ports, { target: 'text', collection: stage.plan })
      enqueued.open()
      await writing
      return { index: await stage.texted(), jobs: await stage.jobs() }
    },
    {
      safe: { index: ['other words', 'second words'], jobs: 0 },
      broken: { index: ['first words', 'other words'], jobs: 0 },
    },
  )

  trap(
    'two rebuilds that begin at once build one generation',
    'the lock of the target',
    async (guarded) => {
      const stage = await Stage.open()
      const looked = new Gate()
      const unlocked: Step = async (call, _args, go) => {
        if (call === 'generations.lock' && !guarded) return undefined
        return go()
      }
      const first = stage.process({
        inTruth: both(unlocked, async (call, _args, go) => {
          const answer = await go()
          if (call === 'generations.list') await looked.pass()
          return answer
        }),
      })
      const second = stage.process({ inTruth: unlocked })
      const one = rebuild(first.ports, { target: 'text', collection: stage.plan })
      await looked.reached
      const two = rebuild(second.ports, { target: 'text', collection: stage.plan })
      const step = await stage.untilStill(two)
      looked.open()
      const names = new Set([(await one).generation, (await two).generation])
      return { step, built: names.size }
    },
    { safe: { step: 'blocked', built: 1 }, broken: { step: 'done', built: 2 } },
  )
})
