import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { openStore } from '../../index'
import { abortError, onAbort } from '../../src/core/abort'
import { HeadwaterError } from '../../src/core/errors'
import { collectionName, tenantId } from '../../src/core/ids'
import { seededRandom } from '../../src/core/random'
import { resolveCollections } from '../../src/store/store-options'
import { FakeClock } from '../../src/testing/fake-clock'
import { memoryPorts } from '../../src/testing/memory-ports'
import type { WriterPorts } from '../../src/writer/ports'
import { ensureGenerations } from '../../src/writer/rebuild/generations'
import { reconcile } from '../../src/writer/reconcile/reconcile'
import { createWriter } from '../../src/writer/writer'
import { Gate, type Step, steppedTruth } from '../interleavings/steps'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'

const scope = { tenant: tenantId('acme'), collection: collectionName('documents') }
const clean = { missing: 0, stale: 0, orphaned: 0, foreign: 0 }
const ids = Array.from({ length: 12 }, (_, at) => `d${at}`)
/** Statements that write documents. */
const writing = ['documents.insert', 'documents.change', 'documents.erase', 'transaction']

async function stage(step: Step = (_call, _args, go) => go()) {
  const clock = new FakeClock()
  const memory = memoryPorts({ clock })
  const { plans: collections, embedders } = resolveCollections({ embedder: { hashing: { dimensions: 16 } } })
  const plain: WriterPorts = { ...memory, collections, embedders, clock, random: seededRandom(1) }
  await ensureGenerations(plain)
  const calls: string[] = []
  const counting: Step = (call, args, go) => {
    if (writing.includes(call)) calls.push(call)
    return step(call, args, go)
  }
  const ports = { ...plain, truth: steppedTruth(plain.truth, counting) }
  const writer = createWriter(ports)
  const since = (): string[] => calls.splice(0)
  return { writer, other: createWriter(plain), ports: plain, clock, since }
}

const put = (id: string, text = `text of ${id}`) => ({ id, text })

