import { describe } from 'vitest'
import type { Embedder } from '../../src/embeddings/embedder'
import { vectorIndexOf } from '../../src/repositories/generations'
import { liveGeneration } from '../../src/writer/rebuild/generations'
import { rebuild } from '../../src/writer/rebuild/rebuild'
import { Stage, scope, trap, useStages } from './stage'
import { Gate } from './steps'

/** A space that tells titles apart, so that a vector says what it was made of. */
function titleSpace(fingerprint: string): Embedder {
  return {
    fingerprint,
    dimensions: 2,
    maxTokens: Number.POSITIVE_INFINITY,
    embed: async (texts) => texts.map((text) => Float32Array.from(text.startsWith('old') ? [1, 0] : [0, 1])),
  }
}

describe('a copy that is overtaken by a write', () => {
  useStages()

  trap(
    'a title that changes while a page is read leaves no vector under the hash of another text',
    'reading hashes and texts in one snapshot',
    async (guarded) => {
      const stage = await Stage.open({ embedder: titleSpace('one') })
      const fresh = titleSpace('two')
      const { ports, writer } = stage.process()
      ports.embedders.set(fresh.fingerprint, fresh)
      const put = (title: string) => writer.put(scope, { id: 'd', title, text: 'words' })
      await put('old')
      await writer.relay.drain()
      const scanned = new Gate()
      const builder = stage.process({
        inTruth: async (call, _args, go) => {
          if (call !== 'chunks.contents') return go()
          const entries = await go()
          await scanned.pass()
          if (guarded) return entries
          const [{ title, text }] = await go()
          return entries.map((entry: object) => ({ ...entry, title, text }))
        },
      })
      const building = rebuild(builder.ports, { target: 'vector', collection: stage.plan, embedder: fresh })
      await scanned.reached
      await put('new')
      scanned.open()
      await building
      await writer.relay.drain()
      await put('old')
      await writer.relay.drain()
      const index = vectorIndexOf(await liveGeneration(ports, 'vector', scope.collection))
      const [entry] = await stage.vectors.scan(index, { limit: 1 })
      const [point] = await stage.vectors.read(index, [entry!.id])
      return { space: index.fingerprint, vector: [...point!.vector] }
    },
    {
      safe: { space: 'two', vector: [1, 0] },
      // The text of one title with the vector of another, and nothing compares the two ever again.
      broken: { space: 'two', vector: [0, 1] },
    },
  )
})
