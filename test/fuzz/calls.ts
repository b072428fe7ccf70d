import type { Store, TenantHandle } from '../../index'

// biome-ignore lint/suspicious/noExplicitAny: what is passed is wrong on purpose
export type Any = any

/** What calls are made on, and what a right one needs. */
export interface Scene {
  readonly store: Store<Any, Any>
  readonly acme: TenantHandle<Any, Any>
  readonly prepared: unknown
  readonly receipt: Record<string, unknown>
  readonly listCursor: string
  readonly searchCursor: string
  readonly chunkId: string
  readonly blobKey: string
  readonly courseId: string
  readonly courseCursor: string
  readonly vector: readonly number[]
}

/** A public method, and arguments of it that are right: each value within them is a place for a hostile one. */
export interface Call {
  readonly args: (scene: Scene) => unknown[]
  readonly on: (scene: Scene, args: Any[]) => unknown
}

const call = { signal: undefined, timeoutMs: 5_000 }
/** Each name has one handler. */
let handlers = 0
const read = (scene: Scene) => ({ ...call, after: { ...scene.receipt } })
const write = { ...call, idempotencyKey: 'fuzz', embed: 'deferred', ifVersion: 77 }
const document = (scene: Scene) => ({
  id: 'fuzz',
  title: 'Title',
  text: 'Text of a document.',
  metadata: { section: 'hr', tags: ['a', 'b'], deep: { er: 1 } },
  source: 'file:a',
  contentType: 'text/plain',
  status: 'active',
  chunks: [{ text: 'Text of', start: 0, end: 7, metadata: { page: 1 }, heading: 'Title' }],
  blob: { hash: scene.blobKey },
})
const filter = { section: 'hr', year: { gte: 1, lt: 2 }, tags: { in: ['a'] }, NOT: { a: 1 }, OR: [{ b: 1 }], $id: 'x' }
const query = (scene: Scene) => ({
  query: ['words', 'other words'],
  match: 'words',
  fields: { title: 1, heading: 1, text: 1 },
  vector: [...scene.vector],
  mode: 'hybrid',
  filter,
  limit: 5,
  groupBy: 'document',
  cursor: scene.searchCursor,
  explain: true,
  highlight: { passages: 1, length: 100, before: '<', after: '>' },
  fusion: 'weighted',
  weights: { text: 1, vector: 1 },
  k: 60,
  minScore: { text: 0, vector: 0 },
  diversity: 0.5,
  facets: { paths: ['section'], limit: 5 },
  rerank: { rank: () => [], top: 5, timeoutMs: 50 },
})
const search = (scene: Scene) => ({ ...read(scene), legTimeoutMs: { text: 500, vector: 500 } })

async function* stream(items: Any) {
  yield* items
}

const searching = (target: (scene: Scene) => Any, of: string): Record<string, Call> => ({
  [`${of}.search`]: {
    args: (scene) => [query(scene), search(scene)],
    on: (scene, args) => target(scene).search(...args),
  },
  [`${of}.searchMany`]: {
    args: (scene) => [[query(scene), { query: 'words' }], search(scene)],
    on: (scene, args) => target(scene).searchMany(...args),
  },
  [`${of}.similar`]: {
    args: (scene) => {
      const { filter, limit, groupBy, cursor, explain, diversity, facets, rerank } = query(scene)
      const asked = { filter, limit, groupBy, cursor, explain, diversity, facets, rerank, minScore: 0 }
      return [{ chunkId: scene.chunkId }, asked, search(scene)]
    },
    on: (scene, args) => target(scene).similar(...args),
  },
})

/** Inside a transaction of the store, which is rolled back whatever becomes of the call. */
const inside = (work: (documents: Any, args: Any[]) => unknown) => async (scene: Scene, args: Any[]) => {
  const end = new Error('rolled back')
  let outcome: { value?: unknown; error?: unknown } = {}
  const transaction = scene.acme.transaction(async (tx) => {
    outcome = await Promise.resolve()
      .then(() => work(tx.documents, args))
      .then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      )
    throw end
  })
  await transaction.catch((error: unknown) => {
    if (error !== end) throw error
  })
  if ('error' in outcome) throw outcome.error
  return outcome.value
}

const entityCall = { ...call, ifVersion: 77 }
const courseFilter = {
  title: 'x',
  credits: { gte: 1, lt: 2 },
  starts: { in: ['2026-01-01'] },
  NOT: { tags: { exists: true } },
  OR: [{ open: true }],
}
const course = { title: 'A course', credits: 5, starts: '2026-01-01T00:00:00Z', open: true, tags: ['a'] }

/** As `inside`, of an entity. */
const onCourses = (method: string) => (scene: Scene, args: Any[]) => scene.acme.entities['courses'][method](...args)