describe('what several callers write one by one', () => {
  it('goes in one statement of a kind, each with its own version, receipt and jobs', async () => {
    const { writer, ports, since } = await stage()
    const made = await Promise.all(ids.map((id) => writer.put(scope, put(id))))
    expect(since()).toEqual(['documents.insert'])
    expect(new Set(made.map(({ fence }) => fence)).size).toBe(1)
    const changed = await Promise.all(
      ids.map((id, at) =>
        at % 3 === 0
          ? writer.put(scope, put(id, `other ${id}`), { ifVersion: 1 })
          : at % 3 === 1
            ? writer.patch(scope, id, { metadata: { at } })
            : writer.delete(scope, id, { ifVersion: 1 }),
      ),
    )
    expect(since().toSorted()).toEqual(['documents.change', 'documents.change', 'documents.erase'])
    for (const [at, receipt] of changed.entries()) {
      expect(receipt).toMatchObject({ id: ids[at], ids: [ids[at]], version: 2, unchanged: false })
      expect(receipt.targets).toEqual({ vector: 'applied', text: 'applied' })
    }
    const { documents } = ports.truth.session(scope)
    const rows = new Map((await documents.getMany(scope, ids)).map((row) => [row.id, row]))
    for (const [at, id] of ids.entries()) {
      const row = rows.get(id)
      if (at % 3 === 2) expect(row).toBe(undefined)
      else expect([row?.text, row?.metadata]).toEqual(at % 3 ? [`text of ${id}`, { at }] : [`other ${id}`, {}])
    }
    expect(await reconcile(ports, { deep: true })).toMatchObject(clean)
  })

  it('has a statement for each tenant and collection', async () => {
    const { writer, ports, since } = await stage()
    const globex = { ...scope, tenant: tenantId('globex') }
    await Promise.all(ids.flatMap((id) => [scope, globex].map((of) => writer.put(of, put(id, `of ${of.tenant}`)))))
    expect(since()).toEqual(['documents.insert', 'documents.insert'])
    await Promise.all(ids.map((id) => writer.delete(globex, id)))
    for (const [of, count] of [
      [scope, ids.length],
      [globex, 0],
    ] as const) {
      const rows = await ports.truth.session(of).documents.getMany(of, ids)
      expect(rows.map(({ text }) => text)).toEqual(Array.from({ length: count }, () => `of ${of.tenant}`))
    }
  })

  it('is told one by one: who is not as he was read any more is written after a look, or refused', async () => {
    let meanwhile = async (): Promise<unknown> => undefined
    const { writer, other, since, ports } = await stage(async (call, _args, go) => {
      if (call !== 'documents.change') return go()
      const once = meanwhile
      meanwhile = async () => undefined
      await once()
      return go()
    })
    await writer.putMany(
      scope,
      ids.map((id) => put(id)),
    )
    since()
    meanwhile = () => other.put(scope, put('d1', 'of another'))
    const options = (id: string) => (id === 'd1' ? { ifVersion: 1 } : {})
    const told = await Promise.allSettled(ids.map((id) => writer.put(scope, put(id, `mine ${id}`), options(id))))
    expect(told.map(({ status }) => status)).toEqual(ids.map((id) => (id === 'd1' ? 'rejected' : 'fulfilled')))
    expect(told[1]).toMatchObject({ reason: { code: 'HW_VERSION_CONFLICT', details: { id: 'd1', actual: 2 } } })
    expect(since()).toEqual(['documents.change', 'transaction'])
    meanwhile = () => other.put(scope, put('d2', 'of another'))
    const versions = await Promise.all(ids.map((id) => writer.put(scope, put(id, `again ${id}`))))
    expect(versions.map(({ version }) => version)).toEqual(ids.map((id) => (id === 'd2' ? 4 : 3)))
    meanwhile = () => other.delete(scope, 'd3')
    const [, , , gone] = await Promise.allSettled(ids.map((id) => writer.patch(scope, id, { title: id })))
    expect(gone).toMatchObject({ reason: { code: 'HW_NOT_FOUND' } })
    expect(await reconcile(ports, { deep: true })).toMatchObject(clean)
  })

  it('goes alone where one of them is refused, so that the others are written', async () => {
    const { writer, since } = await stage(async (call, args, go) => {
      const rows = call === 'documents.insert' || call === 'documents.save' ? (args[1] as { id: string }[]) : []
      if (rows.some(({ id }) => id === 'd5')) throw new HeadwaterError('HW_INVALID_DOCUMENT', 'no')
      return go()
    })
    const told = await Promise.allSettled(ids.map((id) => writer.put(scope, put(id))))
    expect(told.map(({ status }) => status)).toEqual(ids.map((id) => (id === 'd5' ? 'rejected' : 'fulfilled')))
    expect(told[5]).toMatchObject({ reason: { code: 'HW_INVALID_DOCUMENT' } })
    expect(since().filter((call) => call === 'transaction')).toHaveLength(ids.length)
  })

  it('fails for all of them in an outage, once', async () => {
    const { writer, since } = await stage(async (call, _args, go) => {
      if (call === 'documents.insert') throw new HeadwaterError('HW_UNAVAILABLE', 'down')
      return go()
    })
    const told = await Promise.allSettled(ids.map((id) => writer.put(scope, put(id))))
    for (const one of told) expect(one).toMatchObject({ reason: { code: 'HW_UNAVAILABLE' } })
    expect(since()).toEqual(['documents.insert'])
  })

  it.each(['time', 'abort'])(
    'ends with the %s of one of them, who is not written; the others go alone',
    async (how) => {
      const gate = new Gate()
      let stuck = true
      const { writer, clock, ports } = await stage((call, args, go) => {
        if (call !== 'documents.insert' || !stuck) return go()
        const { signal } = args.at(-1) as { signal: AbortSignal }
        void gate.pass()
        return new Promise((_resolve, reject) => onAbort(signal, () => reject(abortError(signal))))
      })
      const abort = new AbortController()
      const puts = ids.map((id) =>
        writer.put(scope, put(id), id !== 'd4' ? {} : how === 'time' ? { timeoutMs: 50 } : { signal: abort.signal }),
      )
      const told = Promise.allSettled(puts)
      await gate.reached
      stuck = false
      if (how === 'time') await clock.advance(50)
      else abort.abort()
      const states = (await told).map(({ status }) => status)
      expect(states).toEqual(ids.map((id) => (id === 'd4' ? 'rejected' : 'fulfilled')))
      const { documents } = ports.truth.session(scope)
      expect(await documents.count(scope)).toBe(ids.length - 1)
      expect(await documents.get(scope, 'd4')).toBe(null)
    },
  )
})

describeWithPgvector('what several callers write one by one, on a server', () => {
  const database = useDatabase(() => pgvectorUrl()!)

  it('waits a second for a document that somebody has locked, and then for its own alone', async () => {
    const embedder = { hashing: { dimensions: 16 } }
    const store = await openStore({ postgres: { url: database().url }, embedder, relay: 'external' })
    const { documents } = store.forTenant('acme')
    await documents.putMany(ids.map((id) => put(id)))
    const client = new pg.Client({ connectionString: database().url })
    await client.connect()
    try {
      await client.query('BEGIN')
      await client.query(`SELECT FROM headwater.documents WHERE id = 'd0' FOR UPDATE`)
      const done: string[] = []
      const at = performance.now()
      const patching = ids.map(async (id) => {
        await documents.patch(id, { title: id })
        done.push(id)
      })
      await Promise.all(patching.slice(1))
      expect(performance.now() - at).toBeLessThan(10_000)
      expect(done).not.toContain('d0')
      await client.query('ROLLBACK')
      await patching[0]
      expect((await documents.list()).items.map(({ title, version }) => [title, version])).toEqual(
        ids.toSorted().map((id) => [id, 2]),
      )
    } finally {
      await client.end()
      await store.close()
    }
  })
})
