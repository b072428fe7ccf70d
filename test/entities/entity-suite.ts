import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineEntity, type EntityFilter, type JsonObject, type Store } from '../../index'

export const courses = defineEntity(
  'courses',
  z.object({
    title: z.string().min(1),
    credits: z.int(),
    score: z.number().optional(),
    open: z.boolean().default(true),
    starts: z.iso.datetime({ offset: true }).optional(),
    day: z.iso.date().nullable().default(null),
    teacher: z.uuid().optional(),
    tags: z.array(z.string()).default([]),
    kind: z.enum(['lecture', 'lab']).default('lecture'),
  }),
  {
    indexes: [['tags'], ['credits'], ['starts'], ['kind', 'credits'], ['createdAt']],
    unique: [['title']],
    softDelete: true,
  },
)

/** With a key of its own, and a schema that waits. */
export const rooms = defineEntity(
  'rooms',
  z.object({ code: z.string().refine(async (code) => code !== 'none'), seats: z.int() }),
  { key: 'code', indexes: [['seats']] },
)

/** Of the installation. */
export const plans = defineEntity('plans', z.object({ name: z.string(), price: z.number() }), {
  unique: [['name']],
  tenant: false,
})

/** Refers to all of them, and to others of its own. */
export const bookings = defineEntity(
  'bookings',
  z.object({
    course: z.uuid(),
    room: z.string().optional(),
    plan: z.uuid().optional(),
    after: z.uuid().optional(),
  }),
  {
    references: {
      course: { to: courses, onDelete: 'cascade' },
      room: { to: rooms, onDelete: 'set null' },
      plan: plans,
      after: { to: 'bookings', onDelete: 'cascade' },
    },
    softDelete: true,
  },
)

/** Found by searches. */
export const articles = defineEntity(
  'articles',
  z.object({ title: z.string(), body: z.string(), room: z.string().optional() }),
  {
    search: {
      text: ({ body, room }) => (body === 'broken' ? JSON.parse('{') : room ? `${body} in ${room}` : body),
      title: ({ title }) => title,
      metadata: ({ version }) => ({ version }),
    },
    references: { room: { to: rooms, onDelete: 'set null' } },
    softDelete: true,
  },
)

/** Goes with its article. */
export const remarks = defineEntity('remarks', z.object({ article: z.uuid(), words: z.string() }), {
  search: { text: ({ words }) => words, collection: 'remarks' },
  references: { article: { to: articles, onDelete: 'cascade' } },
})

export const entities = { courses, rooms, plans, bookings, articles, remarks }
export type SuiteStore = Store<{ documents: JsonObject; remarks: JsonObject }, typeof entities>

const refused = (work: Promise<unknown> | (() => Promise<unknown>)) =>
  (typeof work === 'function' ? work() : work).then(
    () => expect.fail('resolved'),
    (error: unknown) => error,
  )

let tenants = 0

