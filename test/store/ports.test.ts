import { describe, expect, it } from 'vitest'
import {
  type CollectionPlan,
  collectionName,
  createWriter,
  defineMetadata,
  HashingEmbedder,
  openStore,
  openTruth,
  PostgresConnection,
  PostgresDocumentRepository,
  PostgresTextRepository,
  PostgresVectorRepository,
  parseFilter,
  splitterOf,
  systemClock,
  systemRandom,
  tenantId,
  textIndexOf,
  vectorIndexOf,
  type WrittenPorts,
  writerPorts,
} from '../../index'
import { memoryPorts } from '../../src/testing/index'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'

const metadata = defineMetadata({ year: 'integer' })
const tenant = tenantId('acme')
const scope = { tenant, collection: collectionName('documents') }
const embedder = new HashingEmbedder()

/** Writes, reads and searches with what is exported alone. */
async function use(ports: WrittenPorts): Promise<void> {
  const writer = createWriter(await writerPorts(ports, { embedder, collections: { documents: { metadata } } }))
  const receipt = await writer.put(scope, { id: 'a', title: 'Leave', text: 'Parental leave', metadata: { year: 2026 } })
  await writer.put(scope, { id: 'b', text: 'Bicycles stand in the yard', metadata: { year: 2024 } })
  await writer.waitFor(tenant, receipt)
  const { documents, generations } = ports.truth.session({ tenant })
  const filter = parseFilter({ year: { gt: 2025 } }, metadata)
  expect((await documents.list(scope, { filter, limit: 10 })).map(({ id }) => id)).toEqual(['a'])
  const live = await generations.list({ states: ['live'] })
  const text = textIndexOf(live.find(({ target }) => target === 'text')!)
  expect(await ports.texts.search(text, { tenant, query: 'leave', filter, limit: 5 })).toMatchObject([
    { document: 'a' },
  ])
  const [vector] = await embedder.embed(['Leave Parental leave'], { kind: 'query' })
  const index = vectorIndexOf(live.find(({ target }) => target === 'vector')!)
  expect((await ports.vectors.search(index, { tenant, vector: vector!, limit: 1 }))[0]).toMatchObject({ document: 'a' })
  await writer.delete(scope, 'a')
  expect(await documents.get(scope, 'a')).toBeNull()
  expect(await writer.relay.drain()).toMatchObject({ remaining: 0 })
}

describe('ports alone', () => {
  it('are enough for a writer, in memory', () => use(memoryPorts()))

  it('are put together by hand as well', async () => {
    const ports = memoryPorts()
    await writerPorts(ports, { embedder })
    const plan: CollectionPlan = {
      name: scope.collection,
      embedder,
      splitter: splitterOf({ size: 200 }, 'splitter', embedder),
      language: 'english',
    }
    const writer = createWriter({
      ...ports,
      collections: new Map([['documents', plan]]),
      embedders: new Map([[embedder.fingerprint, embedder]]),
      clock: systemClock,
      random: systemRandom,
    })
    await writer.put(scope, { id: 'a', text: 'By hand' })
    expect(await ports.truth.session({ tenant }).documents.get(scope, 'a')).toMatchObject({ text: 'By hand' })
  })

  it('name the option that is wrong', async () => {
    const ports = memoryPorts()
    await expect(writerPorts(ports, { embeder: embedder } as object)).rejects.toMatchObject({
      code: 'HW_INVALID_OPTIONS',
      path: 'embeder',
    })
    await expect(writerPorts({ ...ports, vectors: {} as never })).rejects.toMatchObject({
      code: 'HW_INVALID_OPTIONS',
      path: expect.stringContaining('vectors'),
    })
  })
})

describeWithPgvector('ports alone, on a server', () => {
  const database = useDatabase(() => pgvectorUrl()!)

  it('write, read and search beside a store of the same database', async () => {
    await using connection = new PostgresConnection({ url: database().url })
    const { truth } = await openTruth(connection)
    // The policies hold, as in a store.
    expect(connection.security.active).toBe(true)
    const texts = new PostgresTextRepository(connection)
    await use({ truth, vectors: new PostgresVectorRepository(connection), texts })
    const documents = new PostgresDocumentRepository(connection.session({ tenant }))
    expect(await documents.getMany(scope, ['a', 'b'])).toMatchObject([{ id: 'b', version: 1 }])
    await using store = await openStore({
      postgres: { url: database().url },
      embedder,
      collections: { documents: { metadata } },
    })
    expect((await store.forTenant('acme').search({ query: 'bicycles' })).hits[0]).toMatchObject({ documentId: 'b' })
  })

  it('never migrate where that is another role’s', async () => {
    await using connection = new PostgresConnection({ url: database().url })
    const untouched = openTruth(connection, { schema: 'elsewhere', migrate: 'check' })
    await expect(untouched).rejects.toMatchObject({ code: 'HW_MIGRATION_NEEDED' })
  })
})
