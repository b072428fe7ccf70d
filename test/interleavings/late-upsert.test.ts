import { afterEach, describe } from 'vitest'
import { QdrantConnection } from '../../src/connections/qdrant/connection'
import { QdrantVectorRepository } from '../../src/repositories/qdrant/vectors'
import { Searcher } from '../../src/search/search'
import { reconcile } from '../../src/writer/reconcile/reconcile'
import { startQdrantDouble } from '../support/qdrant-double'
import { Stage, scope, trap, useStages } from './stage'

describe('an upsert that is delivered again after the delete', () => {
  useStages()
  const closing: (() => Promise<unknown>)[] = []
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
  })

  trap(
    'brings the point back; no search shows it, and reconcile removes it',
    'reading every hit from the truth',
    async (guarded) => {
      const double = await startQdrantDouble()
      const connection = new QdrantConnection({ url: double.url })
      closing.push(
        () => double.close(),
        () => connection.close(),
      )
      const stage = await Stage.open({ vectors: new QdrantVectorRepository(connection) })
      const sent: (() => Promise<unknown>)[] = []
      const { ports, writer } = stage.process({
        inVectors: (call, _args, go) => {
          if (call === 'upsert') sent.push(() => go())
          return go()
        },
        inTruth: async (call, args, go) => {
          if (call !== 'chunks.hydrate' || guarded) return go()
          // What the index says is believed.
          return args[2].map((id: string) => ({
            id,
            document: 'd',
            text: 'first words',
            leaves: {},
            metadata: {},
            chunkMetadata: {},
          }))
        },
      })
      await writer.put(scope, { id: 'd', text: 'first words' })
      await writer.relay.drain()
      await writer.delete(scope, 'd')
      await writer.relay.drain()
      const deleted = await stage.vectored()
      for (const send of sent) await send()
      const again = await stage.vectored()
      const { hits } = await new Searcher(ports).search(scope, undefined, { query: 'first words', mode: 'vector' })
      const { orphaned } = await reconcile(ports, { repair: true })
      return { deleted, again, shown: hits.map(({ text }) => text), orphaned, mended: await stage.vectored() }
    },
    {
      safe: { deleted: [], again: ['d'], shown: [], orphaned: 1, mended: [] },
      broken: { deleted: [], again: ['d'], shown: ['first words'], orphaned: 1, mended: [] },
    },
  )
})
