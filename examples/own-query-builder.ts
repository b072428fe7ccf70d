/**
 * Kysely, or any builder of SQL, on headwater's own transactions: what rows of entities come to beyond `list` and
 * `aggregate`, under the tenant and with all that the transaction has written. Runs on PGlite.
 */
import { defineEntity, openStore, type SqlResult } from 'headwater'
import { Kysely, PostgresDialect, type PostgresPool } from 'kysely'
import { z } from 'zod'

const courses = defineEntity('courses', z.object({ title: z.string(), credits: z.int() }))
const bookings = defineEntity('bookings', z.object({ course: z.uuid(), seats: z.int() }), {
  references: { course: courses },
})

/** Tables as SQL sees them. */
interface Tables {
  e_courses: { id: string; title: string; credits: number }
  e_bookings: { id: string; course: string; seats: number }
}

interface Queryable {
  query(text: string, values?: readonly unknown[]): Promise<SqlResult<Record<string, unknown>>>
}

/** A pool of one connection, the transaction. Statements alone: it begins and ends itself. */
function kyselyOn(tx: Queryable): Kysely<Tables> {
  const client = {
    async query(text: string, values: readonly unknown[]) {
      const { rows, rowCount } = await tx.query(text, values)
      return { rows, rowCount, command: text.trimStart().split(/\s/, 1)[0]!.toUpperCase() }
    },
    release() {},
  }
  const pool = { connect: async () => client, end: async () => {} } as unknown as PostgresPool
  return new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) }).withSchema('headwater')
}

const store = await openStore({
  embedded: { path: ':memory:' },
  embedder: { hashing: {} },
  entities: { courses, bookings },
})
try {
  const acme = store.forTenant('acme')
  await store.forTenant('globex').entities.courses.insert({ title: 'Theirs', credits: 9 })
  const { value } = await acme.transaction(async (tx) => {
    const [algebra, geometry] = await tx.entities.courses.insertMany([
      { title: 'Algebra', credits: 5 },
      { title: 'Geometry', credits: 3 },
    ])
    await tx.entities.bookings.insertMany([
      { course: algebra!.id, seats: 2 },
      { course: algebra!.id, seats: 1 },
      { course: geometry!.id, seats: 1 },
    ])
    const db = kyselyOn(tx)
    await db.updateTable('e_bookings').set({ seats: 4 }).where('course', '=', geometry!.id).execute()
    return db
      .selectFrom('e_bookings as b')
      .innerJoin('e_courses as c', 'c.id', 'b.course')
      .select(({ fn }) => ['c.title', fn.sum<number>('b.seats').as('seats')])
      .groupBy('c.title')
      .orderBy('seats', 'desc')
      .execute()
  })
  console.log(value.map(({ title, seats }) => `${title}: ${seats} seats`).join(', '))
  if (value.length !== 2 || value[0]!.title !== 'Geometry') throw new RangeError('not what was written')
} finally {
  await store.close()
}
