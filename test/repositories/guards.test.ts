import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest'
import { executorFrom } from '../../src/connections/postgres/caller'
import type { Executor } from '../../src/connections/postgres/executor'
import { migrate } from '../../src/migrations/migrate'
import { firstFormat } from '../../src/repositories/index-format'
import type { ClaimedJob, NewJob } from '../../src/repositories/jobs'
import type { SqlGuard } from '../../src/repositories/postgres/guards'
import { PostgresTruth } from '../../src/repositories/postgres/truth'
import type { TruthSession } from '../../src/repositories/truth'
import { acme, documentChange, documentRow, documents, newRow, scope } from '../../src/testing/contracts/rows'
import { codeOf } from '../../src/testing/runner'
import { useDatabase } from '../support/postgres'

const lasting = 600_000
const names = (jobs: readonly ClaimedJob[]): string[] => jobs.map(({ document }) => document)
const job = (document: string, fence: number): NewJob => ({ ...scope, target: 'text', document, fence, since: 0 })

/** One connection, stepped by hand. */
class Party {
  readonly client: pg.Client
  pid = 0

  constructor(url: string) {
    this.client = new pg.Client({ connectionString: url })
  }

  async connect(): Promise<void> {
    await this.client.connect()
    const { rows } = await this.client.query('SELECT pg_backend_pid() AS pid')
    this.pid = rows[0].pid
  }

  session(withoutGuard?: SqlGuard, executor: Executor = executorFrom(this.client)): TruthSession {
    const options = withoutGuard === undefined ? {} : { withoutGuard }
    const unused = async (): Promise<never> => Promise.reject(new Error('not used here'))
    return new PostgresTruth({ session: () => executor, transaction: unused }, options).over(executor)
  }

  run(text: string): Promise<pg.QueryResult> {
    return this.client.query(text)
  }
}

/**
 * Schedules of two or three connections on a real server, step by step. Each ends well with the guard in place, and
 * breaks what the guard is for when it alone is taken out of the SQL: so the guard is needed, and a test would notice.
 */
