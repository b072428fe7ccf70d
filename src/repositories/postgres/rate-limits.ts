import { quoteName } from '../../connections/postgres/row-security'
import type { CallOptions } from '../../core/abort'
import { sha256 } from '../../core/ids'
import { columnOf, type EntityTable } from '../entity-table'
import type { RateLimitRepository, Take, Taken } from '../rate-limits'
import { tableNameOf } from './entity-tables'
import { byKey, type PostgresRepositoryOptions, prepared, run, type Statement } from './statements'
import type { TruthConnection } from './truth'

/** Bytes of a key that a row takes as it is. */
const plainBytes = 256
/** Of so many takes of a process, one looks for windows of its tenant that are over. */
const sweepEvery = 1_000
/** Two who come first at once: one of them sees no row, and asks once more. */
const attempts = 5

interface Row {
  readonly allowed: boolean
  readonly used: unknown
  readonly life: unknown
}

/** Counts in the table of an entity with `key`, `used` and `endsAt`: one statement a take, by the server's clock. */
export class PostgresRateLimits implements RateLimitRepository {
  readonly #connection: TruthConnection
  readonly #take: Statement
  readonly #sweep: Statement
  #takes = 0

  constructor(
    connection: TruthConnection,
    table: EntityTable,
    { schema = 'headwater' }: PostgresRepositoryOptions = {},
  ) {
    this.#connection = connection
    const from = `${quoteName(schema)}.${quoteName(tableNameOf(table))}`
    const [key, used, ends] = ['key', 'used', 'endsAt'].map((name) => quoteName(columnOf(table, name).column))
    const life = (until: string): string => `date_part('epoch', ${until} - clock_timestamp()) * 1000 AS life`
    // Where nothing is left no row is written, and none is returned.
    this.#take = byKey(
      `WITH taken AS (
         INSERT INTO ${from} AS t (tenant, ${key}, ${used}, ${ends}, version, created_at, updated_at)
         SELECT $1::text, $2::text, $3::bigint, n.now + $5::float8 * interval '1 millisecond', 1, n.now, n.now
         FROM (SELECT clock_timestamp() AS now OFFSET 0) n
         ON CONFLICT (tenant, ${key}) DO UPDATE SET
           ${used} = CASE WHEN t.${ends} <= excluded.updated_at THEN 0 ELSE t.${used} END + excluded.${used},
           ${ends} = CASE WHEN t.${ends} <= excluded.updated_at THEN excluded.${ends} ELSE least(t.${ends}, excluded.${ends}) END,
           version = t.version + 1, updated_at = excluded.updated_at
         WHERE t.${ends} <= excluded.updated_at OR t.${used} + excluded.${used} <= $4::bigint
         RETURNING ${used} AS used, ${ends} AS ends)
       SELECT true AS allowed, used, ${life('ends')} FROM taken
       UNION ALL
       SELECT false, ${used}, ${life(`least(${ends}, clock_timestamp() + $5::float8 * interval '1 millisecond')`)}
       FROM ${from} WHERE tenant = $1::text AND ${key} = $2::text AND NOT EXISTS (SELECT FROM taken)`,
    )
    this.#sweep = prepared(
      `DELETE FROM ${from} WHERE tenant = $1::text AND ${key} IN (
         SELECT ${key} FROM ${from} WHERE tenant = $1::text AND ${ends} < clock_timestamp() ORDER BY ${ends}
         LIMIT ${sweepEvery} FOR UPDATE SKIP LOCKED)`,
    )
  }

  async take({ tenant, key, cost, requests, windowMs }: Take, call?: CallOptions): Promise<Taken> {
    const executor = this.#connection.session({ tenant })
    const name = Buffer.byteLength(key) <= plainBytes ? `=${key}` : `#${sha256(key)}`
    const values = [tenant, name, cost, requests, windowMs]
    let row: Row | undefined
    for (let attempt = 1; !row && attempt <= attempts; attempt++) {
      ;[row] = (await run<Row>(executor, this.#take, values, call)).rows
    }
    if (++this.#takes % sweepEvery === 0) await run(executor, this.#sweep, [tenant], call)
    const left = Math.max(0, requests - (row ? Number(row.used) : requests))
    const allowed = row?.allowed ?? false
    return {
      allowed,
      // What was refused is read as of before the statement: others may have taken meanwhile.
      left: allowed ? left : Math.min(left, cost - 1),
      endsInMs: row ? Math.max(0, Number(row.life)) : windowMs,
    }
  }
}
