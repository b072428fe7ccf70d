import { openStore, type Store } from '../../index'
import { createTestStore } from '../../src/testing/test-store'
import { createDatabase, describeWithPgvector, pgvectorUrl, type TestDatabase } from '../support/postgres'
import { errandSuite } from './errand-suite'

const embedder = { hashing: { dimensions: 16 } }

errandSuite('memory', (options) => createTestStore({ ...options, embedder }))
errandSuite('PGlite', (options) => openStore({ ...options, embedder, embedded: { path: ':memory:' } }))

describeWithPgvector('on a server', () => {
  errandSuite('Postgres', async (options) => {
    const database = await createDatabase(pgvectorUrl()!)
    const postgres = { url: database.url, rowLevelSecurity: 'require', schema: 'head"water' } as const
    return droppedWith(await openStore({ ...options, embedder, postgres }), database)
  })
})

/** Each test has a database of its own, gone with its store. */
function droppedWith(store: Store, database: TestDatabase): Store {
  const close = store.close.bind(store)
  let closed: Promise<void> | undefined
  store.close = () => {
    closed ??= close().then(() => database.drop())
    return closed
  }
  return store
}