const entityCalls: Readonly<Record<string, Call>> = {
  'EntityRepository.insert': { args: () => [{ ...course, credits: 0.5 }, call], on: onCourses('insert') },
  'EntityRepository.insertMany': { args: () => [[{ ...course, credits: 0.5 }], call], on: onCourses('insertMany') },
  'EntityRepository.upsert': {
    args: () => [
      { ...course, credits: 0.5 },
      { ...call, on: ['title'] },
    ],
    on: onCourses('upsert'),
  },
  'EntityRepository.get': { args: ({ courseId }) => [courseId, call], on: onCourses('get') },
  'EntityRepository.getMany': { args: ({ courseId }) => [[courseId], call], on: onCourses('getMany') },
  'EntityRepository.update': { args: ({ courseId }) => [courseId, course, entityCall], on: onCourses('update') },
  'EntityRepository.delete': { args: ({ courseId }) => [courseId, entityCall], on: onCourses('delete') },
  'EntityRepository.list': {
    args: ({ courseCursor }) => [
      {
        filter: courseFilter,
        orderBy: [{ credits: 'asc' }, { id: 'asc' }],
        limit: 5,
        cursor: courseCursor,
        select: ['title'],
      },
      call,
    ],
    on: onCourses('list'),
  },
  'EntityRepository.first': {
    args: () => [{ filter: courseFilter, orderBy: [{ credits: 'desc' }], select: ['title'] }, call],
    on: onCourses('first'),
  },
  'EntityRepository.count': { args: () => [courseFilter, call], on: onCourses('count') },
  'EntityRepository.aggregate': {
    args: () => [
      {
        filter: courseFilter,
        groupBy: ['title', { starts: 'day' }],
        count: true,
        sum: ['credits'],
        avg: ['credits'],
        min: ['title'],
        max: ['starts'],
        orderBy: [{ 'sum.credits': 'desc' }],
        limit: 5,
      },
      call,
    ],
    on: onCourses('aggregate'),
  },
  'RestorableRepository.restore': { args: ({ courseId }) => [courseId, call], on: onCourses('restore') },
}

