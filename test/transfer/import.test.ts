import path from 'node:path'
import { applyImport, type ImportPlan, type ImportSource, inspectImport, verifyImport } from 'headwater/transfer'
import { describe, expect, it } from 'vitest'
import { type Embedder, openStore, type Store } from '../../index'
import type { Json, JsonObject } from '../../src/core/json'
import { HashingEmbedder } from '../../src/embeddings/hashing'
import { createTestStore } from '../../src/testing/test-store'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'
import { lacksSqlite, unpackChroma, useTemporaryFolder, writeLines } from './fixtures'

const space = { name: 'mine.v1', dimensions: 4 }
const own = { collections: { documents: { embedder: { own: space } } } } as const
type Row = Record<string, unknown>
type Open = (options?: object) => Promise<Store>

const row = (at: number, more: Row = {}): Row => ({
  id: `doc-${at}`,
  text: `Text number ${at}.`,
  metadata: { page: at, section: at % 2 ? 'hr' : 'it' },
  embedding: [Math.cos(at), Math.sin(at), at / 10, 1],
  ...more,
})
const rows = (count: number): Row[] => Array.from({ length: count }, (_, at) => row(at))

const plan: ImportPlan = {
  format: 1,
  name: 'test',
  parts: [
    {
      part: 'rows',
      tenant: 'acme',
      collection: 'documents',
      fields: { id: 'id', text: 'text', vector: 'embedding', metadata: ['metadata'] },
      space,
    },
  ],
}

/** Rows that stand in a list, which may change, or fail behind some of them. */
function listed(list: readonly Row[], failAt = Number.POSITIVE_INFINITY): ImportSource & { readonly read: number } {
  let read = 0
  return {
    kind: 'list',
    get read() {
      return read
    },
    parts: async () => [{ name: 'rows', rows: list.length }],
    async *rows(_, { after }) {
      for (let at = typeof after === 'number' ? after : 0; at < list.length; at++) {
        if (at === failAt) throw new Error('the source is gone')
        read++
        yield { values: list[at]!, cursor: at + 1 }
      }
    },
    stamp: async () => 'same',
    close: async () => {},
  }
}

async function vectorsIn(store: Store, tenant = 'acme'): Promise<number> {
  return store.forTenant(tenant).documents.count()
}

