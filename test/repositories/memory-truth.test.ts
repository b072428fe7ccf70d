import { describe, expect, it } from 'vitest'
import { HeadwaterError } from '../../src/core/errors'
import type { CommitOutcome, Guard, TruthFaults } from '../../src/repositories/memory/faults'
import { MemoryTextRepository } from '../../src/repositories/memory/texts'
import { MemoryTruth } from '../../src/repositories/memory/truth'
import { MemoryVectorRepository } from '../../src/repositories/memory/vectors'
import type { Truth, TruthSession } from '../../src/repositories/truth'
import {
  acme,
  chunkRow,
  documentChange,
  documentRow,
  globex,
  point,
  scope,
  textEntry,
} from '../../src/testing/contracts/rows'
import { save, worker } from '../../src/testing/contracts/truth'
import { FakeClock } from '../../src/testing/fake-clock'

const mine = { tenant: acme } as const
const job = { ...scope, target: 'text' as const, document: 'a', fence: 1, since: 0 }
const never = new Promise<never>(() => undefined)

describe('isolation', () => {
  it('shows nothing of a transaction outside it until it commits', async () => {
    const truth = new MemoryTruth()
    const gate = opener()
    const writing = truth.transaction(mine, async (session) => {
      await saveIn(session, 'a')
      gate.open()
      await read.done
      return session.documents.count(scope)
    })
    const read = opener()
    await gate.done
    expect(await truth.session(mine).documents.get(scope, 'a')).toBe(null)
    expect(await truth.session(worker).documents.list(scope, { limit: 9 })).toEqual([])
    read.open()
    expect(await writing).toBe(1)
    expect(await truth.session(mine).documents.count(scope)).toBe(1)
  })

  it('makes writers wait in the order in which they came', async () => {
    const truth = new MemoryTruth()
    const gate = opener()
    const order: number[] = []
    const writing = truth.transaction(mine, () => gate.done)
    const waiting = [1, 2, 3].map((n) =>
      truth
        .session(worker)
        .registry.write('n', n)
        .then(() => order.push(n)),
    )
    gate.open()
    await Promise.all([writing, ...waiting])
    expect(order).toEqual([1, 2, 3])
    expect(await truth.session(worker).registry.read('n')).toBe(3)
  })

  it('refuses a session whose transaction is over', async () => {
    const truth = new MemoryTruth()
    const session = await truth.transaction(mine, async (within) => within)
    await expect(session.documents.get(scope, 'a')).rejects.toMatchObject({ code: 'HW_CLOSED' })
    await expect(session.jobs.enqueue([job])).rejects.toMatchObject({ code: 'HW_CLOSED' })
  })

  it('rolls back when a failed statement was swallowed', async () => {
    const truth = new MemoryTruth()
    const broken = truth.transaction(mine, async (session) => {
      await session.registry.write('n', 1)
      await session.documents.save(scope, [documentRow('never locked', 1)]).catch(() => undefined)
    })
    await expect(broken).rejects.toMatchObject({ code: 'HW_TRANSACTION_ABORTED', cause: { code: 'HW_INTERNAL' } })
    expect(await truth.session(worker).registry.read('n')).toBe(null)
  })

  it('ends a wait for the mutex and a hanging transaction by signal and by time, and lets the next one in', async () => {
    const clock = new FakeClock()
    const truth = new MemoryTruth({ clock })
    const controller = new AbortController()
    const hanging = truth.transaction(mine, () => never, { signal: controller.signal })
    const waiting = truth.transaction(mine, async () => 1, { timeoutMs: 100 })
    const next = truth.transaction(mine, async () => 2)
    void Promise.allSettled([hanging, waiting])
    await clock.advance(100)
    await expect(waiting).rejects.toMatchObject({ code: 'HW_TIMEOUT' })
    controller.abort()
    await expect(hanging).rejects.toMatchObject({ code: 'HW_ABORTED' })
    expect(await next).toBe(2)
    expect(clock.pending).toBe(0)
  })

  it('refuses to show a tenant’s session the rows of another', async () => {
    const { documents } = new MemoryTruth().session(mine)
    await expect(documents.get({ ...scope, tenant: globex }, 'a')).rejects.toMatchObject({ code: 'HW_INTERNAL' })
  })
})