/** By class and name, as reflection finds them. */
export const calls: Readonly<Record<string, Call>> = {
  ...entityCalls,
  'TenantLimits.take': {
    args: () => ['caller', { ...call, cost: 1, requests: 10, windowMs: 1_000 }],
    on: ({ acme }, args) => acme.limits.take(args[0], args[1]),
  },
  'Store.forTenant': {
    args: () => ['acme', { actor: 'ann' }],
    on: ({ store }, args) => store.forTenant(args[0], args[1]),
  },
  'Store.audit.seal': { args: () => [call], on: ({ store }, args) => store.audit.seal(args[0]) },
  'Store.audit.verify': {
    args: () => [{ ...call, tenant: 'acme' }],
    on: ({ store }, args) => store.audit.verify(args[0]),
  },
  'Store.audit.erase': {
    args: () => [{ ...call, tenant: 'acme', collection: undefined, entity: 'none', key: 'none', actor: 'ann' }],
    on: ({ store }, args) => store.audit.erase(args[0]),
  },
  'TenantAudit.list': {
    args: () => [
      { entity: 'courses', collection: undefined, key: 'x', actor: 'ann', action: 'insert', limit: 5 },
      call,
    ],
    on: ({ acme }, args) => acme.audit.list(args[0], args[1]),
  },
  'TenantAudit.prove': { args: () => [1, call], on: ({ acme }, args) => acme.audit.prove(args[0], args[1]) },
  'TenantAudit.verify': { args: () => [call], on: ({ acme }, args) => acme.audit.verify(args[0]) },
  'Store.health': { args: () => [call], on: ({ store }, args) => store.health(args[0]) },
  'Store.rebuild': {
    args: () => [
      {
        ...call,
        target: 'vector',
        collection: 'nowhere',
        embedder: 'none',
        splitter: undefined,
        language: 'english',
        as: 'live',
        rate: 5,
        onProgress: undefined,
      },
    ],
    on: ({ store }, args) => store.rebuild(args[0]),
  },
  'Store.rollback': {
    args: () => [{ ...call, target: 'text', collection: 'nowhere' }],
    on: ({ store }, args) => store.rollback(args[0]),
  },
  'Store.dropStandby': {
    args: () => [{ ...call, target: 'text', collection: 'nowhere' }],
    on: ({ store }, args) => store.dropStandby(args[0]),
  },
  'Store.reconcile': {
    args: () => [
      {
        ...call,
        target: 'text',
        collection: 'documents',
        repair: false,
        deep: false,
        maxDeletes: 1,
        rate: 1e6,
        onProgress: undefined,
      },
    ],
    on: ({ store }, args) => store.reconcile(args[0]),
  },
  'Store.collectBlobs': {
    args: () => [{ ...call, tenant: 'acme', dryRun: true, graceMs: 1e9, limit: 1, deep: false, onProgress: undefined }],
    on: ({ store }, args) => store.collectBlobs(args[0]),
  },
  'Store.parkedJobs': {
    args: () => [{ tenant: 'acme', target: 'text', limit: 5 }],
    on: ({ store }, args) => store.parkedJobs(args[0]),
  },
  'Store.redrive': {
    args: () => [{ tenant: 'acme', target: 'text' }],
    on: ({ store }, args) => store.redrive(args[0]),
  },
  'Store.errands.parked': {
    args: () => [{ tenant: 'acme', name: 'mail', limit: 5 }],
    on: ({ store }, args) => store.errands.parked(args[0]),
  },
  'Store.errands.redrive': {
    args: () => [{ tenant: 'acme', name: 'mail' }],
    on: ({ store }, args) => store.errands.redrive(args[0]),
  },
  'Store.on': {
    args: () => [
      `fuzz${handlers++}`,
      () => undefined,
      { concurrency: 1, maxAttempts: 2, backoffMs: 1, backoffMaxMs: 2, timeoutMs: 100 },
    ],
    on: ({ store }, args) => store.on(args[0], args[1], args[2]),
  },
  'Store.availableModels': { args: () => [call], on: ({ store }, args) => store.availableModels(args[0]) },
  'Store.relay.run': {
    args: () => [{ signal: AbortSignal.abort() }],
    on: ({ store }, args) => store.relay.run(args[0]),
  },
  'Store.relay.drain': { args: () => [call], on: ({ store }, args) => store.relay.drain(args[0]) },

  'TenantHandle.collection': { args: () => ['questions'], on: ({ acme }, args) => acme.collection(args[0]) },
  ...searching(({ acme }) => acme, 'TenantHandle'),
  ...searching(({ acme }) => acme.collection('questions'), 'CollectionHandle'),
  'TenantHandle.waitFor': {
    args: (scene) => [
      { ...scene.receipt, ids: ['kept'] },
      { ...call, timeoutMs: 300 },
    ],
    on: ({ acme }, args) => acme.waitFor(args[0], args[1]),
  },
  'TenantHandle.transaction': {
    args: () => [
      () => Promise.resolve(1),
      { ...call, idempotencyKey: 'tx', embed: 'inline', isolation: 'serializable', readOnly: false, retries: 1 },
    ],
    on: ({ acme }, args) => acme.transaction(args[0], args[1]),
  },
  'TenantHandle.using': {
    args: () => [{ query: () => Promise.resolve({ rows: [] }) }],
    on: async ({ acme }, args) => acme.using(args[0]).documents.get('kept'),
  },

  'Documents.put': {
    args: (scene) => [document(scene), write],
    on: ({ acme }, args) => acme.documents.put(args[0], args[1]),
  },
  'Documents.putMany': {
    args: (scene) => [
      [{ ...document(scene), text: ' ' }],
      { ...call, timeoutMs: 300, idempotencyKey: 'm', embed: 'deferred' },
    ],
    on: ({ acme }, args) => acme.documents.putMany(args[0], args[1]),
  },
  'Documents.prepare': {
    args: (scene) => [document(scene), call],
    on: ({ acme }, args) => acme.documents.prepare(args[0], args[1]),
  },
  'Documents.patch': {
    args: (scene) => {
      const { id: _, ...rest } = document(scene)
      return ['kept', rest, write]
    },
    on: ({ acme }, args) => acme.documents.patch(args[0], args[1], args[2]),
  },
  'Documents.delete': { args: () => ['kept', write], on: ({ acme }, args) => acme.documents.delete(args[0], args[1]) },
  'Documents.deleteMany': {
    args: () => [['none'], { ...call, timeoutMs: 300 }],
    on: ({ acme }, args) => acme.documents.deleteMany(args[0], args[1]),
  },
  'Documents.deleteWhere': {
    args: () => [{ ...filter, $id: 'none' }, call],
    on: ({ acme }, args) => acme.documents.deleteWhere(args[0], args[1]),
  },
  'Documents.get': {
    args: (scene) => ['kept', read(scene)],
    on: ({ acme }, args) => acme.documents.get(args[0], args[1]),
  },
  'Documents.getMany': {
    args: (scene) => [['kept', 'none'], read(scene)],
    on: ({ acme }, args) => acme.documents.getMany(args[0], args[1]),
  },
  'Documents.chunks': {
    args: (scene) => ['kept', read(scene)],
    on: ({ acme }, args) => acme.documents.chunks(args[0], args[1]),
  },
  'Documents.list': {
    args: (scene) => [{ filter, limit: 5, cursor: scene.listCursor }, read(scene)],
    on: ({ acme }, args) => acme.documents.list(args[0], args[1]),
  },
  'Documents.count': {
    args: (scene) => [filter, read(scene)],
    on: ({ acme }, args) => acme.documents.count(args[0], args[1]),
  },
  'Documents.countChunks': {
    args: (scene) => [read(scene)],
    on: ({ acme }, args) => acme.documents.countChunks(args[0]),
  },

  'TransactionHandle.afterCommit': {
    args: () => ['fuzz', { to: 'a@example.org', lines: [1, null, { a: true }] }],
    on: ({ acme }, args) => acme.transaction((tx: Any) => tx.afterCommit(...args)),
  },
  'TransactionHandle.savepoint': {
    args: () => [() => Promise.resolve(1)],
    on: ({ acme }, args) => acme.transaction((tx: Any) => tx.savepoint(...args)),
  },
  'TransactionHandle.query': {
    args: () => ['SELECT $1::text AS text', ['a'], call],
    on: ({ acme }, args) => acme.transaction(async (tx) => tx.query(...(args as [string]))),
  },
  'TransactionHandle.collection': {
    args: () => ['questions'],
    on: ({ acme }, args) => acme.transaction(async (tx) => void tx.collection(args[0])),
  },
  'TransactionDocuments.put': {
    args: (scene) => [document(scene), { ifVersion: 77 }],
    on: inside((documents, args) => documents.put(...args)),
  },
  'TransactionDocuments.patch': {
    args: (scene) => {
      const { id: _, ...rest } = document(scene)
      return ['kept', rest, { ifVersion: 77 }]
    },
    on: inside((documents, args) => documents.patch(...args)),
  },
  'TransactionDocuments.delete': {
    args: () => ['kept', { ifVersion: 77 }],
    on: inside((documents, args) => documents.delete(...args)),
  },
  'TransactionDocuments.get': { args: () => ['kept'], on: inside((documents, args) => documents.get(...args)) },
  'TransactionDocuments.getMany': {
    args: () => [['kept', 'none']],
    on: inside((documents, args) => documents.getMany(...args)),
  },

  'TenantCache.get': { args: (scene) => ['k', read(scene)], on: ({ acme }, args) => acme.cache.get(args[0], args[1]) },
  'TenantCache.getMany': {
    args: () => [['k', 'l'], call],
    on: ({ acme }, args) => acme.cache.getMany(args[0], args[1]),
  },
  'TenantCache.set': {
    args: () => ['fuzz', { a: [1] }, { ...call, ttlMs: 1, tags: ['t'] }],
    on: ({ acme }, args) => acme.cache.set(args[0], args[1], args[2]),
  },
  'TenantCache.getOrLoad': {
    args: (scene) => [
      'fuzz2',
      async () => 1,
      { ...read(scene), ttlMs: 1, tags: ['t'], documents: ['kept', { collection: 'questions', id: 'q' }] },
    ],
    on: ({ acme }, args) => acme.cache.getOrLoad(args[0], args[1], args[2]),
  },
  'TenantCache.delete': { args: () => ['none', call], on: ({ acme }, args) => acme.cache.delete(args[0], args[1]) },
  'TenantCache.deleteByTag': {
    args: () => [['none'], call],
    on: ({ acme }, args) => acme.cache.deleteByTag(args[0], args[1]),
  },
  'TenantCache.stats': { args: () => [call], on: ({ acme }, args) => acme.cache.stats(args[0]) },

  'TenantBlobs.put': {
    args: (scene) => [stream([Buffer.from('x')]), { ...call, contentType: 'text/plain', expectedKey: scene.blobKey }],
    on: ({ acme }, args) => acme.blobs.put(args[0], args[1]),
  },
  'TenantBlobs.head': {
    args: (scene) => [scene.blobKey, call],
    on: ({ acme }, args) => acme.blobs.head(args[0], args[1]),
  },
  'TenantBlobs.get': {
    args: (scene) => [scene.blobKey, { ...call, range: { start: 0, end: 1 } }],
    on: ({ acme }, args) => acme.blobs.get(args[0], args[1]),
  },
  'TenantBlobs.list': {
    args: (scene) => [{ ...call, after: scene.blobKey, limit: 5 }],
    on: ({ acme }, args) => acme.blobs.list(args[0]),
  },
  'TenantBlobs.delete': {
    args: () => ['0'.repeat(64), call],
    on: ({ acme }, args) => acme.blobs.delete(args[0], args[1]),
  },
}

/** Without arguments; and one that would make a folder of any text, whose bad input test/backup has. */
export const without = [
  'Store.ports',
  'Store.restored',
  'Store.backlog',
  'Store.generations',
  'Store.close',
  'Store.faults',
  'Store.createBackup',
  'Store.restoreDocuments',
]
