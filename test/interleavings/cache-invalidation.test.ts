import { describe } from 'vitest'
import { DocumentEntries, documentTag } from '../../src/repositories/document-entries'
import { MemoryCacheRepository } from '../../src/repositories/memory/cache'
import { FakeClock } from '../../src/testing/fake-clock'
import { Stage, scope, trap, useStages } from './stage'
import { Gate, stepped } from './steps'

describe('a cache invalidation lost with the process', () => {
  useStages()

  trap(
    'killed between the commit and the invalidation, another process does it',
    'the job for the cache in the write’s own transaction',
    async (guarded) => {
      const stage = await Stage.open()
      const cache = new MemoryCacheRepository()
      const entries = new DocumentEntries(cache, { shared: true })
      await cache.set(scope.tenant, 'summary', 'of the first words', { tags: [documentTag('documents', 'd')] })
      // Nobody opens it: whoever comes here is gone.
      const killed = new Gate()
      const victim = stage.process({
        clock: new FakeClock(),
        options: { relay: 'background', leaseMs: 1 },
        entries: stepped(entries, (call, _args, go) => (call === 'forget' ? killed.pass() : go())),
        inTruth: async (call, args, go) => {
          if (guarded || call !== 'documents.insert') return go()
          const targets = args[2].targets.filter((target: string) => target !== 'cache')
          const answer = await go(args[0], args[1], { ...args[2], targets })
          await killed.pass()
          return answer
        },
      })
      void victim.writer.put(scope, { id: 'd', text: 'second words' })
      await killed.reached
      const { rows } = await stage.database.admin('SELECT text FROM headwater.documents')
      await stage.process({ entries }).writer.relay.drain()
      return { stored: rows[0].text, cached: (await cache.get(scope.tenant, 'summary')) ?? null }
    },
    {
      safe: { stored: 'second words', cached: null },
      broken: { stored: 'second words', cached: 'of the first words' },
    },
  )
})
