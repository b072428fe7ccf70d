import { afterAll, beforeAll, expect, it } from 'vitest'
import { openStore, type Store } from '../../index'
import type { StoreOptions } from '../../src/store/store-options'
import { startChild } from '../support/child'
import { once } from '../support/elasticsearch'
import { describeFullProfile } from '../support/full-profile'
import { describeWithPgvector, pgvectorUrl, type TestDatabase, useDatabase } from '../support/postgres'
import { projectionsOf } from '../support/projections'
import type { Change } from './children/contender'

const runMs = 4_000

/** `stores` is where the two of them write; `compare` looks at the projections, with what they should hold. */
function contentionSuite(
  database: () => TestDatabase,
  stores: () => StoreOptions,
  compare: (chunks: Record<string, never>[], ask: (text: string) => Promise<Record<string, never>[]>) => Promise<void>,
): void {
  const changes: Change[] = []
  let store: Store

  /** By the raw client: what is checked here shares no code with what wrote it. */
  const ask = async (text: string) => (await database().admin(text)).rows as Record<string, never>[]

  beforeAll(async () => {
    // Both may find an empty database: they make its schema at once.
    const children = ['a', 'b'].map((name) =>
      startChild<Change>('store/children/contender.ts', JSON.stringify(stores()), name, String(runMs)),
    )
    for (const child of children) {
      expect(await child.ended).toEqual({ code: 0, signal: null, errors: '' })
      changes.push(...child.lines)
    }
    store = await openStore({ ...stores(), embedder: { hashing: { dimensions: 16 } } })
    expect(await store.relay.drain({ timeoutMs: 30_000 })).toMatchObject({ parked: 0, remaining: 0 })
  })
  afterAll(() => store?.close())

  it('did contend', () => {
    expect(changes.filter(({ kind }) => kind === 'end')).toHaveLength(2)
    for (const kind of ['put', 'patch', 'delete']) {
      expect(changes.filter((change) => change.kind === kind && !change.unchanged).length).toBeGreaterThan(5)
    }
  })

  it('gave every change a version of its own, 1, 2, 3..., and rising fences', async () => {
    const stored = await ask('SELECT id, version::int, fence::float8, deleted_at, text FROM headwater.documents')
    const ids = [...new Set(changes.filter(({ unchanged }) => !unchanged).map(({ id }) => id))]
    expect(stored.map((row) => row['id']).sort()).toEqual(ids.sort())
    for (const row of stored) {
      const made = changes
        .filter(({ id, unchanged }) => id === row['id'] && !unchanged)
        .sort((one, other) => one.version - other.version)
      expect(made.map(({ version }) => version)).toEqual(made.map((_, at) => at + 1))
      const fences = made.map(({ fence }) => fence)
      expect(fences).toEqual([...fences].sort((one, other) => one - other))
      expect(new Set(fences).size).toBe(fences.length)
      const last = made.at(-1)!
      expect(row).toMatchObject({ version: last.version, fence: last.fence })
      // A patch keeps the text of the change before it.
      const text = made.findLast((change) => change.text !== undefined)!.text
      if (text === null) expect(row['deleted_at']).not.toBeNull()
      else expect([row['text'], row['deleted_at']]).toEqual([text, null])
    }
  })

  it('left chunks that make up the text, and each projection with exactly these', async () => {
    const chunks = await ask(
      `SELECT c.id, c.tenant, c.document, d.title, c.text, d.leaves, greatest(c.fence, d.payload_fence)::text AS fence
       FROM headwater.chunks c JOIN headwater.documents d ON (d.tenant, d.collection, d.id) = (c.tenant, c.collection, c.document)
       WHERE c.removed_at IS NULL AND d.deleted_at IS NULL ORDER BY c.id`,
    )
    expect(chunks.length).toBeGreaterThan(10)
    const [stray] = await ask(
      `SELECT count(*)::int AS count FROM headwater.chunks c JOIN headwater.documents d
         ON (d.tenant, d.collection, d.id) = (c.tenant, c.collection, c.document)
       WHERE c.removed_at IS NULL AND d.deleted_at IS NOT NULL`,
    )
    expect(stray).toEqual({ count: 0 })
    const [uncovered] = await ask(
      `SELECT count(*)::int AS count FROM headwater.documents d WHERE deleted_at IS NULL AND NOT EXISTS (
         SELECT FROM headwater.chunks c WHERE c.document = d.id AND c.removed_at IS NULL AND strpos(d.text, c.text) > 0)`,
    )
    expect(uncovered).toEqual({ count: 0 })
    await compare(chunks, ask)
  })

  it('left no job and no transaction, and reconcile finds nothing', async () => {
    expect(await ask('SELECT * FROM headwater.queue')).toEqual([])
    expect(
      await ask(`SELECT query FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'`),
    ).toEqual([])
    const report = await store.reconcile({ deep: true })
    expect(report).toMatchObject({ missing: 0, stale: 0, orphaned: 0, foreign: 0, differences: [] })
    expect(await store.backlog()).toMatchObject({ waiting: 0, claimed: 0, parked: 0 })
  })
}

