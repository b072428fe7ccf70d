import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openStore } from '../../index'
import { createTestStore } from '../../src/testing/test-store'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'
import { type AuditStore, auditSuite, collections, entities } from './audit-suite'

const options = { entities, collections, embedder: { hashing: { dimensions: 16 } }, relay: 'external' } as const

auditSuite('memory', async () => {
  const store = await createTestStore(options)
  return { store: store as unknown as AuditStore, close: () => store.close() }
})

auditSuite('PGlite', async () => {
  const store = await openStore({ ...options, embedded: { path: ':memory:' } })
  return { store: store as unknown as AuditStore, close: () => store.close() }
})

describeWithPgvector('on a server', () => {
  const database = useDatabase(() => pgvectorUrl()!)

  auditSuite('Postgres', async () => {
    const postgres = { url: database().url, rowLevelSecurity: 'require', schema: 'head"water' } as const
    const blobs = { path: await mkdtemp(join(tmpdir(), 'hw-audit-')) }
    const store = await openStore({ ...options, postgres, blobs })
    const close = async () => {
      await store.close()
      await rm(blobs.path, { recursive: true })
    }
    return { store: store as unknown as AuditStore, close }
  })
})
