import { describe, expect, it } from 'vitest'
import { HashingEmbedder } from '../../src/embeddings/hashing'
import { Searcher } from '../../src/search/search'
import { rebuild } from '../../src/writer/rebuild/rebuild'
import { Stage, scope, useStages } from './stage'
import { Gate, type Step } from './steps'

const fresh = new HashingEmbedder({ dimensions: 24 })

describe('a search that begins with the generations of the one before', () => {
  useStages()

  /** Two searches of one process with a switch in between; what the indexes were asked by the second, in order. */
  async function acrossSwitch(): Promise<{ asked: string[]; found: string[]; degraded: number; live: string }> {
    const stage = await Stage.open()
    const { ports, writer } = stage.process()
    await writer.putMany(scope, [{ id: 'handbook', text: 'parental leave' }])
    await writer.relay.drain()
    ports.embedders.set(fresh.fingerprint, fresh)
    const asked: string[] = []
    const old = new Gate()
    const inVectors: Step = async (call, [index], go) => {
      if (call !== 'search') return go()
      asked.push(index.name)
      // The answer of the old index comes last, and after it is gone.
      if (asked.length === 2) await old.pass()
      return go()
    }
    const searcher = new Searcher(stage.process({ inVectors, embedders: ports.embedders }).ports)
    const search = () => searcher.search(scope, undefined, { query: 'leave', mode: 'vector' })
    await search()
    await rebuild(ports, { target: 'vector', collection: stage.plan, embedder: fresh })
    const { hits, degraded } = await search()
    old.open()
    const live = await stage.truth.session({ worker: true }).generations.list({ target: 'vector', states: ['live'] })
    return { asked, found: hits.map((hit) => hit.documentId), degraded: degraded.length, live: live[0]!.name }
  }

  it('is answered by what is live now, without waiting for what it began with', async () => {
    const { asked, found, degraded, live } = await acrossSwitch()
    expect(asked.length).toBe(3)
    expect(asked[1]).toBe(asked[0])
    expect(asked[2]).toBe(live)
    expect(live).not.toBe(asked[0])
    expect(found).toEqual(['handbook'])
    expect(degraded).toBe(0)
  })

  it('reads no hits before it knows', async () => {
    const stage = await Stage.open()
    const { writer } = stage.process()
    await writer.putMany(scope, [{ id: 'handbook', text: 'parental leave' }])
    await writer.relay.drain()
    const order: string[] = []
    const listing = new Gate()
    const answered = new Gate()
    let searches = 0
    const inTruth: Step = async (call, _args, go) => {
      if (call === 'chunks.hydrate') order.push('hydrate')
      if (call !== 'generations.list' || searches++ === 0) return go()
      await listing.pass()
      order.push('list')
      return go()
    }
    const inTexts: Step = async (call, _args, go) => {
      const hits = await go()
      if (call === 'search' && searches > 1) void answered.pass()
      return hits
    }
    const searcher = new Searcher(stage.process({ inTruth, inTexts }).ports)
    const search = () => searcher.search(scope, undefined, { query: 'leave', mode: 'text' })
    await search()
    order.length = 0
    const second = search()
    await listing.reached
    await answered.reached
    expect(order).toEqual([])
    listing.open()
    expect((await second).hits.length).toBe(1)
    expect(order).toEqual(['list', 'hydrate'])
  })
})
