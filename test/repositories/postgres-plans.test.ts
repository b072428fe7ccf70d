import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openStore } from '../../index'
import { executorFrom } from '../../src/connections/postgres/caller'
import type { Executor } from '../../src/connections/postgres/executor'
import { migrate } from '../../src/migrations/migrate'
import { ensureRoles } from '../../src/migrations/roles'
import { MemoryVectorRepository } from '../../src/repositories/memory/vectors'
import { PostgresTruth } from '../../src/repositories/postgres/truth'
import type { TruthSession } from '../../src/repositories/truth'
import { acme, documentChange, documentRow, documents, entryId, globex, scope } from '../../src/testing/contracts/rows'
import { useDatabase } from '../support/postgres'

interface PlanNode {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Shared Hit Blocks': number
  readonly 'Shared Read Blocks': number
  readonly Plans?: PlanNode[]
}

const rows = 50_000

/** Plans at a size where a wrong one shows: what is read must follow what is asked for, not what is there. */
describe('plans', () => {
  const database = useDatabase()
  let client: pg.Client
  /** Blocks that reading 50 things by key reads while nothing is known of the tables. */
  const unknown: Record<string, number> = {}
  /** The same of writing 50 documents that are there, their indexes included. */
  const written: Record<string, number> = {}
  beforeAll(async () => {
    await migrate({ url: database().url })
    client = new pg.Client({ connectionString: database().url })
    await client.connect()
    await ensureRoles(executorFrom(client))
    for (const table of ['documents', 'chunks', 'embeddings']) {
      await client.query(`ALTER TABLE headwater.${table} SET (autovacuum_enabled = off)`)
    }
    await client.query(
      `INSERT INTO headwater.embeddings (tenant, fingerprint, input_hash, vector, stored_at)
       SELECT 'acme', 'space', 'h' || i, decode(repeat('00', 64), 'hex'), 1 FROM generate_series(1, $1::int) i`,
      [rows],
    )
    await client.query(
      `INSERT INTO headwater.documents (tenant, collection, id, version, fence, payload_fence, deleted_at)
       SELECT CASE i % 5 WHEN 0 THEN 'globex' ELSE 'acme' END, 'documents', 'd' || i, 1, i, i,
         CASE WHEN i % 1000 = 0 THEN 1 END FROM generate_series(1, $1::int) i`,
      [rows],
    )
    await client.query(
      `INSERT INTO headwater.chunks (tenant, collection, chunking, id, document, fence, ordinal, start_unit, end_unit,
         input_hash, metadata, text, removed_at)
       SELECT CASE i % 5 WHEN 0 THEN 'globex' ELSE 'acme' END, 'documents', 'c', gen_random_uuid(), 'd' || i, i, 0, 0, 1,
         'h' || i, '{}', 'text', CASE WHEN i % 1000 = 0 THEN 1 END FROM generate_series(1, $1::int) i`,
      [rows],
    )
    const { rows: some } = await client.query(`SELECT id FROM headwater.chunks WHERE tenant = 'acme' LIMIT 50`)
    const ids = Array.from({ length: 50 }, (_, i) => `d${i * 7 + 1}`)
    const works: Record<string, (session: TruthSession) => Promise<unknown>> = {
      hydrate: (session) =>
        session.chunks.hydrate(
          scope,
          'c',
          some.map(({ id }) => id),
        ),
      documents: (session) => session.documents.getMany(scope, ids),
      heads: (session) => session.documents.heads(scope, ids),
      lock: (session) => session.documents.lock(scope, ids, { create: false }),
      'heads of chunks': (session) => session.chunks.heads(scope, ids, ['c']),
      'chunks of documents': async (session) => {
        for (const id of ids) await session.chunks.ofDocument(scope, id, 'c')
      },
      uncut: (session) =>
        session.documents.uncut({
          collection: documents,
          chunking: 'c',
          after: { tenant: globex, id: 'd99' },
          limit: 50,
        }),
      embeddings: (session) =>
        session.embeddings.getMany(
          acme,
          'space',
          ids.map((id) => id.replace('d', 'h')),
        ),
      'embeddings of chunks': (session) =>
        session.embeddings.ofChunks(
          scope,
          'c',
          'space',
          some.map(({ id }) => id),
        ),
    }
    const bare = { targets: ['text'] as const, at: 1 }
    for (const [name, work] of Object.entries<(session: TruthSession) => Promise<unknown>>({
      change: (session) => {
        const changes = ids.map((id) =>
          documentChange(documentRow(id, Number(id.slice(1)), { version: 1 }), { before: '' }),
        )
        return session.documents.change(scope, changes, { ...bare, chunkings: [] })
      },
      save: (session) =>
        session.documents
          .save(
            scope,
            ids.map((id) => documentRow(id, 2 ** 50)),
          )
          .catch(() => undefined),
      'move and remove chunks': (session) =>
        session.chunks.apply(scope, 'c', {
          upsert: [],
          move: some
            .slice(25)
            .map(({ id }) => ({ id, chunking: 'c', document: 'd', ordinal: 1, start: 1, end: 2, inputHash: 'h' })),
          remove: some.slice(0, 25).map(({ id }) => ({ id, fence: 2 ** 50 })),
        }),
      'bury chunks': (session) =>
        session.chunks.buryDocuments(
          scope,
          ids.map((document) => ({ document, fence: 2 ** 50 })),
        ),
      bury: (session) =>
        session.documents.bury(
          scope,
          ids.map((id) => ({ id, version: 2, fence: 2 ** 50, at: 1 })),
        ),
      restamp: (session) =>
        session.documents.restamp(
          scope,
          ids.map((id) => ({ id, fence: 2 ** 50 })),
        ),
      advance: (session) =>
        session.documents.advance(
          scope,
          ids.map((id) => ({ id, fence: 2 ** 50 })),
        ),
      erase: (session) =>
        session.documents.erase(
          scope,
          ids.map((id) => ({ id })),
          bare,
        ),
    })) {
      written[name] = (await explained(work)).blocks
    }
    for (const [name, work] of Object.entries(works)) unknown[name] = (await explained(work)).blocks
    await client.query('ANALYZE')
  })
  afterAll(() => client.end())

  /** What `work` reads of the database, in blocks, and which tables it reads from end to end. */
  async function explained(
    work: (session: TruthSession) => Promise<unknown>,
  ): Promise<{ blocks: number; scans: string[] }> {
    const under = executorFrom(client)
    const seen = { blocks: 0, scans: [] as string[] }
    const visit = (node: PlanNode): void => {
      if (node['Node Type'] === 'Seq Scan') seen.scans.push(String(node['Relation Name']))
      for (const part of node.Plans ?? []) visit(part)
    }
    const executor: Executor = {
      query: async (text, values) => {
        const explain = `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`
        const result = await under.query<{ 'QUERY PLAN': { Plan: PlanNode }[] }>(explain, values)
        const plan = result.rows[0]!['QUERY PLAN'][0]!.Plan
        seen.blocks += plan['Shared Hit Blocks'] + plan['Shared Read Blocks']
        visit(plan)
        // Counts and digests are one row, whatever they find.
        const isOne = /count\(\*\)|AS (done|gone|jobs)\b/.test(text)
        return {
          rows: (isOne ? [{ count: 0, sum: '0', done: 0, gone: false, at: 0, jobs: 0 }] : []) as never[],
          rowCount: 0,
        }
      },
    }
    const unused = async (): Promise<never> => Promise.reject(new Error('not used here'))
    await client.query('BEGIN')
    try {
      await work(new PostgresTruth({ session: () => executor, transaction: unused }).over(executor))
    } finally {
      await client.query('ROLLBACK')
    }
    return {
      blocks: seen.blocks,
      scans: seen.scans.filter((table) => ['documents', 'chunks', 'queue'].includes(table)),
    }
  }

  async function fillJobs(waiting: number, parked: number): Promise<void> {
    await client.query('TRUNCATE headwater.queue')
    await client.query(
      `INSERT INTO headwater.queue (target, tenant, collection, document, since, fence, first, created_at, due_at, parked_at)
       SELECT 'text', 'acme', 'documents', 'd' || i, 0, i, i, now(), now() - interval '1 s' + i * interval '1 us',
         CASE WHEN i <= $2::int THEN now() END FROM generate_series(1, $1::int) i`,
      [waiting + parked, parked],
    )
    await client.query('ANALYZE headwater.queue')
  }

  const claim = (session: TruthSession): Promise<unknown> =>
    session.jobs.claim({ targets: ['text'], limit: 25, token: 't', leaseMs: 1000 })

  it('a claim costs the same whatever waits or is parked', async () => {
    await fillJobs(1_000, 0)
    const { blocks: few } = await explained(claim)
    await fillJobs(rows, rows)
    const { blocks: many, scans } = await explained(claim)
    expect(scans).toEqual([])
    // What is taken is taken out of the index of keys too, which is a level deeper then.
    expect(many).toBeLessThanOrEqual(few * 2)
    const two = await explained((session) =>
      session.jobs.claim({ targets: ['vector', 'text'], limit: 25, token: 't', leaseMs: 1000 }),
    )
    expect(two.blocks).toBeLessThanOrEqual(few * 2.5)
  })

  it('what is done to jobs follows how many they are', async () => {
    await fillJobs(rows, rows)
    const keys = Array.from({ length: 250 }, (_, i) => ({
      ...scope,
      target: 'text' as const,
      document: `d${rows + 5 + i}`,
    }))
    const failures = keys.map((key) => ({ ...key, reason: 'no', delayMs: 0, parks: true }))
    const jobs = keys.map((key) => ({ ...key, fence: 2 ** 50, since: 0 }))
    const mine = { claim: { token: 't', leaseMs: 1000 } }
    for (const work of [
      (session: TruthSession) => session.jobs.enqueue(jobs, mine),
      (session: TruthSession) => session.jobs.settle(['t'], scope.collection),
      (session: TruthSession) => session.jobs.settle(['t'], scope.collection, failures),
      (session: TruthSession) => session.jobs.renew('t', 1),
      (session: TruthSession) => session.jobs.enqueue(jobs),
      (session: TruthSession) => session.jobs.covered('text', documents, keys),
    ]) {
      const { blocks, scans } = await explained(work)
      expect(scans).toEqual([])
      expect(blocks).toBeLessThan(250 * 40)
    }
    const pending = await explained((session) => session.jobs.pending({ tenant: acme, upTo: 2 ** 50 }))
    expect(pending.scans).toEqual([])
    expect(pending.blocks).toBeLessThan(3_000)
  })

  it('a batch reads what it is about, also where the planner would rather read all there is', async () => {
    await fillJobs(4_000, 0)
    const asked = Array.from({ length: 1_000 }, (_, i) => ({ ...scope, document: `d${i * 5 + 1}`, since: 0 }))
    expect((await explained((session) => session.chunks.states(asked, 'c'))).scans).toEqual([])
  })

  it('reads find their rows by an index', async () => {
    const ids = Array.from({ length: 50 }, (_, i) => `d${i * 7 + 1}`)
    const asked = ids.map((document) => ({ ...scope, document, since: 0 }))
    const after = '80000000-0000-0000-0000-000000000000'
    const range = { collection: documents, chunking: 'c', after }
    for (const work of [
      (session: TruthSession) => session.documents.get(scope, 'd7'),
      (session: TruthSession) => session.documents.getMany(scope, ids),
      (session: TruthSession) => session.documents.heads(scope, ids),
      (session: TruthSession) =>
        session.documents.known(scope, ids, { chunkings: ['c'], fingerprint: 'space', inputHashes: ['h7'] }),
      (session: TruthSession) => session.documents.list(scope, { after: 'd3', limit: 50 }),
      (session: TruthSession) => session.chunks.heads(scope, ids, ['c']),
      (session: TruthSession) => session.chunks.hydrate(scope, 'c', ids.map(entryId)),
      (session: TruthSession) => session.chunks.states(asked, 'c'),
      (session: TruthSession) => session.chunks.scan({ ...range, limit: 50 }),
      (session: TruthSession) => session.chunks.contents({ ...range, limit: 50 }, 'space'),
      (session: TruthSession) =>
        session.chunks.contents({ collection: documents, chunking: 'c', ids: ids.map(entryId) }, null),
      (session: TruthSession) =>
        session.chunks.digest({ ...range, upTo: '80200000-0000-0000-0000-000000000000', space: 's' }),
      (session: TruthSession) => session.documents.purge({ before: 2, limit: 10 }),
    ]) {
      const { blocks, scans } = await explained(work)
      expect({ work: String(work), scans }).toEqual({ work: String(work), scans: [] })
      expect(blocks).toBeLessThan(2_000)
    }
  })

  it('and so do writes of several documents', () => {
    for (const [what, blocks] of Object.entries(written)) {
      expect([what, blocks > 250, blocks < 50 * 60]).toEqual([what, true, true])
    }
  })

  it('reads by key need no statistics: they are as short before the first ANALYZE', () => {
    for (const [what, blocks] of Object.entries(unknown)) {
      expect([what, blocks > 50, blocks < 1_000]).toEqual([what, true, true])
    }
  })

  it('and still do under the policies', async () => {
    const ids = Array.from({ length: 50 }, (_, i) => `d${i * 7 + 1}`)
    for (const work of [
      (session: TruthSession) => session.documents.get(scope, 'd7'),
      (session: TruthSession) => session.documents.heads(scope, ids),
      (session: TruthSession) =>
        session.documents.known(scope, ids, { chunkings: ['c'], fingerprint: 'space', inputHashes: ['h7'] }),
      (session: TruthSession) => session.documents.list(scope, { after: 'd3', limit: 50 }),
      (session: TruthSession) => session.chunks.hydrate(scope, 'c', ids.map(entryId)),
    ]) {
      const { blocks, scans } = await explained(async (session) => {
        await client.query(
          `SELECT set_config('role', 'headwater_app', true), set_config('headwater.tenant', 'acme', true)`,
        )
        await work(session)
      })
      expect({ work: String(work), scans }).toEqual({ work: String(work), scans: [] })
      expect(blocks).toBeLessThan(1_000)
    }
  })
})

