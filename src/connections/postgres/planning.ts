import type { Setting } from './client'
import { statementName } from './statement'

/**
 * A plan for the very values would be made anew at each call, which costs more than most statements by key themselves;
 * one for any values, made while a table is small, would read all of it, also when it has grown.
 */
export const plannedByKey: readonly Setting[] = [
  ['plan_cache_mode', 'force_generic_plan'],
  ['enable_seqscan', 'off'],
  ['enable_hashjoin', 'off'],
  ['enable_mergejoin', 'off'],
  // Before 18 a scan that is switched off, and taken for want of an index, counts as so dear that it would be compiled.
  ['jit', 'off'],
]

const names = plannedByKey.map(([name]) => name)
/** What they were before, while they are set. */
const kept = "pg_catalog.current_setting('headwater.planning', true)"
const all = names.map((name) => `pg_catalog.current_setting('${name}')`).join(', ')
const current = plannedByKey.map(([name, value]) => `pg_catalog.set_config('${name}', '${value}', true)`)
const before = names.map(
  (name, at) => `pg_catalog.set_config('${name}', coalesce(
    nullif(pg_catalog.split_part(${kept}, ',', ${at + 1}), ''), pg_catalog.current_setting('${name}')), true)`,
)

/**
 * In a transaction, statements by key are planned by these settings, which no other statement may meet. Both may be sent
 * whatever holds at the moment.
 */
export const planning = {
  byKey: prepared(`SELECT pg_catalog.set_config('headwater.planning',
    coalesce(nullif(${kept}, ''), pg_catalog.concat_ws(',', ${all})), true), ${current.join(', ')}`),
  freely: prepared(`SELECT ${before.join(', ')}, pg_catalog.set_config('headwater.planning', '', true)`),
}

function prepared(text: string): { readonly text: string; readonly name: string } {
  return { text, name: statementName(text) }
}
