import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createBackup, restoreBackup, verifyBackup } from 'headwater/backup'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Embedder, StoreOptions } from '../../index'
import { HashingEmbedder } from '../../src/embeddings/hashing'
import { createDatabase, describeWithPgvector, pgvectorUrl, type TestDatabase } from '../support/postgres'
import { type Filled, fill, hashing, open, seen } from './filled'

type Where = Pick<StoreOptions, 'embedded' | 'postgres' | 'blobs'>

/** Counts what is embedded. */
function counting(): Embedder & { calls: number } {
  const inner = new HashingEmbedder(hashing.embedder.hashing)
  return {
    calls: 0,
    fingerprint: inner.fingerprint,
    dimensions: inner.dimensions,
    maxTokens: inner.maxTokens,
    embed(texts, options) {
      if (options.kind === 'passage') this.calls += texts.length
      return inner.embed(texts, options)
    },
  }
}

describe('restoring from an embedded store', () => {
  let folder = ''
  const at = (name: string): string => path.join(folder, name)
  let store: Filled
  let before: unknown
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'hw-restore-'))
    store = await open({ embedded: { path: at('store') } })
    await fill(store)
    before = await seen(store)
    await store.createBackup({ to: at('place') })
  })
  afterAll(async () => {
    await store?.close()
    await rm(folder, { recursive: true, force: true })
  })

  it('into an empty one, without a call of the embedder: rows, vectors, blobs, entities, searches', async () => {
    const embedder = counting()
    const where = { embedded: { path: at('other') } }
    const phases = new Set<string>()
    const report = await restoreBackup(
      { ...where, embedder },
      { from: at('place'), onProgress: ({ phase }) => phases.add(phase) },
    )
    expect(report).toMatchObject({ epoch: 2, before: { made: false, documents: 0 }, waiting: [], migrated: [] })
    expect(report.blobs).toMatchObject({ count: 4, missing: 0 })
    expect(report.indexes.map(({ target, collection, equal }) => [target, collection, equal])).toEqual([
      ['text', 'documents', true],
      ['vector', 'documents', true],
    ])
    expect([...phases]).toEqual(['rows', 'comparing', 'blobs', 'indexes'])
    const restored = await open(where, { embedder })
    try {
      expect(await seen(restored)).toEqual(before)
      expect(embedder.calls).toBe(0)
      const { status, degraded } = await restored.health()
      expect([status === 'down', degraded.filter(({ what }) => what !== 'workers')]).toEqual([false, []])
      // Versions go on, and fences above all that were.
      const acme = restored.forTenant('acme')
      const receipt = await acme.documents.patch('doc 0 x', { title: 'New' })
      expect(receipt.version).toBe(2)
      await restored.relay.drain({ timeoutMs: 20_000 })
      expect(await restored.reconcile()).toMatchObject({ missing: 0, stale: 0, orphaned: 0 })
      expect(
        await restored.forTenant('acme').entities.courses.insert({ title: 'more', price: 1, extra: 1 }),
      ).toMatchObject({
        version: 1,
      })
      await expect(acme.entities.courses.insert({ title: 'plain', price: 1, extra: 1 })).rejects.toMatchObject({
        code: 'HW_CONFLICT',
      })
      // Another installation: it shares no index with the one it came from.
      const indexes = (await restored.generations()).map(({ name }) => name)
      const theirs = (await store.generations()).map(({ name }) => name)
      expect(indexes.filter((name) => theirs.includes(name))).toEqual([])
    } finally {
      await restored.close()
    }
  })

  it('a backup of what was restored is the same but for its new life', async () => {
    const report = await createBackup({ embedded: { path: at('fresh') } }, { to: at('none') }).catch(
      (error) => error.code,
    )
    expect(report).toBe('HW_MIGRATION_NEEDED')
    await restoreBackup({ embedded: { path: at('fresh') } }, { from: at('place') })
    const { written, manifest } = await createBackup({ embedded: { path: at('fresh') } }, { to: at('place') })
    expect(written).toMatchObject({ blobs: 0 })
    // The registry, the counts; markers of the relay may come and go.
    expect(written.parts).toBeLessThanOrEqual(3)
    expect(manifest.epoch).toBe(2)
    expect(await verifyBackup({ from: at('place') })).toMatchObject({ ok: true })
  })

  it('over what is there, only when it is given up, after a look', async () => {
    const where = { embedded: { path: at('filled') } }
    const filled = await open(where)
    const mine = await filled.forTenant('acme').documents.put({ id: 'mine', text: 'Only here.' })
    await filled.close()
    const from = at('place')
    const [oldest] = (await readdir(path.join(from, 'manifests'))).sort()
    const id = oldest!.replace('.json', '')
    await expect(restoreBackup(where, { from, id })).rejects.toMatchObject({
      code: 'HW_RESTORE_REFUSED',
      details: { documents: 1, tenants: 1 },
    })
    await expect(restoreBackup(where, { from, id, confirm: 'postgres' })).rejects.toMatchObject({
      code: 'HW_RESTORE_REFUSED',
    })
    const dry = await restoreBackup(where, { from, id, force: true, dryRun: true })
    expect(dry).toMatchObject({ epoch: null, before: { documents: 1 }, indexes: [] })
    const still = await open(where)
    expect(await still.forTenant('acme').documents.get('mine')).toMatchObject({ version: 1 })
    await still.close()
    expect(await restoreBackup(where, { from, id, force: true })).toMatchObject({ epoch: 2 })
    const restored = await open(where)
    try {
      expect(await seen(restored)).toEqual(before)
      await expect(restored.forTenant('acme').waitFor(mine)).rejects.toMatchObject({ code: 'HW_EPOCH_CHANGED' })
    } finally {
      await restored.close()
    }
  })

  it('without building indexes: words are found by Postgres, and a worker builds them', async () => {
    const where = { embedded: { path: at('unbuilt') } }
    const report = await restoreBackup(where, { from: at('place'), rebuild: false })
    expect(report.waiting).toHaveLength(2)
    const restored = await open(where)
    try {
      const acme = restored.forTenant('acme')
      const page = await acme.search({ query: 'parental leave', mode: 'hybrid' })
      expect(page.hits.length).toBeGreaterThan(0)
      expect(page.degraded.length).toBeGreaterThan(0)
      const stop = new AbortController()
      const running = restored.relay.run({ signal: stop.signal })
      await expect
        .poll(
          () =>
            acme.search({ query: 'parental', mode: 'vector' }).then(
              ({ hits }) => hits.length,
              () => 0,
            ),
          { timeout: 30_000 },
        )
        .toBeGreaterThan(0)
      stop.abort()
      await running
    } finally {
      await restored.close()
    }
  })
})