describe('faults', () => {
  it.each([
    ['lost-ack', 1],
    ['fail', 0],
  ] as const)('a COMMIT whose answer is lost (%s) is HW_COMMIT_UNKNOWN, and refuting tells', async (outcome, count) => {
    const truth = new MemoryTruth({ faults: faultsOf({ commits: [outcome] }) })
    const writing = truth.transaction(mine, async (session) => {
      await session.commits.begin(acme, 'k', 'h')
      await saveIn(session, 'a')
    })
    await expect(writing).rejects.toMatchObject({ code: 'HW_COMMIT_UNKNOWN' })
    expect(await truth.session(mine).documents.count(scope)).toBe(count)
    expect(await truth.session(mine).commits.refute(acme, 'k')).toBe(count === 0)
  })

  it.each([
    ['lost-ack', 1],
    ['fail', null],
  ] as const)('a statement of its own whose answer is lost (%s) is HW_COMMIT_UNKNOWN', async (outcome, value) => {
    const { registry } = new MemoryTruth({ faults: faultsOf({ commits: [outcome] }) }).session(worker)
    await expect(registry.write('n', 1)).rejects.toMatchObject({ code: 'HW_COMMIT_UNKNOWN' })
    expect(await registry.read('n')).toBe(value)
  })

  it('asks before every operation, by name', async () => {
    const seen: string[] = []
    const truth = new MemoryTruth({ faults: faultsOf({ before: (op) => void seen.push(op) }) })
    await truth.transaction(mine, (session) => saveIn(session, 'a'))
    await truth.session(worker).jobs.claim({ targets: ['text'], limit: 1, token: 't', leaseMs: 1 })
    expect(seen).toEqual(['begin', 'documents.lock', 'documents.save', 'commit', 'jobs.claim'])
  })

  it.each(['begin', 'documents.save', 'commit'])('a connection lost at %s leaves nothing', async (lostAt) => {
    const lost = new HeadwaterError('HW_UNAVAILABLE', 'lost')
    let armed = true
    const before = (op: string): void => {
      if (armed && op === lostAt) throw lost
    }
    const truth = new MemoryTruth({ faults: faultsOf({ before }) })
    await expect(truth.transaction(mine, (session) => saveIn(session, 'a'))).rejects.toBe(lost)
    armed = false
    expect(await truth.session(mine).documents.count(scope)).toBe(0)
    await truth.transaction(mine, (session) => saveIn(session, 'a'))
    expect(await truth.session(mine).documents.count(scope)).toBe(1)
  })
})

describe('a crash', () => {
  it('rolls back what is open, ends what waits, and frees the way', async () => {
    const truth = new MemoryTruth()
    const doomed = truth.as('p1')
    const inside = opener()
    const hanging = doomed.transaction(mine, async (session) => {
      await saveIn(session, 'a')
      inside.open()
      await never
    })
    const waiting = doomed.session(worker).registry.write('n', 1)
    const other = truth.as('p2').transaction(mine, (session) => saveIn(session, 'b'))
    void Promise.allSettled([hanging, waiting])
    await inside.done
    truth.crash('p1')
    await expect(hanging).rejects.toMatchObject({ code: 'HW_CLOSED' })
    await expect(waiting).rejects.toMatchObject({ code: 'HW_CLOSED' })
    await other
    const rows = await truth.session(mine).documents.list(scope, { limit: 9 })
    expect(rows.map(({ id }) => id)).toEqual(['b'])
    expect(await truth.session(worker).registry.read('n')).toBe(null)
  })

  it('ends every later call of that process, sessions that it holds included; a new one of the name works', async () => {
    const truth = new MemoryTruth()
    const doomed = truth.as('p1')
    const { documents } = doomed.session(mine)
    truth.crash('p1')
    await expect(documents.get(scope, 'a')).rejects.toMatchObject({ code: 'HW_CLOSED' })
    await expect(doomed.session(mine).jobs.enqueue([job])).rejects.toMatchObject({ code: 'HW_CLOSED' })
    await expect(doomed.transaction(mine, async () => 1)).rejects.toMatchObject({ code: 'HW_CLOSED' })
    expect(await truth.as('p1').transaction(mine, async () => 1)).toBe(1)
    truth.crash('nobody')
  })

  it('before the COMMIT has been decided, undoes it', async () => {
    const commit = opener()
    const truth = new MemoryTruth({
      faults: { before: async () => undefined, commit: () => commit.done.then(() => 'ok') },
    })
    const writing = truth.as('p1').transaction(mine, (session) => saveIn(session, 'a'))
    const failed = expect(writing).rejects.toMatchObject({ code: 'HW_CLOSED' })
    commit.open()
    truth.crash('p1')
    await failed
    expect(await truth.session(mine).documents.count(scope)).toBe(0)
  })
})

