import fc from 'fast-check'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineEntity, isHeadwaterError, openStore } from '../../index'
import { createTestStore } from '../../src/testing/test-store'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'
import { type Any, calls, type Scene, without } from './calls'
import { hostile, hostileName } from './hostile'

const courses = defineEntity(
  'courses',
  z.looseObject({
    title: z.string(),
    credits: z.int(),
    starts: z.string(),
    open: z.unknown(),
    tags: z.unknown().refine((tags) => Array.isArray(tags)),
  }),
  {
    columns: { starts: 'datetime?', open: 'boolean?', tags: 'json?' },
    indexes: [['credits']],
    unique: [['title']],
    softDelete: true,
  },
)

const options = {
  entities: { courses },
  embedder: { hashing: { dimensions: 32 } },
  collections: { documents: {}, questions: {} },
  relay: 'external',
} as const

/** The same cases each time, so that what is found can be found again; `HW_FUZZ_SEED=random` looks further. */
const asked = process.env['HW_FUZZ_SEED'] ?? '20261130'
const seed = asked === 'random' ? Math.floor(Math.random() * 2 ** 31) : Number(asked)

/** What a wrong argument may be told by: never a defect, and never as if a store were at fault. */
const codes = new Set([
  'HW_INVALID_ARGUMENT',
  'HW_INVALID_OPTIONS',
  'HW_INVALID_DOCUMENT',
  'HW_INVALID_METADATA',
  'HW_INVALID_ENTITY',
  'HW_INVALID_FILTER',
  'HW_INVALID_CURSOR',
  'HW_INVALID_VECTOR',
  'HW_LIMIT_EXCEEDED',
  'HW_COLLECTION_UNKNOWN',
  'HW_NOT_FOUND',
  'HW_VERSION_CONFLICT',
  // Of a row that a case before has left.
  'HW_CONFLICT',
  'HW_IDEMPOTENCY_CONFLICT',
  'HW_EPOCH_CHANGED',
  'HW_RECEIPT_ROLLED_BACK',
  // Of a time that is short, and of a signal that has aborted.
  'HW_TIMEOUT',
  'HW_ABORTED',
])

/** Places of functions of the caller's: what these throw is theirs, and reaches them. */
const callbacks = new Set([
  'TenantHandle.transaction 0',
  'TransactionHandle.savepoint 0',
  'TenantCache.getOrLoad 1',
  'Store.reconcile 0.onProgress',
  'Store.collectBlobs 0.onProgress',
])

type Path = readonly string[]

/** Each place within the arguments, containers too. */
function placesIn(value: unknown, at: Path = []): Path[] {
  const own = at.length > 0 ? [at] : []
  const plain =
    typeof value === 'object' &&
    value !== null &&
    [Array.prototype, Object.prototype].includes(Object.getPrototypeOf(value))
  if (!plain) return own
  return [...own, ...Object.entries(value).flatMap(([key, one]) => placesIn(one, [...at, key]))]
}

function placed(value: Any, [key, ...rest]: Path, wrong: unknown): Any {
  if (key === undefined) return wrong
  const copy = Array.isArray(value) ? [...value] : { ...value }
  copy[key] = placed(copy[key], rest, wrong)
  return copy
}

/** The methods of a class and of what it holds, as callers see them. */
function methodsOf(object: object): string[] {
  const name = object.constructor.name
  const own = Object.getOwnPropertyNames(Object.getPrototypeOf(object)).filter((one) => one !== 'constructor')
  const held = Object.values(object).filter(
    (one) => typeof one === 'object' && one !== null && one.constructor !== Object,
  )
  return [...own.map((one) => `${name}.${one}`), ...held.flatMap(methodsOf)]
}