once(describeWithPgvector)('two processes that write and relay the same documents', () => {
  const database = useDatabase(() => pgvectorUrl()!)

  // The effective fence is the larger of the chunk's own and its document's for payloads.
  contentionSuite(
    database,
    () => ({ postgres: { url: database().url, max: 8 } }),
    async (chunks, ask) => {
      const generations = await ask(
        `SELECT target, name FROM headwater.generations WHERE state = 'live' ORDER BY target`,
      )
      expect(generations.map((row) => row['target'])).toEqual(['text', 'vector'])
      // An index holds the document's own fields beside its metadata.
      const shown = ({ id, tenant, document, leaves, fence }: Record<string, never>) => ({
        id,
        tenant,
        document,
        leaves: Object.fromEntries(Object.entries(leaves ?? {}).filter(([key]) => !key.startsWith('s:$'))),
        fence,
      })
      for (const { target, name } of generations) {
        const rows = await ask(`SELECT *, fence::text AS fence FROM headwater."${name}" ORDER BY id`)
        expect(rows.map(shown)).toEqual(chunks.map(shown))
        if (target === 'text') expect(rows.map((row) => row['text'])).toEqual(chunks.map((row) => row['text']))
      }
      const [vectors] = generations.filter(({ target }) => target === 'vector')
      const [wrong] = await ask(
        `SELECT count(*)::int AS count FROM headwater."${vectors!['name']}" v JOIN headwater.chunks c USING (tenant, id)
       WHERE v.embedding::text IS DISTINCT FROM (SELECT DISTINCT other.embedding::text
         FROM headwater."${vectors!['name']}" other JOIN headwater.chunks same USING (tenant, id)
         WHERE same.input_hash = c.input_hash)`,
      )
      expect(wrong).toEqual({ count: 0 })
    },
  )
})

describeFullProfile('two processes over all five stores', (profile) => {
  contentionSuite(profile.database, profile.options, async (chunks) => {
    const held = await projectionsOf(profile.database(), {
      qdrant: profile.qdrantUrl(),
      elasticsearch: profile.elasticsearchUrl,
    })
    const keys = (rows: readonly object[]) => {
      const entries = rows as { id: string; tenant: string; document: string; fence: string | number }[]
      return entries.map(({ id, tenant, document, fence }) => ({ id, tenant, document, fence: Number(fence) }))
    }
    expect(keys(held.vector)).toEqual(keys(chunks))
    expect(keys(held.text)).toEqual(keys(chunks))
    expect(held.text.map(({ content }) => content)).toEqual(
      chunks.map(({ title, text }) => ({ title: title ?? '', text })),
    )
    expect(new Set(held.vector.map(({ content }) => JSON.stringify(content))).size).toBeGreaterThan(10)
  })
})
