import { afterEach, describe, expect, it } from 'vitest'
import { QdrantConnection } from '../../src/connections/qdrant/connection'
import type { HeadwaterError } from '../../src/core/errors'
import type { Embedder } from '../../src/embeddings/embedder'
import { QdrantVectorRepository } from '../../src/repositories/qdrant/vectors'
import { Searcher } from '../../src/search/search'
import { liveGeneration } from '../../src/writer/rebuild/generations'
import { rebuild } from '../../src/writer/rebuild/rebuild'
import { startQdrantDouble } from '../support/qdrant-double'
import { Stage, scope, useStages } from './stage'
import { Gate, type Step } from './steps'

const fruits = ['apple', 'pear', 'plum']

/** A space with a direction for each fruit; two of them are told apart by nothing but which is which. */
function fruitSpace(name: string, order: readonly string[], before?: (kind: string) => Promise<void>): Embedder {
  return {
    fingerprint: name,
    dimensions: fruits.length,
    maxTokens: Number.POSITIVE_INFINITY,
    embed: async (texts, { kind }) => {
      await before?.(kind)
      return texts.map((text) => Float32Array.from(order, (fruit) => (text.includes(fruit) ? 1 : 0.1)))
    },
  }
}

describe('a query that is embedded for the old space as the switch happens', () => {
  useStages()
  const closing: (() => Promise<unknown>)[] = []
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
  })

  /** The best hit for an apple, or why there is none. `without` counts the guards that are gone. */
  async function bestHit(without: 0 | 1 | 2): Promise<string> {
    const double = await startQdrantDouble()
    const connection = new QdrantConnection({ url: double.url })
    closing.push(
      () => double.close(),
      () => connection.close(),
    )
    const asked = new Gate()
    const old = fruitSpace('old-space', fruits, (kind) => (kind === 'query' ? asked.pass() : Promise.resolve()))
    const fresh = fruitSpace('new-space', ['pear', 'plum', 'apple'])
    const stage = await Stage.open({ embedder: old, vectors: new QdrantVectorRepository(connection) })
    const { ports, writer } = stage.process()
    await writer.putMany(
      scope,
      fruits.map((fruit) => ({ id: fruit, text: `a ripe ${fruit}` })),
    )
    await writer.relay.drain()
    ports.embedders.set(fresh.fingerprint, fresh)
    const byName: Step = async (call, [index, query, options], go) => {
      if (call !== 'search' || without === 0) return go()
      // The name is that of the moment, as an alias would give it, whatever the query was embedded for.
      const { name, fingerprint } = await liveGeneration(ports, 'vector', scope.collection)
      return go({ ...index, name, ...(without === 2 && { fingerprint }) }, query, options)
    }
    const searching = new Searcher(stage.process({ inVectors: byName }).ports).search(scope, undefined, {
      query: 'apple',
      mode: 'vector',
      limit: 1,
    })
    await asked.reached
    await rebuild(ports, { target: 'vector', collection: stage.plan, embedder: fresh })
    asked.open()
    return searching.then(
      ({ hits }) => hits[0]!.documentId,
      (error: unknown) => (error as HeadwaterError).code,
    )
  }

  it('goes to the generation that it was embedded for', async () => {
    expect(await bestHit(0)).toBe('apple')
  })

  it('is refused by the vector’s name where the name of the index alone is that of the moment', async () => {
    expect(await bestHit(1)).toBe('HW_FINGERPRINT_MISMATCH')
  })

  it('finds the wrong neighbours where neither is kept together', async () => {
    expect(await bestHit(2)).toBe('pear')
  })
})
