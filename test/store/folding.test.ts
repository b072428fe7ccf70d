import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openStore, type Store, type StoreOptions } from '../../index'
import { createTestStore } from '../../src/testing/test-store'
import { describeWithElasticsearch, once } from '../support/elasticsearch'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'

const apart = { embedder: { hashing: { dimensions: 16 } }, collections: { documents: { folding: false } } } as const
type Unfolded = Store<{ readonly documents: unknown }>

/** A collection that keeps case and accents apart, one that folds them, and back. */
function suite(open: () => Promise<Unfolded>): void {
  let store: Unfolded
  beforeAll(async () => {
    store = await open()
    const acme = store.forTenant('acme')
    const written = await acme.documents.putMany([
      { id: 'accent', text: 'We met at the café.' },
      { id: 'plain', text: 'A cafe by the river.' },
      { id: 'capital', text: 'The CAFE of the station.' },
    ])
    await acme.waitFor(written, { timeoutMs: 30_000 })
  })
  afterAll(() => store?.close())

  async function found(query: string): Promise<Record<string, string>> {
    const { hits, degraded } = await store.forTenant('acme').search({ query, mode: 'text' })
    expect(degraded).toEqual([])
    const marked = hits.map((hit) => [hit.documentId, /<em>(.*)<\/em>/.exec(hit.highlights?.join(' ') ?? '')?.[1]])
    return Object.fromEntries(marked.sort())
  }
  async function asked(folding: boolean): Promise<void> {
    const all = { accent: 'café', capital: 'CAFE', plain: 'cafe' }
    expect(await found('cafe')).toEqual(folding ? all : { plain: 'cafe' })
    expect(await found('café')).toEqual(folding ? all : { accent: 'café' })
    expect(await found('CAFE')).toEqual(folding ? all : { capital: 'CAFE' })
    const texts = (await store.generations()).find(({ target, state }) => target === 'text' && state === 'live')
    expect(texts?.format.folding).toBe(folding)
    const report = await store.reconcile({ target: 'text', deep: true })
    expect(report).toMatchObject({ missing: 0, stale: 0, orphaned: 0, foreign: 0 })
  }

  it('keeps case and accents apart', () => asked(false))

  it('folds them after its rebuild, also of what is written later', { timeout: 60_000 }, async () => {
    await store.rebuild({ target: 'text', collection: 'documents', folding: true })
    await asked(true)
    const acme = store.forTenant('acme')
    await acme.waitFor(await acme.documents.put({ id: 'late', text: 'Crème brûlée.' }), { timeoutMs: 30_000 })
    expect(await found('creme')).toEqual({ late: 'Crème' })
  })

  it('and keeps them apart again', { timeout: 60_000 }, async () => {
    await store.rebuild({ target: 'text', collection: 'documents', folding: false })
    await asked(false)
    expect(await found('creme')).toEqual({})
    expect(await found('Crème')).toEqual({ late: 'Crème' })
  })
}

once(describe)('folding in memory', () => suite(() => createTestStore(apart)))

once(describeWithPgvector)('folding on Postgres', () => {
  const database = useDatabase(() => pgvectorUrl()!)
  suite(() => openStore({ postgres: { url: database().url }, ...apart }))

  it('another one than was recorded is refused, with the way to change it', async () => {
    const options: StoreOptions = { postgres: { url: database().url }, embedder: apart.embedder }
    await expect(openStore(options)).rejects.toMatchObject({
      code: 'HW_TOPOLOGY_MISMATCH',
      path: 'collections.documents.folding',
    })
  })
})

describeWithElasticsearch('folding on Elasticsearch', (url) => {
  const prefix = `hwt${process.pid}${randomBytes(4).toString('hex')}`
  afterAll(async () => {
    const found = await (await fetch(`${url}/_cat/indices/${prefix}*?format=json`)).json()
    const remove = (path: string) => fetch(`${url}/${path}`, { method: 'DELETE' })
    for (const { index } of found as { index: string }[]) await remove(index)
    await remove(`_index_template/${prefix}*`)
  })
  const elasticsearch = { url, prefix, texts: { analysis: 'library' } } as const
  suite(() => openStore({ embedded: { path: ':memory:' }, elasticsearch, ...apart }))
})
