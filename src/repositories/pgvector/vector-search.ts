import type { Executor, Session } from '../../connections/postgres/executor'
import type { CallOptions } from '../../core/abort'
import type { IndexHit } from '../index-entry'
import { prepared, run } from '../postgres/statements'
import type { IndexConnection } from '../postgres-index/index-connection'
import { filterCondition } from '../postgres-index/index-filter'
import type { VectorQuery } from '../vectors'
import { vectorParameter } from './vector-binary'
import type { HnswIndex, VectorTable } from './vector-hnsw'

interface Row {
  readonly id: string
  readonly document: string
  readonly fence: number
  readonly distance: number
}

/**
 * Nearest rows by cosine. Through the HNSW index for a large tenant; exactly otherwise, and also where the index gave
 * fewer than asked for, as it does when the filter leaves few.
 */
export async function searchVectors(
  connection: IndexConnection,
  hnsw: HnswIndex,
  target: VectorTable,
  query: VectorQuery,
  call?: CallOptions,
): Promise<IndexHit[]> {
  const { tenant } = query
  if (await hnsw.serves(target, tenant, call)) {
    const found = await near(connection.session({ tenant }), target, query, call)
    if (found.length >= query.limit) return found
  }
  return exact(connection.session({ tenant }), target, query, call)
}

async function exact(
  executor: Executor,
  target: VectorTable,
  query: VectorQuery,
  call: CallOptions | undefined,
): Promise<IndexHit[]> {
  const values: unknown[] = [query.tenant, vectorParameter(query.vector), query.limit]
  const condition = filterCondition(query.filter, values)
  // The sum keeps the planner from an HNSW index, which would leave rows out.
  const text = `SELECT id, document, fence, (embedding ${target.type.distance} $2::${target.type.name}) + 0 AS distance
     FROM ${target.table} WHERE tenant = $1${condition}
     ORDER BY distance, id LIMIT $3`
  // Filters make many texts, which would all be kept by the server.
  const { rows } = await run<Row>(executor, query.filter ? { text } : prepared(text), values, call)
  return rows.map(hitOf)
}

async function near(
  session: Session,
  target: VectorTable,
  query: VectorQuery,
  call: CallOptions | undefined,
): Promise<IndexHit[]> {
  // As many as are wanted: twice as many take twice the time, as long as an exact search of 10,000 rows.
  const breadth = Math.min(1_000, Math.max(100, query.limit))
  const settings = [
    // Goes on past the first candidates until enough rows are this tenant's and match the filter.
    ['hnsw.iterative_scan', 'relaxed_order'],
    ['hnsw.ef_search', String(breadth)],
    // A plan for all tenants would take this one for as small as most.
    ['plan_cache_mode', 'force_custom_plan'],
  ] as const
  const values: unknown[] = [query.tenant, vectorParameter(query.vector), query.limit]
  const condition = filterCondition(query.filter, values)
  const text = `WITH near AS MATERIALIZED (
       SELECT id, document, fence, embedding ${target.type.distance} $2::${target.type.name} AS distance
       FROM ${target.table} WHERE tenant = $1${condition}
       ORDER BY embedding ${target.type.distance} $2::${target.type.name} LIMIT $3)
     SELECT * FROM near ORDER BY distance, id`
  // Filters make many texts, which would all be kept by the server.
  const name = query.filter ? undefined : prepared(text).name
  const { rows } = await session.query<Row>(text, values, { ...call, name, settings })
  return rows.map(hitOf)
}

function hitOf(row: Row): IndexHit {
  // A vector of zeros has no direction: pgvector says NaN and sorts it last.
  const score = Number.isNaN(row.distance) ? 0 : 1 - row.distance
  return { id: row.id, document: row.document, score, fence: row.fence }
}
