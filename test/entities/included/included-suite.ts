import { afterAll, beforeAll, describe, expect } from 'vitest'
import { z } from 'zod'
import { defineEntity, type JsonObject, openStore, type Store, type TenantHandle } from '../../../index'
import {
  agent_heartbeats,
  agents,
  configuration,
  configuration_history,
  mastery,
  mastery_reviews,
  processing,
  relations,
  users,
} from '../../../src/entities/included'
import { createTestStore } from '../../../src/testing/test-store'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../../support/postgres'

/** A user's own, whose rows go with documents. */
const remarks = defineEntity(
  'remarks',
  z.object({ about: z.string(), beside: z.string().optional(), words: z.string() }),
  {
    documents: ['about', 'beside'],
  },
)

const settings = configuration({
  theme: z.enum(['light', 'dark']),
  search: z.object({ limit: z.int().min(1), fuzzy: z.boolean().default(true) }),
})

export const entities = {
  agents,
  agent_heartbeats,
  processing,
  relations,
  remarks,
  users,
  configuration: settings,
  configuration_history,
  mastery: mastery(),
  mastery_reviews,
}
type Collections = { documents: JsonObject; notes: JsonObject }
export type IncludedStore = Store<Collections, typeof entities>
type Tenant = TenantHandle<Collections, typeof entities>

const collections = { documents: {}, notes: {} }
const embedder = { hashing: { dimensions: 16 } }

/** What a rejection was. */
export const refused = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => expect.fail('resolved'),
    (error: unknown) => error,
  )

let tenants = 0

/** The tests over memory, PGlite and Postgres under its policies; each has a tenant of its own. */
export function onEachTruth(tests: (tenant: () => Tenant, store: () => IncludedStore) => void): void {
  const suite = (name: string, open: () => Promise<unknown>): void => {
    describe(`on ${name}`, () => {
      let store: IncludedStore
      beforeAll(async () => {
        store = (await open()) as IncludedStore
      })
      afterAll(() => store?.close())
      tests(
        () => store.forTenant(`i${++tenants}`),
        () => store,
      )
    })
  }
  suite('memory', () => createTestStore({ entities, embedder, collections }))
  suite('PGlite', () => openStore({ entities, embedder, collections, embedded: { path: ':memory:' } }))
  describeWithPgvector('on a server', () => {
    const database = useDatabase(() => pgvectorUrl()!)
    suite('Postgres', () => {
      const postgres = { url: database().url, rowLevelSecurity: 'require' } as const
      return openStore({ entities, embedder, collections, postgres })
    })
  })
}
