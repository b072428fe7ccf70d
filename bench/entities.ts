/**
 * `get`, a page of `list`, and `insert` of an entity against the same as a prepared statement through the raw driver's
 * pool, and as Kysely and Drizzle ask it, on the same table; without row level security, then with it.
 */
import { randomUUID } from 'node:crypto'
import { and, desc, eq, isNull, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { bigint, boolean, pgSchema, text, timestamp, uuid } from 'drizzle-orm/pg-core'
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { z } from 'zod'
import { defineEntity, openStore } from '../index'
import { add, argument, finish, inTurn, medianRun, note } from './report'

const url = argument(0) ?? process.env['DATABASE_URL'] ?? process.env['HW_TEST_PGVECTOR_URL']
if (!url) throw new Error('usage: npm run bench -- entities POSTGRES_URL [rounds]')
const rounds = Number(argument(1) ?? 2_000)
const schema = 'hw_bench_entities'
const tenant = 'bench'

const courses = defineEntity(
  'courses',
  z.object({ title: z.string(), credits: z.int(), open: z.boolean(), starts: z.iso.datetime() }),
  { indexes: [['credits']], softDelete: true },
)

interface Row {
  tenant: string
  id: string
  title: string
  credits: number
  open: boolean
  starts: string
  version: number
  created_at: string
  updated_at: string
  deleted_at: string | null
}
const columns = ['id', 'title', 'credits', 'open', 'starts', 'version', 'created_at', 'updated_at'] as const

const pools = Array.from({ length: 3 }, () => new pg.Pool({ connectionString: url, max: 1 }))
const [raw, ofKysely, ofDrizzle] = pools as [pg.Pool, pg.Pool, pg.Pool]
const kysely = new Kysely<{ e_courses: Row }>({ dialect: new PostgresDialect({ pool: ofKysely }) }).withSchema(schema)
const orm = drizzle(ofDrizzle)
const table = pgSchema(schema).table('e_courses', {
  tenant: text(),
  id: uuid(),
  title: text(),
  credits: bigint({ mode: 'number' }),
  open: boolean(),
  starts: timestamp({ withTimezone: true, mode: 'string' }),
  version: bigint({ mode: 'number' }),
  created_at: timestamp({ withTimezone: true, mode: 'string' }),
  updated_at: timestamp({ withTimezone: true, mode: 'string' }),
  deleted_at: timestamp({ withTimezone: true, mode: 'string' }),
})
const { id, title, credits, open, starts, version, created_at, updated_at } = table
const shown = { id, title, credits, open, starts, version, created_at, updated_at }

const from = `FROM ${schema}.e_courses WHERE tenant = $1 AND deleted_at IS NULL`
const select = `SELECT ${columns.join(', ')} ${from}`
const getText = `${select} AND id = $2`
const listText = `${select} AND (credits, id) < ($2, $3) ORDER BY credits DESC, id DESC LIMIT 20`
const insertText = `INSERT INTO ${schema}.e_courses (tenant, ${columns.join(', ')}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`

const given = { title: 'A course of some name', credits: 5, open: true, starts: '2026-03-01T09:00:00.000Z' }
function record(): Omit<Row, 'deleted_at'> {
  const now = new Date().toISOString()
  return { tenant, id: randomUUID(), ...given, version: 1, created_at: now, updated_at: now }
}

for (const rowLevelSecurity of ['off', 'auto'] as const) {
  const store = await openStore({
    embedder: { hashing: {} },
    relay: 'external',
    postgres: { url, schema, rowLevelSecurity },
    entities: { courses },
  })
  const guarded = !(await store.health()).notices.some((notice) => notice.startsWith('Row level security'))
  if (rowLevelSecurity === 'auto' && !guarded) note('row level security', 'does not hold for this login')
  const rows = store.forTenant(tenant).entities.courses
  if ((await rows.count()) === 0) {
    const many = Array.from({ length: 10_000 }, (_, at) => ({ ...given, credits: at % 100 }))
    await rows.insertMany(many)
    await raw.query(`ANALYZE ${schema}.e_courses`)
  }
  const orderBy = [{ credits: 'desc' }] as const
  const { items, cursor } = await rows.list({ orderBy, limit: 500 })
  const last = items.at(-1)!
  const mark = guarded ? ', row level security' : ''

  const asked = {
    get: {
      atMost: 1.15,
      calls: {
        raw: () => raw.query({ name: 'get', text: getText, values: [tenant, last.id] }),
        ours: () => rows.get(last.id),
        kysely: () =>
          kysely
            .selectFrom('e_courses')
            .select(columns)
            .where('tenant', '=', tenant)
            .where('deleted_at', 'is', null)
            .where('id', '=', last.id)
            .executeTakeFirst(),
        drizzle: () =>
          orm
            .select(shown)
            .from(table)
            .where(and(eq(table.tenant, tenant), isNull(table.deleted_at), eq(table.id, last.id))),
      },
    },
    list: {
      atMost: 1.15,
      calls: {
        raw: () => raw.query({ name: 'list', text: listText, values: [tenant, last.credits, last.id] }),
        ours: () => rows.list({ orderBy, limit: 20, cursor }),
        kysely: () =>
          kysely
            .selectFrom('e_courses')
            .select(columns)
            .where('tenant', '=', tenant)
            .where('deleted_at', 'is', null)
            .where(({ eb, refTuple, tuple }) =>
              eb(refTuple('credits', 'id'), '<', tuple(last.credits, last.id) as never),
            )
            .orderBy('credits', 'desc')
            .orderBy('id', 'desc')
            .limit(20)
            .execute(),
        drizzle: () =>
          orm
            .select(shown)
            .from(table)
            .where(
              and(
                eq(table.tenant, tenant),
                isNull(table.deleted_at),
                sql`(${table.credits}, ${table.id}) < (${last.credits}, ${last.id})`,
              ),
            )
            .orderBy(desc(table.credits), desc(table.id))
            .limit(20),
      },
    },
    insert: {
      atMost: 1.5,
      calls: {
        raw: () => raw.query({ name: 'insert', text: insertText, values: Object.values(record()) }),
        ours: () => rows.insert(given),
        kysely: () =>
          kysely
            .insertInto('e_courses')
            .values(record() as Row)
            .execute(),
        drizzle: () => orm.insert(table).values(record()),
      },
    },
  }
  for (const [name, { atMost, calls }] of Object.entries(asked)) {
    const measure = () => inTurn(rounds, calls as Record<'raw' | 'ours' | 'kysely' | 'drizzle', () => Promise<unknown>>)
    const times = await medianRun(3, measure, (found) => found.ours / found.raw)
    add(`${name}${mark}`, 'us', times.raw, times.ours, { compare: 'ratio', atMost })
    const others = [times.kysely / times.raw, times.drizzle / times.raw].map((ratio) => ratio.toFixed(2))
    note(`${name}${mark}`, `Kysely ${others[0]}, Drizzle ${others[1]} of the raw statement, without a tenant's walls`)
  }
  await store.close()
}
await raw.query(`DROP SCHEMA ${schema} CASCADE`)
await Promise.all(pools.map((pool) => pool.end()))
finish()