describe('statements that were planned while there was little', () => {
  const database = useDatabase()

  it('read no more when there is much', async () => {
    const store = await openStore({
      postgres: { url: database().url, max: 1, hints: false },
      embedder: { hashing: { dimensions: 16 } },
      relay: 'external',
      repositories: { vectors: new MemoryVectorRepository() },
    })
    const { documents } = store.forTenant('acme')
    const turn = async (id: string): Promise<void> => {
      await documents.put({ id, text: `first words of ${id}` })
      await documents.put({ id, text: `second words of ${id}` })
      await documents.patch(id, { metadata: { a: 1 } })
      await documents.delete(id)
    }
    for (let i = 0; i < 10; i++) await turn(`few${i}`)
    await database().admin('ALTER TABLE headwater.chunks SET (autovacuum_enabled = off)')
    await database().admin(
      `INSERT INTO headwater.chunks (tenant, collection, chunking, id, document, fence, ordinal, start_unit, end_unit,
         input_hash, metadata, text)
       SELECT 'acme', 'documents', chunking, gen_random_uuid(), 'd' || i, i, 0, 0, 1, 'h' || i, '{}', 'text'
       FROM generate_series(1, 20000) i, (SELECT chunking FROM headwater.generations LIMIT 1) g`,
      [],
    )
    const blocks = async (): Promise<number> => {
      const { rows } = await database().admin(
        `SELECT sum(heap_blks_hit + heap_blks_read + idx_blks_hit + idx_blks_read)::int AS blocks
         FROM pg_statio_user_tables WHERE relname IN ('documents', 'chunks')`,
        [],
      )
      return rows[0].blocks
    }
    const before = await blocks()
    for (let i = 0; i < 10; i++) await turn(`many${i}`)
    // A session that ends has told all that it read.
    await store.close()
    await expect.poll(async () => (await blocks()) - before).toBeGreaterThan(100)
    expect((await blocks()) - before).toBeLessThan(10_000)
  })
})
