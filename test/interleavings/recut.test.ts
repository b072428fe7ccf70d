import { describe } from 'vitest'
import type { Splitter } from '../../src/splitter/splitter'
import { recut } from '../../src/writer/rebuild/rebuild'
import { Stage, scope, trap, useStages } from './stage'
import { Gate } from './steps'

/** A word a chunk. */
const words: Splitter = {
  id: 'words',
  split: ({ text }) =>
    [...text.matchAll(/\S+/g)].map(({ 0: word, index }) => ({ text: word, start: index, end: index + word.length })),
}
const splitters = () => new Map([[words.id, words]])

describe('a writer in flight while documents are cut anew', () => {
  useStages()

  trap(
    'one that read the chunkings before the new one was there leaves nothing of before in it',
    'the lock under which the rebuild cuts a document',
    async (guarded) => {
      const stage = await Stage.open()
      const { ports, writer } = stage.process({ splitters: splitters() })
      await writer.put(scope, { id: 'd', text: 'first words' })
      await writer.relay.drain()
      const read = new Gate()
      const slow = stage.process({
        inTruth: async (call, _args, go) => {
          const answer = await go()
          if (call === 'documents.take') await read.pass()
          return answer
        },
      })
      // Under a key it is more than one statement.
      const writing = slow.writer.put(scope, { id: 'd', text: 'second' }, { idempotencyKey: 'k' })
      await read.reached
      const cutter = stage.process({
        splitters: splitters(),
        inTruth: (call, args, go) => {
          if (guarded || call !== 'documents.lock') return go()
          return ports.truth.session({ worker: true }).documents.heads(args[0], args[1])
        },
      })
      const cutting = recut(cutter.ports, { splitter: words, collection: stage.plan })
      await stage.untilStill(cutting)
      read.open()
      await Promise.all([writing, cutting])
      await writer.relay.drain()
      const chunks = await ports.truth.session(scope).chunks.ofDocument(scope, 'd', 'words')
      return { chunks: chunks.map(({ text }) => text), index: await stage.texted(), jobs: await stage.jobs() }
    },
    {
      safe: { chunks: ['second'], index: ['second'], jobs: 0 },
      broken: { chunks: ['first', 'words'], index: ['first', 'words'], jobs: 0 },
    },
  )

  trap(
    'one statement that was made for the chunkings of before is none, and the document is cut for the new one',
    'the look at the chunkings in the statement',
    async (guarded) => {
      const stage = await Stage.open()
      const { ports, writer } = stage.process({ splitters: splitters() })
      await writer.put(scope, { id: 'd', text: 'first words' })
      await writer.relay.drain()
      const asked = new Gate()
      const slow = stage.process({
        splitters: splitters(),
        inTruth: async (call, args, go) => {
          if (call !== 'documents.change') return go()
          await asked.pass()
          if (guarded) return go()
          const [row] = await ports.truth.session(scope).documents.heads(scope, ['d'])
          const chunkings = [...args[2].chunkings, 'words']
          return go(args[0], [{ ...args[1][0], since: row!.fence }], { ...args[2], chunkings })
        },
      })
      const writing = slow.writer.put(scope, { id: 'd', text: 'second' })
      await asked.reached
      await recut(ports, { splitter: words, collection: stage.plan })
      asked.open()
      await writing
      await writer.relay.drain()
      const chunks = await ports.truth.session(scope).chunks.ofDocument(scope, 'd', 'words')
      return { chunks: chunks.map(({ text }) => text), index: await stage.texted() }
    },
    {
      safe: { chunks: ['second'], index: ['second'] },
      broken: { chunks: ['first', 'words'], index: ['first', 'words'] },
    },
  )

  trap(
    'one that does not know the splitter leaves the document without chunks, and who knows it cuts it',
    'the removal of the chunks of before',
    async (guarded) => {
      const stage = await Stage.open()
      const able = stage.process({ splitters: splitters() })
      await able.writer.put(scope, { id: 'd', text: 'first words' })
      await able.writer.relay.drain()
      await recut(able.ports, { splitter: words, collection: stage.plan })
      const old = stage.process({
        inTruth: (call, args, go) =>
          guarded || call !== 'chunks.apply' || args[1] !== 'words'
            ? go()
            : go(args[0], args[1], { ...args[2], remove: [] }),
      })
      await old.writer.put(scope, { id: 'd', text: 'second' })
      const { chunks } = able.ports.truth.session(scope)
      const shown = (await chunks.ofDocument(scope, 'd', 'words')).map(({ text }) => text)
      await able.writer.relay.drain()
      return { shown, index: await stage.texted() }
    },
    {
      safe: { shown: [], index: ['second'] },
      broken: { shown: ['first', 'words'], index: ['first', 'words'] },
    },
  )
})
