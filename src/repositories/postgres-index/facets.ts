import type { Executor } from '../../connections/postgres/executor'
import type { CallOptions } from '../../core/abort'
import { leafKey, leafTypes } from '../../filter/leaves'
import type { LeafValue } from '../../filter/parsed'
import { type Facet, type FacetQuery, longestFacetValue } from '../facets'
import { filterCondition } from './index-filter'

/** Counts the values of paths over entries of the tenant: those with these numbers, or all. Paths are bound, not quoted. */
export async function readFacets(
  executor: Executor,
  entries: string,
  { tenant, filter, paths, limit = 10 }: FacetQuery,
  numbers: readonly number[] | undefined,
  call?: CallOptions,
): Promise<Facet[]> {
  const keys = paths.flatMap((path, at) =>
    path === '$source' ? [{ at, key: path }] : leafTypes.map((type) => ({ at, key: leafKey(type, path) })),
  )
  const values: unknown[] = [tenant, keys.map(({ at }) => at), keys.map(({ key }) => key), limit]
  const among = numbers === undefined ? '' : ` AND number = ANY($${values.push(numbers)}::bigint[])`
  const condition = filterCondition(filter, values)
  const { rows } = await executor.query<{ at: number; value: LeafValue; count: number | string }>(
    `WITH matching AS MATERIALIZED (
       SELECT leaves, source FROM ${entries} WHERE tenant = $1${among}${condition}),
     counted AS (
       SELECT k.at, v.value, count(*) AS count FROM matching m
       CROSS JOIN unnest($2::int[], $3::text[]) AS k (at, key)
       CROSS JOIN LATERAL jsonb_array_elements(CASE
         WHEN k.key <> '$source' THEN coalesce(m.leaves -> k.key, '[]')
         WHEN m.source IS NULL THEN '[]' ELSE jsonb_build_array(m.source) END) AS v (value)
       WHERE jsonb_typeof(v.value) <> 'string' OR octet_length(v.value #>> '{}') <= ${longestFacetValue}
       GROUP BY k.at, v.value)
     SELECT at, value, count FROM (
       SELECT *, row_number() OVER (PARTITION BY at ORDER BY count DESC, jsonb_typeof(value),
         CASE jsonb_typeof(value) WHEN 'number' THEN value::numeric END, (value #>> '{}') COLLATE "C") AS place
       FROM counted) c
     WHERE place <= $4::int ORDER BY at, place`,
    values,
    call,
  )
  return paths.map((path, at) => ({
    path,
    values: rows.flatMap((row) => (row.at === at ? [{ value: row.value, count: Number(row.count) }] : [])),
    approximate: true,
  }))
}
