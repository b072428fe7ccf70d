import { describe, expect, it } from 'vitest'
import { collectionName, type Scope, tenantId } from '../../src/core/ids'
import type { SearchQuery } from '../../src/search/query'
import { type ResolveOptions, resolveQuery } from '../../src/search/resolve-query'

const scope: Scope = { tenant: tenantId('acme'), collection: collectionName('documents') }
const keys = (query: SearchQuery, options?: ResolveOptions, within = scope) => {
  const { proposal, key } = resolveQuery(within, { query: 'leave', ...query }, undefined, options)
  return { proposal, key }
}
const plain = keys({})

describe('the keys of a query', () => {
  it.each<[string, SearchQuery]>([
    ['limit', { limit: 3 }],
    ['cursor', { cursor: 'x' }],
    ['explain', { explain: true }],
    ['highlights', { highlight: false }],
    ['facets', { facets: ['section'] }],
    ['reranker', { rerank: { rank: () => [] } }],
    ['white space', { query: ' leave\n' }],
    ['a phrasing without words', { query: ['leave', ' '] }],
    ['no diversity', { diversity: 0 }],
    ['its own mode', { mode: 'hybrid' }],
    ['weights as they are', { weights: { text: 1 } }],
  ])('%s changes no candidates', (_, query) => {
    expect(keys(query)).toEqual(plain)
  })

  it.each<[string, SearchQuery]>([
    ['words', { query: 'leaves' }],
    ['phrasings', { query: ['leave', 'holiday'] }],
    ['filter', { filter: { a: 1 } }],
    ['mode', { mode: 'text' }],
    ['fusion', { fusion: 'rrf' }],
    ['k', { fusion: 'rrf', k: 61 }],
    ['weights', { weights: { text: 2 } }],
    ['least score', { minScore: { text: 1 } }],
    ['diversity', { diversity: 0.1 }],
    ['vector', { vector: [1, 2] }],
  ])('another %s is another request', (_, query) => {
    expect(keys(query).proposal).not.toBe(plain.proposal)
    expect(keys(query).key).not.toBe(plain.key)
  })

  it('grouping leaves other candidates for the next page, and has the same ones on the first', () => {
    const grouped = keys({ groupBy: 'document' })
    expect(grouped.proposal).toBe(plain.proposal)
    expect(grouped.key).not.toBe(plain.key)
  })

  it('a leg that is not asked has no say, nor has fusion where one is asked alone', () => {
    const text = keys({ mode: 'text' })
    for (const query of [
      { weights: { vector: 3 } },
      { minScore: { vector: 1 } },
      { fusion: 'rrf' },
      { k: 5 },
    ] as const) {
      expect(keys({ mode: 'text', ...query })).toEqual(text)
    }
    expect(keys({ fusion: 'weighted', k: 7 })).toEqual(keys({ fusion: 'weighted' }))
  })

  it('tenant, collection, origin and what is left out are part of them; phrasings do not run together', () => {
    expect(keys({}, {}, { ...scope, tenant: tenantId('globex') }).key).not.toBe(plain.key)
    expect(keys({}, {}, { ...scope, collection: collectionName('other') }).key).not.toBe(plain.key)
    expect(keys({}, { origin: 'similar to "a"' }).key).not.toBe(plain.key)
    expect(keys({}, { exclude: 'chunk' }).key).not.toBe(plain.key)
    expect(keys({ query: ['a b'] }).key).not.toBe(keys({ query: ['a', 'b'] }).key)
  })
})