describe('time', () => {
  it('gives leases, delays, ages and heartbeats', async () => {
    const clock = new FakeClock()
    const { jobs, registry } = new MemoryTruth({ clock }).session(worker)
    const claim = (token: string) => jobs.claim({ targets: ['text'], limit: 9, token, leaseMs: 1000 })
    await jobs.enqueue([job])
    expect((await claim('one')).length).toBe(1)
    await clock.advance(999)
    expect((await claim('two')).length).toBe(0)
    await clock.advance(1)
    expect((await claim('two')).length).toBe(1)
    await jobs.settle(['two'], job.collection, [{ ...job, reason: 'no', delayMs: 500, parks: false }])
    await clock.advance(499)
    expect((await claim('three')).length).toBe(0)
    expect((await jobs.backlog()).oldestMs).toBe(1499)
    await clock.advance(1)
    expect((await claim('three')).length).toBe(1)
    await registry.heartbeat('w')
    await clock.advance(100)
    expect((await registry.workers(100)).length).toBe(1)
    expect((await registry.workers(99)).length).toBe(0)
  })

  it('a new epoch raises every fence and completes nothing that was claimed before', async () => {
    const truth = new MemoryTruth()
    const { documents, jobs, registry } = truth.session(worker)
    const [before] = await documents.fences(1)
    await jobs.enqueue([job], { claim: { token: 't', leaseMs: 1000 } })
    expect(truth.bumpEpoch()).toBe(2)
    expect(await registry.epoch()).toBe(2)
    expect((await documents.fences(1))[0]).toBeGreaterThan(before! + 2 ** 39)
    expect(await jobs.settle(['t'], job.collection)).toBe(0)
    await jobs.enqueue([job], { claim: { token: 'u', leaseMs: 1000 } })
    expect(await jobs.settle(['u'], job.collection)).toBe(1)
  })
})

describe('without a guard, what it prevents happens', () => {
  /** What each guard answers, and what is answered in its absence. */
  const probes: Record<Guard, (truth: Truth) => Promise<unknown>> = {
    'claim-token': async (truth) => {
      const { jobs } = truth.session(worker)
      await jobs.enqueue([job], { claim: { token: 'holder', leaseMs: 1000 } })
      return jobs.settle(['thief'], job.collection)
    },
    overlap: async (truth) => {
      const { jobs } = truth.session(worker)
      await save(truth, scope, [documentRow(job.document, job.fence + 1)], [])
      await jobs.enqueue([job], { claim: { token: 't', leaseMs: 1000 } })
      return jobs.settle(['t'], job.collection)
    },
    'completion-epoch': async (truth) => {
      const { jobs } = truth.session(worker)
      await jobs.enqueue([job], { claim: { token: 't', leaseMs: 1000 } })
      ;(truth as MemoryTruth).bumpEpoch()
      return jobs.settle(['t'], job.collection)
    },
    expansion: async (truth) => {
      const { jobs } = truth.session(worker)
      await jobs.enqueue([job], { claim: { token: 't', leaseMs: -1 } })
      return 1 - (await jobs.claim({ targets: ['text'], limit: 1, token: 'next', leaseMs: 1000 })).length
    },
    lease: async (truth) => {
      const { jobs } = truth.session(worker)
      await jobs.enqueue([job], { claim: { token: 'holder', leaseMs: 1000 } })
      return (await jobs.claim({ targets: ['text'], limit: 1, token: 'thief', leaseMs: 1000 })).length
    },
    'change-fence': async (truth) => {
      await save(truth, scope, [documentRow('c', 2)], [])
      const change = documentChange(documentRow('c', 2), { since: 1 })
      const { documents } = truth.session(mine)
      return (await documents.change(scope, [change], { targets: [], chunkings: [] })).fences.size
    },
    idempotency: async (truth) => {
      const { commits } = truth.session(mine)
      await commits.begin(acme, 'k', 'h')
      return (await commits.begin(acme, 'k', 'h')) === null ? 1 : 0
    },
    tombstone: async (truth) => {
      const row = chunkRow(scope, 'a', 0, 1)
      await save(truth, scope, [documentRow('a', 1)], [row])
      const { chunks } = truth.session(worker)
      await chunks.apply(scope, row.chunking, { upsert: [], move: [], remove: [{ id: row.id, fence: 2 }] })
      const [state] = await chunks.states([{ ...scope, document: 'a', since: 1 }], row.chunking)
      return 1 - state!.removed.length
    },
    'errand-token': async (truth) => {
      const { errands } = truth.session(worker)
      await heldErrand(truth)
      return Number(await errands.settle({ id: errand.id, token: 'thief' }, { done: true }))
    },
    'errand-lease': async (truth) => {
      await heldErrand(truth)
      return heldErrand(truth, 'thief')
    },
    'errand-epoch': async (truth) => {
      const { errands } = truth.session(worker)
      await heldErrand(truth)
      ;(truth as MemoryTruth).bumpEpoch()
      return Number(await errands.settle({ id: errand.id, token: 'holder' }, { done: true }))
    },
  }

  const errand = { id: '00000000-0000-7000-8000-000000000001', tenant: acme, name: 'mail', payload: null }
  async function heldErrand(truth: Truth, token = 'holder'): Promise<number> {
    const { errands } = truth.session(worker)
    if (token === 'holder') await errands.add(errand)
    return (await errands.claim({ names: ['mail'], limit: 1, token, leaseMs: 1000 })).length
  }

  it.each(Object.keys(probes) as Guard[])('%s', async (guard) => {
    for (const other of Object.keys(probes) as Guard[]) {
      const truth = new MemoryTruth({ withoutGuard: guard })
      expect([other, await probes[other](truth)]).toEqual([other, other === guard ? 1 : 0])
    }
    expect(await probes[guard](new MemoryTruth())).toBe(0)
  })

  it.each(['upsert-fence', 'remove-fence', undefined] as const)('%s, of an index', async (guard) => {
    const options = guard ? { withoutGuard: guard } : {}
    const vectors = new MemoryVectorRepository(options)
    const index = { name: 'v', fingerprint: 'f', dimensions: 1 }
    await vectors.create(index)
    await vectors.upsert(index, [point('a', 5, [1]), point('b', 5, [1])])
    await vectors.upsert(index, [point('a', 4, [1])])
    await vectors.remove(index, [{ id: point('b', 1, [1]).id, tenant: acme, fence: 4, when: 'atMost' }])
    const texts = new MemoryTextRepository(options)
    const other = { name: 't', language: 'english' }
    await texts.create(other)
    await texts.upsert(other, [textEntry('a', 5, 'x'), textEntry('b', 5, 'x')])
    await texts.upsert(other, [textEntry('a', 4, 'x')])
    await texts.remove(other, [{ id: textEntry('b', 1, 'x').id, tenant: acme, fence: 4, when: 'atMost' }])
    const expected = guard === 'upsert-fence' ? [4, 5] : guard === 'remove-fence' ? [5] : [5, 5]
    expect((await vectors.scan(index, { limit: 9 })).map(({ fence }) => fence).sort()).toEqual(expected)
    expect((await texts.scan(other, { limit: 9 })).map(({ fence }) => fence).sort()).toEqual(expected)
  })
})

