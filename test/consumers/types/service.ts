// What a service exports of a store, with declarations: every name in them has to be one that can be imported.
import { defineMetadata, type Filter, HeadwaterError, openStore, type StoreOptions } from 'headwater'
import { migrate } from 'headwater/migrations'
import { createTestStore } from 'headwater/testing'

export const metadata = defineMetadata({ section: 'keyword', year: 'integer', at: 'datetime', tags: 'keyword[]' })
export const options: StoreOptions = { embedded: { path: ':memory:' } }
export const open = () => openStore({ embedder: { hashing: {} }, collections: { documents: { metadata } } })
export const openForTests = () => createTestStore()
export const migrateAll = migrate
export type Service = Awaited<ReturnType<typeof open>>

export async function find(store: Service, query: string) {
  const acme = store.forTenant('acme')
  const { hits, degraded } = await acme.search({ query, filter: { section: 'hr', year: { gte: 2024 } }, limit: 10 })
  return { first: hits[0], degraded, all: hits.map((hit) => hit.metadata) }
}

export const read = (store: Service) => store.forTenant('acme').documents.get('a')
export const list = (store: Service, filter?: Filter<{ section: string }>) =>
  store.forTenant('acme').documents.list({ ...(filter && { filter }), limit: 10 })
export const write = (store: Service) => store.forTenant('acme').documents.put({ id: 'a', text: 'text' })
export const writeMany = (store: Service) => store.forTenant('acme').documents.putMany([{ id: 'a', text: 'text' }])
export const inOne = (store: Service) => store.forTenant('acme').transaction((tx) => tx.documents.delete('a'))
export const health = (store: Service) => store.health()
export const isOurs = (error: unknown) => error instanceof HeadwaterError && error.code === 'HW_UNAVAILABLE'
