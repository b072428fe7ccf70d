// What the snippets of README.md and docs/ take as given: `scripts/check-snippets.mjs` compiles and runs them beside it,
// each page with a copy of its own.
import { writeFileSync } from 'node:fs'
import type { NodePgDatabase } from 'drizzle-orm/node-postgres'
import type { Logger, VectorRepository } from 'headwater'
import { tenantId } from 'headwater'
import { createTestStore } from 'headwater/testing'
import type { Kysely } from 'kysely'
import type { ClientBase } from 'pg'

export const store = await createTestStore({
  embedders: {
    minilm: { hashing: {} },
    next: { hashing: { dimensions: 128 } },
    small: { hashing: { dimensions: 64 } },
  },
  embedder: 'minilm',
  collections: { documents: {}, questions: {} },
})
export const acme = store.forTenant('acme')
await acme.documents.put({ id: 'handbook', title: 'Handbook', text: 'Parental leave is sixteen weeks for everybody.' })

export const tenant = tenantId('acme')
export const title = 'Ticket'
export const text = 'The printer on the second floor is out of paper.'
export const apiKey = 'secret'
export const accessKey = 'key'
export const secretKey = 'secret'
export const url = 'postgres://localhost/app'
export const summaryOf = async (id: string) => `the summary of ${id}`
export const readProfile = async (id: number) => ({ id })
export const report = (error: Error, what: string) => console.error(what, error)
export const sendMail = async (mail: unknown, options: { idempotencyKey: string; signal: AbortSignal }) => [
  mail,
  options,
]
export const pino = (): Logger => console
writeFileSync('handbook.pdf', 'a handbook')

/** What is compiled and not run. */
const none = <T>() => undefined as T
export const client = none<ClientBase>()
export const kysely = none<Kysely<unknown>>()
export const drizzle = none<NodePgDatabase>()
export const MyVectors = none<new () => VectorRepository>()
