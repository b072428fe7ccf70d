import type { Executor } from '../../connections/postgres/executor'
import type { CallOptions } from '../../core/abort'
import { type TenantId, tenantId } from '../../core/ids'
import type { Leaves } from '../../filter/parsed'
import type { IndexEntry, IndexPayload, IndexRemoval, IndexScan } from '../index-entry'

/** What an entry of either projection is written from, beside its vector or text. */
export interface PayloadRow {
  readonly id: string
  readonly fence: number
  readonly stamp: string
  readonly payload: IndexPayload
}

/** Columns that both projections have, with the types of their arrays, in the order of `payloadArrays`. */
const columns = [
  ['id', 'uuid'],
  ['tenant', 'text'],
  ['document', 'text'],
  ['source', 'text'],
  ['created_at', 'bigint'],
  ['updated_at', 'bigint'],
  ['version', 'bigint'],
  ['fence', 'bigint'],
  ['stamp', 'text'],
  ['leaves', 'jsonb'],
] as const

/**
 * Keeps what is read by every search in its row as long as it fits a page. From 2 kB on it would be put aside, which one
 * more look-up brings back, and for an exact search of vectors as many as there are rows.
 */
export const inline = 'toast_tuple_target = 8160'

/**
 * Columns of a new table. What a search reads of every row comes first, the projection's `own` among it: to get at a column
 * a server walks through those before it.
 */
export function columnDefinitions(own: string): string {
  return `
  id uuid PRIMARY KEY,
  fence bigint NOT NULL,
  tenant text COLLATE "C" NOT NULL,
  document text NOT NULL,
  ${own},
  source text,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  version bigint NOT NULL,
  stamp text NOT NULL,
  leaves jsonb NOT NULL`
}

export const payloadNames = columns.map(([name]) => name).join(', ')

/** `$1::uuid[], $2::text[], ...`: the arguments of `unnest` for `payloadArrays`. */
export const payloadParameters = columns.map(([, type], i) => `$${i + 1}::${type}[]`).join(', ')
export const payloadParameterCount = columns.length

/** What a newer entry replaces; id and tenant never change. */
export const payloadAssignments = columns
  .slice(2)
  .map(([name]) => `${name} = excluded.${name}`)
  .join(', ')

/** One array a column: a batch is one statement whatever its size. */
export function payloadArrays(rows: readonly PayloadRow[]): unknown[] {
  return [
    rows.map((row) => row.id),
    rows.map((row) => row.payload.tenant),
    rows.map((row) => row.payload.document),
    rows.map((row) => row.payload.source),
    rows.map((row) => row.payload.createdAt),
    rows.map((row) => row.payload.updatedAt),
    rows.map((row) => row.payload.version),
    rows.map((row) => row.fence),
    rows.map((row) => row.stamp),
    rows.map((row) => JSON.stringify(row.payload.leaves)),
  ]
}

/** A row of a table as pg gives it: bigints are text. */
export interface StoredPayload {
  readonly id: string
  readonly tenant: string
  readonly document: string
  readonly source: string | null
  readonly created_at: string
  readonly updated_at: string
  readonly version: string
  readonly fence: string
  readonly stamp: string
  readonly leaves: Leaves
}

export function payloadOf(row: StoredPayload): PayloadRow {
  return {
    id: row.id,
    fence: Number(row.fence),
    stamp: row.stamp,
    payload: {
      tenant: tenantId(row.tenant),
      document: row.document,
      source: row.source,
      createdAt: Number(row.created_at),
      updatedAt: Number(row.updated_at),
      version: Number(row.version),
      leaves: row.leaves,
    },
  }
}

/**
 * Splits rows into statements of at most `size` and `bytes`, each without an id twice: of one tenant's rows with one id
 * the last with the highest fence stays; an id that two tenants use goes to statements of its own.
 */
