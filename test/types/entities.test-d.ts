import { expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import {
  type AggregateRow,
  type ColumnCondition,
  type Deleted,
  defineEntity,
  type EntitiesWhere,
  type EntityAggregateQuery,
  type EntityDeclaration,
  type EntityFilter,
  type EntityFirstQuery,
  type EntityListQuery,
  type EntityOptions,
  type EntityOrderBy,
  type EntityPage,
  type EntityPatch,
  type EntityRepository,
  type EntitySearch,
  type GroupBy,
  type GroupColumn,
  type GroupName,
  type IndexedColumn,
  type InputOf,
  type ItemCondition,
  type KeyNameOf,
  type NumberColumn,
  type OrderedColumn,
  type OutputOf,
  openStore,
  type Receipt,
  type ReferenceOption,
  type RepositoryOf,
  type RestorableRepository,
  type SchemaResult,
  type ShapeOf,
  type SharedEntities,
  type SqlResult,
  type StandardSchema,
  type TenantEntities,
  type Written,
} from '../../index'
import { createTestStore } from '../../src/testing'

const schema = z.object({
  title: z.string(),
  credits: z.int(),
  kind: z.enum(['lecture', 'lab']).default('lecture'),
  starts: z.iso.datetime().optional(),
  day: z.iso.date().nullable(),
  tags: z.array(z.string()),
})
const courses = defineEntity('courses', schema, { indexes: [['credits']], unique: [['title']], softDelete: true })
const rooms = defineEntity('rooms', z.object({ code: z.string(), seats: z.int() }), { key: 'code' })
const plans = defineEntity('plans', z.object({ name: z.string() }), { tenant: false })
const numbered = defineEntity('numbered', z.object({ number: z.int(), name: z.string() }), { key: 'number' })
const entities = { courses, rooms, plans, numbered }
type Entities = typeof entities
type Shape<D> = D extends EntityDeclaration<infer E> ? E : never
type Row = Shape<typeof courses>['row']

interface Values {
  title: string
  credits: number
  kind: 'lecture' | 'lab'
  starts?: string | undefined
  day: string | null
  tags: string[]
}
interface Own {
  readonly id: string
  readonly version: number
  readonly createdAt: string
  readonly updatedAt: string
}

it('rows are inferred from the schema', () => {
  expectTypeOf<Row>().toExtend<Values & Own>()
  expectTypeOf<Values & Own>().toExtend<Row>()
  expectTypeOf<InputOf<typeof schema>['kind']>().toEqualTypeOf<'lecture' | 'lab' | undefined>()
  expectTypeOf<OutputOf<typeof schema>['kind']>().toEqualTypeOf<'lecture' | 'lab'>()
  expectTypeOf<typeof schema>().toExtend<StandardSchema<unknown, object>>()
  expectTypeOf<SchemaResult<number>>().toExtend<{ value?: number; issues?: readonly unknown[] | undefined }>()
  expectTypeOf<KeyNameOf<{ key: 'code' }>>().toEqualTypeOf<'code'>()
  expectTypeOf<KeyNameOf<Record<never, never>>>().toEqualTypeOf<'id'>()
  expectTypeOf<ShapeOf<typeof schema, { softDelete: true }>['softDelete']>().toEqualTypeOf<true>()
  expectTypeOf<ShapeOf<typeof schema, { key: 'credits' }>['key']>().toEqualTypeOf<number>()
  expectTypeOf<IndexedColumn<{ a: 1 }>>().toEqualTypeOf<'a' | 'createdAt' | 'updatedAt'>()
  expectTypeOf<EntityOptions<{ a: 1 }>['key']>().toEqualTypeOf<'a' | undefined>()
})

it('a declaration knows its columns', () => {
  // @ts-expect-error no such column
  defineEntity('x', schema, { indexes: [['credit']] })
  // @ts-expect-error no such column
  defineEntity('x', schema, { unique: [['title', 'names']] })
  // @ts-expect-error no such column
  defineEntity('x', schema, { key: 'id' })
  // @ts-expect-error no such kind
  defineEntity('x', schema, { columns: { title: 'string' } })
  // @ts-expect-error a schema of no object
  defineEntity('x', z.string())
  // @ts-expect-error no such column
  defineEntity('x', schema, { audit: { fields: ['credit'] } })
  defineEntity('x', schema, {
    columns: { tags: 'text[]?' },
    indexes: [['tags']],
    references: { title: courses, kind: 'x', day: { to: courses, onDelete: 'set null' } },
  })
  // @ts-expect-error no such column
  defineEntity('x', schema, { references: { course: courses } })
  // @ts-expect-error not what can become of a row
  defineEntity('x', schema, { references: { title: { to: courses, onDelete: 'ignore' } } })
  expectTypeOf<'courses'>().toExtend<ReferenceOption>()
  const found = defineEntity('found', schema, {
    search: { text: (row) => `${row.title} ${row.version}`, metadata: ({ credits }) => ({ credits }) },
  })
  type Found = Shape<typeof found>
  expectTypeOf<Written<Found, { a: 1 }>>().toEqualTypeOf<{ a: 1 } & { readonly receipt: Receipt }>()
  expectTypeOf<Written<Shape<typeof courses>, { a: 1 }>>().toEqualTypeOf<{ a: 1 }>()
  expectTypeOf<Deleted<Found>['deleted']>().toEqualTypeOf<boolean>()
  expectTypeOf<Deleted<Shape<typeof courses>>>().toEqualTypeOf<boolean>()
  expectTypeOf<Parameters<EntitySearch<{ a: 1 }>['text']>>().toEqualTypeOf<[row: { a: 1 }]>()
  // @ts-expect-error no such column
  defineEntity('x', schema, { search: { text: (row) => row.nothing } })
  // @ts-expect-error a text
  defineEntity('x', schema, { search: { text: (row) => row.credits } })
})

it('a store has what is declared, each where it belongs', () => {
  const check = async (store: Awaited<ReturnType<typeof opened>>) => {
    const acme = store.forTenant('acme')
    expectTypeOf<keyof typeof acme.entities>().toEqualTypeOf<'courses' | 'rooms' | 'numbered'>()
    expectTypeOf<keyof typeof store.entities>().toEqualTypeOf<'plans'>()
    expectTypeOf(acme.entities).toEqualTypeOf<TenantEntities<Entities>>()
    expectTypeOf(store.entities).toEqualTypeOf<SharedEntities<Entities>>()
    expectTypeOf<EntitiesWhere<Entities, false>>().toEqualTypeOf<SharedEntities<Entities>>()
    expectTypeOf(acme.entities.courses).toEqualTypeOf<RestorableRepository<Shape<Entities['courses']>>>()
    expectTypeOf(acme.entities.rooms).toEqualTypeOf<RepositoryOf<Entities['rooms']>>()
    expectTypeOf(acme.entities.rooms).toEqualTypeOf<EntityRepository<Shape<Entities['rooms']>>>()
    const { courses, rooms, numbered } = acme.entities
    const row = await courses.insert({ title: 'A', credits: 1, day: null, tags: [] })
    expectTypeOf(row).toEqualTypeOf<Row>()
    expectTypeOf(row.kind).toEqualTypeOf<'lecture' | 'lab'>()
    // @ts-expect-error credits is missing
    await courses.insert({ title: 'A', day: null, tags: [] })
    // @ts-expect-error credits is a number
    await courses.insert({ title: 'A', credits: '1', day: null, tags: [] })
    // @ts-expect-error no such column
    await courses.update(row.id, { credit: 1 })
    await courses.update(row.id, { credits: 2, starts: null, day: undefined }, { ifVersion: row.version })
    await courses.restore(row.id)
    // @ts-expect-error rooms are not deleted softly
    await rooms.restore('R1')
    await rooms.get('R1')
    await numbered.getMany([1, 2])
    // @ts-expect-error its key is a number
    await numbered.get('1')

    const page = await courses.list({
      filter: { credits: { gte: 1 }, kind: { in: ['lab'] }, starts: { gt: new Date(0) }, tags: { exists: true } },
      orderBy: [{ credits: 'desc' }, { id: 'desc' }],
      select: ['title', 'starts'],
      cursor: undefined,
    })
    expectTypeOf(page).toEqualTypeOf<EntityPage<Pick<Row, 'title' | 'starts'>>>()
    expectTypeOf((await courses.list()).items[0]!.credits).toEqualTypeOf<number>()
    expectTypeOf((await courses.first({ select: ['version'] }))!.version).toEqualTypeOf<number>()
    expectTypeOf((await courses.first())!.id).toEqualTypeOf<string>()
    // @ts-expect-error no such column
    await courses.list({ filter: { credit: 1 } })
    // @ts-expect-error no such column, within another
    await courses.list({ filter: { OR: [{ NOT: { credit: 1 } }] } })
    // @ts-expect-error not a value of the column
    await courses.count({ kind: 'seminar' })
    await courses.count({ tags: 'a', AND: [{ tags: { in: ['b'] } }, { tags: { nin: ['c'] } }] })
    // @ts-expect-error its elements are text
    await courses.count({ tags: 1 })
    // @ts-expect-error no such column
    await courses.list({ orderBy: [{ credit: 'asc' }] })
    // @ts-expect-error no such column
    await courses.list({ select: ['credit'] })
    // @ts-expect-error not selected
    page.items[0]!.credits

    const [group] = await courses.aggregate({
      filter: { kind: 'lab' },
      groupBy: ['kind', { createdAt: 'day' }],
      count: true,
      sum: ['credits'],
      avg: ['credits'],
      max: ['starts', 'version'],
      orderBy: [{ 'sum.credits': 'desc' }, { count: 'asc' }, { kind: 'asc' }],
    })
    expectTypeOf(group!.kind).toEqualTypeOf<'lecture' | 'lab'>()
    expectTypeOf(group!.createdAt).toEqualTypeOf<string>()
    expectTypeOf(group!.count).toEqualTypeOf<number>()
    expectTypeOf(group!.sum.credits).toEqualTypeOf<number>()
    expectTypeOf(group!.avg.credits).toEqualTypeOf<number | null>()
    expectTypeOf(group!.max.starts).toEqualTypeOf<string | null>()
    // @ts-expect-error not asked for
    group!.min
    // @ts-expect-error not asked for
    group!.title
    expectTypeOf(await courses.aggregate({ count: true })).toExtend<{ count: number }[]>()
    // @ts-expect-error no such column
    await courses.aggregate({ groupBy: ['kinds'] })
    // @ts-expect-error no such column
    await courses.aggregate({ sum: ['credit'] })
    // @ts-expect-error text has no sum
    await courses.aggregate({ sum: ['title'] })
    // @ts-expect-error lists make no groups
    await courses.aggregate({ groupBy: ['tags'] })
    // @ts-expect-error no such part of a calendar
    await courses.aggregate({ groupBy: [{ starts: 'decade' }] })
    // @ts-expect-error not asked for
    await courses.aggregate({ groupBy: ['kind'], orderBy: [{ credits: 'asc' }] })
    // @ts-expect-error no such option
    await courses.aggregate({ count: true, having: 1 })

    await acme.transaction(async (tx) => {
      expectTypeOf(tx.entities).toEqualTypeOf<TenantEntities<Entities>>()
      expectTypeOf((await tx.entities.courses.get('a'))!.credits).toEqualTypeOf<number>()
      const { rows, rowCount } = await tx.query<{ title: string }>('SELECT title FROM headwater.e_courses', [1])
      expectTypeOf(rows).toEqualTypeOf<{ title: string }[]>()
      expectTypeOf({ rows, rowCount }).toExtend<SqlResult<{ title: string }>>()
      expectTypeOf((await tx.query('SELECT 1')).rows).toEqualTypeOf<Record<string, unknown>[]>()
      // @ts-expect-error of the installation
      tx.entities.plans
    })
    expectTypeOf(acme.using({ query: async () => undefined }).entities).toEqualTypeOf<TenantEntities<Entities>>()
  }
  const opened = () => openStore({ entities, collections: { documents: {}, notes: {} } })
  const tested = async () => {
    const store = await createTestStore({ entities: { courses } })
    expectTypeOf((await store.forTenant('a').entities.courses.get('a'))!.credits).toEqualTypeOf<number>()
    const none = await openStore()
    expectTypeOf<keyof typeof none.entities>().toBeNever()
  }
  return [check, tested]
})

it('what is asked and answered', () => {
  expectTypeOf<EntityFilter<Row>['credits']>().toEqualTypeOf<ColumnCondition<number> | undefined>()
  expectTypeOf<{ exists: true }>().toExtend<ColumnCondition<string[]>>()
  expectTypeOf<'a'>().toExtend<ColumnCondition<string[]>>()
  expectTypeOf<{ gte: 1 }>().toExtend<ColumnCondition<number[]>>()
  expectTypeOf<'a'>().not.toExtend<ColumnCondition<{ a: string }[]>>()
  expectTypeOf<ItemCondition<boolean>>().toEqualTypeOf<ColumnCondition<readonly boolean[]>>()
  expectTypeOf<true>().toExtend<ColumnCondition<boolean>>()
  expectTypeOf<{ gt: 1 }>().not.toExtend<ColumnCondition<boolean>>()
  expectTypeOf<EntityOrderBy<{ a: 1 }>>().toEqualTypeOf<readonly { readonly a?: 'asc' | 'desc' | undefined }[]>()
  expectTypeOf<EntityListQuery<Row, 'title'>['select']>().toEqualTypeOf<readonly 'title'[] | undefined>()
  expectTypeOf<NumberColumn<Row>>().toEqualTypeOf<'credits' | 'version'>()
  expectTypeOf<OrderedColumn<{ a: string; b?: number; c: boolean; d: string[] }>>().toEqualTypeOf<'a' | 'b'>()
  expectTypeOf<GroupColumn<{ a: string; c: boolean | null; d: string[] }>>().toEqualTypeOf<'a' | 'c'>()
  expectTypeOf<AggregateRow<{ a: 1; b: 2 }, 'a', true, never, 'b', never, never>>().toExtend<{
    a: 1
    count: number
    avg: { b: number | null }
  }>()
  expectTypeOf<EntityAggregateQuery<{ a: number }>['sum']>().toEqualTypeOf<readonly 'a'[] | undefined>()
  expectTypeOf<GroupName<'a' | { b: 'day' }>>().toEqualTypeOf<'a' | 'b'>()
  expectTypeOf<'a' | { a: 'day' }>().toExtend<GroupBy<{ a: string }>>()
  expectTypeOf<EntityFirstQuery<Row>>().not.toHaveProperty('cursor')
  expectTypeOf<EntityPatch<{ a: number }>>().toEqualTypeOf<{ readonly a?: number | null | undefined }>()
})