async function sceneOf(store: Any): Promise<Scene> {
  const acme = store.forTenant('acme')
  for (const id of ['kept', 'other'])
    await acme.documents.put({ id, text: `Words of ${id}.`, metadata: { section: 'hr' } })
  const receipt = await acme.documents.put({ id: 'third', text: 'Third words.' })
  await store.relay.drain({ timeoutMs: 20_000 })
  const blob = await acme.blobs.put('kept bytes')
  const [hit] = (await acme.search({ query: 'words', mode: 'text' })).hits
  const rows = await acme.entities.courses.insertMany(
    ['x', 'y'].map((title) => ({ title, credits: 1, starts: '2026-01-01', open: true, tags: [] })),
  )
  return {
    store,
    acme,
    courseId: rows[0].id,
    courseCursor: (await acme.entities.courses.list({ limit: 1, orderBy: [{ credits: 'asc' }] })).cursor,
    receipt: JSON.parse(JSON.stringify(receipt)),
    prepared: await acme.documents.prepare({ id: 'p', text: 'Prepared.' }),
    listCursor: (await acme.documents.list({ limit: 1 })).cursor!,
    searchCursor: (await acme.search({ query: 'words', limit: 1 })).cursor!,
    chunkId: hit!.chunkId,
    blobKey: blob.key,
    vector: Array.from({ length: 32 }, (_, at) => at / 32),
  }
}

/** All that a refused call could leave half of. */
async function stateOf({ acme, store }: Scene): Promise<unknown> {
  const { items } = await acme.documents.list({ limit: 1_000 })
  return [
    items.map(({ id, version, text }) => [id, version, text]),
    await acme.collection('questions').documents.count(),
    (await acme.entities.courses.list()).items,
    (await acme.blobs.list()).length,
    (await store.backlog()).waiting,
  ]
}

interface Told {
  readonly error?: unknown
  readonly ms: number
}

async function tell(work: () => unknown): Promise<Told> {
  const startedAt = performance.now()
  let stop: NodeJS.Timeout | undefined
  const late = new Promise((_, reject) => {
    stop = setTimeout(() => reject(new Error('never settled')), 20_000)
  })
  const told = await Promise.race([Promise.resolve().then(work), late]).then(
    () => ({}),
    (error: unknown) => ({ error }),
  )
  clearTimeout(stop)
  return { ...told, ms: performance.now() - startedAt }
}

function shown(error: unknown): string {
  if (!(error instanceof Error)) return typeof error
  const cause = error.cause instanceof Error ? ` caused by ${String(error.cause.stack).slice(0, 1_500)}` : ''
  return `${String(error.stack).slice(0, 1_500)}${cause}`
}

/** A HeadwaterError of the right code, fit to be logged. */
function checkRefusal(error: unknown, what: string): void {
  // As text: what it holds may be what was hostile, and would be walked through to be shown.
  if (!isHeadwaterError(error) || !codes.has(error.code)) throw new Error(`${what}: ${shown(error)}`)
  expect(error.message.length, `${what}: ${error.message.slice(0, 200)}`).toBeLessThan(1_000)
  expect(error.message.isWellFormed(), what).toBe(true)
}