export function batches<R extends PayloadRow>(
  rows: readonly R[],
  limits: { readonly size: number; readonly bytes: number; readonly bytesOf: (row: R) => number },
): R[][] {
  const out: R[][] = []
  let rest = rows
  while (rest.length > 0) {
    const chosen = new Map<string, R>()
    const foreign: R[] = []
    for (const row of rest) {
      const other = chosen.get(row.id)
      if (!other) chosen.set(row.id, row)
      else if (other.payload.tenant !== row.payload.tenant) foreign.push(row)
      else if (row.fence >= other.fence) chosen.set(row.id, row)
    }
    let batch: R[] = []
    let bytes = 0
    for (const row of chosen.values()) {
      const more = limits.bytesOf(row)
      if (batch.length > 0 && (batch.length >= limits.size || bytes + more > limits.bytes)) {
        out.push(batch)
        batch = []
        bytes = 0
      }
      batch.push(row)
      bytes += more
    }
    out.push(batch)
    rest = foreign
  }
  return out
}

/**
 * Replaces payload, stamp and fence where the stored fence is lower and the input is the same; rows are locked in the
 * order of their ids.
 */
export async function writePayload(
  executor: Executor,
  table: string,
  rows: readonly PayloadRow[],
  call?: CallOptions,
): Promise<void> {
  const assignments = columns
    .slice(2)
    .map(([name]) => `${name} = i.${name}`)
    .join(', ')
  await executor.query(
    `WITH i AS MATERIALIZED (SELECT * FROM unnest(${payloadParameters}) AS u (${payloadNames})),
       held AS MATERIALIZED (
         SELECT t.id FROM ${table} t WHERE t.id = ANY($1::uuid[]) ORDER BY t.id FOR UPDATE)
     UPDATE ${table} t SET ${assignments} FROM i, held
     WHERE t.id = i.id AND held.id = i.id AND t.tenant = i.tenant AND t.fence < i.fence
       AND left(t.stamp, 16) = left(i.stamp, 16)`,
    payloadArrays(rows),
    call,
  )
}

/** `WITH gone AS (...)`: conditional deletes, `$1` to `$4` from `removalArrays`; gives id and tenant of what went. */
export function removalCte(table: string): string {
  return `WITH i AS MATERIALIZED (
      SELECT * FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::boolean[]) AS u (id, tenant, fence, exactly)),
    held AS MATERIALIZED (SELECT t.id FROM ${table} t WHERE t.id = ANY($1::uuid[]) ORDER BY t.id FOR UPDATE),
    gone AS (
      DELETE FROM ${table} t USING i, held
      WHERE t.id = i.id AND held.id = i.id AND t.tenant = i.tenant
        AND (t.fence = i.fence OR (NOT i.exactly AND t.fence < i.fence))
      RETURNING t.id, t.tenant)`
}

export function removalArrays(removals: readonly IndexRemoval[]): unknown[] {
  return [
    removals.map((removal) => removal.id),
    removals.map((removal) => removal.tenant),
    removals.map((removal) => removal.fence),
    removals.map((removal) => removal.when === 'exactly'),
  ]
}

export async function scanRows(
  executor: Executor,
  table: string,
  scan: IndexScan,
  call?: CallOptions,
): Promise<IndexEntry[]> {
  const { rows } = await executor.query<{ id: string; tenant: string; document: string; fence: string; stamp: string }>(
    `SELECT id, tenant, document, fence, stamp FROM ${table}
     WHERE ($1::uuid IS NULL OR id > $1) AND ($2::uuid IS NULL OR id <= $2) ORDER BY id LIMIT $3`,
    [scan.after ?? null, scan.upTo ?? null, scan.limit],
    call,
  )
  return rows.map((row) => ({ ...row, fence: Number(row.fence) }))
}

export async function countRows(
  executor: Executor,
  table: string,
  tenant: TenantId | undefined,
  call?: CallOptions,
): Promise<number> {
  const { rows } = await executor.query<{ count: string }>(
    `SELECT count(*) AS count FROM ${table}${tenant === undefined ? '' : ' WHERE tenant = $1'}`,
    tenant === undefined ? [] : [tenant],
    call,
  )
  return Number(rows[0]?.count ?? 0)
}
