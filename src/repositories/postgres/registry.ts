import type { Executor } from '../../connections/postgres/executor'
import type { Json } from '../../core/json'
import type { RegistryRepository } from '../registry'
import { nowMs, type PostgresRepositoryOptions, prepared, run, statements } from './statements'

const registryStatements = statements(({ table }) => {
  const registry = table('registry')
  const workers = table('workers')
  return {
    now: { text: `SELECT ${nowMs} AS now` },
    read: prepared(`SELECT value FROM ${registry} WHERE name = $1`),
    record: { text: `INSERT INTO ${registry} (name, value) VALUES ($1, $2::jsonb) ON CONFLICT DO NOTHING` },
    write: {
      text: `INSERT INTO ${registry} (name, value) VALUES ($1, $2::jsonb)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
    },
    heartbeat: {
      text: `INSERT INTO ${workers} (worker, seen_at) VALUES ($1, ${nowMs})
        ON CONFLICT (worker) DO UPDATE SET seen_at = excluded.seen_at`,
    },
    workers: { text: `SELECT worker, seen_at FROM ${workers} WHERE seen_at >= ${nowMs} - $1::bigint ORDER BY worker` },
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
    await run(this.#executor, this.#sql.record, [name, JSON.stringify(value)])
    return this.read(name)
  }

  async write(name: string, value: Json): Promise<void> {
    await run(this.#executor, this.#sql.write, [name, JSON.stringify(value)])
  }

  async heartbeat(worker: string): Promise<void> {
    await run(this.#executor, this.#sql.heartbeat, [worker])
  }

  async workers(withinMs: number): Promise<{ readonly worker: string; readonly seenAt: number }[]> {
    const { rows } = await run<{ worker: string; seen_at: number }>(this.#executor, this.#sql.workers, [withinMs])
    return rows.map((row) => ({ worker: row.worker, seenAt: Number(row.seen_at) }))
  }
}
