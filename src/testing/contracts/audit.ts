import { tenantId } from '../../core/ids'
import type { Json } from '../../core/json'
import { type AuditBatch, type AuditRow, leafOf, sealOf } from '../../repositories/audit'
import { type Audited, auditedOf, auditedRecord } from '../../repositories/audited'
import { type EntityTable, systemColumns } from '../../repositories/entity-table'
import type { Truth } from '../../repositories/truth'
import { codeOf, fixtureTest, type TestRunner } from '../runner'
import { type TruthFixture, worker } from './truth'

/** An entity whose changes are written down; a backend with tables makes it, and what writes them down. */
export const auditedEntity: EntityTable = {
  name: 'audited',
  key: 'key',
  columns: [
    { name: 'key', column: 'key', kind: 'text', required: true, missing: 'null' },
    { name: 'count', column: 'count', kind: 'integer', required: true, missing: 'null' },
    { name: 'hidden', column: 'hidden', kind: 'text', required: false, missing: 'null' },
    ...systemColumns,
  ],
  indexes: [],
  softDelete: true,
  audit: ['count'],
  shared: false,
}
export const contractAudited: Audited = auditedOf([auditedEntity])

let tenants = 0
const at = '2026-01-02T03:04:05.000Z'

/** What every `AuditRepository` promises. Rows are never deleted, so that each test has a tenant of its own. */
export function auditRepositoryContract(runner: TestRunner, make: () => Promise<TruthFixture>): void {
  const { expect } = runner
  const test = fixtureTest(runner, async () => {
    const fixture = await make()
    const session = fixture.truth.session(worker)
    if ((await session.registry.read(auditedRecord)) === null) {
      await session.registry.write(auditedRecord, contractAudited as unknown as Json)
    }
    return { ...fixture, audit: session.audit, tenant: tenantId(`audited-${Date.now().toString(36)}-${++tenants}`) }
  })
  const record = (key: string, count: number) => ({
    key,
    count,
    hidden: 'hidden words',
    version: 1,
    createdAt: at,
    updatedAt: at,
  })
  const insert = async (truth: Truth, tenant: ReturnType<typeof tenantId>, ...keys: string[]): Promise<AuditRow[]> => {
    const session = truth.session({ tenant, actor: 'ann' })
    await session.entities.insert(
      { table: auditedEntity, tenant },
      keys.map((key, count) => record(key, count)),
    )
    return (await session.audit.list(tenant, { limit: 1_000 })).reverse().map(({ batch: _, ...row }) => row)
  }
  const sealedOf = (rows: readonly AuditRow[], number = 1, previous = '') => {
    const leaves = rows.map((row, position) => ({ id: row.id, position, hash: leafOf(row) }))
    const batch = { tenant: rows[0]!.tenant, number, size: rows.length, root: 'r', previous, sealedAt: 7 }
    return { batch: { ...batch, seal: sealOf(batch), export: null } satisfies AuditBatch, leaves }
  }

  runner.describe('AuditRepository', () => {
    test('holds a row for each that a statement changed, with whom and what', async ({ truth, tenant }) => {
      const rows = await insert(truth, tenant, 'a', 'b')
      expect(rows.map(({ actor, action, kind, name, version }) => [actor, action, kind, name, version])).toEqual(
        rows.map(() => ['ann', 'insert', 'entity', 'audited', 1]),
      )
      expect(rows.map(({ key }) => key).sort()).toEqual(['a', 'b'])
      const session = truth.session({ tenant })
      const scope = { table: auditedEntity, tenant }
      await session.entities.delete(scope, 'a', { at })
      await session.entities.delete(scope, 'a', { at })
      await session.entities.restore(scope, 'a', { at })
      expect(await session.entities.replace(scope, record('b', 5), 9)).toEqual({ replaced: false })
      await session.entities.replace(scope, { ...record('b', 5), version: 2 }, 1)
      const found = await session.audit.list(tenant, { kind: 'entity', name: 'audited', limit: 3 })
      expect(found.map(({ actor, action, key, version, batch }) => [actor, action, key, version, batch])).toEqual([
        [null, 'update', 'b', 2, null],
        [null, 'restore', 'a', 3, null],
        [null, 'delete', 'a', 2, null],
      ])
      const { before, after, changed } = JSON.parse(found[0]!.content!)
      expect({ before, after, changed }).toEqual({ before: { count: 1 }, after: { count: 5 }, changed: ['count'] })
      expect(JSON.stringify(found).includes('hidden words')).toBe(false)
      expect(await session.audit.get(tenant, found[0]!.id)).toEqual(found[0])
      expect(await session.audit.get(tenant, 0)).toBe(null)
      const [first] = await session.audit.list(tenant, {
        actor: 'ann',
        action: 'insert',
        before: rows[1]!.id,
        limit: 9,
      })
      expect([first!.id, first!.content]).toEqual([rows[0]!.id, rows[0]!.content])
    })

    test('a transaction that rolls back leaves nothing', async ({ truth, tenant }) => {
      const scope = { table: auditedEntity, tenant }
      await truth
        .transaction({ tenant, actor: 'ann' }, async (session) => {
          await session.entities.insert(scope, [record('gone', 1)])
          throw new Error('back')
        })
        .catch(() => undefined)
      await truth.transaction({ tenant, actor: 'bob' }, async (session) => {
        await session
          .savepoint(async (within) => {
            await within.entities.insert(scope, [record('undone', 1)])
            throw new Error('back')
          })
          .catch(() => undefined)
        await session.entities.insert(scope, [record('kept', 1)])
      })
      const rows = await truth.session({ tenant }).audit.list(tenant, { limit: 9 })
      expect(rows.map(({ actor, key }) => [actor, key])).toEqual([['bob', 'kept']])
    })

    test('what waits for a seal has one once, in order', async ({ truth, tenant, audit }) => {
      const rows = await insert(truth, tenant, 'a', 'b', 'c')
      const { rows: waiting, horizon } = await audit.unsealed({ after: null, limit: 100_000 })
      expect(waiting.filter((row) => row.tenant === tenant)).toEqual(rows)
      expect(await audit.newest([tenant])).toEqual([])
      const sealed = sealedOf(rows)
      await audit.seal([sealed])
      expect(await codeOf(audit.seal([sealed]))).toBe('HW_CONFLICT')
      expect(await codeOf(audit.seal([sealedOf(rows, 2)]))).toBe('HW_CONFLICT')
      const left = await audit.unsealed({ after: null, limit: 100_000 })
      expect(left.rows.filter((row) => row.tenant === tenant)).toEqual([])
      expect(await audit.newest([tenant])).toEqual([sealed.batch])
      expect(await audit.batches(tenant, { from: 1, limit: 9 })).toEqual([sealed.batch])
      expect(await audit.batches(tenant, { from: 2, limit: 9 })).toEqual([])
      const leaves = await audit.leaves(tenant, 1)
      expect(leaves.map(({ row, erased, ...leaf }) => ({ leaf, row, erased }))).toEqual(
        sealed.leaves.map((leaf, place) => ({ leaf, row: rows[place], erased: false })),
      )
      expect((await audit.get(tenant, rows[0]!.id))!.batch).toBe(1)
      expect((await audit.tenants()).includes(tenant)).toBe(true)
      expect(await audit.strays(tenant, { before: horizon, limit: 9 })).toEqual([])
    })

    test('a batch is exported once', async ({ truth, tenant, audit }) => {
      const { batch, leaves } = sealedOf(await insert(truth, tenant, 'a'))
      await audit.seal([{ batch, leaves }])
      const mine = async () => (await audit.unexported(100_000)).filter((one) => one.tenant === tenant)
      expect(await mine()).toEqual([batch])
      await audit.exported(batch, `key of ${tenant}`)
      await audit.exported(batch, 'another')
      expect(await mine()).toEqual([])
      expect((await audit.exports()).includes(`key of ${tenant}`)).toBe(true)
    })

    test('an erasure takes contents of one row and tells of it', async ({ truth, tenant, audit }) => {
      const rows = await insert(truth, tenant, 'a', 'b')
      await audit.seal([sealedOf(rows)])
      expect(await audit.erase(tenant, { kind: 'entity', name: 'audited', key: 'a' }, 'boss')).toBe(1)
      expect(await audit.erase(tenant, { kind: 'entity', name: 'audited', key: 'a' }, 'boss')).toBe(0)
      expect(await audit.erase(tenant, { kind: 'document', name: 'audited', key: 'b' }, null)).toBe(0)
      const leaves = await audit.leaves(tenant, 1)
      expect(
        leaves.map(({ row, hash, erased }) => [row!.key, row!.content === null, leafOf(row!) === hash, erased]).sort(),
      ).toEqual([
        ['a', true, true, true],
        ['b', false, true, false],
      ])
      const [told] = await audit.list(tenant, { limit: 1 })
      expect([told!.action, told!.actor, told!.key, JSON.parse(told!.content!)]).toEqual([
        'erase',
        'boss',
        'a',
        { rows: 1 },
      ])
    })
  })
}
