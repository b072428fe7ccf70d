import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineEntity, defineMetadata, openStore } from '../../index'
import { type Audited, joinedAudited } from '../../src/repositories/audited'
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

describe('declarations of an audit that are refused', () => {
  const schema = z.object({ title: z.string(), n: z.int() })
  it.each([
    [{ fields: ['none'] }, 'entities.x.audit.fields[0]'],
    [{ fields: ['n', 7] }, 'entities.x.audit.fields[1]'],
    [{ fields: 'n' }, 'entities.x.audit.fields'],
    [{ columns: ['n'] }, 'entities.x.audit.columns'],
    ['yes', 'entities.x.audit'],
    [null, 'entities.x.audit'],
  ])('of an entity: %j', (audit, path) => {
    const declare = () => defineEntity('x', schema, { audit } as never)
    expect(declare).toThrow(expect.objectContaining({ code: 'HW_INVALID_OPTIONS', path }))
  })

  const metadata = defineMetadata({ section: 'keyword', memo: 'text' })
  it.each([
    [{ fields: ['none'] }, 'collections.documents.audit.fields[0]'],
    [{ fields: ['section', 'memo'] }, 'collections.documents.audit.fields[1]'],
    [{ fields: [''] }, 'collections.documents.audit.fields[0]'],
    [7, 'collections.documents.audit'],
  ])('of a collection: %j', async (audit, path) => {
    const opening = createTestStore({ collections: { documents: { metadata, audit } } } as never)
    await expect(opening).rejects.toMatchObject({ code: 'HW_INVALID_OPTIONS', path })
  })
})

describe('what is recorded as audited', () => {
  const of = (...columns: [string, boolean][]): Audited => ({
    entities: {
      x: { key: 'id', columns: columns.map(([name, shown]) => ({ name, column: name, kind: 'integer', shown })) },
    },
    collections: {},
  })
  it('an older process takes nothing away, and another declaration holds', () => {
    const wide = of(['a', true], ['b', false])
    expect(joinedAudited(wide, of(['a', true]))).toEqual(wide)
    expect(joinedAudited(of(['a', true]), wide)).toEqual(wide)
    expect(joinedAudited(wide, of(['b', true]))).toEqual(of(['b', true]))
    expect(joinedAudited(wide, { entities: {}, collections: { c: ['p'] } })).toEqual({
      ...wide,
      collections: { c: ['p'] },
    })
  })
})
