import { describe, expect, it } from 'vitest'
import { type EmbedderOption, openStore, type Store, type TenantHandle } from '../../index'
import { createTestStore } from '../../src/testing/test-store'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'

const own: EmbedderOption = { own: { name: 'mine.v1', dimensions: 4 } }
const clean = { missing: 0, stale: 0, orphaned: 0, foreign: 0 }
const unit = (at: number): number[] => [0, 1, 2, 3].map((other) => (other === at ? 1 : 0))
/** Near to one direction, so that the order is known. */
const near = (at: number, more = 0.1): Float32Array => Float32Array.from(unit(at).map((value) => value + more))

type Open = (embedder?: EmbedderOption) => Promise<Store>

function suite(open: Open): void {
  async function found(acme: TenantHandle, at: number, limit = 1): Promise<string[]> {
    const { hits, degraded } = await acme.search({ vector: unit(at), mode: 'vector', limit })
    expect(degraded).toEqual([])
    return hits.map(({ documentId, text }) => `${documentId}: ${text}`)
  }

  it('are found as they came, also where texts are the same', async () => {
    await using store = await open()
    const acme = store.forTenant('acme')
    const { failed, receipt } = await acme.documents.putMany([
      { id: 'a', text: 'the same', vector: near(0) },
      { id: 'b', text: 'the same', vector: unit(1) },
      {
        id: 'c',
        text: 'one. two. two.',
        chunks: [
          { text: 'two.', vector: near(2, 0.2) },
          { text: 'two.', vector: near(3) },
        ],
      },
    ])
    expect(failed).toEqual([])
    await acme.waitFor(receipt)
    expect(await found(acme, 0)).toEqual(['a: the same'])
    expect(await found(acme, 1)).toEqual(['b: the same'])
    const ordinals = async (at: number) =>
      (await acme.search({ vector: unit(at), mode: 'vector', limit: 1 })).hits.map((hit) => [
        hit.documentId,
        hit.ordinal,
      ])
    expect([await ordinals(2), await ordinals(3)]).toEqual([[['c', 0]], [['c', 1]]])
    const { hits } = await acme.search({ query: 'the same', vector: unit(1), limit: 2 })
    expect(hits.map(({ documentId }) => documentId)).toEqual(['b', 'a'])
    expect(await store.reconcile({ deep: true })).toMatchObject(clean)
  })

  it('make a document another one when they change, and none when they are the same', async () => {
    await using store = await open()
    const acme = store.forTenant('acme')
    await acme.documents.put({ id: 'other', text: 'other', vector: unit(1) })
    const put = async (vector: number[] | Float32Array) => {
      const receipt = await acme.documents.put({ id: 'a', text: 'text', vector })
      await acme.waitFor(receipt)
      return [receipt.version, receipt.unchanged]
    }
    expect(await put(unit(0))).toEqual([1, false])
    expect(await put(Float32Array.from(unit(0)))).toEqual([1, true])
    expect(await put(unit(2))).toEqual([2, false])
    expect(await found(acme, 2)).toEqual(['a: text'])
    expect(await found(acme, 0, 2)).toHaveLength(2)
    expect(await store.reconcile({ deep: true })).toMatchObject(clean)
  })

  it('stay with a patch that says nothing of them', async () => {
    await using store = await open()
    const acme = store.forTenant('acme')
    const chunks = [0, 1].map((at) => ({ text: `chunk ${at}`, vector: near(at) }))
    await acme.documents.put({ id: 'a', text: 'chunk 0 chunk 1', chunks })
    await acme.documents.put({ id: 'b', text: 'whole', vector: near(2) })
    for (const id of ['a', 'b']) {
      await acme.documents.patch(id, { metadata: { of: id } })
      await acme.waitFor(await acme.documents.patch(id, { title: `Title of ${id}` }))
    }
    await acme.transaction((tx) => tx.documents.patch('b', { status: 'read' }))
    await store.relay.drain()
    for (const [at, text] of ['a: chunk 0', 'a: chunk 1', 'b: whole'].entries()) {
      expect(await found(acme, at)).toEqual([text])
    }
    expect((await acme.search({ vector: unit(2), limit: 1 })).hits).toMatchObject([
      { title: 'Title of b', metadata: { of: 'b' } },
    ])
    await expect(acme.documents.patch('b', { text: 'another' })).rejects.toMatchObject({
      code: 'HW_INVALID_DOCUMENT',
      path: 'vector',
    })
    await acme.waitFor(await acme.documents.patch('b', { text: 'another', vector: near(3) }))
    expect(await found(acme, 3)).toEqual(['b: another'])
    expect(await store.reconcile({ deep: true })).toMatchObject(clean)
  })

  it('are refused where they cannot be of the space, or are missing', async () => {
    await using store = await open({ own: { name: 'mine.v1', dimensions: 4, normalized: true } })
    const acme = store.forTenant('acme')
    const cases: [object, string, string][] = [
      [{}, 'HW_INVALID_DOCUMENT', 'vector'],
      [{ chunks: [{ text: 'text', vector: unit(0) }, { text: 'text' }] }, 'HW_INVALID_DOCUMENT', 'chunks[1].vector'],
      [{ vector: [1, 0, 0] }, 'HW_INVALID_VECTOR', 'vector'],
      [{ vector: [1, 0, 0, Number.NaN] }, 'HW_INVALID_VECTOR', 'vector[3]'],
      [{ vector: [1, 0, 0, 1e39] }, 'HW_INVALID_VECTOR', 'vector[3]'],
      [{ vector: [1, 0, 0, '1'] }, 'HW_INVALID_VECTOR', 'vector[3]'],
      [{ vector: { length: 4, 0: 1 } }, 'HW_INVALID_VECTOR', 'vector'],
      [{ vector: [0, 0, 0, 0] }, 'HW_INVALID_VECTOR', 'vector'],
      [{ vector: [1, 1, 0, 0] }, 'HW_INVALID_VECTOR', 'vector'],
      [{ chunks: [{ text: 'text', vector: [2, 0, 0, 0] }] }, 'HW_INVALID_VECTOR', 'chunks[0].vector'],
      [{ vector: unit(0), chunks: [{ text: 'text' }] }, 'HW_INVALID_DOCUMENT', 'vector'],
    ]
    for (const [more, code, path] of cases) {
      const document = { id: 'bad', text: 'text', ...more }
      const told = { more, code, path }
      expect(
        await acme.documents.put(document).then(String, (error) => ({ more, code: error.code, path: error.path })),
      ).toEqual(told)
      const { failed, written } = await acme.documents.putMany([
        document,
        { id: 'good', text: 'text', vector: unit(1) },
      ])
      expect([failed.map(({ error }) => error.path), written]).toEqual([[path], 1])
      await acme.documents.delete('good')
      const writing = acme.transaction((tx) => tx.documents.put(document))
      await expect(writing).rejects.toMatchObject({ code, path })
    }
    expect(await acme.documents.count()).toBe(0)
  })

  it('are asked for by vectors: words alone find texts, and say so', async () => {
    await using store = await open()
    const acme = store.forTenant('acme')
    await acme.waitFor(await acme.documents.put({ id: 'a', text: 'some words', vector: unit(0) }))
    const page = await acme.search({ query: 'words' })
    expect(page.hits.map(({ documentId }) => documentId)).toEqual(['a'])
    expect(page.degraded).toMatchObject([{ leg: 'vector', reason: expect.stringContaining('vector: is missing') }])
    await expect(acme.search({ query: 'words', mode: 'vector' })).rejects.toMatchObject({ code: 'HW_INVALID_ARGUMENT' })
    await expect(acme.search({ vector: [1, 0] })).rejects.toMatchObject({ code: 'HW_INVALID_VECTOR' })
    expect((await store.health()).status).toBe('ok')
  })

  it('are kept: a rebuild makes none anew, and goes to a space that embeds, and back', {
    timeout: 60_000,
  }, async () => {
    await using store = await open()
    const acme = store.forTenant('acme')
    await acme.documents.putMany([0, 1, 2].map((at) => ({ id: `d${at}`, text: `text ${at}`, vector: near(at) })))
    await store.relay.drain()
    await store.rebuild({ target: 'vector' })
    expect(await found(acme, 1)).toEqual(['d1: text 1'])
    await store.rebuild({ target: 'vector', embedder: { hashing: { dimensions: 16 } } })
    expect((await acme.search({ query: 'text 2', mode: 'vector', limit: 1 })).hits).toMatchObject([
      { documentId: 'd2' },
    ])
    await store.rollback({ target: 'vector' })
    expect(await found(acme, 2)).toEqual(['d2: text 2'])
    expect(await store.reconcile({ deep: true })).toMatchObject(clean)
  })

  it('stand in the place of those that an embedder would make', async () => {
    await using store = await open({ hashing: { dimensions: 16 } })
    const acme = store.forTenant('acme')
    await acme.documents.put({ id: 'made', text: 'some words' })
    const vector = Array.from({ length: 16 }, (_, at) => (at % 2 ? 1 : -1))
    await acme.waitFor(await acme.documents.put({ id: 'own', text: 'some words', vector }))
    const { hits } = await acme.search({ vector, mode: 'vector', limit: 1 })
    expect(hits).toMatchObject([{ documentId: 'own' }])
  })
}

