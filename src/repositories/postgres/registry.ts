import type { Executor } from '../../connections/postgres/executor'
import type { Json } from '../../core/json'
import type { DatabaseIdentity, RegistryRepository, SeenWorker } from '../registry'
import { byKey, nowMs, type PostgresRepositoryOptions, run, statements } from './statements'

const registryStatements = statements(({ table }) => {
  const registry = table('registry')
  const workers = table('workers')
  return {
    now: { text: `SELECT ${nowMs} AS now` },
    read: byKey(`SELECT value FROM ${registry} WHERE name = $1`),
    record: { text: `INSERT INTO ${registry} (name, value) VALUES ($1, $2::jsonb) ON CONFLICT DO NOTHING` },
    write: {
      text: `INSERT INTO ${registry} (name, value) VALUES ($1, $2::jsonb)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
    },
    replace: { text: `UPDATE ${registry} SET value = $3::jsonb WHERE name = $1 AND value = $2::jsonb` },
    add: {
      text: `INSERT INTO ${registry} AS r (name, value) VALUES ($1, $2::jsonb)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE r.value = 'null'`,
    },
    tables: {
      text: `SELECT (SELECT oid FROM pg_database WHERE datname = current_database()) || '/' ||
        '${registry.replaceAll("'", "''")}'::regclass::oid AS tables`,
    },
    mayAsk: {
      text: `SELECT has_function_privilege('pg_control_system()', 'EXECUTE')
        AND has_function_privilege('pg_control_checkpoint()', 'EXECUTE') AS allowed`,
    },
    control: {
      text: `SELECT (SELECT system_identifier::text FROM pg_control_system()) AS system,
        (SELECT timeline_id FROM pg_control_checkpoint()) AS timeline`,
    },
    heartbeat: {
      text: `INSERT INTO ${workers} (worker, seen_at, engines, handles) VALUES ($1, ${nowMs}, $2, $3)
        ON CONFLICT (worker) DO UPDATE SET seen_at = excluded.seen_at, engines = excluded.engines,
          handles = excluded.handles`,
    },
    workers: {
      text: `SELECT worker, seen_at, coalesce(engines, '{}') AS engines, coalesce(handles, '{}') AS handles
        FROM ${workers}
        WHERE seen_at >= ${nowMs} - $1::bigint ORDER BY worker`,
    },
  }
})

/** The database's records of itself. The epoch is one of them, under the name `epoch`. */
export class PostgresRegistryRepository implements RegistryRepository {
  readonly #executor: Executor
  readonly #sql: ReturnType<typeof registryStatements>

  constructor(executor: Executor, options?: PostgresRepositoryOptions) {
    this.#executor = executor
    this.#sql = registryStatements(options)
  }

  async epoch(): Promise<number> {
    return Number(await this.read('epoch'))
  }

  async now(): Promise<number> {
    const { rows } = await run<{ now: number | string }>(this.#executor, this.#sql.now, [])
    return Number(rows[0]!.now)
  }

  async read(name: string): Promise<Json | null> {
    const { rows } = await run<{ value: Json }>(this.#executor, this.#sql.read, [name])
    return rows[0]?.value ?? null
  }

  async record(name: string, value: Json): Promise<Json> {
    // A login that may only read finds what was recorded by another.
    const recorded = await this.read(name)
    if (recorded !== null) return recorded
    await run(this.#executor, this.#sql.record, [name, JSON.stringify(value)])
    return this.read(name)
  }

  async write(name: string, value: Json): Promise<void> {
    await run(this.#executor, this.#sql.write, [name, JSON.stringify(value)])
  }

  async replace(name: string, from: Json, value: Json): Promise<boolean> {
    const [statement, values] =
      from === null
        ? ([this.#sql.add, [name, JSON.stringify(value)]] as const)
        : ([this.#sql.replace, [name, JSON.stringify(from), JSON.stringify(value)]] as const)
    const { rowCount } = await run(this.#executor, statement, values)
    return rowCount > 0
  }

  /** The privilege is looked up first: a refused statement would end the transaction around it. */
  async database(): Promise<DatabaseIdentity> {
    const { rows: own } = await run<{ tables: string }>(this.#executor, this.#sql.tables)
    const { rows: may } = await run<{ allowed: boolean }>(this.#executor, this.#sql.mayAsk)
    const { tables } = own[0]!
    if (!may[0]!.allowed) return { system: null, timeline: null, tables }
    const { rows } = await run<{ system: string; timeline: number }>(this.#executor, this.#sql.control)
    return { system: rows[0]!.system, timeline: Number(rows[0]!.timeline), tables }
  }

  async heartbeat(worker: string, engines: readonly string[] = [], handles: readonly string[] = []): Promise<void> {
    await run(this.#executor, this.#sql.heartbeat, [worker, engines, handles])
  }

  async workers(withinMs: number): Promise<SeenWorker[]> {
    type Row = { worker: string; seen_at: number; engines: string[]; handles: string[] }
    const { rows } = await run<Row>(this.#executor, this.#sql.workers, [withinMs])
    return rows.map(({ worker, seen_at, engines, handles }) => ({ worker, seenAt: Number(seen_at), engines, handles }))
  }
}
