import type { Json } from '../../core/json'
import type { EntityQuery, EntityRowRepository, EntityScope } from '../../repositories/entities'
import {
  type EntityColumn,
  type EntityRecord,
  type EntityReference,
  type EntityTable,
  installation,
  systemColumns,
} from '../../repositories/entity-table'
import { codeOf, fixtureTest, type TestRunner } from '../runner'
import { acme, globex } from './rows'
import { rolledBack, type TruthFixture } from './truth'

const column = (name: string, kind: EntityColumn['kind'], required = true): EntityColumn => ({
  name,
  column: name,
  kind,
  required,
  missing: required ? 'null' : 'absent',
})

/** The entity of `entityRowRepositoryContract`. */
export const contractEntity: EntityTable = {
  name: 'contract_rows',
  key: 'code',
  columns: [
    column('code', 'text'),
    column('title', 'text', false),
    column('rank', 'integer', false),
    column('share', 'number', false),
    column('open', 'boolean', false),
    column('at', 'datetime', false),
    column('day', 'date', false),
    column('uid', 'uuid', false),
    column('more', 'json', false),
    ...systemColumns,
  ],
  indexes: [
    { columns: ['rank'], unique: false },
    { columns: ['title'], unique: true },
    { columns: ['day', 'open'], unique: true },
  ],
  softDelete: true,
  shared: false,
}

const rowOf = (name: string, more: Partial<EntityTable>, ...columns: EntityColumn[]): EntityTable => ({
  name,
  key: 'code',
  columns: [column('code', 'text'), ...columns, ...systemColumns],
  indexes: [],
  softDelete: false,
  shared: false,
  ...more,
})
const refers = (entity: string, column: string, more: Partial<EntityReference> = {}): EntityReference => ({
  column,
  entity,
  key: 'code',
  shared: false,
  onDelete: 'restrict',
  ...more,
})

type Referrer = NonNullable<EntityTable['referrers']>[number]
const [ofPlans, ofParents]: [Referrer[], Referrer[]] = [[], []]
const plans = rowOf('contract_plans', { shared: true, referrers: ofPlans })
const parents = rowOf('contract_parents', { softDelete: true, referrers: ofParents }, column('up', 'text', false))
const children = rowOf(
  'contract_children',
  {
    softDelete: true,
    references: [refers('contract_parents', 'parent'), refers('contract_plans', 'plan', { shared: true })],
    indexes: [{ columns: ['parent'], unique: false }],
  },
  column('parent', 'text', false),
  column('plan', 'text', false),
)
const tree: EntityTable = { ...parents, references: [refers('contract_parents', 'up')] }
ofPlans.push({ table: children, reference: children.references![1]! })
ofParents.push(
  { table: children, reference: children.references![0]! },
  { table: tree, reference: tree.references![0]! },
)

/** What the contracts' entities are: a backend that makes tables makes these before. */
export const contractEntities: readonly EntityTable[] = [contractEntity, plans, tree, children]

const scope: EntityScope = { table: contractEntity, tenant: acme }
const other: EntityScope = { table: contractEntity, tenant: globex }
const at = '2026-11-30T08:00:00.000Z'
const later = '2026-11-30T09:00:00.001Z'

/** A record of the contract's entity. */
export function entityRecord(code: string, values: Record<string, Json> = {}): EntityRecord {
  const empty = Object.fromEntries(contractEntity.columns.map(({ name }) => [name, null]))
  return { ...empty, code, version: 1, createdAt: at, updatedAt: at, ...values }
}

const select = contractEntity.columns.map(({ name }) => name)
const all: EntityQuery = { order: { columns: ['code'], descending: false }, limit: 100, select }

