import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { PostgresConnection } from '../../src/connections/postgres/connection'
import type { Json } from '../../src/core/json'
import { parseColumnFilter } from '../../src/filter/parse'
import { migrateEntityTables } from '../../src/migrations/entity-tables'
import { migrate } from '../../src/migrations/migrate'
import { type EntityColumn, type EntityTable, filterColumns, type ItemKind } from '../../src/repositories/entity-table'
import { MemoryTruth } from '../../src/repositories/memory/truth'
import { tableDeclaration } from '../../src/repositories/postgres/entity-tables'
import { PostgresTruth } from '../../src/repositories/postgres/truth'
import { contractEntity, entityRecord } from '../../src/testing/contracts/entities'
import { acme } from '../../src/testing/contracts/rows'

const runs = 40
const day = 86_400_000
const noon = Date.parse('2026-06-01T12:00:00.000Z')

const texts = ['', 'a', 'A', 'é', '\u{1F600}', "it's", 'x'.repeat(300)]
const numbers = [0, 1, -1, 0.1, 0.3, 2.5, 1e15, 2 ** 53 - 1, -(2 ** 53 - 1), 2 ** 53, 1e300, 5e-324, -1e300]
const instants = [
  noon,
  noon + 1,
  noon + 0.5,
  noon - (noon % day),
  noon - (noon % day) + day,
  0,
  -1e14,
  1e16,
  Date.parse('0001-01-01T00:00:00Z'),
]
const uids = ['00000000-0000-7000-8000-000000000000', 'ffffffff-ffff-4fff-bfff-ffffffffffff']

const list = (name: string, items: ItemKind): EntityColumn => ({
  ...{ name, column: name, kind: 'json', items, required: false, missing: 'absent' },
})
/** Two lists with an index, and one without. */
const table: EntityTable = {
  ...contractEntity,
  columns: [...contractEntity.columns, list('tags', 'text'), list('marks', 'number'), list('flags', 'boolean')],
  lists: ['tags', 'marks'],
}

const some = <T>(values: readonly T[]) => fc.constantFrom(...values)
const orNone = <T>(one: fc.Arbitrary<T>) => fc.option(one, { nil: null, freq: 4 })
const iso = (ms: number) => new Date(ms).toISOString()
const stored = instants.filter((ms) => Number.isInteger(ms) && Math.abs(ms) < 1e14)

const values = fc.record<Record<string, Json>>({
  rank: orNone(some(numbers.filter(Number.isSafeInteger))),
  share: orNone(some(numbers)),
  open: orNone(fc.boolean()),
  at: orNone(some(stored.map(iso))),
  day: orNone(some(stored.map((ms) => iso(ms).slice(0, 10)))),
  uid: orNone(some(uids)),
  tags: orNone(fc.array(orNone(some(texts)), { maxLength: 3 })),
  marks: orNone(fc.array(some(numbers), { maxLength: 3 })),
  flags: orNone(fc.array(fc.boolean(), { maxLength: 3 })),
  more: orNone(some<Json>([[], {}, [null], { a: null }, [''], { a: [[0]] }, 'text', 0, false])),
})

const range = <T>(one: fc.Arbitrary<T>) =>
  fc.dictionary(some(['gt', 'gte', 'lt', 'lte']), one, { minKeys: 1, maxKeys: 2 })
const equality = <T>(one: fc.Arbitrary<T>) =>
  fc.oneof(
    one,
    fc.record({ eq: one }),
    fc.record({ ne: one }),
    fc.record({ in: fc.array(one, { maxLength: 3 }) }),
    fc.record({ nin: fc.array(one, { maxLength: 3 }) }),
    fc.record({ exists: fc.boolean() }),
  )