/** What entities promise, whatever they stand on. Each test has a tenant of its own. */
export function entitySuite(
  name: string,
  open: () => Promise<{ readonly store: SuiteStore; close(): Promise<void> }>,
): void {
  describe(`entities on ${name}`, () => {
    let store: SuiteStore
    let close: () => Promise<void>
    beforeAll(async () => {
      ;({ store, close } = await open())
    })
    afterAll(() => close?.())
    const tenant = () => store.forTenant(`e${++tenants}`)

    it('inserts, gets, updates and deletes a row', async () => {
      const { entities } = tenant()
      const row = await entities.courses.insert({
        title: 'Algebra',
        credits: 5,
        starts: '2026-03-01T09:00:00.1234+01:00',
        teacher: 'AAAAAAAA-0000-4000-8000-000000000001',
        tags: ['maths', 'ä\u{1F600}'],
      })
      expect(row).toEqual({
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        title: 'Algebra',
        credits: 5,
        open: true,
        starts: '2026-03-01T08:00:00.123Z',
        day: null,
        teacher: 'aaaaaaaa-0000-4000-8000-000000000001',
        tags: ['maths', 'ä\u{1F600}'],
        kind: 'lecture',
        version: 1,
        createdAt: expect.stringMatching(/Z$/),
        updatedAt: row.createdAt,
      })
      expect(await entities.courses.get(row.id)).toEqual(row)
      expect(await entities.courses.get(row.id.toUpperCase())).toEqual(row)
      const changed = await entities.courses.update(row.id, { credits: 6, starts: null, day: '2026-05-01' })
      expect(changed).toEqual({
        ...row,
        credits: 6,
        starts: undefined,
        day: '2026-05-01',
        version: 2,
        updatedAt: changed.updatedAt,
      })
      expect('starts' in changed).toBe(false)
      expect(await entities.courses.get(row.id)).toEqual(changed)
      expect(await entities.courses.update(row.id, { credits: 6 })).toEqual(changed)
      expect(await entities.courses.delete(row.id)).toBe(true)
      expect(await entities.courses.delete(row.id)).toBe(false)
      expect(await entities.courses.get(row.id)).toBe(null)
      expect(await refused(entities.courses.update(row.id, { credits: 1 }))).toMatchObject({ code: 'HW_NOT_FOUND' })
    })

    it('keeps values as they are, at the ends of each kind too', async () => {
      const { courses } = tenant().entities
      const ends = [
        {
          title: 'least',
          credits: Number.MIN_SAFE_INTEGER,
          score: -Number.MAX_VALUE,
          starts: '0001-01-01T00:00:00.000Z',
          day: '0001-01-01',
        },
        {
          title: 'most',
          credits: Number.MAX_SAFE_INTEGER,
          score: Number.MAX_VALUE,
          starts: '9999-12-31T23:59:59.999Z',
          day: '9999-12-31',
        },
        {
          title: `'"\\ \n\u{1F600} ' OR 1=1 --`,
          credits: 0,
          score: Number.MIN_VALUE,
          starts: '2026-10-25T00:30:00.001Z',
          day: '2024-02-29',
        },
        { title: 'a third', credits: -1, score: 0.1, tags: ['', '{}', 'NULL', '"', '\\'] },
      ]
      const rows = await courses.insertMany(ends)
      for (const [at, row] of rows.entries()) {
        expect(row).toMatchObject(ends[at]!)
        expect(await courses.get(row.id)).toEqual(row)
      }
      expect(await courses.insertMany([])).toEqual([])
      expect((await courses.list({ filter: { score: 0.1 } })).items).toEqual([rows[3]])
      expect(
        (await courses.update((await courses.insert({ title: 'zero', credits: -0, score: -0 })).id, { open: false }))
          .score,
      ).toBe(0)
    })

    it('inserts many in their order, all or none, and gets many in the order of the ids', async () => {
      const { courses } = tenant().entities
      const rows = await courses.insertMany(Array.from({ length: 60 }, (_, at) => ({ title: `c${at}`, credits: at })))
      expect(rows.map(({ title }) => title)).toEqual(Array.from({ length: 60 }, (_, at) => `c${at}`))
      const none = '00000000-0000-7000-8000-000000000000'
      expect(await courses.getMany([rows[3]!.id, none, rows[1]!.id, rows[3]!.id])).toEqual([
        rows[3],
        null,
        rows[1],
        rows[3],
      ])
      expect(await courses.getMany([])).toEqual([])
      const error = await refused(
        courses.insertMany([
          { title: 'new', credits: 1 },
          { title: 'c7', credits: 1 },
        ]),
      )
      expect(error).toMatchObject({
        code: 'HW_CONFLICT',
        retryable: false,
        details: { entity: 'courses', columns: ['title'] },
      })
      expect(await courses.count()).toBe(60)
    })

    it('says which columns are taken, and never the values or what the driver says', async () => {
      const { courses, rooms } = tenant().entities
      await courses.insert({ title: 'a secret title', credits: 1 })
      await rooms.insert({ code: 'R1', seats: 1 })
      for (const [work, columns] of [
        [() => courses.insert({ title: 'a secret title', credits: 2 }), ['title']],
        [() => rooms.insert({ code: 'R1', seats: 2 }), ['code']],
      ] as const) {
        const error = (await refused(work)) as Error
        expect(error).toMatchObject({ code: 'HW_CONFLICT', details: { columns }, path: columns[0] })
        expect(error.cause).toBe(undefined)
        expect(`${error.message}${JSON.stringify(error)}`).not.toMatch(/secret|R1|duplicate key|e_courses/)
      }
      const other = await courses.insert({ title: 'b', credits: 1 })
      expect(await refused(courses.update(other.id, { title: 'a secret title' }))).toMatchObject({
        code: 'HW_CONFLICT',
      })
      expect(await courses.get(other.id)).toEqual(other)
      expect(await tenant().entities.courses.insert({ title: 'a secret title', credits: 1 })).toMatchObject({
        version: 1,
      })
    })

    it('upserts by its key, and by a unique where rows get keys of their own', async () => {
      const { courses, rooms } = tenant().entities
      const first = await rooms.upsert({ code: 'R2', seats: 10 })
      expect(first).toMatchObject({ code: 'R2', seats: 10, version: 1 })
      const second = await rooms.upsert({ code: 'R2', seats: 12 })
      expect(second).toMatchObject({ seats: 12, version: 2, createdAt: first.createdAt })
      expect(await rooms.get('R2')).toEqual(second)
      const course = await courses.upsert({ title: 'A', credits: 1 })
      const again = await courses.upsert({ title: 'A', credits: 2 }, { on: ['title'] })
      expect(again).toMatchObject({ id: course.id, credits: 2, version: 2 })
      expect(await courses.get(course.id)).toEqual(again)
      await courses.delete(course.id)
      const fresh = await courses.upsert({ title: 'A', credits: 3 })
      expect(fresh.id).not.toBe(course.id)
      expect(fresh.version).toBe(1)
      expect(await refused(courses.upsert({ title: 'A', credits: 3 }, { on: ['credits'] }))).toMatchObject({
        code: 'HW_INVALID_ARGUMENT',
        path: 'on',
      })
    })

    it('changes a row at the version that was read, and no other', async () => {
      const { courses } = tenant().entities
      const { id } = await courses.insert({ title: 'v', credits: 0 })
      await courses.update(id, { credits: 1 }, { ifVersion: 1 })
      for (const work of [
        () => courses.update(id, { credits: 9 }, { ifVersion: 1 }),
        () => courses.delete(id, { ifVersion: 1 }),
      ]) {
        expect(await refused(work)).toMatchObject({
          code: 'HW_VERSION_CONFLICT',
          details: { version: 2, ifVersion: 1 },
        })
      }
      // Each of many at once counts.
      const all = await Promise.all(Array.from({ length: 8 }, (_, at) => courses.update(id, { tags: [`t${at}`] })))
      expect(new Set(all.map(({ version }) => version)).size).toBe(8)
      expect((await courses.get(id))!.version).toBe(10)
      expect(await courses.delete(id, { ifVersion: 10 })).toBe(true)
      expect(await courses.delete(id, { ifVersion: 10 })).toBe(false)
    })

    it('hides a deleted row, and gives it back', async () => {
      const { courses } = tenant().entities
      const row = await courses.insert({ title: 'gone', credits: 1 })
      await courses.delete(row.id)
      expect(await courses.count()).toBe(0)
      expect((await courses.list()).items).toEqual([])
      expect(await courses.getMany([row.id])).toEqual([null])
      const back = await courses.restore(row.id)
      expect(back).toEqual({ ...row, version: 3, updatedAt: back.updatedAt })
      expect(await courses.restore(row.id)).toEqual(back)
      await courses.delete(row.id)
      await courses.insert({ title: 'gone', credits: 2 })
      expect(await refused(courses.restore(row.id))).toMatchObject({
        code: 'HW_CONFLICT',
        details: { columns: ['title'] },
      })
      expect(await refused(courses.restore('00000000-0000-7000-8000-000000000000'))).toMatchObject({
        code: 'HW_NOT_FOUND',
      })
    })

    it('pages through any order without a gap or a repeat, also where values are missing or equal', async () => {
      const { courses } = tenant().entities
      const given = Array.from({ length: 37 }, (_, at) => ({
        title: `t${String(at).padStart(2, '0')}`,
        credits: at % 4,
        kind: at % 3 === 0 ? ('lab' as const) : ('lecture' as const),
        ...(at % 5 > 1 && { starts: new Date(Date.UTC(2026, 0, 1 + (at % 7))).toISOString() }),
      }))
      const rows = await courses.insertMany(given)
      const compare = (a: unknown, b: unknown): number =>
        a === undefined || b === undefined
          ? Number(a === undefined) - Number(b === undefined)
          : Number((a as number) > (b as number)) - Number((a as number) < (b as number))
      for (const names of [[], ['credits'], ['starts'], ['kind', 'credits'], ['title']] as const) {
        for (const way of ['asc', 'desc'] as const) {
          const orderBy = [...names.map((name) => ({ [name]: way })), { id: way }]
          const wanted = [...rows].sort((a, b) => {
            for (const name of [...names, 'id'] as const) {
              const compared = compare(a[name], b[name]) * (way === 'asc' ? 1 : -1)
              if (compared !== 0) return compared
            }
            return 0
          })
          for (const filter of [undefined, { credits: { lt: 3 } }]) {
            const seen: unknown[] = []
            let cursor: string | undefined
            do {
              const page = await courses.list({ orderBy, filter, limit: 5, cursor })
              seen.push(...page.items)
              cursor = page.cursor
            } while (cursor)
            expect(seen).toEqual(filter ? wanted.filter((row) => row.credits < 3) : wanted)
          }
        }
      }
    })

    it('selects columns, counts, and finds the first', async () => {
      const { courses } = tenant().entities
      await courses.insertMany([
        { title: 'a', credits: 1 },
        { title: 'b', credits: 3, starts: '2026-01-01T00:00:00Z' },
        { title: 'c', credits: 2 },
      ])
      const { items } = await courses.list({ select: ['title', 'starts'], orderBy: [{ credits: 'desc' }] })
      expect(items).toEqual([{ title: 'b', starts: '2026-01-01T00:00:00.000Z' }, { title: 'c' }, { title: 'a' }])
      expect(await courses.first({ orderBy: [{ credits: 'desc' }], select: ['title'] })).toEqual({ title: 'b' })
      expect(await courses.first({ filter: { title: 'none' } })).toBe(null)
      expect(await courses.count({ starts: { exists: false } })).toBe(2)
      expect(await courses.count({ OR: [{ credits: { gte: 3 } }, { NOT: { title: { in: ['b', 'c'] } } }] })).toBe(2)
      expect(await courses.count({ starts: { gte: new Date(Date.UTC(2026, 0, 1)) } })).toBe(1)
      expect(await courses.count({ tags: { exists: true } })).toBe(0)
    })

    it('finds rows by elements of a list', async () => {
      const { courses } = tenant().entities
      const lists = [['a'], ['a', 'b'], ['b', 'c', 'b'], [], ['A']]
      const rows = await courses.insertMany(lists.map((tags, at) => ({ title: `t${at}`, credits: at, tags })))
      type Row = Awaited<ReturnType<typeof courses.insert>>
      const found = async (filter: EntityFilter<Row>): Promise<number[]> =>
        (await courses.list({ filter, orderBy: [{ credits: 'asc' }] })).items.map(({ credits }) => credits)
      expect(await found({ tags: 'a' })).toEqual([0, 1])
      expect(await found({ tags: { in: ['b', 'A'] } })).toEqual([1, 2, 4])
      expect(await found({ AND: [{ tags: 'a' }, { tags: 'b' }] })).toEqual([1])
      expect(await found({ tags: { ne: 'b' } })).toEqual([0, 3, 4])
      expect(await found({ tags: { exists: false } })).toEqual([3])
      expect(await found({ OR: [{ tags: 'c' }, { credits: 0 }] })).toEqual([0, 2])
      await courses.update(rows[0]!.id, { tags: ['c'] })
      await courses.upsert({ title: 't3', credits: 3, tags: ['c', 'd'] })
      await courses.delete(rows[2]!.id)
      expect(await found({ tags: 'c' })).toEqual([0, 3])
      expect(await found({ tags: 'a' })).toEqual([1])
      await courses.restore(rows[2]!.id)
      expect(await found({ tags: 'c' })).toEqual([0, 2, 3])
      expect(await tenant().entities.courses.count({ tags: 'c' })).toBe(0)
      expect(await refused(courses.list({ orderBy: [{ tags: 'asc' }] }))).toMatchObject({ path: 'orderBy' })
      const long = courses.insert({ title: 'long', credits: 1, tags: ['x'.repeat(2_000)] })
      expect(await refused(long)).toMatchObject({ code: 'HW_LIMIT_EXCEEDED', path: 'values.tags' })
    })

    it('puts rows together by groups, for a dashboard', async () => {
      const { courses } = tenant().entities
      await courses.insertMany([
        { title: 'a', credits: 2, score: 1.5, starts: '2026-01-31T23:00:00Z', kind: 'lab' },
        { title: 'b', credits: 4, score: 2.5, starts: '2026-01-01T00:00:00Z' },
        { title: 'c', credits: 6, starts: '2026-02-01T00:00:00Z' },
        { title: 'd', credits: 1 },
      ])
      const { id } = await courses.insert({ title: 'gone', credits: 100 })
      await courses.delete(id)
      expect(
        await courses.aggregate({
          count: true,
          sum: ['credits'],
          avg: ['score'],
          min: ['title'],
          max: ['starts', 'day'],
        }),
      ).toEqual([
        {
          count: 4,
          sum: { credits: 13 },
          avg: { score: 2 },
          min: { title: 'a' },
          max: { starts: '2026-02-01T00:00:00.000Z', day: null },
        },
      ])
      expect(await courses.aggregate({ groupBy: ['kind'], count: true, orderBy: [{ count: 'desc' }] })).toEqual([
        { kind: 'lecture', count: 3 },
        { kind: 'lab', count: 1 },
      ])
      const months = { groupBy: [{ starts: 'month' }], count: true, sum: ['credits'] } as const
      const [january, february, none] = await courses.aggregate(months)
      expect([january, february]).toEqual([
        { starts: '2026-01-01T00:00:00.000Z', count: 2, sum: { credits: 6 } },
        { starts: '2026-02-01T00:00:00.000Z', count: 1, sum: { credits: 6 } },
      ])
      expect(none).toEqual({ count: 1, sum: { credits: 1 } })
      expect(await courses.aggregate({ ...months, filter: { title: 'd' }, limit: 1 })).toEqual([none])
      expect(await courses.aggregate({ sum: ['credits'], avg: ['credits'], filter: { title: 'none' } })).toEqual([
        { sum: { credits: 0 }, avg: { credits: null } },
      ])
      expect(await courses.aggregate({ groupBy: ['day'] })).toEqual([{ day: null }])
      expect(await tenant().entities.courses.aggregate({ groupBy: ['kind'], count: true })).toEqual([])
      const wrong: [object, string][] = [
        [{}, 'groupBy'],
        [{ sum: ['title'] }, 'sum[0]'],
        [{ avg: ['starts'] }, 'avg[0]'],
        [{ min: ['tags'] }, 'min[0]'],
        [{ max: 'credits' }, 'max'],
        [{ groupBy: ['tags'] }, 'groupBy[0]'],
        [{ groupBy: ['kind', 'kind'] }, 'groupBy'],
        [{ groupBy: [{ title: 'day' }] }, 'groupBy[0]'],
        [{ groupBy: [{ day: 'hour' }] }, 'groupBy[0].day'],
        [{ groupBy: [{ starts: 'decade' }] }, 'groupBy[0].starts'],
        [{ count: true, orderBy: [{ kind: 'asc' }] }, 'orderBy[0].kind'],
        [{ count: true, orderBy: [{ count: 'up' }] }, 'orderBy[0].count'],
        [{ count: 1 }, 'count'],
        [{ count: true, limit: 0 }, 'limit'],
        [{ count: true, having: 1 }, 'having'],
      ]
      for (const [query, path] of wrong) {
        const error = await refused(courses.aggregate(query as never))
        expect({ query, error }).toMatchObject({ query, error: { code: 'HW_INVALID_ARGUMENT', path } })
      }
    })

    it('is found by searches, as it is in the same transaction', async () => {
      const acme = tenant()
      const { articles, remarks, rooms } = acme.entities
      const found = async (query: string, of = acme) =>
        (await of.search({ query, mode: 'text' })).hits.map(({ documentId }) => documentId)
      const row = await articles.insert({ title: 'Leave', body: 'Parental leave takes a year' })
      expect(await articles.get(row.id)).toEqual(row)
      expect(JSON.stringify(row)).not.toContain('receipt')
      await acme.waitFor(row)
      const id = `articles/${row.id}`
      expect(await found('parental')).toEqual([id])
      expect(await acme.documents.get(id)).toMatchObject({ title: 'Leave', metadata: { version: 1 } })
      expect(await found('parental', tenant())).toEqual([])

      const changed = await articles.update(row.id, { body: 'Sabbaticals take two' })
      await acme.waitFor(changed.receipt)
      expect([await found('parental'), await found('sabbaticals')]).toEqual([[], [id]])
      const many = await articles.insertMany([
        { title: 'One', body: 'Bicycles' },
        { title: 'Two', body: 'Bicycles too' },
        { title: 'None', body: ' ' },
      ])
      await acme.waitFor(many)
      expect(await found('bicycles')).toHaveLength(2)
      expect((await articles.insertMany([])).receipt.fence).toBe(0)
      await acme.waitFor(await articles.insertMany([]))

      // What is deleted with it, or changed, is followed too.
      const remark = await remarks.insert({ article: row.id, words: 'A remark on dolphins' })
      await acme.waitFor(remark)
      expect((await acme.collection('remarks').search({ query: 'dolphins', mode: 'text' })).hits).toHaveLength(1)
      const gone = await articles.delete(row.id)
      expect(gone.deleted).toBe(true)
      await acme.waitFor(gone)
      expect(await found('sabbaticals')).toEqual([])
      expect((await acme.collection('remarks').search({ query: 'dolphins', mode: 'text' })).hits).toEqual([])
      expect((await articles.delete(row.id)).deleted).toBe(false)
      await acme.waitFor(await articles.restore(row.id))
      expect(await found('sabbaticals')).toEqual([id])
      await rooms.insert({ code: 'Atrium', seats: 1 })
      await acme.waitFor(await articles.update(row.id, { room: 'Atrium' }))
      expect(await found('atrium')).toEqual([id])
      expect(await rooms.delete('Atrium')).toBe(true)
      expect((await acme.documents.get(id))!.text).toBe('Sabbaticals take two')

      // All or none of both.
      const before = await acme.documents.count()
      for (const body of ['x'.repeat(11_000_000), 'broken']) {
        const error = await refused(articles.insert({ title: 'Not', body }))
        expect(error).toMatchObject({ code: expect.stringMatching(/^HW_(INVALID_|LIMIT_)/) })
      }
      const rolled = acme.transaction(async (tx) => {
        await tx.entities.articles.insert({ title: 'Not', body: 'Rolled back' })
        throw new RangeError('no')
      })
      await refused(rolled)
      expect(await articles.count({ title: 'Not' })).toBe(0)
      expect(await acme.documents.count()).toBe(before)
      const { receipt, value } = await acme.transaction(async (tx) => {
        const inner = await tx.entities.articles.insert({ title: 'Inner', body: 'Kangaroos' })
        expect(await tx.documents.get(`articles/${inner.id}`)).toMatchObject({ title: 'Inner' })
        return inner
      })
      await acme.waitFor(receipt)
      expect(await found('kangaroos')).toEqual([`articles/${value.id}`])
    }, 60_000)

    it('keeps what is referred to, takes away what goes with it, and lets go of the rest', async () => {
      const { courses, rooms, bookings } = tenant().entities
      const plan = await store.entities.plans.insert({ name: `of ${tenants}`, price: 1 })
      const course = await courses.insert({ title: 'c', credits: 1 })
      await rooms.insert({ code: 'R', seats: 1 })
      const first = await bookings.insert({ course: course.id, room: 'R', plan: plan.id })
      const second = await bookings.insert({ course: course.id, after: first.id })
      const strange = await tenant().entities.courses.insert({ title: 'theirs', credits: 1 })
      for (const [values, column] of [
        [{ course: strange.id }, 'course'],
        [{ course: course.id, room: 'none' }, 'room'],
        [{ course: course.id, plan: course.id }, 'plan'],
      ] as const) {
        const error = (await refused(bookings.insert(values))) as Error
        expect(error).toMatchObject({ code: 'HW_CONFLICT', path: column, retryable: false })
        expect(error.cause).toBe(undefined)
        expect(error.message).not.toMatch(/e_bookings|constraint|foreign/)
      }
      expect(await refused(store.entities.plans.delete(plan.id))).toMatchObject({
        code: 'HW_CONFLICT',
        details: { referrers: 'bookings' },
      })
      await rooms.delete('R')
      expect(await bookings.get(first.id)).toMatchObject({ version: 2, plan: plan.id })
      expect('room' in (await bookings.get(first.id))!).toBe(false)
      expect(await refused(courses.delete(course.id, { ifVersion: 2 }))).toMatchObject({ code: 'HW_VERSION_CONFLICT' })
      expect(await courses.delete(course.id)).toBe(true)
      expect(await bookings.getMany([first.id, second.id])).toEqual([null, null])
      expect(await courses.delete(course.id)).toBe(false)
      expect(await refused(bookings.restore(first.id))).toMatchObject({ code: 'HW_CONFLICT', path: 'course' })
      await courses.restore(course.id)
      expect(await bookings.restore(first.id)).toMatchObject({ course: course.id, version: 4 })
      await bookings.delete(first.id)
      expect(await store.entities.plans.delete(plan.id)).toBe(true)
    })

    it('keeps tenants apart, and rows of the installation from all of them', async () => {
      const [mine, theirs] = [tenant(), tenant()]
      const row = await theirs.entities.courses.insert({ title: 'theirs', credits: 1 })
      const page = await theirs.entities.courses.list({ limit: 1 })
      expect(page.items).toEqual([row])
      expect(await mine.entities.courses.get(row.id)).toBe(null)
      expect(await mine.entities.courses.getMany([row.id])).toEqual([null])
      expect(await mine.entities.courses.count()).toBe(0)
      expect(await mine.entities.courses.delete(row.id)).toBe(false)
      expect(await refused(mine.entities.courses.update(row.id, { credits: 2 }))).toMatchObject({
        code: 'HW_NOT_FOUND',
      })
      await theirs.entities.rooms.insert({ code: 'same', seats: 1 })
      expect(await mine.entities.rooms.upsert({ code: 'same', seats: 2 })).toMatchObject({ version: 1 })
      expect(await theirs.entities.rooms.get('same')).toMatchObject({ seats: 1 })
      const plan = await store.entities.plans.insert({ name: `plan ${tenants}`, price: 9.5 })
      expect(await store.entities.plans.get(plan.id)).toEqual(plan)
      expect(() => store.forTenant('*')).toThrow(expect.objectContaining({ code: 'HW_INVALID_ARGUMENT' }))
      expect(Object.keys(mine.entities)).toEqual(['courses', 'rooms', 'bookings', 'articles', 'remarks'])
      expect(Object.keys(store.entities)).toEqual(['plans'])
    })

    it('commits rows and documents together, or neither', async () => {
      const acme = tenant()
      const { value } = await acme.transaction(async (tx) => {
        const row = await tx.entities.courses.insert({ title: 'in one', credits: 1 })
        await tx.documents.put({ id: row.id, text: 'A course on one transaction' })
        expect(await tx.entities.courses.get(row.id)).toEqual(row)
        expect(await acme.entities.courses.get(row.id).catch((error: unknown) => error)).toMatchObject({
          code: 'HW_TRANSACTION_NESTED',
        })
        return tx.entities.courses.update(row.id, { credits: 2 })
      })
      expect(await acme.entities.courses.get(value.id)).toEqual(value)
      expect(await acme.documents.get(value.id)).not.toBe(null)
      let kept: { insert(values: { title: string; credits: number }): Promise<unknown> } | undefined
      const failure = await refused(
        acme.transaction(async (tx) => {
          kept = tx.entities.courses
          await tx.entities.courses.insert({ title: 'undone', credits: 1 })
          await tx.documents.put({ id: 'undone', text: 'Undone' })
          await tx.entities.courses.insert({ title: 'in one', credits: 1 })
        }),
      )
      expect(failure).toMatchObject({ code: 'HW_CONFLICT', details: { columns: ['title'] } })
      expect(await acme.entities.courses.count()).toBe(1)
      expect(await acme.documents.get('undone')).toBe(null)
      expect(await refused(kept!.insert({ title: 'late', credits: 1 }))).toMatchObject({ code: 'HW_CLOSED' })
    })

    it('refuses what the schema refuses, and what no column can hold, by its path', async () => {
      const { courses, rooms } = tenant().entities
      const { id } = await courses.insert({ title: 'ok', credits: 1 })
      const cases: readonly (readonly [() => Promise<unknown>, string, string?])[] = [
        [() => courses.insert({ title: '', credits: 1 }), 'HW_INVALID_ENTITY', 'values.title'],
        [() => courses.insert({ credits: 1 } as never), 'HW_INVALID_ENTITY', 'values.title'],
        [() => courses.insert(null as never), 'HW_INVALID_ENTITY', 'values'],
        [() => courses.insert({ title: 'nul\0', credits: 1 }), 'HW_INVALID_ENTITY', 'values.title'],
        [() => courses.insert({ title: 'half \uD800', credits: 1 }), 'HW_INVALID_ENTITY', 'values.title'],
        [() => courses.insert({ title: 'x', credits: 1, tags: ['\uDC00'] }), 'HW_INVALID_ENTITY', 'values.tags'],
        [() => courses.insert({ title: 'x'.repeat(2_000), credits: 1 }), 'HW_LIMIT_EXCEEDED', 'values.title'],
        [
          () =>
            courses.insertMany([
              { title: 'x', credits: 1 },
              { title: 'y', credits: 1.5 },
            ]),
          'HW_INVALID_ENTITY',
          'values[1].credits',
        ],
        [() => courses.insertMany('no' as never), 'HW_INVALID_ARGUMENT', 'values'],
        [() => rooms.insert({ code: 'none', seats: 1 }), 'HW_INVALID_ENTITY', 'values.code'],
        [() => rooms.update('none', { seats: 1 }), 'HW_NOT_FOUND', 'id'],
        [() => courses.update(id, { credit: 2 } as never), 'HW_INVALID_ENTITY', 'patch.credit'],
        [() => courses.update(id, { version: 2 } as never), 'HW_INVALID_ENTITY', 'patch.version'],
        [() => courses.update(id, { title: null }), 'HW_INVALID_ENTITY', 'patch.title'],
        [() => courses.update(id, [] as never), 'HW_INVALID_ARGUMENT', 'patch'],
        [() => courses.get('no uuid'), 'HW_INVALID_ARGUMENT', 'id'],
        [() => courses.getMany([id, 1 as never]), 'HW_INVALID_ARGUMENT', 'ids[1]'],
        [() => courses.update(id, { credits: 2 }, { ifVersion: 0 }), 'HW_INVALID_ARGUMENT', 'ifVersion'],
        [() => courses.list({ filter: { credit: 1 } as never }), 'HW_INVALID_FILTER', 'filter.credit'],
        [() => courses.list({ filter: { $id: 'x' } as never }), 'HW_INVALID_FILTER', 'filter.$id'],
        [() => courses.list({ filter: { OR: [{ title: 1 as never }] } }), 'HW_INVALID_FILTER', 'filter.OR[0].title'],
        [() => courses.list({ filter: { title: { gt: 'a' } } }), 'HW_INVALID_FILTER', 'filter.title.gt'],
        [() => courses.list({ filter: { open: { gt: 1 } as never } }), 'HW_INVALID_FILTER', 'filter.open.gt'],
        [() => courses.list({ filter: { tags: 1 as never } }), 'HW_INVALID_FILTER', 'filter.tags'],
        [() => courses.list({ orderBy: [{ nothing: 'asc' } as never] }), 'HW_INVALID_ARGUMENT', 'orderBy[0].nothing'],
        [() => courses.list({ orderBy: [{ score: 'asc' }] }), 'HW_INVALID_ARGUMENT', 'orderBy'],
        [() => courses.list({ orderBy: [{ kind: 'asc' }, { credits: 'desc' }] }), 'HW_INVALID_ARGUMENT', 'orderBy'],
        [() => courses.list({ orderBy: [{ kind: 'up' as never }] }), 'HW_INVALID_ARGUMENT', 'orderBy[0].kind'],
        [() => courses.list({ select: ['nothing' as never] }), 'HW_INVALID_ARGUMENT', 'select[0]'],
        [() => courses.list({ limit: 0 }), 'HW_INVALID_ARGUMENT', 'limit'],
        [() => courses.list({ limit: null as never }), 'HW_INVALID_ARGUMENT', 'limit'],
        [() => courses.list({ limit: 1_001 }), 'HW_LIMIT_EXCEEDED', 'limit'],
        [() => courses.list({ offset: 1 } as never), 'HW_INVALID_ARGUMENT', 'offset'],
        [() => courses.first({ cursor: 'x' } as never), 'HW_INVALID_ARGUMENT', 'cursor'],
        [() => courses.get(id, { timeout: 1 } as never), 'HW_INVALID_ARGUMENT', 'timeout'],
        [() => courses.get(id, { signal: AbortSignal.abort() }), 'HW_ABORTED'],
      ]
      for (const [at, [work, code, path]] of cases.entries()) {
        const { code: found, path: place } = (await refused(work)) as { code: string; path?: string }
        expect({ at, code: found, path: place }).toEqual({ at, code, path })
      }
      expect(await courses.count()).toBe(1)
    })

    it('refuses a cursor of another order, filter, entity or tenant, and one that was changed', async () => {
      const [mine, theirs] = [tenant().entities, tenant().entities]
      await mine.courses.insertMany([1, 2, 3].map((credits) => ({ title: `c${credits}`, credits })))
      await theirs.courses.insertMany([1, 2, 3].map((credits) => ({ title: `c${credits}`, credits })))
      const { cursor } = await mine.courses.list({ limit: 1, orderBy: [{ credits: 'asc' }] })
      const other = Buffer.from(`${Buffer.from(cursor!, 'base64url').toString().slice(0, 12)}["x",null]`)
      for (const work of [
        () => mine.courses.list({ cursor }),
        () => mine.courses.list({ cursor, orderBy: [{ credits: 'desc' }] }),
        () => mine.courses.list({ cursor, orderBy: [{ credits: 'asc' }], filter: { credits: 1 } }),
        () => mine.rooms.list({ cursor, orderBy: [{ seats: 'asc' }] }),
        () => theirs.courses.list({ cursor, orderBy: [{ credits: 'asc' }] }),
        () => mine.courses.list({ cursor: `${cursor}x`, orderBy: [{ credits: 'asc' }] }),
        () => mine.courses.list({ cursor: other.toString('base64url'), orderBy: [{ credits: 'asc' }] }),
        () => mine.courses.list({ cursor: 7 as never, orderBy: [{ credits: 'asc' }] }),
      ]) {
        expect(await refused(work)).toMatchObject({ code: 'HW_INVALID_CURSOR', path: 'cursor' })
      }
    })
  })
}
