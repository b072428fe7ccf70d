import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PostgresConnection } from '../../src/connections/postgres/connection'
import { migrateAuditTriggers } from '../../src/migrations/audit-triggers'
import { migrateEntityTables } from '../../src/migrations/entity-tables'
import { migrate } from '../../src/migrations/migrate'
import { ensureRoles } from '../../src/migrations/roles'
import { auditTriggersOf } from '../../src/repositories/postgres/audit-triggers'
import { tableDeclaration } from '../../src/repositories/postgres/entity-tables'
import { PostgresTruth } from '../../src/repositories/postgres/truth'
import { auditedEntity, auditRepositoryContract, contractAudited } from '../../src/testing/contracts/audit'
import { blobReferenceRepositoryContract } from '../../src/testing/contracts/blob-references'
import { chunkRepositoryContract } from '../../src/testing/contracts/chunks'
import { commitRepositoryContract } from '../../src/testing/contracts/commits'
import { documentWritesContract } from '../../src/testing/contracts/document-writes'
import { documentRepositoryContract } from '../../src/testing/contracts/documents'
import { embeddingRepositoryContract } from '../../src/testing/contracts/embeddings'
import {
  contractEntities,
  entityReferenceContract,
  entityRowRepositoryContract,
} from '../../src/testing/contracts/entities'
import { errandRepositoryContract } from '../../src/testing/contracts/errands'
import { generationRepositoryContract } from '../../src/testing/contracts/generations'
import { jobRepositoryContract } from '../../src/testing/contracts/jobs'
import { registryRepositoryContract } from '../../src/testing/contracts/registry'
import { truthContract } from '../../src/testing/contracts/truth'
import { useDatabase } from '../support/postgres'

const runner = { describe, it, expect }
const contracts = [
  truthContract,
  documentRepositoryContract,
  documentWritesContract,
  chunkRepositoryContract,
  embeddingRepositoryContract,
  entityRowRepositoryContract,
  entityReferenceContract,
  jobRepositoryContract,
  errandRepositoryContract,
  auditRepositoryContract,
  generationRepositoryContract,
  commitRepositoryContract,
  registryRepositoryContract,
  blobReferenceRepositoryContract,
]

describe('in PGlite', () => {
  contractsOver(() => new PostgresConnection({ embedded: { path: ':memory:' } }))
})

describe('in Postgres, under row level security', () => {
  const database = useDatabase()
  contractsOver(() => new PostgresConnection({ url: database().url, max: 8 }), true)
})

function contractsOver(open: () => PostgresConnection, secured = false): void {
  // A name that must be quoted: nothing may rely on another.
  const schema = 'head"water test'
  let connection: PostgresConnection
  beforeAll(async () => {
    connection = open()
    await migrate(connection, { schema })
    const tables = [...contractEntities, auditedEntity].map(tableDeclaration)
    await migrateEntityTables(connection, { schema, tables })
    await migrateAuditTriggers(connection, auditTriggersOf(schema, contractAudited))
    if (!secured) return
    const roles = await ensureRoles(connection.session({ worker: true }), { schema })
    connection.security = { active: roles.enforced, appRole: roles.app, workerRole: roles.worker }
  })
  afterAll(() => connection.close())
  for (const contract of contracts) {
    contract(runner, async () => {
      await empty(connection, schema)
      return { truth: new PostgresTruth(connection, { schema }), dispose: async () => {} }
    })
  }
}

async function empty(connection: PostgresConnection, schema: string): Promise<void> {
  const quoted = `"${schema.replaceAll('"', '""')}"`
  const tables = [
    'documents',
    'chunks',
    'embeddings',
    'queue',
    'claims',
    'generations',
    'commits',
    'registry',
    'workers',
    'blob_removals',
    'errands',
    'e_contract_rows',
    'e_contract_children',
    'e_contract_parents',
    'e_contract_plans',
  ]
  // The tables are all but empty, and then DELETE is ten times as fast as TRUNCATE.
  const deletes = tables.map((table) => `DELETE FROM ${quoted}.${table};`).join(' ')
  await connection.session({ worker: true }).query(`${deletes} INSERT INTO ${quoted}.registry VALUES ('epoch', '1')`)
}