const time = some(
  instants.flatMap((ms): unknown[] =>
    Math.abs(ms) < 1e14 && Number.isInteger(ms) ? [ms, iso(ms), new Date(ms)] : [ms],
  ),
)
const ordered = <T>(one: fc.Arbitrary<T>) =>
  fc.oneof(
    equality(one),
    range(one),
    fc.tuple(range(one), fc.record({ in: fc.array(one, { maxLength: 3 }) })).map(([a, b]) => ({ ...a, ...b })),
  )

const condition = fc.oneof(
  fc.record({ title: equality(some([...texts, 'nul\0', '\uD800'])) }),
  fc.record({ code: equality(some(['c0', 'c1', 'none'])) }),
  fc.record({ rank: ordered(some(numbers)) }),
  fc.record({ share: ordered(some(numbers)) }),
  fc.record({ open: equality(fc.boolean()) }),
  fc.record({ at: ordered(time) }),
  fc.record({ day: ordered(time) }),
  fc.record({ uid: equality(some([...uids, uids[1]!.toUpperCase(), 'no uuid'])) }),
  fc.record({ tags: equality(some([...texts, 'nul\0'])) }),
  fc.record({ marks: ordered(some(numbers)) }),
  fc.record({ flags: equality(fc.boolean()) }),
  fc.record({ more: fc.record({ exists: fc.boolean() }) }),
  fc.record({ version: ordered(some([0, 1, 1.5, 2])) }),
  fc.record({ createdAt: ordered(time) }),
)
const { filter } = fc.letrec<{ filter: Record<string, unknown> }>((tie) => ({
  filter: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    condition,
    fc.record({ NOT: tie('filter') }),
    fc.record({ OR: fc.array(tie('filter'), { maxLength: 3 }) }),
    fc.record({ AND: fc.array(tie('filter'), { maxLength: 3 }) }),
    fc.tuple(condition, condition).map(([a, b]) => ({ ...a, ...b })),
  ),
}))

const schema = 'headwater'
const scope = { table, tenant: acme }
const connection = new PostgresConnection({ embedded: { path: ':memory:' } })
beforeAll(async () => {
  await migrate(connection, { schema })
  await migrateEntityTables(connection, { schema, tables: [tableDeclaration(table)] })
})
afterAll(() => connection.close())

it('filters over typed columns mean in Postgres what the predicate says', async () => {
  const seen = { all: 0, none: 0, mixed: 0 }
  const postgres = new PostgresTruth(connection, { schema }).session({ tenant: acme }).entities
  await fc.assert(
    fc.asyncProperty(
      fc.array(values, { minLength: 20, maxLength: 20, size: 'max' }),
      fc.array(filter, { minLength: 25, maxLength: 25, size: 'max' }),
      async (given, filters) => {
        const memory = new MemoryTruth().session({ tenant: acme }).entities
        // What is unique is not what is tried here: a title each, and no day with a mark of its own.
        const records = given.map((one, at) =>
          entityRecord(`c${at}`, { ...one, title: texts[at] ?? null, ...(one['day'] !== null && { open: null }) }),
        )
        await connection.session({ worker: true }).query(`DELETE FROM ${schema}.e_${table.name}`)
        await postgres.insert(scope, records)
        await memory.insert(scope, records)
        for (const one of filters) {
          const parsed = parseColumnFilter(one, filterColumns(table), { maxDepth: 32, maxConditions: 1_000 })
          const query = {
            filter: parsed,
            order: { columns: ['code'], descending: false },
            limit: 100,
            select: ['code'],
          }
          const wanted = await memory.list(scope, query)
          expect({ one, found: await postgres.list(scope, query) }).toEqual({ one, found: wanted })
          expect(await postgres.count(scope, parsed)).toBe(wanted.length)
          seen[wanted.length === 0 ? 'none' : wanted.length === records.length ? 'all' : 'mixed'] += 1
        }
      },
    ),
    { numRuns: runs },
  )
  // A generator whose filters all match nothing would prove nothing.
  expect(seen.mixed).toBeGreaterThan(runs * 5)
  expect(Math.min(seen.all, seen.none)).toBeGreaterThan(runs)
}, 120_000)
