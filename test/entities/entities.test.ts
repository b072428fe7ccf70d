import { openStore } from '../../index'
import { createTestStore } from '../../src/testing/test-store'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'
import { entities, entitySuite, type SuiteStore } from './entity-suite'

const embedder = { hashing: { dimensions: 16 } }

entitySuite('memory', async () => {
  const store = await createTestStore({ entities, embedder })
  return { store: store as unknown as SuiteStore, close: () => store.close() }
})

entitySuite('PGlite', async () => {
  const store = await openStore({ entities, embedder, embedded: { path: ':memory:' } })
  return { store: store as unknown as SuiteStore, close: () => store.close() }
})

describeWithPgvector('on a server', () => {
  const database = useDatabase(() => pgvectorUrl()!)

  entitySuite('Postgres', async () => {
    const postgres = { url: database().url, rowLevelSecurity: 'require', schema: 'head"water' } as const
    const store = await openStore({ entities, embedder, postgres })
    return { store: store as unknown as SuiteStore, close: () => store.close() }
  })
})