describe('behind the repositories', () => {
  it('takes entries away from an index, which a scan and a search then miss', async () => {
    const texts = new MemoryTextRepository()
    const index = { name: 't', language: 'english' }
    await texts.create(index)
    await texts.upsert(index, [textEntry('a', 5, 'alpha'), textEntry('b', 5, 'alpha')])
    await texts.scan(index, { limit: 9 })
    texts.raw('t').delete(textEntry('a', 1, '').id)
    expect((await texts.scan(index, { limit: 9 })).length).toBe(1)
    expect((await texts.search(index, { tenant: acme, query: 'alpha', limit: 9 })).length).toBe(1)
    await texts.upsert(index, [textEntry('a', 6, 'alpha')])
    expect((await texts.search(index, { tenant: acme, query: 'alpha', limit: 9 })).length).toBe(2)
  })
})

describe('size', () => {
  it('takes 2,000 documents of 5 chunks in moderate time, and rolls back at no cost', async () => {
    const truth = new MemoryTruth()
    const started = performance.now()
    for (let at = 0; at < 2000; at += 100) {
      const rows = Array.from({ length: 100 }, (_, i) => documentRow(`d${at + i}`, at + i + 1))
      const chunks = rows.flatMap(({ id, fence }) => [0, 1, 2, 3, 4].map((n) => chunkRow(scope, id, n, fence)))
      await save(truth, scope, rows, chunks)
    }
    for (let i = 0; i < 100; i++) {
      await truth.transaction(mine, () => Promise.reject(new HeadwaterError('HW_ABORTED', 'back'))).catch(() => 0)
    }
    // Ten times what it takes on a slow machine: what this must notice is a copy of the state at every transaction.
    expect(performance.now() - started).toBeLessThan(5_000)
    expect(await truth.session(mine).documents.count(scope)).toBe(2000)
  })
})

async function saveIn(session: TruthSession, id: string): Promise<void> {
  await session.documents.lock(scope, [id], { create: true })
  await session.documents.save(scope, [documentRow(id, 1)])
}

function opener(): { readonly done: Promise<void>; open(): void } {
  let open: () => void = () => undefined
  const done = new Promise<void>((resolve) => {
    open = resolve
  })
  return { done, open: () => open() }
}

/** Outcomes of the first commits, then 'ok'. */
function faultsOf(plan: { commits?: CommitOutcome[]; before?: (op: string) => void }): TruthFaults {
  const commits = [...(plan.commits ?? [])]
  return {
    before: async (op) => plan.before?.(op),
    commit: async () => commits.shift() ?? 'ok',
  }
}