/** What every `EntityRowRepository` promises; the truth has `contractEntity`. */
export function entityRowRepositoryContract(runner: TestRunner, make: () => Promise<TruthFixture>): void {
  const { expect } = runner
  const test = fixtureTest(runner, async () => {
    const fixture = await make()
    const entitiesOf = (tenant: typeof acme): EntityRowRepository => fixture.truth.session({ tenant }).entities
    return { ...fixture, rows: entitiesOf(acme), theirs: entitiesOf(globex) }
  })
  const codes = (records: readonly EntityRecord[]): Json[] => records.map(({ code }) => code!)

  runner.describe('EntityRowRepository', () => {
    test('keeps every value', async ({ rows }) => {
      const record = entityRecord('a', {
        title: `'"\\ \n é \u{1F600}`,
        rank: Number.MIN_SAFE_INTEGER,
        share: 5e-324,
        open: false,
        at: '0001-01-01T00:00:00.000Z',
        day: '9999-12-31',
        uid: 'ffffffff-ffff-4fff-bfff-ffffffffffff',
        more: { list: ['', null, { deep: 1.5 }], text: '{"x"}' },
      })
      expect(await rows.insert(scope, [record, entityRecord('b')])).toEqual({ inserted: 2 })
      expect(await rows.get(scope, 'a')).toEqual(record)
      expect(await rows.get(scope, 'b')).toEqual(entityRecord('b'))
      expect(await rows.get(scope, 'c')).toBe(null)
      expect(codes(await rows.getMany(scope, ['b', 'c', 'a', 'b'])).sort()).toEqual(['a', 'b'])
      expect(await rows.getMany(scope, [])).toEqual([])
    })

    test('inserts all or none, and says which columns have a value already', async ({ rows }) => {
      await rows.insert(scope, [entityRecord('a', { title: 't', day: '2026-01-01', open: true })])
      for (const [record, columns] of [
        [entityRecord('a'), ['code']],
        [entityRecord('c', { title: 't' }), ['title']],
        [entityRecord('c', { day: '2026-01-01', open: true }), ['day', 'open']],
      ] as const) {
        const error: unknown = await rows.insert(scope, [entityRecord('b'), record]).catch((cause: unknown) => cause)
        const { code, retryable, details } = error as { code: string; retryable: boolean; details: unknown }
        expect({ code, retryable, details }).toEqual({
          code: 'HW_CONFLICT',
          retryable: false,
          details: { entity: 'contract_rows', columns },
        })
      }
      expect(await codeOf(rows.insert(scope, [entityRecord('c'), entityRecord('c')]))).toBe('HW_CONFLICT')
      // What has no value is like nothing.
      await rows.insert(scope, [entityRecord('d', { day: '2026-01-01' }), entityRecord('e', { day: '2026-01-01' })])
      expect(codes(await rows.list(scope, all))).toEqual(['a', 'd', 'e'])
    })

    test('tenants are apart, also with the same keys and values', async ({ rows, theirs }) => {
      await theirs.insert(other, [entityRecord('a', { title: 't' }), entityRecord('b')])
      await rows.insert(scope, [entityRecord('a', { title: 't', rank: 1 })])
      expect(await rows.get(scope, 'b')).toBe(null)
      expect(await rows.replace(scope, entityRecord('b', { version: 2 }), 1)).toEqual({ replaced: false })
      expect(await rows.delete(scope, 'b', { at })).toEqual({ version: null, deleted: false })
      expect(await rows.count(scope)).toBe(1)
      expect(await rows.upsert(scope, entityRecord('x', { title: 't' }), ['title'])).toEqual({
        key: 'a',
        version: 2,
        createdAt: at,
      })
      expect(await theirs.list(other, all)).toEqual([entityRecord('a', { title: 't' }), entityRecord('b')])
    })

    test('replaces at the version that was read alone', async ({ rows }) => {
      await rows.insert(scope, [entityRecord('a', { title: 'one' }), entityRecord('b', { title: 'two' })])
      const next = entityRecord('a', { title: 'new', rank: 5, version: 2, updatedAt: later })
      expect(await rows.replace(scope, { ...next, createdAt: later }, 1)).toEqual({ replaced: true })
      expect(await rows.replace(scope, next, 1)).toEqual({ replaced: false })
      expect(await rows.get(scope, 'a')).toEqual(next)
      expect(await codeOf(rows.replace(scope, { ...next, title: 'two', version: 3 }, 2))).toBe('HW_CONFLICT')
      expect(await rows.get(scope, 'a')).toEqual(next)
    })

    test('upserts by the key or by a unique, and brings a deleted row back', async ({ rows }) => {
      const record = entityRecord('a', { title: 't' })
      expect(await rows.upsert(scope, record, ['code'])).toEqual({ key: 'a', version: 1, createdAt: at })
      const next = { ...record, rank: 1, createdAt: later, updatedAt: later }
      expect(await rows.upsert(scope, next, ['code'])).toEqual({ key: 'a', version: 2, createdAt: at })
      expect(await rows.get(scope, 'a')).toEqual({ ...next, version: 2, createdAt: at })
      await rows.delete(scope, 'a', { at: later })
      expect(await rows.upsert(scope, record, ['code'])).toEqual({ key: 'a', version: 4, createdAt: at })
      await rows.delete(scope, 'a', { at: later })
      expect(await rows.upsert(scope, entityRecord('b', { title: 't' }), ['title'])).toEqual({
        key: 'b',
        version: 1,
        createdAt: at,
      })
      expect(await codeOf(rows.upsert(scope, record, ['code']))).toBe('HW_CONFLICT')
    })

    test('deletes softly at a version, and restores', async ({ rows }) => {
      await rows.insert(scope, [entityRecord('a', { title: 't' })])
      expect(await rows.delete(scope, 'a', { at: later, ifVersion: 2 })).toEqual({ version: 1, deleted: false })
      expect(await rows.delete(scope, 'a', { at: later, ifVersion: 1 })).toEqual({ version: 1, deleted: true })
      expect(await rows.delete(scope, 'a', { at: later })).toEqual({ version: null, deleted: false })
      expect([await rows.get(scope, 'a'), await rows.count(scope)]).toEqual([null, 0])
      expect(await rows.list(scope, all)).toEqual([])
      await rows.insert(scope, [entityRecord('b', { title: 't' })])
      expect(await codeOf(rows.restore(scope, 'a', { at: later }))).toBe('HW_CONFLICT')
      await rows.delete(scope, 'b', { at: later })
      expect(await rows.restore(scope, 'a', { at: later })).toEqual({ restored: true })
      expect(await rows.restore(scope, 'a', { at: later })).toEqual({ restored: false })
      expect(await rows.get(scope, 'a')).toEqual(entityRecord('a', { title: 't', version: 3, updatedAt: later }))
    })

    test('lists in the order of bytes and of values, none after all others', async ({ rows }) => {
      const given = ['é', 'z', 'Z', '\u{1F600}', '\uFFFD', 'a b', 'a']
      const ranks = [3, null, -1, 3, null, 0, 3]
      await rows.insert(
        scope,
        given.map((code, index) => entityRecord(code, { rank: ranks[index]! })),
      )
      expect(codes(await rows.list(scope, all))).toEqual(['Z', 'a', 'a b', 'z', 'é', '\uFFFD', '\u{1F600}'])
      const wanted = ['Z', 'a b', 'a', 'é', '\u{1F600}', 'z', '\uFFFD']
      for (const descending of [false, true]) {
        const order = { columns: ['rank', 'code'], descending }
        const sorted = descending ? wanted.toReversed() : wanted
        for (let limit = 1; limit < 4; limit++) {
          const seen: Json[] = []
          let after: Json[] | undefined
          for (;;) {
            const page = await rows.list(scope, { order, after, limit, select: ['code', 'rank'] })
            if (page.length === 0) break
            seen.push(...codes(page))
            after = [page.at(-1)!['rank']!, page.at(-1)!['code']!]
          }
          expect(seen).toEqual(sorted)
        }
      }
    })

    test('leaves a marker with what it wrote, and none where it wrote nothing', async ({ truth, rows }) => {
      const { commits } = truth.session({ tenant: acme })
      const record = entityRecord('a', { title: 't' })
      const wrote: [string, unknown, ReturnType<typeof commits.find>][] = []
      const noted = async (marker: string, work: (write: { marker: string }) => Promise<unknown>) => {
        const answer = await work({ marker })
        wrote.push([marker, answer, commits.find(acme, marker)])
      }
      await noted('insert', (write) => rows.insert(scope, [record], write))
      await noted('upsert', (write) => rows.upsert(scope, record, ['code'], write))
      await noted('replace', (write) => rows.replace(scope, { ...record, version: 3 }, 2, write))
      await noted('delete', (write) => rows.delete(scope, 'a', { ...write, at: later }))
      await noted('restore', (write) => rows.restore(scope, 'a', { ...write, at: later }))
      for (const [marker, answer, found] of wrote) {
        expect({ marker, receipt: (await found)?.receipt }).toEqual({ marker, receipt: answer })
      }
      await rows.replace(scope, record, 77, { marker: 'none 1' })
      await rows.delete(scope, 'a', { marker: 'none 2', at: later, ifVersion: 77 })
      await rows.restore(scope, 'a', { marker: 'none 3', at: later })
      for (const at of [1, 2, 3]) expect(await commits.find(acme, `none ${at}`)).toBe(null)
    })

    test('writes with its transaction, or not at all', async ({ truth, rows }) => {
      await rolledBack(truth, { tenant: acme }, async (session) => {
        await session.entities.insert(scope, [entityRecord('a')])
        expect(await session.entities.get(scope, 'a')).toEqual(entityRecord('a'))
      })
      expect(await rows.get(scope, 'a')).toBe(null)
      const failed = truth.transaction({ tenant: acme }, async (session) => {
        await session.entities.insert(scope, [entityRecord('b')])
        await session.entities.insert(scope, [entityRecord('b')]).catch(() => undefined)
      })
      expect((await codeOf(failed)) === 'resolved').toBe(false)
      expect(await rows.count(scope)).toBe(0)
    })
  })
}

