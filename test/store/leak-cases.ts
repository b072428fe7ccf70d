import { expect } from 'vitest'
import type { CallerTransaction, PreparedDocument, Receipt, TenantHandle, TransactionHandle } from '../../index'
import type { TransactionDocuments } from '../../src/tenant/transaction-handle'

// biome-ignore lint/suspicious/noExplicitAny: what leaks does so whatever the metadata's type
type Any = any
export type Tenant = TenantHandle<Any, Any>

/** One tenant, and what of his another might get hold of. */
export interface Side {
  readonly handle: Tenant
  /** In each text, title, metadata, cache value and blob of his, and of nobody else's. */
  readonly marker: string
  readonly prepared: PreparedDocument
  readonly receipt: Receipt
  readonly searchCursor: string
  readonly listCursor: string
  readonly chunkIds: readonly string[]
  readonly blobKey: string
  readonly courseId: string
  readonly courseCursor: string
  /** Softly deleted. */
  readonly hiddenId: string
  /** Of a change, which has a seal. */
  readonly auditId: number
}

export interface Stage {
  readonly me: Side
  readonly them: Side
  /** A transaction of the caller's, rolled back afterwards; undefined where there is no Postgres. */
  readonly within: (<T>(work: (transaction: CallerTransaction) => Promise<T>) => Promise<T>) | undefined
}

/** Tries to see or to change what is theirs by one method; gives back all that it was told, refusals too. */
type Case = (stage: Stage) => Promise<unknown>

const shared = { query: 'secret words' } as const
export const ids = ['same', 'other', 'mine-only'] as const
/** Every feature of a search at once. */
const whole = {
  ...shared,
  query: ['secret words', 'keyed words'],
  fusion: 'weighted',
  diversity: 0.5,
  facets: { paths: ['note', 'shared', '$source'], limit: 100 },
  limit: 1_000,
  explain: true,
} as const

/** Tells all that a reranker is shown. */
function listener(seen: unknown[]) {
  return {
    rank: (query: string, hits: readonly unknown[]) => {
      seen.push(query, hits)
      return hits.map((_, at) => at)
    },
  }
}

/** Documents that only they have; the second is an id that I take for myself as well. */
export const theirsOnly = 'theirs-only'
export const theirsToo = 'theirs-too'

/** What a rejection tells. */
async function refusal(promise: Promise<unknown>, code: string): Promise<unknown> {
  const error = await promise.then(
    (value) => expect.fail(`resolved with ${JSON.stringify(value)}`),
    (cause: unknown) => cause,
  )
  expect(error).toMatchObject({ code })
  return error
}

const foreign = 'HW_INVALID_ARGUMENT'
const input = (side: Side) => ({ id: 'same', text: `${side.marker} new secret words`, title: 'New' })

async function inTransaction(stage: Stage, work: (tx: TransactionHandle<Any>) => Promise<unknown>): Promise<unknown[]> {
  const own = await stage.me.handle.transaction(async (tx) => {
    const told = await work(tx)
    // Not JSON in general: told apart from the value of the transaction.
    return { told }
  })
  const { within } = stage
  return [own.value.told, own.receipt, within && (await within((trx) => work(stage.me.handle.using(trx))))]
}

const documentsIn = (stage: Stage, work: (documents: TransactionDocuments<Any>) => Promise<unknown>) =>
  inTransaction(stage, async (tx) => [await work(tx.documents), await work(tx.collection('questions').documents)])

/** A cursor of mine that points at their chunks. */
function forged({ me, them }: Stage): string {
  const bytes = Buffer.from(me.searchCursor, 'base64url')
  them.chunkIds.forEach((id, at) => {
    if (17 + at * 24 + 24 <= bytes.length) bytes.write(id.replaceAll('-', ''), 17 + at * 24, 16, 'hex')
  })
  return bytes.toString('base64url')
}

/** By each way to an entity: the handle's own, and those of transactions. Gives back what each told. */
async function entitiesBy(stage: Stage, work: (entities: Any) => Promise<unknown>): Promise<unknown[]> {
  return [await work(stage.me.handle.entities), ...(await inTransaction(stage, (tx) => work(tx.entities)))]
}

/** The column of a refused call that a transaction cannot go on after. */
const both = async (work: (rows: Any) => Promise<unknown>, { courses, rooms }: Any): Promise<unknown[]> => [
  await work(courses),
  await work(rooms),
]

