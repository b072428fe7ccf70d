import { openStore } from '../../index'
import { createTestStore } from '../../src/testing/test-store'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'
import { entities, type UnitStore, unitSuite } from './unit-suite'

const embedder = { hashing: { dimensions: 16 } }

unitSuite('memory', async () => (await createTestStore({ entities, embedder })) as unknown as UnitStore)
unitSuite('PGlite', async () => {
  return (await openStore({ entities, embedder, embedded: { path: ':memory:' } })) as unknown as UnitStore
})

describeWithPgvector('on a server', () => {
  const database = useDatabase(() => pgvectorUrl()!)

  unitSuite('Postgres', async () => {
    const postgres = { url: database().url, rowLevelSecurity: 'require', schema: 'head"water' } as const
    return (await openStore({ entities, embedder, postgres })) as unknown as UnitStore
  })
})