/** What every `EntityRowRepository` promises of rows that refer to others; the truth has `contractEntities`. */
export function entityReferenceContract(runner: TestRunner, make: () => Promise<TruthFixture>): void {
  const { expect } = runner
  const test = fixtureTest(runner, async () => {
    const fixture = await make()
    const of = (tenant: typeof acme) => fixture.truth.session({ tenant }).entities
    return { ...fixture, rows: of(acme), theirs: of(globex), ours: of(installation) }
  })
  const record = (code: string, values: Record<string, Json> = {}): EntityRecord => ({
    code,
    up: null,
    parent: null,
    plan: null,
    version: 1,
    createdAt: at,
    updatedAt: at,
    ...values,
  })
  const here = { parents: { table: tree, tenant: acme }, children: { table: children, tenant: acme } }
  const plan: EntityScope = { table: plans, tenant: installation }
  const refusal = async (work: Promise<unknown>): Promise<unknown> => {
    const error: unknown = await work.catch((cause: unknown) => cause)
    const { code, path, details } = error as { code: string; path: string; details: Record<string, unknown> }
    return { code, path, of: details?.['references'] ?? details?.['referrers'] }
  }
  const missing = (path: string, of: string) => ({ code: 'HW_CONFLICT', path, of })

  runner.describe('EntityRowRepository, of rows that refer to others', () => {
    test('takes what is there, of the same tenant or of the installation, and not deleted', async (given) => {
      const { rows, theirs, ours } = given
      await ours.insert(plan, [record('free')])
      await rows.insert(here.parents, [record('p')])
      await theirs.insert({ ...here.parents, tenant: globex }, [record('theirs')])
      await rows.insert(here.children, [record('a', { parent: 'p', plan: 'free' }), record('b')])
      for (const [values, wanted] of [
        [{ parent: 'none' }, missing('parent', 'contract_parents')],
        [{ parent: 'theirs' }, missing('parent', 'contract_parents')],
        [{ plan: 'p' }, missing('plan', 'contract_plans')],
      ] as const) {
        expect(await refusal(rows.insert(here.children, [record('c', values)]))).toEqual(wanted)
        expect(await refusal(rows.upsert(here.children, record('b', values), ['code']))).toEqual(wanted)
        expect(await refusal(rows.replace(here.children, record('b', { ...values, version: 2 }), 1))).toEqual(wanted)
      }
      // Rows of one statement may refer to one another, in a circle too.
      await rows.insert(here.parents, [record('q', { up: 'r' }), record('r', { up: 'q' })])
      expect(await rows.count(here.children)).toBe(2)
    })

    test('keeps what is referred to, until no row that is not deleted does', async ({ rows, ours }) => {
      await ours.insert(plan, [record('free')])
      await rows.insert(here.parents, [record('p'), record('q', { up: 'p' })])
      await rows.insert(here.children, [record('a', { parent: 'p', plan: 'free' })])
      expect(await refusal(ours.delete(plan, 'free', { at }))).toEqual(missing('code', 'contract_children'))
      expect(await codeOf(rows.delete(here.parents, 'p', { at }))).toBe('HW_CONFLICT')
      expect(await codeOf(rows.deleteMany(here.parents, ['p'], at))).toBe('HW_CONFLICT')
      expect((await rows.get(here.parents, 'p'))?.['version']).toBe(1)
      await rows.delete(here.parents, 'q', { at })
      await rows.delete(here.children, 'a', { at })
      expect(await rows.delete(here.parents, 'p', { at })).toEqual({ version: 1, deleted: true })
      expect(await ours.delete(plan, 'free', { at })).toEqual({ version: 1, deleted: true })
      // What it refers to has gone meanwhile.
      expect(await codeOf(rows.restore(here.children, 'a', { at }))).toBe('HW_CONFLICT')
      expect(await refusal(rows.restore(here.parents, 'q', { at }))).toEqual(missing('up', 'contract_parents'))
      await rows.restore(here.parents, 'p', { at })
      expect(await rows.restore(here.parents, 'q', { at })).toEqual({ restored: true })
    })

    test('finds, lets go and deletes rows by what they refer to', async ({ rows, theirs }) => {
      await rows.insert(here.parents, [record('p'), record('q')])
      await theirs.insert({ ...here.parents, tenant: globex }, [record('p')])
      await theirs.insert({ ...here.children, tenant: globex }, [record('a', { parent: 'p' })])
      await rows.insert(
        here.children,
        ['a', 'b', 'c', 'd'].map((code) => record(code, { parent: code === 'd' ? 'q' : 'p' })),
      )
      await rows.delete(here.children, 'c', { at })
      const found = (keys: string[], limit = 10) => rows.referring(here.children, 'parent', keys, limit)
      expect((await found(['p'])).sort()).toEqual(['a', 'b'])
      expect((await found(['p', 'q'], 2)).length).toBe(2)
      expect(await found([])).toEqual([])
      expect(await rows.detach(here.children, 'parent', ['q', 'none'], later)).toEqual({ detached: 1 })
      const { parent, version, updatedAt } = (await rows.get(here.children, 'd'))!
      expect({ parent, version, updatedAt }).toEqual({ parent: null, version: 2, updatedAt: later })
      expect(await rows.deleteMany(here.children, ['a', 'b', 'c', 'none'], later)).toEqual({ deleted: 2 })
      expect(await rows.delete(here.parents, 'p', { at })).toEqual({ version: 1, deleted: true })
      expect(await theirs.count({ ...here.children, tenant: globex })).toBe(1)
    })
  })
}
