import pg from 'pg'
import { afterAll, expect, it } from 'vitest'
import { openStore, type Store, type StoreOptions } from '../../index'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'

/** A line a chunk. */
const lines = {
  id: 'lines',
  split: ({ text }: { text: string }) =>
    [...text.matchAll(/.+/g)].map(({ 0: line, index }) => ({ text: line, start: index, end: index + line.length })),
}
const text = Array.from({ length: 6 }, (_, at) => `Line ${at} is about rivers.`).join('\n')

describeWithPgvector('a store whose documents were cut by another splitter', () => {
  const database = useDatabase(() => pgvectorUrl()!)
  const opened: Store[] = []
  const open = async (more: StoreOptions = {}): Promise<Store> => {
    const store = await openStore({ postgres: { url: database().url }, embedder: { hashing: {} }, ...more })
    opened.push(store)
    return store
  }
  const chunks = async (store: Store, id: string): Promise<number> =>
    (await store.forTenant('acme').documents.chunks(id)).length

  afterAll(async () => {
    for (const store of opened) await store.close()
  })

  it('is opened by the default with what it is cut by, and refuses other sizes and other splitters', async () => {
    const first = await open()
    await first.forTenant('acme').documents.put({ id: 'd', text })
    const { chunking } = await first.rebuild({ splitter: { size: 40, max: 60 } })
    const count = await chunks(first, 'd')
    expect(count).toBeGreaterThan(1)

    const again = await open()
    await again.forTenant('acme').documents.put({ id: 'e', text })
    expect(await chunks(again, 'e')).toBe(count)
    expect(await again.forTenant('acme').documents.put({ id: 'd', text })).toMatchObject({
      unchanged: true,
      version: 1,
    })
    await open({ splitter: { size: 40, max: 60 } })

    for (const splitter of [{ size: 500 }, lines]) {
      await expect(open({ splitter })).rejects.toMatchObject({
        code: 'HW_TOPOLOGY_MISMATCH',
        path: 'collections.documents.splitter',
        message: expect.stringContaining('rebuild({ splitter })'),
        details: { recorded: chunking },
      })
    }
  })

  it('moves to one of the user, by its name, and is opened with that alone', async () => {
    const moving = await open({ splitters: { lines } })
    await expect(moving.rebuild({ splitter: 'none' })).rejects.toMatchObject({ path: 'splitter' })
    expect(await moving.rebuild({ splitter: 'lines' })).toMatchObject({ chunking: 'lines', cut: 2 })
    // Another process, which has not heard of it, writes on; who knows it cuts what it left.
    const [, unaware] = opened as [Store, Store]
    const receipt = await unaware.forTenant('acme').documents.put({ id: 'f', text: 'one\ntwo\nthree' })
    await moving.forTenant('acme').waitFor(receipt, { timeoutMs: 20_000 })
    expect(await chunks(unaware, 'f')).toBe(3)
    expect((await moving.health()).generations?.chunkings).toEqual({
      documents: ['lines', expect.stringMatching(/^md-/)],
    })
    expect(await moving.reconcile({ deep: true })).toMatchObject({ missing: 0, stale: 0, orphaned: 0 })
    await expect(open()).rejects.toMatchObject({ code: 'HW_TOPOLOGY_MISMATCH' })
    const next = await open({ splitter: lines })
    expect((await next.forTenant('acme').search({ query: 'two', mode: 'text' })).hits).toMatchObject([{ text: 'two' }])
  })

  it('a transaction of the caller with an older snapshot leaves nothing stale', async () => {
    const store = await open({ splitter: lines })
    const acme = store.forTenant('acme')
    const pool = new pg.Pool({ connectionString: database().url })
    const clients = [await pool.connect(), await pool.connect()] as const
    for (const client of clients) {
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
      await client.query('SELECT count(*) FROM headwater.documents')
    }
    const [changing, adding] = clients
    await store.rebuild({ splitter: { size: 30, max: 40 } })
    // Its snapshot has no row of the new chunking: the row that was cut for it says so.
    await expect(acme.using(changing).documents.put({ id: 'd', text: 'Changed.' })).rejects.toMatchObject({
      code: 'HW_CONFLICT',
    })
    await changing.query('ROLLBACK')
    await acme.using(adding).documents.put({ id: 'new', text: 'Added by who had not seen it, about lakes.' })
    await adding.query('COMMIT')
    for (const client of clients) client.release()
    await pool.end()
    await store.relay.drain({ timeoutMs: 20_000 })
    expect(await chunks(store, 'new')).toBeGreaterThan(1)
    const { hits } = await acme.search({ query: 'lakes', mode: 'text' })
    expect(hits.map(({ documentId }) => documentId)).toEqual(['new'])
    expect(await store.reconcile({ deep: true })).toMatchObject({ missing: 0, stale: 0, orphaned: 0 })
  })
})
