import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { SearchPage, StoreOptions, TenantHandle } from '../../index'
import { openStore } from '../../index'
import { createTestStore } from '../../src/testing/test-store'
import { once } from '../support/elasticsearch'
import { describeFullProfile } from '../support/full-profile'
import type { OpenedStore } from './store-suite'

const vocabulary = ['leave', 'parental', 'train', 'lunch', 'canteen', 'weeks', 'free', 'office']
const names = ['a', 'b', 'c', 'd', 'e']
const tenants = ['one', 'two'] as const

const words = fc.array(fc.constantFrom(...vocabulary), { minLength: 1, maxLength: 6 }).map((list) => list.join(' '))
const write = fc.record({
  tenant: fc.constantFrom(0, 1),
  id: fc.constantFrom(...names),
  /** Undefined deletes. */
  text: fc.option(words, { nil: undefined, freq: 3 }),
  section: fc.constantFrom('hr', 'ops'),
  /** Whether the indexes get to know of it before the next search. */
  seen: fc.boolean(),
})
const query = fc.record(
  {
    query: fc.oneof(words, fc.array(words, { minLength: 2, maxLength: 3 })),
    mode: fc.constantFrom('hybrid', 'text', 'vector'),
    filter: fc.constantFrom({ section: 'hr' }, { NOT: { section: 'hr' } }),
    limit: fc.integer({ min: 1, max: 4 }),
    fusion: fc.constantFrom('rrf', 'weighted'),
    diversity: fc.double({ min: 0, max: 1, noNaN: true }),
    groupBy: fc.constant('document'),
    minScore: fc.constant({ text: 0.1, vector: -1 }),
  },
  { requiredKeys: ['query', 'limit'] },
)
const step = fc.record({
  writes: fc.array(write, { minLength: 1, maxLength: 3 }),
  queries: fc.array(query, { minLength: 1, maxLength: 2 }),
})
const story = fc.array(step, { minLength: 1, maxLength: 4 })

type Query = Parameters<TenantHandle['search']>[0]

/**
 * With every feature on: whatever the indexes have not heard of, a search shows each document as it is now, of its tenant
 * alone, and none that is gone; so does what a reranker sees.
 */
function propertySuite(name: string, runs: number, open: (options: StoreOptions) => Promise<OpenedStore>): void {
  it(`${name}: no foreign hit, no deleted one, no stale text`, { timeout: 300_000 }, async () => {
    const counts = { stories: 0, searches: 0, hits: 0, reranked: 0, cached: 0, unheard: 0 }
    const { store, dispose } = await open({
      embedder: { hashing: { dimensions: 32 } },
      relay: 'external',
      search: { cache: true },
      writer: { inlineTimeoutMs: 0 },
    })
    await fc.assert(
      fc.asyncProperty(story, async (steps) => {
        counts.stories++
        const handles = tenants.map(
          (tenant) => store.forTenant(`${tenant}.${counts.stories}`) as unknown as TenantHandle,
        )
        const held = handles.map(() => new Map<string, { text: string; section: string }>())
        for (const { writes, queries } of steps) {
          for (const { tenant, id, text, section, seen } of writes) {
            const { documents } = handles[tenant]!
            if (text === undefined) {
              await documents.delete(id)
              held[tenant]!.delete(id)
            } else {
              // The tenant's name in each text: a foreign hit shows itself.
              const own = `${text} of ${tenants[tenant]}`
              await documents.put({ id, text: own, metadata: { section } })
              held[tenant]!.set(id, { text: own, section })
            }
            if (seen) await store.relay.drain({ timeoutMs: 20_000 })
            else counts.unheard++
          }
          for (const [tenant, handle] of handles.entries()) {
            const check = (hit: SearchPage['hits'][number]): void => {
              counts.hits++
              const { text, section } = held[tenant]!.get(hit.documentId) ?? {}
              expect({ text: hit.text, section: hit.metadata['section'] }).toEqual({ text, section })
            }
            const rerank = {
              rank: (_: string, seen: SearchPage['hits']) => {
                counts.reranked += seen.length
                for (const hit of seen) check(hit)
                return seen.map(({ text }) => text.length)
              },
            }
            const whole = queries.map(
              (asked) => ({ ...asked, rerank, facets: ['section'], explain: true }) as unknown as Query,
            )
            const pages = [
              ...(await handle.searchMany(whole)),
              ...(await Promise.all(whole.map((asked) => handle.search(asked)))),
            ]
            for (const [at, first] of pages.entries()) {
              const shown = new Set<string>()
              for (let page: SearchPage | undefined = first; page; ) {
                counts.searches++
                if (page.cached) counts.cached++
                expect(page.degraded).toEqual([])
                for (const hit of page.hits) {
                  check(hit)
                  expect(shown.has(hit.chunkId)).toBe(false)
                  shown.add(hit.chunkId)
                }
                page = page.cursor
                  ? await handle.search({ ...whole[at % whole.length]!, cursor: page.cursor })
                  : undefined
              }
            }
            const [like] = held[tenant]!.keys()
            if (like === undefined) continue
            const near = await handle.similar(like, { limit: 10 }).catch((error: { code: string }) => {
              expect(error.code).toBe('HW_NOT_FOUND')
              return { hits: [] }
            })
            for (const hit of near.hits) {
              check(hit)
              expect(hit.documentId).not.toBe(like)
            }
          }
        }
      }),
      { numRuns: runs, seed: 20_261_121 },
    )
    await dispose()
    expect(Math.min(...Object.values(counts))).toBeGreaterThan(0)
    process.stdout.write(`${name}: ${JSON.stringify(counts)}\n`)
  })
}

once(describe)('search with every feature on', () => {
  propertySuite('memory', 150, async ({ embedder, relay, search, writer }) => {
    const store = await createTestStore({ embedder, relay, search, writer })
    return { store, dispose: () => store.close() }
  })
  propertySuite('PGlite', 25, async (options) => {
    const store = await openStore({ ...options, embedded: { path: ':memory:' } })
    return { store, dispose: () => store.close() }
  })
})

describeFullProfile('search with every feature on', (profile) => {
  propertySuite('the full profile', 12, async (options) => {
    const store = await openStore({ ...options, ...profile.options() })
    return { store, dispose: () => store.close() }
  })
})
