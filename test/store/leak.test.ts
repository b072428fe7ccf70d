import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { type CallerTransaction, defineEntity, openStore, type Store } from '../../index'
import { createTestStore } from '../../src/testing/test-store'
import { sealAll } from '../audit/seal-all'
import { once } from '../support/elasticsearch'
import { describeFullProfile } from '../support/full-profile'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'
import { StrippedPool } from '../support/stripped-pool'
import { cases, ids, type Side, type Stage, type Tenant, theirsOnly, theirsToo, titleOf } from './leak-cases'
import { everythingIn } from './reveal'

const courses = defineEntity('courses', z.object({ title: z.string(), note: z.string() }), {
  unique: [['title']],
  softDelete: true,
  audit: { fields: ['title', 'note'] },
})
const rooms = defineEntity('rooms', z.object({ code: z.string(), note: z.string() }), {
  key: 'code',
  indexes: [['note']],
  audit: { fields: ['note'] },
})

const options = {
  entities: { courses, rooms },
  embedder: { hashing: { dimensions: 48 } },
  collections: { documents: { audit: true }, questions: {} },
  relay: 'external',
} as const

// biome-ignore lint/suspicious/noExplicitAny: what leaks does so whatever the metadata's type
type AnyStore = Store<any, any>

interface Opened {
  readonly store: AnyStore
  /** For transactions of the caller's. */
  readonly pool?: pg.Pool
  close(): Promise<void>
}

const documentsOf = (marker: string, own: readonly string[]) =>
  own.map((id) => ({
    id,
    title: `Title ${marker}`,
    text: `The secret words of ${id} are ${marker}.`,
    source: `file:${marker}`,
    status: `status ${marker}`,
    metadata: { note: marker, shared: 'all' },
  }))

/** His documents, cache and blob as they were, whatever was done to them. */
async function seed(store: AnyStore, handle: Tenant, marker: string, own: readonly string[]): Promise<void> {
  for (const { documents } of [handle, handle.collection('questions')]) {
    await documents.deleteWhere({ NOT: { $id: { in: [...own] } } } as never)
    await documents.putMany(documentsOf(marker, own))
  }
  await handle.cache.set('k', { note: marker }, { tags: ['tag'] })
  await handle.blobs.put(`bytes of ${marker}`)
  await handle.entities['rooms'].upsert({ code: 'same', note: marker })
  await store.relay.drain({ timeoutMs: 20_000 })
}

async function sideOf(store: AnyStore, name: string, marker: string, own: readonly string[]): Promise<Side> {
  const handle = store.forTenant(name)
  await seed(store, handle, marker, own)
  const { documents } = handle
  const receipt = await documents.put(
    { id: own[0]!, text: `${marker} keyed words` },
    { idempotencyKey: `key of ${name}` },
  )
  await seed(store, handle, marker, own)
  const blob = await handle.blobs.put(`bytes of ${marker}`)
  const rows = handle.entities['courses']
  const hidden = await rows.insert({ title: 'hidden', note: marker })
  await rows.insert({ title: titleOf('kept'), note: marker })
  const { cursor } = await rows.list({ limit: 1 })
  await rows.delete(hidden.id)
  const [course] = (await rows.list()).items
  if (own.includes(theirsOnly)) {
    await rows.insert({ title: titleOf('theirs'), note: marker })
    await handle.entities['rooms'].insert({ code: 'theirs-room', note: marker })
  }
  await sealAll(store, handle.audit)
  const [change] = (await handle.audit.list({ limit: 1 })).items
  return {
    auditId: change!.id,
    courseId: course!.id,
    courseCursor: cursor!,
    hiddenId: hidden.id,
    handle,
    marker,
    prepared: await documents.prepare({ id: 'same', text: `${marker} prepared`, metadata: { note: marker } }),
    receipt,
    searchCursor: (await handle.search({ query: 'secret words', limit: 1 })).cursor!,
    listCursor: (await documents.list({ limit: 1 })).cursor!,
    chunkIds: (await Promise.all(own.map((id) => documents.chunks(id)))).flat().map((chunk) => chunk.id),
    blobKey: blob.key,
  }
}

/** All that a tenant has. */
async function belongings({ handle }: Side): Promise<unknown> {
  return [
    await handle.documents.list(),
    await handle.collection('questions').documents.list(),
    await Promise.all([...ids, theirsOnly].map((id) => handle.documents.chunks(id))),
    (await handle.search({ query: 'secret words', limit: 100 })).hits.map((hit) => hit.chunkId).sort(),
    await handle.cache.getMany(['k', 'theirs']),
    (await handle.blobs.list()).map(({ key }) => key),
    (await handle.entities['courses'].list()).items,
    (await handle.entities['rooms'].list()).items,
    (await handle.audit.list({ limit: 1_000 })).items,
  ]
}

/** Names of the methods of a class and its bases, as callers see them. */
function methodsOf(object: object): string[] {
  const names: string[] = []
  for (let at = Object.getPrototypeOf(object); at && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    const own = Object.getOwnPropertyNames(at).filter((name) => name !== 'constructor')
    names.push(...own.map((name) => `${object.constructor.name}.${name}`))
  }
  return names
}

