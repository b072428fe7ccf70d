import { describe } from 'vitest'
import { PostgresTruth } from '../../src/repositories/postgres/truth'
import { Stage, scope, trap, useStages } from './stage'

describe('an idempotency key used again after another write of the same document', () => {
  useStages()

  trap(
    'answers the first receipt and changes nothing',
    'the key',
    async (guarded) => {
      const stage = await Stage.open()
      const truth = new PostgresTruth(stage.connection, guarded ? {} : { withoutGuard: 'idempotency' })
      const { ports, writer } = stage.process({ truth })
      const first = await writer.put(scope, { id: 'd', text: 'first words' }, { idempotencyKey: 'key' })
      await writer.put(scope, { id: 'd', text: 'second words' })
      const again = await writer.put(scope, { id: 'd', text: 'first words' }, { idempotencyKey: 'key' })
      await writer.relay.drain()
      const document = await ports.truth.session(scope).documents.get(scope, 'd')
      return {
        same: again.fence === first.fence,
        answered: again.version,
        stored: [document!.version, document!.text],
        index: await stage.texted(),
      }
    },
    {
      safe: { same: true, answered: 1, stored: [2, 'second words'], index: ['second words'] },
      // The second write is undone by a repetition of the first.
      broken: { same: false, answered: 3, stored: [3, 'first words'], index: ['first words'] },
    },
  )
})
