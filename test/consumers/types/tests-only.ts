// What a project's test support exports, with nothing of it from `headwater` itself: its types have their names there.
import { migrate, migrationStatus } from 'headwater/migrations'
import { createTestStore } from 'headwater/testing'

export const open = () => createTestStore()
export const forTenant = async () => (await open()).forTenant('acme')
export const find = async () => (await forTenant()).search({ query: 'x' })
export const list = async () => (await forTenant()).documents.list({ filter: { a: 1 } })
export const migrateTo = (pool: Parameters<typeof migrate>[0]) => migrate(pool)
export const status = migrationStatus