const entityCases: Readonly<Record<string, Case>> = {
  insert: (stage) =>
    entitiesBy(stage, async ({ courses, rooms }) => [
      // Their title and their key are free for me.
      await courses.insert({ title: titleOf('theirs'), note: 'x' }),
      await rooms.insert({ code: 'theirs-room', note: 'x' }),
      await courses.delete((await courses.first({ filter: { title: titleOf('theirs') } })).id),
      await rooms.delete('theirs-room'),
    ]),
  insertMany: (stage) =>
    entitiesBy(stage, async ({ courses }) => {
      const rows = await courses.insertMany([
        { title: titleOf('theirs'), note: 'x' },
        { title: 'mine too', note: 'x' },
      ])
      for (const { id } of rows) await courses.delete(id)
      return rows
    }),
  upsert: (stage) =>
    entitiesBy(stage, async ({ courses, rooms }) => {
      const row = await courses.upsert({ title: titleOf('theirs'), note: 'x' })
      const room = await rooms.upsert({ code: 'theirs-room', note: 'x' })
      expect([row.version, room.version]).toEqual([1, 1])
      await courses.delete(row.id)
      await rooms.delete('theirs-room')
      return [row, room]
    }),
  get: (stage) =>
    entitiesBy(stage, async ({ courses, rooms }) => {
      expect([await courses.get(stage.them.courseId), await rooms.get('theirs-room')]).toEqual([null, null])
      return [await courses.get(stage.me.courseId), await rooms.get('same')]
    }),
  getMany: (stage) =>
    entitiesBy(stage, async ({ courses, rooms }) => [
      await courses.getMany([stage.them.courseId, stage.me.courseId]),
      await rooms.getMany(['same', 'theirs-room']),
    ]),
  update: (stage) =>
    entitiesBy(stage, async ({ courses, rooms }) => [
      await refusal(courses.update(stage.them.courseId, { note: 'x' }), 'HW_NOT_FOUND'),
      await refusal(rooms.update('theirs-room', { note: 'x' }), 'HW_NOT_FOUND'),
      await rooms.update('same', { note: 'changed' }),
      await rooms.update('same', { note: stage.me.marker }),
    ]),
  delete: (stage) =>
    entitiesBy(stage, async ({ courses, rooms }) => {
      expect([await courses.delete(stage.them.courseId), await rooms.delete('theirs-room')]).toEqual([false, false])
    }),
  list: (stage) =>
    entitiesBy(stage, async (entities) => {
      const { courses } = entities
      const theirs = { title: { in: [titleOf('theirs'), titleOf(stage.them.marker)] } }
      expect((await courses.list({ filter: theirs })).items).toEqual([])
      return [
        await both((rows) => rows.list(), entities),
        await courses.list({ filter: { NOT: { title: 'none' } }, orderBy: [{ title: 'desc' }], select: ['note'] }),
        await refusal(courses.list({ cursor: stage.them.courseCursor, limit: 1 }), 'HW_INVALID_CURSOR'),
      ]
    }),
  first: (stage) =>
    entitiesBy(stage, async (entities) => {
      expect(await entities.courses.first({ filter: { id: stage.them.courseId } })).toBe(null)
      return both((rows) => rows.first({ filter: { NOT: { note: 'none' } } }), entities)
    }),
  count: (stage) =>
    entitiesBy(stage, async ({ courses, rooms }) => {
      expect([await courses.count(), await rooms.count(), await rooms.count({ code: 'theirs-room' })]).toEqual([
        1, 1, 0,
      ])
    }),
  aggregate: (stage) =>
    entitiesBy(stage, async ({ courses }) => {
      expect(await courses.aggregate({ count: true })).toEqual([{ count: 1 }])
      return [
        await courses.aggregate({ groupBy: ['title', 'note'], min: ['note'], max: ['title', 'note'] }),
        await courses.aggregate({ filter: { id: stage.them.courseId }, groupBy: ['title'], max: ['note'] }),
      ]
    }),
  restore: (stage) => entitiesBy(stage, ({ courses }) => refusal(courses.restore(stage.them.hiddenId), 'HW_NOT_FOUND')),
}

export const titleOf = (of: string) => `A course ${of}`

