import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openStore, type Store } from '../../index'
import { createTestStore } from '../../src/testing/test-store'

// biome-ignore lint/suspicious/noExplicitAny: what is passed is wrong on purpose
type Any = any

const loop: Record<string, unknown> = { a: {} }
;(loop['a'] as Record<string, unknown>)['back'] = loop
let deep: unknown = 1
for (let level = 0; level < 9; level++) deep = { deeper: deep }
const lone = '\ud800'

/** Documents that are refused: what is wrong, the document, the code and the path. */
const documents: [string, unknown, string, string][] = [
  ['nothing', null, 'HW_INVALID_DOCUMENT', ''],
  ['a list', [], 'HW_INVALID_DOCUMENT', 'text'],
  ['an unknown field', { id: 'x', text: 'x', titel: 'x' }, 'HW_INVALID_DOCUMENT', 'titel'],
  ['no id', { text: 'x' }, 'HW_INVALID_DOCUMENT', 'id'],
  ['an empty id', { id: '', text: 'x' }, 'HW_INVALID_DOCUMENT', 'id'],
  ['a number as id', { id: 7, text: 'x' }, 'HW_INVALID_DOCUMENT', 'id'],
  ['a long id', { id: 'ü'.repeat(257), text: 'x' }, 'HW_INVALID_DOCUMENT', 'id'],
  ['NUL in the id', { id: 'a\0b', text: 'x' }, 'HW_INVALID_DOCUMENT', 'id'],
  ['a line break in the id', { id: 'a\nb', text: 'x' }, 'HW_INVALID_DOCUMENT', 'id'],
  ['half a pair in the id', { id: lone, text: 'x' }, 'HW_INVALID_DOCUMENT', 'id'],
  ['no text', { id: 'x' }, 'HW_INVALID_DOCUMENT', 'text'],
  ['empty text', { id: 'x', text: '' }, 'HW_INVALID_DOCUMENT', 'text'],
  ['white text', { id: 'x', text: ' \n\t\u00a0' }, 'HW_INVALID_DOCUMENT', 'text'],
  ['oversized text', { id: 'x', text: 'x'.repeat(10 * 2 ** 20 + 1) }, 'HW_INVALID_DOCUMENT', 'text'],
  ['oversized text in bytes', { id: 'x', text: '日'.repeat(4 * 2 ** 20) }, 'HW_INVALID_DOCUMENT', 'text'],
  ['NUL in the text', { id: 'x', text: 'a\0b' }, 'HW_INVALID_DOCUMENT', 'text'],
  ['half a pair in the text', { id: 'x', text: `a${lone}` }, 'HW_INVALID_DOCUMENT', 'text'],
  ['a Buffer as text', { id: 'x', text: Buffer.from('x') }, 'HW_INVALID_DOCUMENT', 'text'],
  ['NUL in the title', { id: 'x', text: 'x', title: '\0' }, 'HW_INVALID_DOCUMENT', 'title'],
  ['half a pair in the title', { id: 'x', text: 'x', title: lone }, 'HW_INVALID_DOCUMENT', 'title'],
  ['a long title', { id: 'x', text: 'x', title: 'x'.repeat(16_385) }, 'HW_INVALID_DOCUMENT', 'title'],
  ['NUL in the source', { id: 'x', text: 'x', source: 'a\0' }, 'HW_INVALID_DOCUMENT', 'source'],
  ['half a pair in the source', { id: 'x', text: 'x', source: lone }, 'HW_INVALID_DOCUMENT', 'source'],
  ['null as source', { id: 'x', text: 'x', source: null }, 'HW_INVALID_DOCUMENT', 'source'],
  ['a number as status', { id: 'x', text: 'x', status: 1 }, 'HW_INVALID_DOCUMENT', 'status'],
  ['no chunks', { id: 'x', text: 'x', chunks: [] }, 'HW_INVALID_DOCUMENT', 'chunks'],
  ['an empty chunk', { id: 'x', text: 'x', chunks: [{ text: ' ' }] }, 'HW_INVALID_DOCUMENT', 'chunks[0].text'],
  ['a chunk beyond', { id: 'x', text: 'x', chunks: [{ text: 'x', start: 5 }] }, 'HW_INVALID_DOCUMENT', 'chunks[0]'],
  ['metadata: NaN', { metadata: { a: Number.NaN } }, 'HW_INVALID_METADATA', 'metadata.a'],
  ['metadata: Infinity', { metadata: { a: [1, Number.POSITIVE_INFINITY] } }, 'HW_INVALID_METADATA', 'metadata.a[1]'],
  ['metadata: a cycle', { metadata: loop }, 'HW_INVALID_METADATA', 'metadata.a.back'],
  ['metadata: too deep', { metadata: deep }, 'HW_INVALID_METADATA', `metadata${'.deeper'.repeat(8)}`],
  ['metadata: a dot in a key', { metadata: { 'a.b': 1 } }, 'HW_INVALID_METADATA', 'metadata'],
  ['metadata: a bracket in a key', { metadata: { a: { 'b[0]': 1 } } }, 'HW_INVALID_METADATA', 'metadata.a'],
  ['metadata: a key of the filter', { metadata: { OR: 1 } }, 'HW_INVALID_METADATA', 'metadata'],
  ['metadata: a key with $', { metadata: { $id: 1 } }, 'HW_INVALID_METADATA', 'metadata'],
  ['metadata: NUL', { metadata: { a: 'x\0' } }, 'HW_INVALID_METADATA', 'metadata.a'],
  ['metadata: half a pair', { metadata: { a: { b: lone } } }, 'HW_INVALID_METADATA', 'metadata.a.b'],
  ['metadata: half a pair in a key', { metadata: { [lone]: 1 } }, 'HW_INVALID_METADATA', 'metadata'],
  ['metadata: a bigint', { metadata: { a: 1n } }, 'HW_INVALID_METADATA', 'metadata.a'],
  ['metadata: a function', { metadata: { a: () => 1 } }, 'HW_INVALID_METADATA', 'metadata.a'],
  ['metadata: a Map', { metadata: new Map() }, 'HW_INVALID_METADATA', 'metadata'],
  ['metadata: too large', { metadata: { a: 'x'.repeat(65_536) } }, 'HW_INVALID_METADATA', 'metadata'],
]

