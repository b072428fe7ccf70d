import { describe } from 'vitest'
import { textIndexOf, vectorIndexOf } from '../../src/repositories/generations'
import { codeOf } from '../../src/testing/runner'
import { writerDefaults } from '../../src/writer/ports'
import { liveGeneration } from '../../src/writer/rebuild/generations'
import { IndexWatch } from '../../src/writer/reconcile/index-watch'
import { saveRows, setRowsBack } from '../support/set-back'
import { Stage, scope, trap, useStages } from './stage'
import type { Step } from './steps'

describe('a Postgres that is restored behind the library’s back', () => {
  useStages()

  trap(
    'what the indexes have of the lost time is mended, and its receipts are refused',
    'the marker that is ahead of the record',
    async (guarded) => {
      const stage = await Stage.open()
      const { ports, writer } = stage.process()
      await writer.put(scope, { id: 'd', text: 'first words' })
      await writer.relay.drain()
      await saveRows(stage.database)
      const { vectors, texts } = stage
      const markers = {
        vector: await vectors.marker(vectorIndexOf(await liveGeneration(ports, 'vector', scope.collection))),
        text: await texts.marker(textIndexOf(await liveGeneration(ports, 'text', scope.collection))),
      }
      const lost = await writer.put(scope, { id: 'd', text: 'second words' })
      await writer.relay.drain()
      const never = new AbortController().signal
      await new IndexWatch(ports, { ...writerDefaults, markMs: 0 }, 'before').round(never)
      await setRowsBack(stage.database)

      const asThen =
        (target: 'vector' | 'text'): Step =>
        async (call, _args, go) =>
          call === 'marker' && !guarded ? markers[target] : go()
      const after = stage.process({ inVectors: asThen('vector'), inTexts: asThen('text') })
      await new IndexWatch(after.ports, writerDefaults, 'after').round(never)
      await after.writer.relay.drain()
      return {
        receipt: await codeOf(after.writer.waitFor(scope.tenant, lost)),
        stored: (await ports.truth.session(scope).documents.get(scope, 'd'))!.text,
        index: await stage.texted(),
      }
    },
    {
      safe: { receipt: 'HW_EPOCH_CHANGED', stored: 'first words', index: ['first words'] },
      // Told that a write is there which is not, and what is there is not found.
      broken: { receipt: 'resolved', stored: 'first words', index: ['second words'] },
    },
  )
})