export const cases: Readonly<Record<string, Case>> = {
  ...Object.fromEntries(
    ['EntityRepository', 'RestorableRepository'].flatMap((of) =>
      Object.entries(entityCases)
        .filter(([name]) => of === 'RestorableRepository' || name !== 'restore')
        .map(([name, one]) => [`${of}.${name}`, one]),
    ),
  ),
  'TenantHandle.collection': async ({ me }) => {
    const questions = me.handle.collection('questions')
    return [await questions.documents.list(), await questions.search(shared), await questions.documents.get('same')]
  },
  'TenantHandle.search': async (stage) => {
    const { me, them } = stage
    const { handle } = me
    const pages = await Promise.all(
      (['hybrid', 'text', 'vector'] as const).map((mode) =>
        handle.search({ ...shared, mode, limit: 1_000, explain: true, filter: { NOT: { $id: 'none' } } }),
      ),
    )
    const word = await handle.search({ query: them.marker, mode: 'text' })
    expect(word.hits).toEqual([])
    const point = await handle.search({ ...shared, limit: 1, cursor: forged(stage) })
    const seen: unknown[] = []
    const all = await handle.search({ ...whole, rerank: listener(seen) })
    expect(seen.length).toBe(2)
    return [
      pages,
      all,
      seen,
      point,
      await handle.search({ query: them.marker, filter: { $id: { in: [...ids, theirsOnly] } } }),
      await refusal(handle.search({ ...shared, limit: 1, cursor: them.searchCursor }), 'HW_INVALID_CURSOR'),
      await refusal(handle.search(shared, { after: them.receipt }), foreign),
    ]
  },
  'TenantHandle.searchMany': async (stage) => {
    const { me, them } = stage
    const seen: unknown[] = []
    const rerank = listener(seen)
    const [mine, theirs] = await Promise.all(
      [me, them].map(({ handle }) => handle.searchMany([{ ...whole, rerank }, { ...shared, mode: 'vector' }, whole])),
    )
    expect(theirs!.every(({ hits }) => hits.length > 0)).toBe(true)
    const own = seen.filter((one) => JSON.stringify(one).includes(me.marker))
    expect(own.every((one) => !JSON.stringify(one).includes(them.marker))).toBe(true)
    return [
      mine,
      await me.handle.searchMany([
        { ...whole, query: them.marker },
        { ...shared, limit: 1, cursor: forged(stage) },
      ]),
      await refusal(me.handle.searchMany([shared, { ...shared, cursor: them.searchCursor }]), 'HW_INVALID_CURSOR'),
      await refusal(me.handle.searchMany([shared], { after: them.receipt }), foreign),
    ]
  },
  'TenantHandle.similar': async ({ me, them }) => [
    await me.handle.similar('same', { limit: 1_000, explain: true, diversity: 0.5, facets: ['note'] }),
    await me.handle.similar({ chunkId: me.chunkIds[0]! }, { limit: 1_000 }),
    (await refusal(me.handle.similar(theirsOnly), 'HW_NOT_FOUND')) instanceof Error,
    // The chunk that was asked for is in the message, as it was given.
    (await refusal(me.handle.similar({ chunkId: them.chunkIds[0]! }), 'HW_NOT_FOUND')) instanceof Error,
    await refusal(me.handle.similar('same', {}, { after: them.receipt }), foreign),
  ],
  'TenantHandle.waitFor': async ({ me, them }) => [
    await me.handle.waitFor({ ...me.receipt, ids: [...ids, theirsOnly], fence: them.receipt.fence }),
    await refusal(me.handle.waitFor(them.receipt), foreign),
    await refusal(
      me.handle.waitFor({ written: 1, unchanged: 0, failed: [], receipt: them.receipt }, { timeoutMs: 1_000 }),
      foreign,
    ),
    // Asking after a marker of theirs as if it were mine tells nothing, and takes nothing from them.
    await refusal(me.handle.waitFor({ ...me.receipt, commit: 'attempt:of-theirs' }), 'HW_RECEIPT_ROLLED_BACK'),
  ],
  'TenantHandle.transaction': (stage) =>
    inTransaction(stage, async (tx) => [
      await tx.documents.getMany([...ids, theirsOnly]),
      await refusal(tx.documents.put(stage.them.prepared), foreign),
    ]),
  'TenantHandle.using': async ({ me, them, within }) => {
    if (!within) return refusal((async () => me.handle.using({} as CallerTransaction).documents.get('same'))(), foreign)
    return within(async (trx) => {
      const [mine, theirs] = [me.handle.using(trx), them.handle.using(trx)]
      const told = [await mine.documents.get('same'), await mine.documents.put(input(me))]
      // Theirs comes in between, in the same transaction: mine stays mine.
      await theirs.documents.put(input(them))
      return [
        told,
        await mine.documents.getMany([...ids, theirsOnly]),
        await mine.documents.put({ ...input(me), id: 'x' }),
      ]
    })
  },
  'CollectionHandle.search': async ({ me, them }) => {
    const questions = me.handle.collection('questions')
    return [
      await questions.search({ ...shared, limit: 1_000 }),
      await refusal(questions.search(shared, { after: them.receipt }), foreign),
      await refusal(questions.search({ ...shared, limit: 1, cursor: them.searchCursor }), 'HW_INVALID_CURSOR'),
    ]
  },

  'CollectionHandle.searchMany': async ({ me, them }) => {
    const questions = me.handle.collection('questions')
    return [
      await questions.searchMany([whole, { ...shared, mode: 'text', facets: ['note'] }]),
      await refusal(questions.searchMany([shared], { after: them.receipt }), foreign),
    ]
  },
  'CollectionHandle.similar': async ({ me, them }) => {
    const questions = me.handle.collection('questions')
    return [
      await questions.similar('same', { limit: 1_000 }),
      (await refusal(questions.similar(theirsOnly), 'HW_NOT_FOUND')) instanceof Error,
      await refusal(questions.similar('same', {}, { after: them.receipt }), foreign),
    ]
  },

  'Documents.put': async ({ me, them }) => [
    await me.handle.documents.put(input(me)),
    await me.handle.documents.put({ ...input(me), id: theirsToo }, { ifVersion: 0 }),
    await refusal(me.handle.documents.put(them.prepared), foreign),
    await refusal(me.handle.documents.put({ ...input(me), blob: { hash: them.blobKey } }), 'HW_NOT_FOUND'),
    // Their idempotency key is none of mine.
    await me.handle.documents.put({ ...input(me), id: 'keyed' }, { idempotencyKey: `key of ${them.handle.tenant}` }),
  ],
  'Documents.putMany': async ({ me, them }) => {
    const result = await me.handle.documents.putMany([input(me), them.prepared, { id: 'b', text: `${me.marker} b` }])
    expect(result.failed).toMatchObject([{ error: { code: foreign } }])
    return result
  },
  'Documents.prepare': async ({ me }) => ({ ...(await me.handle.documents.prepare(input(me))) }),
  'Documents.patch': async ({ me, them }) => [
    await me.handle.documents.patch('same', { title: 'Patched', metadata: { note: null } as never }),
    await refusal(me.handle.documents.patch(theirsOnly, { title: 'x' }), 'HW_NOT_FOUND'),
    await refusal(me.handle.documents.patch('same', { blob: { key: them.blobKey } }), 'HW_NOT_FOUND'),
  ],
  'Documents.delete': async ({ me }) => {
    const none = await me.handle.documents.delete(theirsOnly)
    expect(none).toMatchObject({ unchanged: true, version: 0 })
    return [none, await me.handle.documents.delete('same')]
  },
  'Documents.deleteMany': async ({ me }) => {
    const result = await me.handle.documents.deleteMany(['same', theirsOnly])
    expect(result).toMatchObject({ written: 1, unchanged: 1 })
    return result
  },
  'Documents.deleteWhere': async ({ me, them }) => {
    expect(await me.handle.documents.deleteWhere({ note: them.marker })).toMatchObject({ written: 0 })
    return [await me.handle.documents.deleteWhere({ $id: { exists: true } }), await me.handle.documents.deleteWhere({})]
  },
  'Documents.get': async ({ me, them }) => {
    expect(await me.handle.documents.get(theirsOnly)).toBeNull()
    return [
      await me.handle.documents.get('same'),
      await refusal(me.handle.documents.get('same', { after: them.receipt }), foreign),
    ]
  },
  'Documents.getMany': async ({ me, them }) => {
    const found = await me.handle.documents.getMany([...ids, theirsOnly])
    expect(found.at(-1)).toBeNull()
    return [found, await refusal(me.handle.documents.getMany(ids, { after: them.receipt }), foreign)]
  },
  'Documents.chunks': async ({ me, them }) => {
    expect(await me.handle.documents.chunks(theirsOnly)).toEqual([])
    return [
      await me.handle.documents.chunks('same'),
      await refusal(me.handle.documents.chunks('same', { after: them.receipt }), foreign),
    ]
  },
  'Documents.list': async ({ me, them }) => [
    await me.handle.documents.list({ limit: 1_000 }),
    await me.handle.documents.list({ filter: { OR: [{ note: them.marker }, { $id: { in: [...ids, theirsOnly] } }] } }),
    await refusal(me.handle.documents.list({ limit: 1, cursor: them.listCursor }), 'HW_INVALID_CURSOR'),
    await refusal(me.handle.documents.list({}, { after: them.receipt }), foreign),
  ],
  'Documents.count': async ({ me, them }) => {
    expect(await me.handle.documents.count({ note: them.marker })).toBe(0)
    expect(await me.handle.documents.count({ $id: theirsOnly })).toBe(0)
    expect(await me.handle.documents.count()).toBe(ids.length)
    return refusal(me.handle.documents.count({}, { after: them.receipt }), foreign)
  },
  'Documents.countChunks': async ({ me, them }) => {
    // One chunk a document, and mine alone.
    expect(await me.handle.documents.countChunks()).toBe(ids.length)
    return refusal(me.handle.documents.countChunks({ after: them.receipt }), foreign)
  },

  // Each has all of his own; where nothing counts, that is said.
  'TenantLimits.take': async ({ me, them }) => {
    const take = ({ handle }: Side) =>
      handle.limits
        .take('same', { requests: 2 })
        .catch((error: unknown) => expect(error).toMatchObject({ code: 'HW_INVALID_OPTIONS' }))
    return [await take(them), await take(them), await take(me)].at(-1) ?? null
  },

  'TransactionHandle.afterCommit': (stage) =>
    inTransaction(stage, (tx) => tx.afterCommit('leak', { of: stage.me.marker })),
  'TransactionHandle.savepoint': (stage) =>
    inTransaction(stage, (tx) =>
      tx.savepoint(async (part) => [
        await part.documents.put(input(stage.me)),
        await part.documents.getMany(['same', theirsOnly]),
        await (part.entities as Any).courses.get(stage.them.courseId),
        await (part.entities as Any).rooms.list(),
      ]),
    ),
  // What it sees of rows is up to the policies (test/entities/own-sql.test.ts); in memory there is no SQL.
  'TransactionHandle.query': (stage) =>
    inTransaction(stage, (tx) =>
      tx.query(`SELECT current_setting('headwater.tenant', true) AS tenant`).then(
        ({ rows }) => expect(rows).toEqual([{ tenant: stage.me.handle.tenant }]),
        (error: unknown) => expect(error).toMatchObject({ code: foreign }),
      ),
    ),
  'TransactionHandle.collection': (stage) =>
    inTransaction(stage, (tx) => tx.collection('questions').documents.getMany(['same', theirsOnly])),
  'TransactionDocuments.put': (stage) =>
    documentsIn(stage, async (documents) => [
      await documents.put(input(stage.me)),
      await refusal(documents.put(stage.them.prepared), foreign),
      await documents.get('same'),
    ]),
  'TransactionDocuments.patch': (stage) =>
    documentsIn(stage, async (documents) => [
      await documents.patch('same', { title: 'Patched' }),
      await refusal(documents.patch(theirsOnly, { title: 'x' }), 'HW_NOT_FOUND'),
      await documents.get('same'),
    ]),
  'TransactionDocuments.delete': (stage) =>
    documentsIn(stage, async (documents) => {
      expect(await documents.delete(theirsOnly)).toMatchObject({ unchanged: true, version: 0 })
      return documents.delete('same')
    }),
  'TransactionDocuments.get': (stage) =>
    documentsIn(stage, async (documents) => {
      expect(await documents.get(theirsOnly)).toBeNull()
      return documents.get('same')
    }),
  'TransactionDocuments.getMany': (stage) =>
    documentsIn(stage, async (documents) => {
      const found = await documents.getMany(['same', theirsOnly])
      expect(found[1]).toBeNull()
      return found
    }),

  'TenantCache.get': async ({ me, them }) => [
    ...(await Promise.all(['k', 'theirs'].map((key) => me.handle.cache.get(key)))),
    await me.handle.cache.get('k', { after: me.receipt }),
    await refusal(me.handle.cache.get('k', { after: them.receipt }), foreign),
  ],
  'TenantCache.getMany': async ({ me }) => {
    const found = await me.handle.cache.getMany(['k', 'theirs'])
    expect(found[1]).toBeUndefined()
    return found
  },
  'TenantCache.set': async ({ me }) => [
    await me.handle.cache.set('theirs', me.marker, { tags: ['tag'] }),
    await me.handle.cache.get('theirs'),
    await me.handle.cache.delete('theirs'),
  ],
  'TenantCache.getOrLoad': async ({ me, them }) => {
    // Both load the same key at once: each gets his own.
    const load = (side: Side) => side.handle.cache.getOrLoad('loaded', async () => `loaded ${side.marker}`)
    const [mine, theirs] = await Promise.all([load(me), load(them)])
    expect(theirs).toContain(them.marker)
    await Promise.all([me, them].map((side) => side.handle.cache.delete('loaded')))
    // Of documents by their ids, of which they have one too: my write to mine leaves theirs as it is.
    const documents = ['same', theirsOnly, theirsToo]
    const made = (side: Side) => side.handle.cache.getOrLoad('made', async () => `made ${side.marker}`, { documents })
    const own = [await made(me), await made(them)][0]
    await me.handle.documents.put(input(me))
    expect(await them.handle.cache.get('made')).toContain(them.marker)
    await Promise.all([me, them].map((side) => side.handle.cache.delete('made')))
    const after = them.receipt
    return [
      mine,
      own,
      await refusal(
        me.handle.cache.getOrLoad('loaded', async () => '', { after }),
        foreign,
      ),
    ]
  },
  'TenantCache.delete': async ({ me }) => {
    expect(await me.handle.cache.delete('theirs')).toBe(false)
    return me.handle.cache.delete('k')
  },
  'TenantCache.deleteByTag': async ({ me }) => {
    expect(await me.handle.cache.deleteByTag(['tag', 'absent'])).toBe(1)
    expect(await me.handle.cache.deleteByTag('tag')).toBe(0)
  },
  'TenantCache.stats': async ({ me, them }) => {
    const before = await me.handle.cache.stats()
    await them.handle.cache.get('k')
    expect(await me.handle.cache.stats()).toEqual(before)
    return before
  },

  'TenantAudit.list': async ({ me }) => [
    await me.handle.audit.list({ limit: 1_000 }),
    await me.handle.audit.list({ entity: 'rooms', key: 'theirs-room' }),
    await me.handle.audit.list({ collection: 'documents', key: theirsOnly }),
  ],
  'TenantAudit.prove': async ({ me, them }) => [
    await refusal(me.handle.audit.prove(them.auditId), 'HW_NOT_FOUND'),
    await me.handle.audit.prove(me.auditId),
  ],
  'TenantAudit.verify': async ({ me }) => {
    const found = await me.handle.audit.verify()
    expect(found).toMatchObject({ ok: true, tenants: 1 })
    return found
  },

  'TenantBlobs.put': async ({ me }) => me.handle.blobs.put(`${me.marker} more bytes`),
  'TenantBlobs.head': async ({ me, them }) => {
    expect(await me.handle.blobs.head(them.blobKey)).toBeNull()
    return me.handle.blobs.head(me.blobKey)
  },
  'TenantBlobs.get': async ({ me, them }) => {
    expect(await me.handle.blobs.get(them.blobKey)).toBeNull()
    expect(await me.handle.blobs.get(them.blobKey, { range: { start: 0, end: 3 } })).toBeNull()
    const path = `../../6-acme.b/${them.blobKey.slice(0, 2)}/${them.blobKey}`
    await expect(me.handle.blobs.get(path)).rejects.toMatchObject({ code: foreign })
    return me.handle.blobs.get(me.blobKey)
  },
  'TenantBlobs.list': async ({ me, them }) => {
    const listed = await me.handle.blobs.list({ limit: 1_000 })
    expect(listed.map(({ key }) => key)).not.toContain(them.blobKey)
    return listed
  },
  'TenantBlobs.delete': async ({ me, them }) => {
    expect(await me.handle.blobs.delete(them.blobKey)).toBe(false)
    return me.handle.blobs.delete(me.blobKey)
  },
}