/** Other calls that are refused. */
const calls: [string, (acme: Any) => Promise<unknown>, string, string][] = [
  ['get: no id', (acme) => acme.documents.get(undefined), 'HW_INVALID_DOCUMENT', 'id'],
  ['get: NUL in the id', (acme) => acme.documents.get('\0'), 'HW_INVALID_DOCUMENT', 'id'],
  ['getMany: one bad id', (acme) => acme.documents.getMany(['kept', lone]), 'HW_INVALID_DOCUMENT', 'ids[1]'],
  ['chunks: no id', (acme) => acme.documents.chunks(''), 'HW_INVALID_DOCUMENT', 'id'],
  ['delete: no id', (acme) => acme.documents.delete(null), 'HW_INVALID_DOCUMENT', 'id'],
  [
    'patch: NaN',
    (acme) => acme.documents.patch('kept', { metadata: { a: Number.NaN } }),
    'HW_INVALID_METADATA',
    'metadata.a',
  ],
  ['patch: empty text', (acme) => acme.documents.patch('kept', { text: '' }), 'HW_INVALID_DOCUMENT', 'text'],
  ['patch: unknown field', (acme) => acme.documents.patch('kept', { titel: 'x' }), 'HW_INVALID_DOCUMENT', 'titel'],
  ['patch: another id', (acme) => acme.documents.patch('kept', { id: 'other' }), 'HW_INVALID_DOCUMENT', 'id'],
  ['patch: no document', (acme) => acme.documents.patch('none', { title: 'x' }), 'HW_NOT_FOUND', 'id'],
  ['list: limit 0', (acme) => acme.documents.list({ limit: 0 }), 'HW_INVALID_ARGUMENT', 'limit'],
  ['list: limit 1.5', (acme) => acme.documents.list({ limit: 1.5 }), 'HW_INVALID_ARGUMENT', 'limit'],
  ['list: limit a million', (acme) => acme.documents.list({ limit: 1_000_000 }), 'HW_LIMIT_EXCEEDED', 'limit'],
  ['list: no cursor', (acme) => acme.documents.list({ cursor: '' }), 'HW_INVALID_CURSOR', 'cursor'],
  ['list: a cursor of another kind', (acme) => acme.documents.list({ cursor: 42 }), 'HW_INVALID_CURSOR', 'cursor'],
  [
    'list: a made-up cursor',
    (acme) => acme.documents.list({ cursor: 'QUJDREVGR0hJSktMTU5PUA' }),
    'HW_INVALID_CURSOR',
    'cursor',
  ],
  ['search: nothing', (acme) => acme.search({}), 'HW_INVALID_ARGUMENT', 'query'],
  ['search: an object', (acme) => acme.search({ query: { match: 'x' } }), 'HW_INVALID_ARGUMENT', 'query'],
  ['search: limit 0', (acme) => acme.search({ query: 'x', limit: 0 }), 'HW_INVALID_ARGUMENT', 'limit'],
  ['search: limit NaN', (acme) => acme.search({ query: 'x', limit: Number.NaN }), 'HW_INVALID_ARGUMENT', 'limit'],
  ['search: limit a million', (acme) => acme.search({ query: 'x', limit: 1_000_000 }), 'HW_LIMIT_EXCEEDED', 'limit'],
  ['search: a long query', (acme) => acme.search({ query: '日'.repeat(3_000) }), 'HW_LIMIT_EXCEEDED', 'query'],
  ['search: a cut cursor', (acme) => acme.search({ query: 'x', cursor: 'AQ' }), 'HW_INVALID_CURSOR', 'cursor'],
  ['search: wrong dimensions', (acme) => acme.search({ vector: [1, 2, 3] }), 'HW_INVALID_VECTOR', 'vector'],
  [
    'search: a vector of NaN',
    (acme) => acme.search({ vector: new Array(32).fill(Number.NaN) }),
    'HW_INVALID_VECTOR',
    'vector[0]',
  ],
  [
    'search: weights',
    (acme) => acme.search({ query: 'x', weights: { text: -1 } }),
    'HW_INVALID_ARGUMENT',
    'weights.text',
  ],
  [
    'search: an operator',
    (acme) => acme.search({ query: 'x', filter: { a: { $gt: 1 } } }),
    'HW_INVALID_FILTER',
    'filter.a.$gt',
  ],
  [
    'deleteWhere: an operator',
    (acme) => acme.documents.deleteWhere({ a: { like: 'x' } }),
    'HW_INVALID_FILTER',
    'filter.a.like',
  ],
  ['deleteWhere: undefined', (acme) => acme.documents.deleteWhere({ a: undefined }), 'HW_INVALID_FILTER', 'filter.a'],
  [
    'deleteWhere: undefined within',
    (acme) => acme.documents.deleteWhere({ OR: [{ a: 1 }, { b: undefined }] }),
    'HW_INVALID_FILTER',
    'filter.OR[1].b',
  ],
  [
    'deleteWhere: an operand that is undefined',
    (acme) => acme.documents.deleteWhere({ a: { gte: 1, lt: undefined } }),
    'HW_INVALID_FILTER',
    'filter.a.lt',
  ],
  ['deleteWhere: null', (acme) => acme.documents.deleteWhere(null), 'HW_INVALID_FILTER', 'filter'],
  ['deleteWhere: nothing', (acme) => acme.documents.deleteWhere(undefined), 'HW_INVALID_FILTER', 'filter'],
  [
    'afterCommit: a name of ours',
    (acme) => acme.transaction((tx: Any) => tx.afterCommit('headwater.x', 1)),
    'HW_INVALID_ARGUMENT',
    'name',
  ],
  [
    'afterCommit: NUL',
    (acme) => acme.transaction((tx: Any) => tx.afterCommit('x', { a: ['b\0'] })),
    'HW_INVALID_ARGUMENT',
    'payload.a[0]',
  ],
  [
    'afterCommit: too much',
    (acme) => acme.transaction((tx: Any) => tx.afterCommit('x', 'ü'.repeat(40_000))),
    'HW_LIMIT_EXCEEDED',
    'payload',
  ],
  ['savepoint: nothing', (acme) => acme.transaction((tx: Any) => tx.savepoint()), 'HW_INVALID_ARGUMENT', 'work'],
  [
    'transaction: an isolation that is none',
    (acme) => acme.transaction(async () => 1, { isolation: 'snapshot' }),
    'HW_INVALID_ARGUMENT',
    'isolation',
  ],
  ['waitFor: nothing', (acme) => acme.waitFor(undefined), 'HW_INVALID_ARGUMENT', 'receipt'],
  ['waitFor: a string', (acme) => acme.waitFor('receipt'), 'HW_INVALID_ARGUMENT', 'receipt'],
  ['timeout below 0', (acme) => acme.documents.get('kept', { timeoutMs: -1 }), 'HW_INVALID_ARGUMENT', 'timeoutMs'],
  ['blob: a path', (acme) => acme.blobs.get('../../etc/passwd'), 'HW_INVALID_ARGUMENT', 'key'],
]

