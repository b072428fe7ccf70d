import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openStore, type Store } from '../../index'
import { startChild } from '../support/child'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'
import type { WriterLine } from './children/embedded-writer'
import { storeSuite, suiteCollections } from './store-suite'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headwater-store-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describeWithPgvector('a server with pgvector', () => {
  const database = useDatabase(() => pgvectorUrl()!)

  storeSuite('a server', async (options) => {
    const store = await openStore({ ...options, postgres: { url: database().url }, blobs: { path: join(folder, 'a') } })
    return {
      store,
      dispose: async () => {
        expect((await store.health()).notices).toEqual([])
        await store.close()
      },
    }
  })
})

describeWithPgvector('a server with pgvector and a pool of the user', () => {
  const database = useDatabase(() => pgvectorUrl()!)

  storeSuite('a pool of the user', async (options) => {
    const pool = new pg.Pool({ connectionString: database().url, max: 4 })
    const store = await openStore({ ...options, postgres: { pool }, blobs: { path: join(folder, 'b') } })
    return {
      store,
      dispose: async () => {
        await store.close()
        // Ours to end, and none of its connections is out.
        expect(pool.idleCount).toBe(pool.totalCount)
        expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
        await pool.end()
      },
    }
  })
})

describe('an embedded store in a folder', () => {
  const open = () =>
    openStore({ embedded: { path: join(folder, 'kept') }, embedder: { hashing: {} }, collections: suiteCollections })

  it('has everything again when it is opened anew', async () => {
    const seen = async (store: Store<typeof types>) => {
      const acme = store.forTenant('acme')
      const questions = acme.collection('questions')
      return {
        documents: (await acme.documents.list()).items,
        chunks: await acme.documents.chunks('a'),
        questions: (await questions.documents.list()).items,
        other: (await store.forTenant('other').documents.list()).items,
        hits: (await acme.search({ query: 'weeks of leave', explain: true })).hits,
        asked: (await questions.search({ query: 'how many weeks', mode: 'vector' })).hits,
        blobs: await acme.blobs.list(),
        generations: await store.generations(),
      }
    }
    const first = (await open()) as unknown as Store<typeof types>
    const acme = first.forTenant('acme')
    await acme.documents.put({ id: 'a', text: 'Sixteen weeks of leave.', metadata: { section: 'hr', tags: ['x'] } })
    await acme.documents.put({ id: 'a', text: 'Twenty weeks of leave.', metadata: { section: 'hr', year: 2026 } })
    await acme.documents.put({ id: 'gone', text: 'Deleted weeks.' })
    await acme.documents.delete('gone')
    await acme.collection('questions').documents.put({ id: 'q', text: 'How many weeks?' })
    await first.forTenant('other').documents.put({ id: 'a', text: 'Another tenant.' })
    const { key } = await acme.blobs.put('bytes')
    const receipt = (await acme.transaction(async (tx) => tx.documents.put({ id: 'b', text: 'Left to the relay.' })))
      .receipt
    await first.relay.drain({ timeoutMs: 20_000 })
    const before = await seen(first)
    await first.close()

    const second = (await open()) as unknown as Store<typeof types>
    expect(await seen(second)).toEqual(before)
    await second.forTenant('acme').waitFor(receipt, { timeoutMs: 5_000 })
    expect(await second.forTenant('acme').blobs.head(key)).toMatchObject({ size: 5 })
    expect(await second.reconcile({ deep: true })).toMatchObject({ missing: 0, stale: 0, orphaned: 0, foreign: 0 })
    expect(await second.forTenant('acme').documents.put({ id: 'gone', text: 'Back.' })).toMatchObject({ version: 3 })
    await second.close()
  })

  it('opens after its process was killed, with every acknowledged write and indexes that follow', {
    timeout: 180_000,
  }, async () => {
    const path = join(folder, 'killed')
    // What each document may be: as last acknowledged, or as a write under way would have it.
    const may = new Map<string, { done: WriterLine; begun: WriterLine | undefined }>()
    for (const round of ['1', '2']) {
      const child = startChild<WriterLine>('store/children/embedded-writer.ts', path, round)
      await child.line((line, number) => line.kind === 'done' && number >= 60)
      child.process.kill('SIGKILL')
      expect((await child.ended).signal).toBe('SIGKILL')
      for (const line of child.lines) {
        const known = may.get(line.id)
        if (line.kind === 'done') may.set(line.id, { done: line, begun: undefined })
        else if (line.kind === 'begin') {
          const none: WriterLine = { kind: 'done', id: line.id, text: null, version: 0 }
          may.set(line.id, { done: known?.done ?? none, begun: line })
        }
      }
      const store = await openStore({
        embedded: { path },
        embedder: { hashing: { dimensions: 32 } },
        relay: 'external',
      })
      const { documents } = store.forTenant('acme')
      expect(may.size).toBeGreaterThan(3)
      for (const [id, { done, begun }] of may) {
        const stored = await documents.get(id)
        const texts = [done.text, ...(begun ? [begun.text] : [])]
        expect(texts, id).toContain(stored?.text ?? null)
        if (stored) expect(stored.version).toBeGreaterThanOrEqual(done.version)
        may.set(id, { done: { ...done, text: stored?.text ?? null }, begun: undefined })
      }
      expect((await documents.list()).items.map((item) => item.id).every((id) => may.has(id))).toBe(true)
      expect(await store.relay.drain({ timeoutMs: 30_000 })).toMatchObject({ parked: 0 })
      expect(await store.backlog()).toMatchObject({ waiting: 0, parked: 0 })
      const report = await store.reconcile({ deep: true })
      expect(report).toMatchObject({ missing: 0, stale: 0, orphaned: 0, foreign: 0 })
      expect(report.checked).toBeGreaterThan(0)
      await store.close()
    }
  })
})

const types = suiteCollections as unknown as {
  documents: { section?: string; year?: number; tags?: string[] }
  questions: Record<string, string>
}