function suite(open: Open): void {
  const folder = useTemporaryFolder()

  it('brings rows with their vectors, then only what changed, then removes what is gone', async () => {
    await using store = await open(own)
    const list = rows(5_000)
    const first = await applyImport(store, listed(list), plan)
    expect(first.parts).toMatchObject([{ read: 5_000, written: 5_000, unchanged: 0, refused: 0, pruned: null }])
    const { hits } = await store.forTenant('acme').search({
      vector: list[4]!['embedding'] as number[],
      mode: 'vector',
      limit: 1,
    })
    expect(hits).toMatchObject([{ documentId: 'doc-4', metadata: { page: 4, section: 'it' } }])
    expect(await store.forTenant('acme').documents.get('doc-4')).toMatchObject({ source: 'import:test/rows' })

    list[7] = row(7, { text: 'Another text.' })
    list[8] = row(8, { embedding: [1, 2, 3, 4] })
    list.splice(20, 10)
    list.push(row(6_000))
    const second = await applyImport(store, listed(list), plan, { prune: true })
    expect(second.parts).toMatchObject([
      { read: 4_991, written: 3, unchanged: 4_988, refused: 0, pruned: { documents: 5_001, deleted: 10 } },
    ])
    expect(await verifyImport(store, listed(list), plan)).toMatchObject({
      ok: true,
      parts: [{ rows: 4_991, documents: 4_991, missing: 0, different: 0, vectors: { compared: 100, different: 0 } }],
    })
  })

  it('goes on behind what was committed when the source fails in the middle', async () => {
    await using store = await open(own)
    const list = rows(7_000)
    await expect(applyImport(store, listed(list, 5_000), plan)).rejects.toThrow('the source is gone')
    const before = await vectorsIn(store)
    expect(before).toBeGreaterThanOrEqual(2_000)
    const source = listed(list)
    const [part] = (await applyImport(store, source, plan)).parts
    expect(part!.resumedAfter).toBeGreaterThanOrEqual(2_000)
    expect(part).toMatchObject({ read: 7_000 - part!.resumedAfter, refused: 0 })
    expect(source.read).toBe(part!.read)
    expect(await verifyImport(store, listed(list), plan)).toMatchObject({ ok: true })
    // The next one begins at the beginning, and so does one of another plan.
    expect((await applyImport(store, listed(list), plan)).parts).toMatchObject([{ resumedAfter: 0, unchanged: 7_000 }])
  })

  it('begins anew where the source was written since, or the plan was changed', async () => {
    await using store = await open(own)
    const list = rows(3_000)
    const fail = (stamp: string): ImportSource => ({ ...listed(list, 2_500), stamp: async () => stamp })
    const whole = (stamp: string): ImportSource => ({ ...listed(list), stamp: async () => stamp })
    await expect(applyImport(store, fail('a'), plan)).rejects.toThrow('the source is gone')
    await expect(applyImport(store, fail('b'), plan)).rejects.toThrow('the source is gone')
    const changed = { ...plan, parts: [{ ...plan.parts[0]!, fields: { ...plan.parts[0]!.fields, metadata: [] } }] }
    expect((await applyImport(store, whole('b'), changed)).parts).toMatchObject([{ resumedAfter: 0, written: 3_000 }])
  })

  it('is done by one process at a time', async () => {
    await using store = await open(own)
    let other: Promise<PromiseSettledResult<unknown>[]> | undefined
    const source = listed(rows(5_000))
    const slow: ImportSource = {
      ...source,
      async *rows(part, options) {
        for await (const one of source.rows(part, options)) {
          if (one.cursor === 2_500) other = Promise.allSettled([applyImport(store, listed(rows(5_000)), plan)])
          if (one.cursor === 4_500) await other
          yield one
        }
      },
    }
    const ends = [...(await Promise.allSettled([applyImport(store, slow, plan)])), ...(await other!)]
    // Whichever was behind.
    expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    const rejected = ends.find((end) => end.status === 'rejected')
    expect(rejected).toMatchObject({ reason: { code: 'HW_CONFLICT', retryable: true } })
    expect(await verifyImport(store, listed(rows(5_000)), plan)).toMatchObject({ ok: true })
  })

  it('takes ids of every kind, and says what became of them', async () => {
    await using store = await open(own)
    const long = 'x'.repeat(2_048)
    const ids = [
      7,
      -3,
      12n,
      1.5,
      'https://example.com/a?b=c#d',
      'b5a1c3a2-7d0e-4b51-a9c8-f3d26e0417aa',
      'ä 東京 🎉',
      long,
    ]
    const bad = ['', null, undefined, {}, 2 ** 60, Number.NaN]
    const list = [...ids, 'tab\tid', ...bad].map((id, at) => row(at, { id }))
    const [part] = (await applyImport(store, listed(list), plan)).parts
    expect(part).toMatchObject({ written: 9, refused: 6, changes: { 'id made text': 4, 'id hashed': 2 } })
    expect(part!.refusals.map(({ id, reason }) => [id, /is no id/.test(reason)])).toEqual(bad.map(() => [null, true]))
    const { documents } = store.forTenant('acme')
    const { items } = await documents.list({ filter: { importedId: { exists: true } } })
    expect(items.map(({ metadata }) => (metadata as JsonObject)['importedId']).sort()).toEqual(['tab\tid', long].sort())
    for (const id of ['7', '-3', '12', '1.5', 'ä 東京 🎉']) expect(await documents.get(id)).not.toBeNull()
    expect(await verifyImport(store, listed(list), plan)).toMatchObject({ ok: true, parts: [{ refused: 6 }] })
    await expect(applyImport(store, listed(list), plan, { prune: true })).rejects.toMatchObject({ code: 'HW_STORAGE' })
  })

  it('refuses vectors and texts that cannot be kept, each with its reason, and writes the others', async () => {
    await using store = await open(own)
    const list = [
      row(0),
      row(1, { embedding: [1, 2, 3] }),
      row(2, { embedding: [1, Number.NaN, 3, 4] }),
      row(3, { embedding: '[1, 2, 3, 4]' }),
      row(4, { embedding: 'rubbish' }),
      row(5, { embedding: [0, 0, 0, 0] }),
      row(6, { embedding: null }),
      row(7, { text: '  ' }),
      row(8, { text: 12 }),
      row(9, { text: 'x'.repeat(10 * 2 ** 20 + 1) }),
      row(10, { text: 'a NUL \0' }),
      row(11, { embedding: Float64Array.from([1, 2, 3, 4]) }),
    ]
    const [part] = (await applyImport(store, listed(list), plan)).parts
    expect(part).toMatchObject({ read: 12, written: 3, refused: 9 })
    const codes = Object.fromEntries(part!.refusals.map(({ id, code }) => [id, code]))
    expect(codes).toEqual({
      'doc-1': 'HW_INVALID_VECTOR',
      'doc-2': 'HW_INVALID_VECTOR',
      'doc-4': 'HW_INVALID_VECTOR',
      'doc-5': 'HW_INVALID_VECTOR',
      'doc-6': 'HW_INVALID_DOCUMENT',
      'doc-7': undefined,
      'doc-8': undefined,
      'doc-9': 'HW_INVALID_DOCUMENT',
      'doc-10': 'HW_INVALID_DOCUMENT',
    })
    const report = await inspectImport(listed(list), { plan })
    expect(report.parts[0]!.losses.reduce((sum, { rows: lost }) => sum + lost, 0)).toBe(8)
    expect(report.parts).toMatchObject([{ documents: 4, changes: { 'without vector': 1 } }])
    expect(await verifyImport(store, listed(list), plan)).toMatchObject({ ok: true, parts: [{ rows: 3, refused: 9 }] })
  })

  it('keeps metadata that no filter can hold as JSON', async () => {
    await using store = await open(own)
    const deep = { a: { b: { c: { d: { e: { f: { g: { h: 1 } } } } } } } }
    const metadata = {
      page: 1,
      'with.dot': 2,
      $system: 3,
      deep,
      number: Number.NaN,
      nul: 'a\0b',
      fine: ['x', { y: 1 }],
    }
    const list = [
      row(0, { metadata }),
      row(1, { metadata: { huge: 'x'.repeat(70_000) } }),
      row(2, { metadata: '{"a":1}' }),
    ]
    const [part] = (await applyImport(store, listed(list), plan)).parts
    expect(part).toMatchObject({ written: 2, refused: 1, changes: { 'metadata kept as JSON': 2 } })
    const stored = (await store.forTenant('acme').documents.get('doc-0'))!.metadata as JsonObject
    expect(stored).toMatchObject({ page: 1, fine: ['x', { y: 1 }] })
    expect(JSON.parse(stored['keptAsJson'] as string)).toEqual({
      'with.dot': 2,
      $system: 3,
      deep,
      number: 'NaN',
      nul: 'a\0b',
    })
    expect(await store.forTenant('acme').documents.get('doc-2')).toMatchObject({ metadata: { a: 1 } })
    expect((await store.forTenant('acme').documents.list({ filter: { page: 1 } })).items).toHaveLength(1)
  })

  it('embeds nothing that has a vector, and where an embedder of the space is given what has none', async () => {
    const embedded: string[] = []
    const embedder: Embedder = {
      fingerprint: space.name,
      dimensions: 4,
      maxTokens: 100,
      embed: async (texts) => {
        embedded.push(...texts)
        return texts.map(() => Float32Array.of(1, 0, 0, 0))
      },
    }
    await using store = await open({ embedder })
    const list = [...rows(100), row(100, { embedding: null })]
    for (let run = 0; run < 2; run++) await applyImport(store, listed(list), plan)
    expect(embedded).toEqual(['Text number 100.'])
    const { parts } = await inspectImport(listed(list), { plan, embedder })
    expect(parts[0]!.check).toMatchObject({ fingerprint: space.name, compared: 20 })
    expect(parts[0]!.check!.least).toBeLessThan(0.5)
  })

  it('says that vectors are those of an embedder', async () => {
    const hashing = new HashingEmbedder({ dimensions: 16 })
    const texts = rows(50).map(({ text }) => text as string)
    const vectors = await hashing.embed(texts, { kind: 'passage' })
    const list = rows(50).map((one, at) => ({ ...one, embedding: [...vectors[at]!] }))
    const { parts, plan: proposed } = await inspectImport(listed(list), { embedder: { hashing: { dimensions: 16 } } })
    expect(parts[0]!.check).toMatchObject({ fingerprint: hashing.fingerprint, compared: 20 })
    expect(parts[0]!.check!.least).toBeGreaterThan(0.999)
    expect(proposed.parts[0]!.space).toEqual({ name: null, dimensions: 16, distance: 'cosine' })
  })

  it('is refused where the space is another one than the collection’s, before anything is read', async () => {
    await using store = await open(own)
    const other = (change: object): ImportPlan => ({
      ...plan,
      parts: [{ ...plan.parts[0]!, space: { ...space, ...change } }],
    })
    const source = listed(rows(10))
    for (const change of [{ name: 'other' }, { dimensions: 5 }]) {
      const work = applyImport(store, source, other(change))
      await expect(work).rejects.toMatchObject({ code: 'HW_FINGERPRINT_MISMATCH', path: 'space.name' })
    }
    const unknown = { ...plan, parts: [{ ...plan.parts[0]!, part: 'others' }] }
    for (const work of [applyImport, verifyImport]) {
      await expect(work(store, source, unknown)).rejects.toMatchObject({ code: 'HW_NOT_FOUND', path: 'parts[0].part' })
    }
    const elsewhere = { ...plan, parts: [{ ...plan.parts[0]!, collection: 'nowhere' }] }
    await expect(applyImport(store, source, elsewhere)).rejects.toMatchObject({ code: 'HW_COLLECTION_UNKNOWN' })
    expect(source.read).toBe(0)
  })

  it('prunes no more than it may, and only what it brought', async () => {
    await using store = await open(own)
    await applyImport(store, listed(rows(100)), plan)
    const acme = store.forTenant('acme')
    await acme.documents.put({ id: 'mine', text: 'Mine.', vector: [1, 0, 0, 0] })
    const few = listed(rows(10))
    const work = applyImport(store, few, plan, { prune: true })
    await expect(work).rejects.toMatchObject({ code: 'HW_LIMIT_EXCEEDED', path: 'mostPruned', details: { gone: 90 } })
    expect(await acme.documents.count()).toBe(101)
    const { parts } = await applyImport(store, few, plan, { prune: true, mostPruned: 1 })
    expect(parts).toMatchObject([{ pruned: { documents: 100, deleted: 90 } }])
    expect(await acme.documents.get('mine')).not.toBeNull()
    expect(await acme.documents.count()).toBe(11)
  })

  it('verify finds what is missing, what differs, and what searches lost', async () => {
    await using store = await open(own)
    const list = rows(600)
    await applyImport(store, listed(list), plan)
    const acme = store.forTenant('acme')
    await acme.documents.delete('doc-3')
    await acme.documents.patch('doc-4', { metadata: { page: 400 } })
    await acme.documents.put({ ...(await documentOf(acme, 'doc-5')), vector: [9, 9, 9, 9] })
    const report = await verifyImport(store, listed(list), plan, { vectors: 100, queries: 5 })
    expect(report).toMatchObject({
      ok: false,
      parts: [
        {
          missing: 1,
          different: 1,
          examples: { missing: ['doc-3'], different: ['doc-4'] },
          vectors: { different: 1 },
          searches: { queries: 5 },
        },
      ],
    })
    expect(report.parts[0]!.searches!.overlap).toBeGreaterThan(0.7)
  })

  it.skipIf(lacksSqlite)('brings Chroma’s collections to collections, or to tenants', async () => {
    const told = await unpackChroma(folder())
    const chroma = { chroma: { path: folder() } }
    const inspected = await inspectImport(chroma, { space: 'all-minilm', name: 'from-chroma' })
    expect(inspected.plan.parts).toMatchObject([
      { part: 'empty', collection: 'empty', tenant: 'default', space: null },
      { part: 'handbook', collection: 'handbook', space: { name: 'all-minilm', dimensions: 8, distance: 'cosine' } },
      { part: 'questions', collection: 'questions', space: { dimensions: 3, distance: 'euclid' } },
    ])
    const [, handbook, questions] = inspected.parts
    expect(handbook).toMatchObject({ rows: 49, documents: 48, losses: [{ rows: 1, examples: ['only-vector'] }] })
    expect(questions!.lost.join()).toContain('compares by euclid')
    const collections = {
      empty: {},
      handbook: { embedder: { own: { name: 'all-minilm', dimensions: 8 } } },
      questions: { embedder: { own: { name: 'all-minilm', dimensions: 3 } } },
    }
    await using store = await open({ collections })
    const report = await applyImport(store, chroma, inspected.plan)
    expect(report.parts.map(({ written, refused }) => [written, refused])).toEqual([
      [0, 0],
      [48, 1],
      [2, 0],
    ])
    const verified = await verifyImport(store, chroma, inspected.plan)
    expect(verified).toMatchObject({ ok: true })
    expect(verified.parts[1]!.searches).toMatchObject({ queries: 20, overlap: 1, least: 1 })
    const { documents } = (store as unknown as Store<Record<string, JsonObject>>)
      .forTenant('default')
      .collection('handbook')
    expect(await documents.get('doc-4')).toMatchObject({
      text: 'Text number 4 of the handbook.',
      metadata: { page: 400 },
    })
    expect(told['handbook']).toHaveLength(49)

    const tenants = await inspectImport(chroma, { partsAs: 'tenants' })
    expect(tenants.plan.parts.map(({ tenant, collection }) => [tenant, collection])).toEqual([
      ['empty', 'documents'],
      ['handbook', 'documents'],
      ['questions', 'documents'],
    ])
  })

  it('brings texts without vectors, which the store embeds once', async () => {
    const file = await writeLines(path.join(folder(), 'plain.jsonl'), [
      { url: 'https://a', title: 'One', body: 'Parental leave.', lang: 'en' },
      'rubbish',
      { url: 'https://b', title: 'Two', body: 'Sick leave.', lang: 'de' },
    ])
    const source = { jsonl: { path: file } }
    const inspected = await inspectImport(source, { tenant: 'acme' })
    expect(inspected.plan.parts).toEqual([
      {
        part: 'plain',
        tenant: 'acme',
        collection: 'documents',
        fields: { id: 'url', text: 'body', title: 'title', vector: null, metadata: ['lang'] },
        space: null,
      },
    ])
    expect(inspected.parts[0]!.fields).toContainEqual({ path: 'lang', types: { string: 2 }, becomes: 'metadata' })
    expect(inspected.parts[0]).toMatchObject({ read: 3, documents: 2, losses: [{ rows: 1 }] })
    await using store = await open({ embedder: { hashing: { dimensions: 32 } } })
    await applyImport(store, source, inspected.plan)
    const { hits } = await store.forTenant('acme').search({ query: 'sick leave', limit: 1 })
    expect(hits).toMatchObject([{ documentId: 'https://b', title: 'Two', metadata: { lang: 'de' } }])
    expect(await verifyImport(store, source, inspected.plan)).toMatchObject({ ok: true, parts: [{ vectors: null }] })
  })
}