const options = { embedder: { hashing: { dimensions: 32 } }, relay: 'external' } as const

describe.each([
  ['memory', () => createTestStore(options)],
  ['PGlite', () => openStore({ ...options, embedded: { path: ':memory:' } })],
] as [string, () => Promise<Store>][])('bad input: %s', (_, open) => {
  let store: Store
  let acme: Any
  let before: unknown

  /** All that a refused call could leave half of. */
  const everything = async () => ({
    documents: await acme.documents.list(),
    chunks: await acme.documents.chunks('kept'),
    hits: (await acme.search({ query: 'kept words' })).hits,
    backlog: (await store.backlog()).waiting,
    drift: await store.reconcile({ deep: true }),
  })

  beforeAll(async () => {
    store = await open()
    acme = store.forTenant('acme')
    await acme.documents.put({ id: 'kept', text: 'Kept words.', metadata: { a: 1 } })
    await store.relay.drain()
    before = await everything()
  })
  afterAll(async () => {
    expect(await everything()).toEqual(before)
    await store.close()
  })

  const refused = async (promise: Promise<unknown>, code: string, path: string) => {
    const error = await promise.then(
      (value) => expect.fail(`resolved with ${JSON.stringify(value)}`),
      (cause: unknown) => cause as Record<string, unknown>,
    )
    expect(error).toMatchObject({ name: 'HeadwaterError', code, path, retryable: false })
    expect(error['remedy']).toMatch(/\w{3,}/)
    // Fit to be logged: no megabyte of text, no half of a pair.
    expect(String(error['message']).length).toBeLessThan(1_000)
    expect(String(error['message'])).toContain(path)
  }

  it.each(documents)('%s', async (_name, given, code, path) => {
    const document =
      given && typeof given === 'object' && 'metadata' in given ? { id: 'x', text: 'x', ...given } : given
    await refused(acme.documents.put(document), code, path)
    await refused(acme.documents.prepare(document), code, path)
    await refused(
      acme.transaction((tx: Any) =>
        tx.documents.put({ id: 'whole', text: 'x' }).then(() => tx.documents.put(document)),
      ),
      code,
      path,
    )
    const result = await acme.documents.putMany([document])
    expect(result).toMatchObject({ written: 0, unchanged: 0, failed: [{ error: { code, path } }] })
    expect(await acme.documents.count()).toBe(1)
    expect((await store.backlog()).waiting).toBe(0)
  })

  it.each(calls)('%s', async (_name, call, code, path) => {
    await refused(call(acme), code, path)
    expect(await acme.documents.get('kept')).toMatchObject({ version: 1 })
    expect((await store.backlog()).waiting).toBe(0)
  })

  it('a patch is read no further than what a document may hold, before it is hashed', async () => {
    const store = await createTestStore({})
    const { documents } = store.forTenant('acme')
    await documents.put({ id: 'patched', text: 'some words' })
    for (const field of ['title', 'text', 'source', 'contentType', 'status'] as const) {
      let read = 0
      const endless = { toJSON: () => ({ again: read++ < 1_000 && endless }) }
      const patch = documents.patch('patched', { [field]: endless } as never)
      await expect(patch, field).rejects.toMatchObject({ code: 'HW_INVALID_DOCUMENT', path: field })
      expect(read, field).toBe(0)
    }
    await store.close()
  })

  it('names of tenants and collections', () => {
    for (const name of ['', 'a b', 'a/b', 'a:b', 'ü', 'x'.repeat(129), null, undefined, 7, lone, "'; DROP"]) {
      const wrong = expect.objectContaining({ code: 'HW_INVALID_ARGUMENT', path: 'tenant' })
      expect(() => store.forTenant(name as Any), String(name)).toThrow(wrong)
    }
    expect(() => acme.collection('a b')).toThrow(expect.objectContaining({ path: 'collection' }))
    expect(() => acme.collection('none')).toThrow(
      expect.objectContaining({ code: 'HW_COLLECTION_UNKNOWN', path: 'collections.none' }),
    )
  })
})