describe('guards in SQL', () => {
  const database = useDatabase(() => inject('postgresUrl'))
  let [a, b, c, admin] = [] as unknown as [Party, Party, Party, Party]
  beforeAll(async () => {
    await migrate({ url: database().url })
    ;[a, b, c, admin] = [1, 2, 3, 4].map(() => new Party(database().url)) as [Party, Party, Party, Party]
    for (const party of [a, b, c, admin]) await party.connect()
  })
  afterEach(async () => {
    for (const party of [a, b, c]) await party.run('ROLLBACK')
    await admin.run(`DELETE FROM headwater.queue; DELETE FROM headwater.claims; DELETE FROM headwater.commits; DELETE FROM headwater.documents; DELETE FROM headwater.errands;
      UPDATE headwater.registry SET value = '1' WHERE name = 'epoch'`)
  })
  afterAll(async () => {
    for (const party of [a, b, c, admin]) await party.client.end()
  })

  /** Until the work is done, or stands behind another connection's lock. */
  async function untilStill(party: Party, work: Promise<unknown>): Promise<'done' | 'blocked'> {
    let done = false
    const settle = (): void => {
      done = true
    }
    work.then(settle, settle)
    for (;;) {
      const { rows } = await admin.client.query('SELECT cardinality(pg_blocking_pids($1)) > 0 AS blocked', [party.pid])
      if (done) return 'done'
      if (rows[0].blocked) return 'blocked'
    }
  }

  async function count(table: string): Promise<number> {
    const { rows } = await admin.run(`SELECT count(*)::int AS count FROM headwater.${table}`)
    return rows[0].count
  }

  const claim = (session: TruthSession, token: string, leaseMs = lasting): Promise<ClaimedJob[]> =>
    session.jobs.claim({ targets: ['text'], limit: 10, token, leaseMs })

  /** Runs a schedule as it is, and once more without the guard. */
  function guarded<T>(
    guard: SqlGuard,
    what: string,
    schedule: (without: SqlGuard | undefined) => Promise<T>,
    outcomes: { safe: T; broken: T },
  ): void {
    it(`${guard}: ${what}`, async () => {
      expect(await schedule(undefined)).toEqual(outcomes.safe)
    })
    it(`without ${guard} the same schedule breaks`, async () => {
      expect(await schedule(guard)).toEqual(outcomes.broken)
    })
  }

  guarded(
    'claim-token',
    'a claim whose lease was lost completes nothing',
    async (without) => {
      await a.session().jobs.enqueue([job('d', 5)])
      await claim(a.session(), 'late', 0)
      await claim(b.session(), 'current')
      await a.session(without).jobs.settle(['late'], scope.collection)
      return { left: await count('claims'), current: await b.session().jobs.renew('current', lasting) }
    },
    { safe: { left: 1, current: 1 }, broken: { left: 0, current: 0 } },
  )

  guarded(
    'overlap',
    'a claim whose document another claim has applied since leaves a job, from where it began itself',
    async (without) => {
      const write = async (version: number): Promise<number> => {
        await b.run('BEGIN')
        await b.session().documents.lock(scope, ['d'], { create: true })
        const [fence] = await b.session().documents.fences(1)
        await b.session().documents.save(scope, [documentRow('d', fence!, { version })])
        await b.run('COMMIT')
        return fence!
      }
      const first = await write(1)
      await a.session().jobs.enqueue([job('d', first)])
      await claim(a.session(), 'a')
      const second = await write(2)
      const mine = { claim: { token: 'b', leaseMs: lasting } }
      await b.session().jobs.enqueue([{ ...job('d', second), since: first }], mine)
      const newer = await b.session().jobs.settle(['b'], scope.collection)
      const older = await a.session(without).jobs.settle(['a'], scope.collection)
      const left = await claim(c.session(), 'c')
      return { newer, older, left: left.map(({ fence, since }) => [fence === second, since]) }
    },
    { safe: { newer: 1, older: 0, left: [[true, 0]] }, broken: { newer: 1, older: 1, left: [] } },
  )

  guarded(
    'completion-epoch',
    'a worker of before a restore completes nothing after it',
    async (without) => {
      await a.session().jobs.enqueue([job('d', 5)])
      await claim(a.session(), 'a')
      await b.session().registry.write('epoch', 2)
      await a.session(without).jobs.settle(['a'], scope.collection)
      return count('claims')
    },
    { safe: 1, broken: 0 },
  )

  guarded(
    'lease',
    'a claimed job is nobody else’s while the lease lasts',
    async (without) => {
      await a.session().jobs.enqueue([job('d', 5)])
      return [names(await claim(a.session(), 'a')), names(await claim(b.session(without), 'b'))]
    },
    { safe: [['d'], []], broken: [['d'], ['d']] },
  )

  guarded(
    'skip-locked',
    'a claim takes what is free and never waits for another claim',
    async (without) => {
      await a.session().jobs.enqueue([job('d', 5)])
      await a.run('BEGIN')
      await claim(a.session(), 'a')
      await b.session().jobs.enqueue([job('e', 6)])
      const claiming = claim(b.session(without), 'b')
      const step = await untilStill(b, claiming)
      await a.run('COMMIT')
      await claiming
      return step
    },
    { safe: 'done', broken: 'blocked' },
  )

  const errand = (number: number) => {
    const id = `00000000-0000-7000-8000-${String(number).padStart(12, '0')}`
    return { id, tenant: acme, name: 'mail', payload: number }
  }
  const claimErrands = (session: TruthSession, token: string, leaseMs = lasting) =>
    session.errands.claim({ names: ['mail'], limit: 10, token, leaseMs })

  guarded(
    'claim-token',
    'a claim of an errand whose lease was lost ends nothing',
    async (without) => {
      await a.session().errands.add(errand(1))
      const [late] = await claimErrands(a.session(), 'late', 0)
      await claimErrands(b.session(), 'current')
      const ended = await a.session(without).errands.settle(late!, { done: true })
      return { ended, left: await count('errands') }
    },
    { safe: { ended: false, left: 1 }, broken: { ended: true, left: 0 } },
  )

  guarded(
    'completion-epoch',
    'a handler of before a restore ends no errand after it',
    async (without) => {
      await a.session().errands.add(errand(1))
      const [old] = await claimErrands(a.session(), 'a')
      await b.session().registry.write('epoch', 2)
      return a.session(without).errands.settle(old!, { done: true })
    },
    { safe: false, broken: true },
  )

  guarded(
    'lease',
    'a claimed errand is nobody else’s while the lease lasts',
    async (without) => {
      await a.session().errands.add(errand(1))
      await claimErrands(a.session(), 'a')
      return (await claimErrands(b.session(without), 'b')).length
    },
    { safe: 0, broken: 1 },
  )

  guarded(
    'skip-locked',
    'a claim of errands never waits for another claim',
    async (without) => {
      await a.session().errands.add(errand(1))
      await a.run('BEGIN')
      await claimErrands(a.session(), 'a')
      await b.session().errands.add(errand(2))
      const claiming = claimErrands(b.session(without), 'b')
      const step = await untilStill(b, claiming)
      await a.run('COMMIT')
      await claiming
      return step
    },
    { safe: 'done', broken: 'blocked' },
  )

  guarded(
    'key-order',
    'two that enqueue the same jobs, each in another order, do not deadlock',
    async (without) => {
      const jobs = (fence: number, ...ids: string[]): NewJob[] => ids.map((id) => job(id, fence))
      await a.session().jobs.enqueue(jobs(1, 'gate-a', 'gate-b', 'x', 'y'))
      await c.run('BEGIN')
      await c.session().jobs.enqueue(jobs(2, 'gate-a', 'gate-b'))
      const first = codeOf(a.session(without).jobs.enqueue(jobs(3, 'x', 'gate-a', 'y')))
      expect(await untilStill(a, first)).toBe('blocked')
      const second = codeOf(b.session(without).jobs.enqueue(jobs(4, 'y', 'gate-b', 'x')))
      expect(await untilStill(b, second)).toBe('blocked')
      await c.run('COMMIT')
      return (await Promise.all([first, second])).sort()
    },
    { safe: ['resolved', 'resolved'], broken: ['HW_CONFLICT', 'resolved'] },
  )

  guarded(
    'row-lock',
    'two writers of a document count its versions one after the other',
    async (without) => {
      await a.run('BEGIN')
      await a.session().documents.lock(scope, ['d'], { create: true })
      await a.session().documents.save(scope, [documentRow('d', 1, { version: 1 })])
      await a.run('COMMIT')
      await a.run('BEGIN')
      await b.run('BEGIN')
      const [first] = await a.session(without).documents.lock(scope, ['d'], { create: false })
      await a.session(without).documents.save(scope, [documentRow('d', 2, { version: first!.version + 1 })])
      const locking = b.session(without).documents.lock(scope, ['d'], { create: false })
      const step = await untilStill(b, locking)
      await a.run('COMMIT')
      const [second] = await locking
      await b.session(without).documents.save(scope, [documentRow('d', 3, { version: second!.version + 1 })])
      await b.run('COMMIT')
      const row = await c.session().documents.get(scope, 'd')
      return { step, first: first!.version, second: second!.version, version: row!.version }
    },
    {
      safe: { step: 'blocked', first: 1, second: 2, version: 3 },
      // Two writes, both acknowledged, and the version says one.
      broken: { step: 'done', first: 1, second: 1, version: 2 },
    },
  )

  guarded(
    'idempotency',
    'a key applies once, whoever comes while the first is under way',
    async (without) => {
      await a.run('BEGIN')
      await b.run('BEGIN')
      const first = await a.session(without).commits.begin(acme, 'key', 'hash')
      const beginning = b.session(without).commits.begin(acme, 'key', 'hash')
      const step = await untilStill(b, beginning)
      await a.session(without).commits.finish(acme, 'key', { n: 1 })
      await a.run('COMMIT')
      return { step, first, second: await beginning }
    },
    {
      safe: { step: 'blocked', first: null, second: { requestHash: 'hash', receipt: { n: 1 } } },
      // Both were told that the key is theirs.
      broken: { step: 'done', first: null, second: null },
    },
  )

  guarded(
    'change-fence',
    'a change of what another has just written waits for it and is none',
    async (without) => {
      await a.run('BEGIN')
      await a.session().documents.lock(scope, ['e'], { create: true })
      await a.session().documents.save(scope, [documentRow('e', 1, { version: 1 })])
      await a.run('COMMIT')
      await a.run('BEGIN')
      await a.session().documents.lock(scope, ['e'], { create: false })
      await a.session().documents.save(scope, [documentRow('e', 2, { version: 2, title: 'another' })])
      const change = documentChange(documentRow('e', 1, { version: 1 }))
      const changing = b.session(without).documents.change(scope, [change], { targets: [], chunkings: [] })
      const step = await untilStill(b, changing)
      await a.run('COMMIT')
      const changed = (await changing).fences.size > 0
      const row = await c.session().documents.get(scope, 'e')
      return { step, changed, title: row!.title }
    },
    {
      safe: { step: 'blocked', changed: false, title: 'another' },
      // Another's acknowledged write is gone, at the version that it had.
      broken: { step: 'blocked', changed: true, title: 'Title of e' },
    },
  )

  guarded(
    'purge-gate',
    'a new document that waits with its fence does not go in below a tombstone that was',
    async (without) => {
      const insert = (party: Party, ...ids: string[]) => {
        const rows = ids.map((id) => newRow(documentRow(id, 0)))
        return party.session(without).documents.insert(scope, rows, { targets: [], chunks: [], chunkings: [] })
      }
      await a.run('BEGIN')
      await insert(a, 'x')
      const inserting = insert(b, 'x', 'y')
      await untilStill(b, inserting)
      await insert(c, 'y')
      const erased = await c.session().documents.erase(scope, [{ id: 'y' }], { targets: [], at: 1 })
      const { tombstone } = erased.documents.get('y')!
      const purging = c.session().documents.purge({ before: 2, limit: 10 })
      const step = await untilStill(c, purging)
      await a.run('COMMIT')
      const fence = (await inserting).fences.get('y')
      await purging
      return { step, below: fence !== undefined && fence < tombstone!.fence }
    },
    { safe: { step: 'blocked', below: false }, broken: { step: 'done', below: true } },
  )

  guarded(
    'refute-by-insert',
    'a COMMIT under way is waited for before it is called lost',
    async (without) => {
      await a.run('BEGIN')
      await a.session().commits.begin(acme, 'marker', '')
      const refuting = b.session(without).commits.refute(acme, 'marker')
      const step = await untilStill(b, refuting)
      await a.run('COMMIT')
      return { step, refuted: await refuting, committed: (await c.session().commits.find(acme, 'marker')) !== null }
    },
    {
      safe: { step: 'blocked', refuted: false, committed: true },
      // Reported as failed, and there all the same.
      broken: { step: 'done', refuted: true, committed: true },
    },
  )

  guarded(
    'blob-hold',
    'a blob that a document is about to own is not condemned, by whoever does not wait for it',
    async (without) => {
      const key = 'a'.repeat(64)
      await a.run('BEGIN')
      const condemned = await a.session(without).blobReferences.hold(scope.tenant, [key])
      await a.session().documents.lock(scope, ['d'], { create: true })
      const blob = { hash: key, size: 1, contentType: 'text/plain' }
      await a.session().documents.save(scope, [documentRow('d', 1, { blob })])
      await b.run('BEGIN')
      const doomed = await b.session(without).blobReferences.condemn(scope.tenant, [key])
      await b.run('COMMIT')
      await a.run('COMMIT')
      const owned = await c.session().blobReferences.referenced(scope.tenant, [key])
      await c.session().blobReferences.release(scope.tenant, [key])
      return { condemned, doomed: doomed.length, owned: owned.length }
    },
    {
      safe: { condemned: [], doomed: 0, owned: 1 },
      // Owned, and about to be deleted.
      broken: { condemned: [], doomed: 1, owned: 1 },
    },
  )

  it('a document takes no blob by a snapshot that may be older than a removal', async () => {
    await a.run('BEGIN ISOLATION LEVEL REPEATABLE READ')
    const holding = a.session().blobReferences.hold(scope.tenant, ['a'.repeat(64)])
    expect(await codeOf(holding)).toBe('HW_INVALID_ARGUMENT')
  })

  it('a transaction that rolls back leaves its key to the one that waited', async () => {
    await a.run('BEGIN')
    await a.session().commits.begin(acme, 'key', 'one')
    const beginning = b.session().commits.begin(acme, 'key', 'two')
    expect(await untilStill(b, beginning)).toBe('blocked')
    await a.run('ROLLBACK')
    expect(await beginning).toBe(null)
  })

  it('a tombstone that is purged before it is locked is placed anew', async () => {
    await a.run('BEGIN')
    await a.session().documents.lock(scope, ['d'], { create: true })
    await a.session().documents.save(scope, [documentRow('d', 1)])
    await a.session().documents.bury(scope, [{ id: 'd', version: 2, fence: 2, at: 1 }])
    await a.run('COMMIT')
    await a.run('BEGIN')
    const under = executorFrom(a.client)
    let [asked, purged, other] = [0, -1, 0]
    let turn: Promise<unknown> = Promise.resolve()
    const interrupted: Executor = {
      query: (text, values, options) => {
        const answer = turn.then(() => under.query<never>(text, values, options))
        turn = answer.then(async () => {
          asked++
          // Between the two statements that lock; and after the fence that this tries for.
          if (asked === 1) purged = await b.session().documents.purge({ before: 2, limit: 10 })
          if (asked === 3) [other = 0] = await b.session().documents.fences(1)
        })
        return answer
      },
    }
    const { heads, fences } = await a.session(undefined, interrupted).documents.take(scope, ['d'])
    expect(purged).toBe(1)
    expect(heads.map(({ id, version, fence }) => [id, version, fence])).toEqual([['d', 0, 0]])
    expect(fences).toEqual([expect.any(Number)])
    expect(fences[0]).toBeGreaterThan(other)
    await a.session().documents.save(scope, [documentRow('d', 3)])
    await a.run('COMMIT')
    expect((await b.session().documents.get(scope, 'd'))?.fence).toBe(3)
  })

  it('a purge leaves alone what a writer has locked', async () => {
    await a.run('BEGIN')
    await a.session().documents.lock(scope, ['d'], { create: true })
    await a.run('COMMIT')
    await a.run('BEGIN')
    await a.session().documents.lock(scope, ['d'], { create: true })
    expect(await b.session().documents.purge({ before: 2, limit: 10 })).toBe(0)
    await a.run('ROLLBACK')
    expect(await b.session().documents.purge({ before: 2, limit: 10 })).toBe(1)
  })

  it('a purge forgets nothing of a collection while a generation of it is being built', async () => {
    const generation = {
      target: 'text',
      collection: documents,
      chunking: 'c',
      language: 'english',
      format: firstFormat,
    } as const
    await a.run('BEGIN')
    await a.session().documents.lock(scope, ['d'], { create: true })
    await a.session().documents.save(scope, [documentRow('d', 1)])
    await a.session().documents.bury(scope, [{ id: 'd', version: 2, fence: 2, at: 1 }])
    await a.run('COMMIT')
    const building = await a.session().generations.create({
      ...generation,
      ...{ fingerprint: null, dimensions: null, state: 'building', prefix: 'g' },
    })
    expect(await b.session().documents.purge({ before: 2, limit: 10 })).toBe(0)
    await a.session().generations.update(building.id, { state: 'dropped' })
    expect(await b.session().documents.purge({ before: 2, limit: 10 })).toBe(1)
  })

  it('two generations can never be live at once, lock or no lock', async () => {
    const generation = {
      target: 'text',
      collection: documents,
      chunking: 'c',
      language: 'english',
      format: firstFormat,
    } as const
    const create = (session: TruthSession) =>
      session.generations.create({ ...generation, fingerprint: null, dimensions: null, state: 'building', prefix: 'g' })
    const [one, two] = [await create(a.session()), await create(a.session())]
    await a.run('BEGIN')
    await b.run('BEGIN')
    expect(await a.session().generations.switch(one.id)).toBe(true)
    const second = codeOf(b.session().generations.switch(two.id))
    expect(await untilStill(b, second)).toBe('blocked')
    await a.run('COMMIT')
    expect(await second).toBe('HW_DATABASE')
    await b.run('ROLLBACK')
    const live = await c.session().generations.list({ states: ['live'] })
    expect(live.map(({ id }) => id)).toEqual([one.id])
  })

  it('under the lock of their target, switches come one after the other', async () => {
    const generation = {
      target: 'vector',
      collection: documents,
      chunking: 'c',
      language: null,
      format: firstFormat,
    } as const
    const create = (session: TruthSession) =>
      session.generations.create({ ...generation, fingerprint: 'f', dimensions: 3, state: 'building', prefix: 'g' })
    const [one, two] = [await create(a.session()), await create(a.session())]
    await a.run('BEGIN')
    await b.run('BEGIN')
    await a.session().generations.lock('vector', documents)
    const locking = b.session().generations.lock('vector', documents)
    expect(await untilStill(b, locking)).toBe('blocked')
    expect(await a.session().generations.switch(one.id)).toBe(true)
    await a.run('COMMIT')
    await locking
    expect(await b.session().generations.switch(two.id)).toBe(true)
    await b.run('COMMIT')
    const states = (await c.session().generations.list({ target: 'vector' })).map(({ id, state }) => [id, state])
    expect(states).toEqual([
      [one.id, 'standby'],
      [two.id, 'live'],
    ])
  })
})
