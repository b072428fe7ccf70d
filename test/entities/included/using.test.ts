import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openStore } from '../../../index'
import { processing, relations } from '../../../src/entities/included'
import { pgTransaction } from '../../support/pg-transaction'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../../support/postgres'
import { refused } from './included-suite'

describeWithPgvector('what comes with it, inside a transaction of the caller', () => {
  const database = useDatabase(() => pgvectorUrl()!)
  const open = () =>
    openStore({
      embedder: { hashing: { dimensions: 16 } },
      relay: 'external',
      postgres: { url: database().url },
      entities: { processing, relations },
    })
  let store: Awaited<ReturnType<typeof open>>
  let pool: pg.Pool
  beforeAll(async () => {
    store = await open()
    pool = new pg.Pool({ connectionString: database().url, max: 2 })
  })
  afterAll(() => Promise.all([store?.close(), pool?.end()]))

  it('commits, rolls back, and goes on behind what was refused', async () => {
    const acme = store.forTenant('acme')
    await pgTransaction(pool, async (client) => {
      const { documents, entities } = acme.using(client)
      for (const id of ['a', 'b']) await documents.put({ id, text: `Words of ${id}` })
      await entities.processing.setProcessing('a', 'processing')
      const step = entities.processing.setProcessing('a', 'archived')
      expect(await refused(step)).toMatchObject({ code: 'HW_INVALID_ENTITY', path: 'to' })
      expect(await refused(entities.relations.relate('a', 'parent', 'none'))).toMatchObject({ code: 'HW_NOT_FOUND' })
      await entities.relations.relate('a', 'parent', 'b')
    })
    expect(await acme.entities.processing.processingOf('a')).toMatchObject({ state: 'processing', attempts: 1 })
    const undone = pgTransaction(pool, async (client) => {
      await acme.using(client).documents.delete('a')
      expect(await acme.using(client).entities.relations.count()).toBe(0)
      throw new Error('undo')
    })
    expect(await refused(undone)).toMatchObject({ message: 'undo' })
    expect(await acme.entities.relations.count()).toBe(1)
    await pgTransaction(pool, async (client) => void (await acme.using(client).documents.delete('b')))
    expect([await acme.entities.relations.count(), await acme.entities.processing.count()]).toEqual([0, 1])
  })
})