function fuzzSuite(name: string, open: () => Promise<{ store: Any; close(): Promise<void> }>, runs: number): void {
  describe(`hostile arguments: ${name}`, () => {
    const unhandled: unknown[] = []
    const note = (error: unknown): void => void unhandled.push(error)
    let opened: { store: Any; close(): Promise<void> }
    let scene: Scene

    beforeAll(async () => {
      process.on('unhandledRejection', note)
      opened = await open()
      scene = await sceneOf(opened.store)
    })
    afterAll(async () => {
      process.off('unhandledRejection', note)
      await opened?.close()
    })

    it('has a case for every public method', async () => {
      const { acme, store } = scene
      const found = new Set([...methodsOf(acme), ...methodsOf(acme.collection('questions'))])
      for (const one of methodsOf(store)) found.add(one)
      const restorable = acme.entities.courses
      for (const one of [restorable, Object.create(Object.getPrototypeOf(Object.getPrototypeOf(restorable)))]) {
        for (const name of methodsOf(one)) found.add(name)
      }
      await acme.transaction(async (tx) => {
        for (const one of methodsOf(tx)) found.add(one)
      })
      const known = new Set([...Object.keys(calls), ...without])
      expect([...found].filter((one) => !known.has(one))).toEqual([])
    })

    it('takes what is right', async () => {
      for (const [method, { args, on }] of Object.entries(calls)) {
        const { error } = await tell(() => on(scene, args(scene)))
        if (error !== undefined) checkRefusal(error, method)
      }
    })

    it(`${runs} cases`, async () => {
      const all = Object.entries(calls).flatMap(([method, call]) =>
        placesIn(call.args(scene)).map((path) => ({ method, call, path })),
      )
      let before = await stateOf(scene)
      await fc.assert(
        fc.asyncProperty(fc.constantFrom(...all), hostileName, async ({ method, call, path }, wrong) => {
          const what = `${method} ${path.join('.')}: ${wrong}`
          const args = placed(call.args(scene), path, hostile[wrong]!())
          const { error, ms } = await tell(() => call.on(scene, args))
          expect(ms, `${what} took`).toBeLessThan(10_000)
          const theirs = callbacks.has(`${method} ${path.join('.')}`) && ['function', 'class'].includes(wrong)
          if (error !== undefined && !theirs) checkRefusal(error, what)
          const after = await stateOf(scene)
          if (error !== undefined) expect(after, `${what} wrote`).toEqual(before)
          else if (JSON.stringify(after) !== JSON.stringify(before)) {
            // It was taken for right: an id that is one, options that ask for nothing.
            await scene.acme.documents.put({ id: 'kept', text: 'Words of kept.', metadata: { section: 'hr' } })
            before = await stateOf(scene)
          }
          expect(unhandled.map(shown), what).toEqual([])
        }),
        { numRuns: runs, endOnFailure: true, seed },
      )
      expect(({} as Any).polluted).toBeUndefined()
    }, 600_000)
  })
}

fuzzSuite(
  'memory',
  async () => {
    const store = await createTestStore(options)
    return { store, close: () => store.close() }
  },
  Number(process.env['HW_FUZZ_RUNS'] ?? 5_000),
)

fuzzSuite(
  'PGlite',
  async () => {
    const store = await openStore({ ...options, embedded: { path: ':memory:' } })
    return { store, close: () => store.close() }
  },
  400,
)

describeWithPgvector('on a server', () => {
  const database = useDatabase(() => pgvectorUrl()!)

  fuzzSuite(
    'a server under row level security',
    async () => {
      const postgres = { url: database().url, max: 5, rowLevelSecurity: 'require' } as const
      const store = await openStore({ ...options, postgres, blobs: { path: `/tmp/headwater-fuzz-${process.pid}` } })
      return { store, close: () => store.close() }
    },
    400,
  )

  it("leaves the caller's transaction alive", { timeout: 300_000 }, async () => {
    const store = await openStore({ ...options, postgres: { url: database().url, max: 3, schema: 'callers' } })
    const client = new pg.Client(database().url)
    await client.connect()
    const acme = store.forTenant('acme') as Any
    await acme.documents.put({ id: 'kept', text: 'Words.' })
    const scene = { acme, store, blobKey: '0'.repeat(64) } as Scene
    const methods = ['put', 'patch', 'delete', 'get', 'getMany'] as const
    const all = methods.flatMap((method) => {
      const { args } = calls[`TransactionDocuments.${method}`]!
      return placesIn(args(scene)).map((path) => ({ method, args, path }))
    })
    try {
      await fc.assert(
        fc.asyncProperty(fc.constantFrom(...all), hostileName, async ({ method, args, path }, wrong) => {
          const what = `using.${method} ${path.join('.')}: ${wrong}`
          await client.query('BEGIN')
          try {
            const given = placed(args(scene), path, hostile[wrong]!())
            const { error } = await tell(() => acme.using(client).documents[method](...given))
            if (error !== undefined) checkRefusal(error, what)
            await client.query('SELECT 1').catch((cause: unknown) => {
              throw new Error(`${what} ended the transaction`, { cause })
            })
          } finally {
            await client.query('ROLLBACK')
          }
        }),
        { numRuns: 300, endOnFailure: true, seed },
      )
    } finally {
      await client.end()
      await store.close()
    }
  })
})
