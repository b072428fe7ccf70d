import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type DocumentInput, defineMetadata, type Filter, openStore, type StoreOptions } from '../../index'
import { describeWithElasticsearch, once } from '../support/elasticsearch'
import { describeWithPgvector, pgvectorUrl, type TestDatabase, useDatabase } from '../support/postgres'
import { type QdrantDouble, startQdrantDouble } from '../support/qdrant-double'

const read = (name: string): string => readFileSync(new URL(`0.1.0/${name}`, import.meta.url), 'utf8')
const documents: DocumentInput[] = JSON.parse(read('corpus.json'))
const first = { words: 1, payload: 1 }
const targets = ['vector', 'text'] as const
const clean = { missing: 0, stale: 0, orphaned: 0, foreign: 0 }

/** The texts of a fixture, as if this server had made them: another one would be a restored Postgres, a new epoch. */
async function adapted(database: TestDatabase, files: readonly string[], installation: string): Promise<string[]> {
  const { rows } = await database.admin('SELECT system_identifier::text AS system FROM pg_control_system()')
  const texts = files.map(read)
  const was = /'installation', '"(\w+)"'/.exec(texts[0]!)![1]!
  const system = /"system": "(\d+)"/.exec(texts[0]!)![1]!
  return texts.map((text) => text.replaceAll(was, installation).replaceAll(system, rows[0].system))
}

async function fill(database: TestDatabase, sql: string): Promise<void> {
  await database.admin(sql)
  await database.admin(`
    UPDATE headwater.registry SET value = jsonb_set(value, '{tables}', to_jsonb(
      (SELECT oid FROM pg_database WHERE datname = current_database()) || '/' || 'headwater.registry'::regclass::oid))
    WHERE name = 'database'`)
}

/** Sends what was sent to an engine then. */
async function replay(url: string, log: string): Promise<void> {
  for (const line of log.trim().split('\n')) {
    const { method, path, body } = JSON.parse(line) as { method: string; path: string; body: string }
    const type = path.startsWith('/_bulk') ? 'application/x-ndjson' : 'application/json'
    const answer = await fetch(new URL(path, url), { method, body, headers: { 'content-type': type } })
    expect([path, answer.status]).toEqual([path, 200])
  }
}

