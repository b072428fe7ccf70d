/**
 * Postgres and its two indexes as single ports, without a store around them: a writer puts plain documents, repositories
 * read them with plain filters, an index is asked by itself. Here in memory; `{ url }` or `{ pool }` for a server.
 */
import assert from 'node:assert/strict'
import {
  collectionName,
  createWriter,
  defineMetadata,
  openTruth,
  PostgresConnection,
  PostgresTextRepository,
  PostgresVectorRepository,
  parseFilter,
  tenantId,
  textIndexOf,
  writerPorts,
} from 'headwater'

const connection = new PostgresConnection({ embedded: { path: ':memory:' } })
try {
  const { truth } = await openTruth(connection)
  const metadata = defineMetadata({ section: 'keyword', year: 'integer' })
  const texts = new PostgresTextRepository(connection)
  const vectors = new PostgresVectorRepository(connection)
  const writer = createWriter(
    await writerPorts(
      { truth, vectors, texts },
      { embedder: { hashing: {} }, collections: { documents: { metadata } } },
    ),
  )

  const tenant = tenantId('acme')
  const scope = { tenant, collection: collectionName('documents') }
  // The writer locks, takes fences, cuts, and leaves a job for each index, all in one transaction.
  const { receipt, written } = await writer.putMany(scope, [
    { id: 'leave', title: 'Leave', text: 'Parental leave is sixteen weeks.', metadata: { section: 'hr', year: 2026 } },
    { id: 'bikes', title: 'Bikes', text: 'Bicycles stand in the yard.', metadata: { section: 'site', year: 2024 } },
  ])
  assert.equal(written, 2)
  await writer.waitFor(tenant, receipt)

  // The truth, in the view of one tenant.
  const { documents, chunks, generations } = truth.session({ tenant })
  const filter = parseFilter({ year: { gte: 2025 } }, metadata)
  const rows = await documents.list(scope, { filter, limit: 10 })
  assert.deepEqual(
    rows.map(({ id, version }) => [id, version]),
    [['leave', 1]],
  )
  assert.equal(await documents.count(scope, parseFilter({ NOT: { section: 'hr' } }, metadata)), 1)

  // An index proposes ids; what is shown comes from the truth.
  const [live] = await generations.list({ target: 'text', collection: scope.collection, states: ['live'] })
  const hits = await texts.search(textIndexOf(live!), { tenant, query: 'parental', filter, limit: 10 })
  const [chunk] = await chunks.hydrate(
    scope,
    live!.chunking,
    hits.map(({ id }) => id),
  )
  assert.equal(chunk?.text, 'Parental leave is sixteen weeks.')

  await writer.patch(scope, 'leave', { metadata: { year: 2027 } })
  await writer.delete(scope, 'bikes')
  assert.deepEqual([(await documents.get(scope, 'leave'))?.version, await documents.count(scope)], [2, 1])
  // What an index could not take at once; a worker calls `writer.relay.run({ signal })`.
  assert.equal((await writer.relay.drain()).remaining, 0)
} finally {
  await connection.close()
}
console.log('ports: written, read, searched')