/** Everything that can be called from here on: the methods of this object and of those it holds. */
function reachable(object: object, seen = new Set<string>()): Set<string> {
  for (const name of methodsOf(object)) seen.add(name)
  for (const value of Object.values(object)) {
    if (typeof value === 'function') seen.add(`${object.constructor.name}.(own function)`)
    else if (typeof value === 'object' && value !== null) reachable(value, seen)
  }
  return seen
}

function leakSuite(name: string, open: () => Promise<Opened>, after?: (opened: Opened) => void): void {
  describe(`tenants apart: ${name}`, () => {
    let opened: Opened
    let stage: Stage
    let untouched: unknown

    beforeAll(async () => {
      opened = await open()
      const { store, pool } = opened
      // Names of which one begins with the other, and the rival has what the other has and more.
      const me = await sideOf(store, 'acme', 'ZEBRACROSSING', ids)
      const them = await sideOf(store, 'acme.b', 'QUAGGAMARKER', [...ids.slice(0, 2), theirsOnly, theirsToo])
      const within = pool && (<T>(work: (transaction: CallerTransaction) => Promise<T>) => rolledBack(pool, work))
      stage = { me, them, within }
      untouched = await belongings(them)
    })
    afterAll(async () => {
      after?.(opened)
      await opened?.close()
    })

    it('has a case for every public method', async () => {
      const { handle } = stage.me
      const called = new Set([...reachable(handle), ...reachable(handle.collection('questions'))])
      await handle.transaction(async (tx) => {
        for (const one of [...reachable(tx), ...reachable(tx.collection('questions').documents)]) called.add(one)
      })
      expect([...called].sort()).toEqual(Object.keys(cases).sort())
    })

    it('would see a leak', async () => {
      expect(await everythingIn(untouched)).toContain(stage.them.marker)
      expect(await everythingIn(await stage.them.handle.blobs.get(stage.them.blobKey))).toContain(stage.them.marker)
      expect(await everythingIn(stage.them.searchCursor)).toContain(stage.them.chunkIds[0]!.replaceAll('-', ''))
    })

    it.each(Object.keys(cases))('%s', async (method) => {
      const { me, them } = stage
      await seed(opened.store, me.handle, me.marker, ids)
      const told = await everythingIn(await cases[method]!(stage))
      expect(told).not.toContain(them.marker)
      for (const id of them.chunkIds) {
        expect(told).not.toContain(id)
        expect(told).not.toContain(id.replaceAll('-', ''))
      }
      await opened.store.relay.drain({ timeoutMs: 20_000 })
      expect(await belongings(them)).toEqual(untouched)
    })
  })
}

async function rolledBack<T>(pool: pg.Pool, work: (transaction: CallerTransaction) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  try {
    await client.query('BEGIN')
    return await work(client)
  } finally {
    await client.query('ROLLBACK')
    client.release()
  }
}

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headwater-leak-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

once(leakSuite)('memory', async () => {
  const store = await createTestStore({ ...options, search: { cache: true } })
  return { store, close: () => store.close() }
})

once(leakSuite)('PGlite', async () => {
  const store = await openStore({ ...options, embedded: { path: ':memory:' } })
  return { store, close: () => store.close() }
})

once(describeWithPgvector)('on a server', () => {
  const database = useDatabase(() => pgvectorUrl()!)

  leakSuite('a server', async () => {
    const pool = new pg.Pool({ connectionString: database().url, max: 2 })
    const store = await openStore({
      ...options,
      postgres: { url: database().url, rowLevelSecurity: 'require', schema: 'url' },
      blobs: { path: join(folder, 'url') },
    })
    return { store, pool, close: () => Promise.all([store.close(), pool.end()]).then(() => undefined) }
  })

  let stripped: StrippedPool
  leakSuite(
    'row level security alone, without the conditions in WHERE',
    async () => {
      const pool = new pg.Pool({ connectionString: database().url, max: 4 })
      stripped = new StrippedPool(pool)
      const store = await openStore({
        ...options,
        postgres: { pool: stripped, rowLevelSecurity: 'require', schema: 'walls' },
        blobs: { path: join(folder, 'walls') },
      })
      return { store, close: () => store.close().then(() => pool.end()) }
    },
    () => expect(stripped.stripped).toBeGreaterThan(500),
  )
})

describeFullProfile('on every store', (profile) => {
  leakSuite('Postgres, Qdrant, Elasticsearch, Redis and S3', async () => {
    const { postgres, ...others } = profile.options()
    const pool = new pg.Pool({ connectionString: profile.database().url, max: 2 })
    const store = await openStore({ ...options, ...others, postgres: { ...postgres, rowLevelSecurity: 'require' } })
    return { store, pool, close: () => Promise.all([store.close(), pool.end()]).then(() => undefined) }
  })

  leakSuite('a Qdrant collection for each tenant', async () => {
    const { postgres, qdrant, ...others } = profile.options()
    const store = await openStore({
      ...options,
      ...others,
      postgres: { ...postgres, schema: 'each' },
      qdrant: { ...qdrant, vectors: { layout: 'per-tenant' } },
    })
    return { store, close: () => store.close() }
  })
})