async function documentOf(acme: ReturnType<Store['forTenant']>, id: string) {
  const { text, metadata, source } = (await acme.documents.get(id))!
  return { id, text, metadata, source: source! }
}

describe('an import, in memory', () => {
  suite((options = {}) => createTestStore(options) as Promise<Store>)
})

describeWithPgvector('an import, on a server', () => {
  const database = useDatabase(() => pgvectorUrl()!)
  let schemas = 0
  suite((options = {}) => {
    const postgres = { url: database().url, schema: `import_${++schemas}` }
    return openStore({ embedder: { hashing: { dimensions: 16 } }, ...options, postgres }) as Promise<Store>
  })
})

describe('a plan', () => {
  const part = plan.parts[0]!
  it.each<[unknown, string]>([
    [null, 'plan'],
    [{ ...plan, format: 2 }, 'format'],
    [{ ...plan, more: 1 }, 'more'],
    [{ ...plan, name: 'a b' }, 'name'],
    [{ ...plan, parts: [] }, 'parts'],
    [{ ...plan, parts: [part, part] }, 'parts'],
    [{ ...plan, parts: [{ ...part, tenant: '' }] }, 'parts[0].tenant'],
    [{ ...plan, parts: [{ ...part, fields: { ...part.fields, vectors: 'x' } }] }, 'parts[0].fields.vectors'],
    [{ ...plan, parts: [{ ...part, fields: { ...part.fields, metadata: 'x' } }] }, 'parts[0].fields.metadata'],
    [{ ...plan, parts: [{ ...part, space: null }] }, 'parts[0].space'],
    [{ ...plan, parts: [{ ...part, space: { ...space, name: null } }] }, 'parts[0].space.name'],
    [{ ...plan, parts: [{ ...part, space: { ...space, dimensions: 0 } }] }, 'parts[0].space.dimensions'],
    [{ ...plan, parts: [{ ...part, space: { ...space, distance: 'l2' } }] }, 'parts[0].space.distance'],
    [{ ...plan, parts: [{ ...part, fields: { id: 'id', text: 'text' } }] }, 'parts[0].space'],
    [{ ...plan, parts: [part, { ...part, part: 'b', space: { ...space, dimensions: 5 } }] }, 'parts[1].space'],
  ])('%j is refused at %s', async (given, at) => {
    await using store = await createTestStore(own)
    const work = async () => applyImport(store, listed([]), given as ImportPlan)
    await expect(work()).rejects.toMatchObject({ code: 'HW_INVALID_ARGUMENT', path: at })
  })

  it.each<[Json, string]>([
    [{}, 'source'],
    [{ jsonl: { path: '' } }, 'source.jsonl.path'],
    [{ jsonl: { path: 'a' }, chroma: { path: 'b' } }, 'source'],
    [{ qdrant: { url: 'http://localhost' } }, 'source.qdrant.collection'],
    [{ csv: {} }, 'source.csv'],
    [{ postgres: { url: 'postgres://localhost', sql: 'SELECT', table: 'a' } }, 'sql'],
  ])('a source %j is refused at %s', async (given, at) => {
    await expect(inspectImport(given as never)).rejects.toMatchObject({ code: 'HW_INVALID_OPTIONS', path: at })
  })
})