/** What is asked before and after the rebuild; which engine answers makes no difference. */
function suite(database: () => TestDatabase, options: () => StoreOptions, refresh: () => Promise<void>): void {
  const open = () =>
    openStore({
      ...options(),
      embedder: { hashing: { dimensions: 16 } },
      collections: { documents: { metadata: defineMetadata({ section: 'keyword', year: 'integer', at: 'datetime' }) } },
      relay: 'external',
    })
  let store: Awaited<ReturnType<typeof open>>
  beforeAll(async () => {
    // Claimed once more by the process that died, for long enough to be met so.
    await database().admin(`UPDATE headwater.jobs SET lease_until = now() + interval '5 seconds',
      due_at = now() + interval '5 seconds' WHERE claim_token IS NOT NULL`)
    // Elasticsearch shows what was loaded a moment ago.
    await refresh()
    store = await open()
  })
  afterAll(() => store?.close())

  const found = async (filter: Filter, query = 'leave'): Promise<string[]> => {
    const answers = []
    for (const mode of targets) {
      const { hits, degraded } = await store.forTenant('acme').search({ query, mode, filter, groupBy: 'document' })
      expect(degraded).toEqual([])
      answers.push(hits.map(({ documentId }) => documentId).sort())
    }
    expect(answers[0]).toEqual(answers[1])
    return answers[0]!
  }

  async function asked(): Promise<void> {
    expect(await found({ section: 'hr' })).toEqual(['handbook'])
    expect(await found({ code: 7 })).toEqual(['paged'])
    expect(await found({ code: { in: [7, '7'] } })).toEqual(['handbook', 'paged'])
    expect(await found({ rate: { in: [2.5, 3, 4] }, open: { ne: true } })).toEqual(['handbook'])
    expect(await found({ 'nested.list': 'two', note: 'n'.repeat(600) })).toEqual(['canteen'])
    expect(await found({ at: { lt: '2025-01-01' }, tags: { exists: true } })).toEqual(['handbook'])
    expect(await found({ year: { gte: 2025, lt: 2027 } })).toEqual(['handbook', 'travel'])
    expect(await found({ $source: { exists: true } })).toEqual(['canteen', 'handbook'])
    expect(await found({ $status: { in: ['draft', 'final'] } })).toEqual(['handbook', 'paged'])
    expect(await found({ $title: { exists: false }, section: { exists: false }, $id: 'bare' })).toEqual(['bare'])
    expect(await found({ $contentType: 'text/markdown' })).toEqual(['handbook'])
    expect(await found({ '$chunk.page': { gte: 2 } })).toEqual(['paged'])
    const { hits } = await store.forTenant('globex').search({ query: 'leave' })
    expect(hits.map(({ documentId }) => documentId)).toEqual(['handbook'])
    const { items } = await store.forTenant('acme').documents.list({ filter: { $status: 'draft' } })
    expect(items.map(({ id }) => id)).toEqual(['handbook'])
  }
  const drain = async () => {
    const drained = await store.relay.drain({ timeoutMs: 30_000 })
    await refresh()
    return drained
  }
  const equal = async (): Promise<void> => {
    for (const target of targets) expect(await store.reconcile({ target, deep: true })).toMatchObject(clean)
  }

  it('is opened, and its indexes are asked in their own way', async () => {
    const generations = await store.generations()
    expect(generations.map(({ state, format }) => [state, format])).toEqual([
      ['standby', first],
      ['standby', first],
      ['live', first],
      ['live', first],
    ])
    // What was claimed waits until its lease would have ended.
    expect(await store.backlog()).toMatchObject({ waiting: 8, claimed: 0, parked: 2 })
    await asked()
    expect(await found({ $id: { in: ['waiting', 'claimed', 'deleted', 'short'] } })).toEqual([])
  })

  it('what is stored is unchanged when it is put again', async () => {
    const [handbook, , canteen, paged, bare] = documents
    for (const document of [handbook!, paged!, bare!]) {
      expect(await store.forTenant('acme').documents.put(document)).toMatchObject({ unchanged: true, version: 1 })
    }
    const { metadata, ...rest } = canteen!
    const patched = { ...rest, metadata: { ...metadata, year: 2030 } }
    expect(await store.forTenant('acme').documents.put(patched)).toMatchObject({ unchanged: true, version: 2 })
  })

  it('its jobs are done, claimed ones when their lease is over, parked ones once they are redriven', async () => {
    expect(await drain()).toMatchObject({ remaining: 0, parked: 2 })
    expect(await found({ year: 2030 })).toEqual(['canteen'])
    expect(await found({ $id: { in: ['waiting', 'claimed', 'parked', 'short', 'deleted'] } })).toEqual([
      'claimed',
      'waiting',
    ])
    expect(await store.redrive()).toBe(2)
    expect(await drain()).toMatchObject({ remaining: 0, parked: 0 })
    expect(await found({ $id: 'parked' })).toEqual(['parked'])
    await equal()
  })

  it('takes writes of today in its own way', async () => {
    const acme = store.forTenant('acme')
    await acme.documents.patch('bare', { status: 'final' })
    const fresh: DocumentInput = {
      id: 'new',
      text: 'A new leave.',
      metadata: { section: 'hr', rate: 4 },
      status: 'draft',
    }
    await acme.documents.put(fresh)
    await drain()
    expect(await found({ $status: 'final' })).toEqual(['bare', 'paged'])
    expect(await found({ rate: { in: [4, 5] }, section: { exists: true } })).toEqual(['new'])
    await acme.documents.patch('bare', { status: 'active' })
    await acme.documents.delete('new')
    await drain()
    await equal()
  })

  it('is made anew in the formats of today, and answers as before', async () => {
    for (const target of targets) await store.rebuild({ target, collection: 'documents' })
    const live = (await store.generations()).filter(({ state }) => state === 'live')
    expect(live.map(({ format }) => format.payload)).toEqual([2, 2])
    await asked()
    await equal()
    const receipt = await store.forTenant('acme').documents.patch('handbook', { status: 'final' })
    await drain()
    await store.forTenant('acme').waitFor(receipt)
    expect(await found({ $status: 'final' })).toEqual(['handbook', 'paged'])
    await equal()
  })

  it('is cut anew by the splitter of today, and answers as before', async () => {
    await store.forTenant('acme').documents.patch('handbook', { status: 'draft' })
    await store.rebuild({ collection: 'documents', splitter: {} })
    const live = (await store.generations()).filter(({ state }) => state === 'live')
    expect(new Set(live.map(({ chunking }) => chunking.slice(0, 5)))).toEqual(new Set(['md-v2']))
    await drain()
    await asked()
    await equal()
  })
}

once(describeWithPgvector)('a store of 0.1.0 in Postgres alone', () => {
  const database = useDatabase(() => pgvectorUrl()!)
  beforeAll(async () => {
    await database().admin('CREATE EXTENSION vector')
    const [sql] = await adapted(database(), ['alone.sql'], randomBytes(4).toString('hex'))
    await fill(database(), sql!)
  })
  suite(
    database,
    () => ({ postgres: { url: database().url } }),
    async () => {},
  )
})

describeWithElasticsearch('a store of 0.1.0 on the full profile', (elasticsearch) => {
  const database = useDatabase()
  const installation = randomBytes(4).toString('hex')
  let double: QdrantDouble
  beforeAll(async () => {
    double = await startQdrantDouble()
    const files = ['full.sql', 'qdrant.jsonl', 'elasticsearch.jsonl']
    const [sql, qdrant, texts] = await adapted(database(), files, installation)
    await fill(database(), sql!)
    await replay(double.url, qdrant!)
    await replay(elasticsearch, texts!)
  })
  afterAll(async () => {
    await double.close()
    const indexes = (await (
      await fetch(`${elasticsearch}/_cat/indices/headwater_${installation}-*?format=json`)
    ).json()) as { index: string }[]
    for (const { index } of indexes) await fetch(`${elasticsearch}/${index}`, { method: 'DELETE' })
    await fetch(`${elasticsearch}/_index_template/headwater_${installation}-guard`, { method: 'DELETE' })
  })
  suite(
    database,
    () => ({
      postgres: { url: database().url },
      qdrant: { url: double.url },
      elasticsearch: { url: elasticsearch, texts: { analysis: 'library' } },
    }),
    async () => {
      await fetch(`${elasticsearch}/headwater_${installation}-*/_refresh`, { method: 'POST' })
    },
  )
})

once(describe)('the fixture', () => {
  it('holds no name of a machine', () => {
    for (const file of ['alone.sql', 'full.sql', 'qdrant.jsonl', 'elasticsearch.jsonl']) {
      expect(read(file)).not.toMatch(/127\.0\.0\.1|localhost|\/tmp|\/root/)
    }
  })
})
