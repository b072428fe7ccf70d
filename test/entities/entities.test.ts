import { openStore } from '../../index'
import { createTestStore } from '../../src/testing/test-store'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'
import { entities, entitySuite, type SuiteStore } from './entity-suite'

const collections = { documents: {}, remarks: {} }
const embedder = { hashing: { dimensions: 16 } }

entitySuite('memory', async () => {
  const store = await createTestStore({ entities, embedder, collections })
  return { store: store as unknown as SuiteStore, close: () => store.close() }
})

entitySuite('PGlite', async () => {
  const store = await openStore({ entities, embedder, collections, embedded: { path: ':memory:' } })
  return { store: store as unknown as SuiteStore, close: () => store.close() }
})

describeWithPgvector('on a server', () => {
  const database = useDatabase(() => pgvectorUrl()!)

  entitySuite('Postgres', async () => {
    const postgres = { url: database().url, rowLevelSecurity: 'require', schema: 'head"water' } as const
    const store = await openStore({ entities, embedder, collections, postgres })
    return { store: store as unknown as SuiteStore, close: () => store.close() }
  })
})