describeWithPgvector('restoring to a server', () => {
  let folder = ''
  const databases: TestDatabase[] = []
  const at = (name: string): string => path.join(folder, name)
  const fresh = async (): Promise<Where & { database: TestDatabase }> => {
    const database = await createDatabase(pgvectorUrl())
    databases.push(database)
    return { postgres: { url: database.url }, blobs: { path: at(database.name) }, database }
  }
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'hw-restore-'))
  })
  afterAll(async () => {
    for (const database of databases) await database.drop()
    await rm(folder, { recursive: true, force: true })
  })

  it('from another server, and back into an embedded store', async () => {
    const { database: _, ...from } = await fresh()
    const store = await open(from)
    await fill(store)
    const before = await seen(store)
    await store.createBackup({ to: at('place') })
    await store.close()
    const { database: __, ...to } = await fresh()
    const report = await restoreBackup(to, { from: at('place') })
    expect(report.indexes.every(({ equal }) => equal)).toBe(true)
    const restored = await open(to)
    expect(await seen(restored)).toEqual(before)
    await restored.createBackup({ to: at('back') })
    await restored.close()
    await restoreBackup({ embedded: { path: at('embedded') } }, { from: at('back') })
    const embedded = await open({ embedded: { path: at('embedded') } })
    const after = await seen(embedded)
    await embedded.close()
    expect(after).toEqual(before)
  })

  it('over a store that others have open: their receipts are refused, their writes go on', async () => {
    const { database, ...where } = await fresh()
    const other = await open(where, { relay: 'background' })
    try {
      const acme = other.forTenant('acme')
      await acme.documents.put({ id: 'kept', text: 'Saved in time.' })
      await other.relay.drain({ timeoutMs: 20_000 })
      await other.createBackup({ to: at('over') })
      const lost = await acme.documents.put({ id: 'lost', text: 'Written since.' })
      await expect(restoreBackup(where, { from: at('over') })).rejects.toMatchObject({
        code: 'HW_RESTORE_REFUSED',
        path: 'confirm',
        details: { database: database.name, documents: 2 },
      })
      await expect(restoreBackup(where, { from: at('over'), confirm: 'other' })).rejects.toMatchObject({
        code: 'HW_RESTORE_REFUSED',
      })
      let writing = true
      const outcomes: string[] = []
      const receipts: [string, Awaited<ReturnType<typeof acme.documents.put>>][] = []
      const writer = (async () => {
        for (let at = 0; writing; at++) {
          const id = `during ${at}`
          const receipt = await acme.documents.put({ id, text: `Written during ${at}.` }).catch((error) => error.code)
          if (typeof receipt === 'string') outcomes.push(receipt)
          else receipts.push([id, receipt])
        }
      })()
      const report = await restoreBackup(where, { from: at('over'), confirm: database.name }).finally(() => {
        writing = false
      })
      await writer
      expect(report.indexes.every(({ equal }) => equal)).toBe(true)
      await expect(acme.waitFor(lost)).rejects.toMatchObject({ code: 'HW_EPOCH_CHANGED' })
      expect(await acme.documents.get('kept')).not.toBe(null)
      expect(await acme.documents.get('lost')).toBe(null)
      // Nothing is lost in silence: what is gone has a receipt that is refused.
      for (const [id, receipt] of receipts) {
        const there = await acme.documents.get(id)
        const known = await acme.waitFor(receipt, { timeoutMs: 20_000 }).then(
          () => 'there',
          (error) => error.code,
        )
        expect([id, known]).toEqual([id, there ? 'there' : 'HW_EPOCH_CHANGED'])
      }
      expect(receipts.length).toBeGreaterThan(0)
      expect(outcomes.filter((code) => !['HW_CONFLICT', 'HW_TRANSACTION_ABORTED'].includes(code))).toEqual([])
      await other.relay.drain({ timeoutMs: 20_000 })
      expect(await other.reconcile()).toMatchObject({ missing: 0, stale: 0, orphaned: 0 })
    } finally {
      await other.close()
    }
  })
})