describe('vectors of the user, in memory', () => {
  suite((embedder = own) => createTestStore({ embedder }))
})

describe('vectors of the user, embedded', { timeout: 60_000 }, () => {
  suite((embedder = own) => openStore({ embedded: { path: ':memory:' }, embedder }) as Promise<Store>)
})

describeWithPgvector('vectors of the user, on a server', () => {
  const database = useDatabase(() => pgvectorUrl()!)
  let schemas = 0
  suite((embedder = own) => {
    const postgres = { url: database().url, schema: `own_${++schemas}` }
    return openStore({ postgres, embedder }) as Promise<Store>
  })
})

describe('{ own }', () => {
  it.each([
    [{ own: {} }, 'embedder.own.name'],
    [{ own: { name: 'a b', dimensions: 4 } }, 'embedder.own.name'],
    [{ own: { name: 'a', dimensions: 0 } }, 'embedder.own.dimensions'],
    [{ own: { name: 'a', dimensions: 4, normalized: 1 } }, 'embedder.own.normalized'],
    [{ own: { name: 'a', dimensions: 4, size: 1 } }, 'embedder.own.size'],
    [{ own: null }, 'embedder.own'],
    [{ fallback: [{ hashing: {} }, { own: { name: 'a', dimensions: 4 } }] }, 'embedder.fallback[1]'],
  ])('%j is refused, naming %s', async (embedder, path) => {
    await expect(createTestStore({ embedder: embedder as never })).rejects.toMatchObject({
      code: 'HW_INVALID_OPTIONS',
      path,
    })
  })
})
