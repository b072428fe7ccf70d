import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { PostgresConnection } from '../../src/connections/postgres/connection'
import type { Json } from '../../src/core/json'
import { limitDefaults } from '../../src/core/limits'
import { checkAggregate } from '../../src/entities/aggregate'
import { migrateEntityTables } from '../../src/migrations/entity-tables'
import { migrate } from '../../src/migrations/migrate'
import { MemoryTruth } from '../../src/repositories/memory/truth'
import { tableDeclaration } from '../../src/repositories/postgres/entity-tables'
import { PostgresTruth } from '../../src/repositories/postgres/truth'
import { entityRecord, contractEntity as table } from '../../src/testing/contracts/entities'
import { acme } from '../../src/testing/contracts/rows'

const runs = 25
const some = <T>(values: readonly T[]) => fc.constantFrom(...values)
const orNone = <T>(one: fc.Arbitrary<T>) => fc.option(one, { nil: null, freq: 4 })

// Sums of these are exact in whatever order.
const values = fc.record<Record<string, Json>>({
  rank: orNone(some([0, 1, 2, 3, -7, 2 ** 53 - 1, -(2 ** 53 - 1)])),
  share: orNone(some([0, 0.25, -1.5, 3, 1e6])),
  open: orNone(fc.boolean()),
  at: orNone(
    some([
      '2026-01-01T00:00:00.000Z',
      '2025-12-31T23:59:59.999Z',
      '2026-01-05T10:30:00.000Z',
      '2026-01-05T10:59:59.999Z',
      '2026-02-28T12:00:00.000Z',
      '0001-01-01T00:00:00.000Z',
      '9999-12-31T23:59:59.999Z',
      '1969-12-31T23:00:00.000Z',
    ]),
  ),
  day: orNone(some(['2026-01-01', '2026-01-04', '2026-01-05', '2024-02-29', '0001-01-07', '9999-12-31'])),
  uid: orNone(some(['00000000-0000-7000-8000-000000000000', 'ffffffff-ffff-4fff-bfff-ffffffffffff'])),
})

const subset = <T>(all: readonly T[]) => fc.subarray([...all], { maxLength: Math.min(3, all.length) })
const day = some([undefined, 'day', 'week', 'month', 'year'])
const groupBy = fc
  .record({
    plain: subset(['rank', 'share', 'open', 'uid', 'code', 'title', 'version']),
    at: fc.option(some([undefined, 'hour', 'day', 'week', 'month', 'year'])),
    day: fc.option(day),
  })
  .map(({ plain, at, day: unit }) => [
    ...plain,
    ...(at === null ? [] : [at === undefined ? 'at' : { at }]),
    ...(unit === null ? [] : [unit === undefined ? 'day' : { day: unit }]),
  ])
const query = fc
  .record({
    groupBy,
    count: fc.boolean(),
    sum: subset(['rank', 'share', 'version']),
    avg: subset(['rank', 'share']),
    min: subset(['rank', 'share', 'at', 'day', 'title', 'code']),
    max: subset(['rank', 'share', 'at', 'day', 'title', 'createdAt']),
    filter: some([
      undefined,
      { rank: { gte: 0 } },
      { open: true },
      { code: 'none' },
      { NOT: { share: { exists: true } } },
    ]),
    limit: some([1, 3, 100]),
    ways: fc.array(fc.boolean(), { minLength: 20, maxLength: 20 }),
    ordered: fc.nat({ max: 19 }),
  })
  .filter(({ groupBy: groups, count, sum, avg, min, max }) => {
    return count || [groups, sum, avg, min, max].some((list) => list.length > 0)
  })
  .map(({ ways, ordered, ...asked }) => {
    const names = [
      ...asked.groupBy.map((one) => (typeof one === 'string' ? one : Object.keys(one)[0]!)),
      ...(asked.count ? ['count'] : []),
      ...(['sum', 'avg', 'min', 'max'] as const).flatMap((by) => asked[by].map((name) => `${by}.${name}`)),
    ]
    const orderBy = names.map((name, at) => ({ [name]: ways[at % 20] ? 'asc' : 'desc' })).slice(0, ordered % 3)
    return { ...asked, orderBy }
  })

const schema = 'headwater'
const scope = { table, tenant: acme }
const connection = new PostgresConnection({ embedded: { path: ':memory:' } })
beforeAll(async () => {
  await migrate(connection, { schema })
  await migrateEntityTables(connection, { schema, tables: [tableDeclaration(table)] })
})
afterAll(() => connection.close())

it('aggregates come in Postgres to what they come to by hand', async () => {
  const postgres = new PostgresTruth(connection, { schema }).session({ tenant: acme }).entities
  const seen = { groups: 0, cut: 0 }
  await fc.assert(
    fc.asyncProperty(
      fc.array(values, { minLength: 0, maxLength: 25, size: 'max' }),
      fc.array(query, { minLength: 20, maxLength: 20, size: 'max' }),
      async (given, queries) => {
        const memory = new MemoryTruth().session({ tenant: acme }).entities
        const records = given.map((one, at) =>
          entityRecord(`c${at}`, {
            ...one,
            title: at % 2 ? `t${at}` : null,
            ...(one['day'] !== null && { open: null }),
          }),
        )
        await connection.session({ worker: true }).query(`DELETE FROM ${schema}.e_${table.name}`)
        if (records.length > 0) await postgres.insert(scope, records)
        await memory.insert(scope, records)
        for (const one of queries) {
          const { aggregation } = checkAggregate(table, one, limitDefaults)
          const wanted = await memory.aggregate(scope, aggregation)
          expect({ one, found: await postgres.aggregate(scope, aggregation) }).toEqual({ one, found: wanted })
          if (wanted.length > 1) seen.groups += 1
          if (wanted.length === one.limit) seen.cut += 1
        }
      },
    ),
    { numRuns: runs },
  )
  expect(seen.groups).toBeGreaterThan(runs * 3)
  expect(seen.cut).toBeGreaterThan(runs)
}, 120_000)

it('says so where a sum is beyond all numbers', async () => {
  const { aggregation } = checkAggregate(table, { sum: ['share'] }, limitDefaults)
  const records = ['x', 'y'].map((code) => entityRecord(code, { share: Number.MAX_VALUE }))
  await connection.session({ worker: true }).query(`DELETE FROM ${schema}.e_${table.name}`)
  for (const truth of [new MemoryTruth(), new PostgresTruth(connection, { schema })]) {
    const rows = truth.session({ tenant: acme }).entities
    await rows.insert(scope, records)
    await expect(rows.aggregate(scope, aggregation)).rejects.toMatchObject({ code: 'HW_LIMIT_EXCEEDED', path: 'sum' })
  }
})
