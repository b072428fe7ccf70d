import type { Executor } from '../../connections/postgres/executor'
import type { CallOptions } from '../../core/abort'
import type { TenantId } from '../../core/ids'
import { type IndexConnection, workerView } from '../postgres-index/index-connection'
import { lockCreation } from '../postgres-index/index-table'
import type { VectorType } from './vector-type'

/** How HNSW indexes are built, and from which size on. */
export interface HnswOptions {
  /** Links a node; 16 by default. More is more exact, larger and slower to build. */
  readonly m?: number | undefined
  /** Candidates while building; 100 by default. */
  readonly efConstruction?: number | undefined
  /** Rows above which a table gets the index, and a tenant is searched by it; 8,000 by default. */
  readonly threshold?: number | undefined
}

/** A table of vectors: the index's name, the quoted name of the table. */
export interface VectorTable {
  readonly name: string
  readonly table: string
  readonly type: VectorType
}

/** More than pgvector can index as float32. */
const mostDimensions = 2_000
/** A call that has less time than this is no place to build an index in, ms. */
const patienceMs = 120_000
const buildTimeoutMs = 3_600_000
/** At least. */
const buildMemory = '512MB'
/** Searches between two looks whether another process has built the index. */
const lookEvery = 256

/**
 * The HNSW index of each table: absent at first, built by a `refresh` once the table is large. Late and in one go, for
 * an insert costs ten times as much while it is there.
 */
export class HnswIndex {
  readonly #connection: IndexConnection
  readonly #settings: { readonly m: number; readonly efConstruction: number; readonly threshold: number }
  readonly #enabled: boolean
  readonly #built = new Set<string>()
  readonly #searches = new Map<string, number>()
  readonly #large = new Map<string, Set<TenantId>>()

  constructor(connection: IndexConnection, options: HnswOptions | false) {
    const { m = 16, efConstruction = 100, threshold = 8_000 } = options === false ? {} : options
    this.#connection = connection
    this.#enabled = options !== false
    this.#settings = { m, efConstruction, threshold }
  }

  forget(name: string): void {
    this.#built.delete(name)
    this.#searches.delete(name)
    this.#large.delete(name)
  }

  /** True when the index is there and the tenant has rows enough for it; the answer may be some searches old. */
  async serves(target: VectorTable, tenant: TenantId, call?: CallOptions): Promise<boolean> {
    if (!this.#enabled) return false
    const executor = this.#connection.session({ tenant })
    if (!this.#built.has(target.name)) {
      const searches = this.#searches.get(target.name) ?? 0
      this.#searches.set(target.name, searches + 1)
      if (searches % lookEvery !== 0 || !(await isBuilt(executor, target, call))) return false
      this.#built.add(target.name)
    }
    const large = this.#large.get(target.name) ?? new Set()
    if (large.has(tenant)) return true
    const { rows } = await executor.query(
      `SELECT 1 AS one FROM ${target.table} WHERE tenant = $1 OFFSET $2 LIMIT 1`,
      [tenant, this.#settings.threshold],
      call,
    )
    if (rows.length === 0) return false
    this.#large.set(target.name, large.add(tenant))
    return true
  }

  /** Builds the index if the table is large and the call has time for it; safe in any number of processes at once. */
  async buildWhenLarge(target: VectorTable, dimensions: number, call: CallOptions = {}): Promise<void> {
    if (!this.#enabled || dimensions > mostDimensions || this.#built.has(target.name)) return
    if (call.timeoutMs !== undefined && call.timeoutMs < patienceMs) return
    const { rows } = await this.#connection
      .session(workerView)
      .query<{ server: boolean; large: boolean }>(
        `SELECT version() !~ 'wasm' AS server, EXISTS (SELECT FROM ${target.table} OFFSET $1) AS large`,
        [this.#settings.threshold],
        call,
      )
    // In WebAssembly a build takes minutes and blocks the process, and 10,000 rows are searched exactly in 10 ms.
    if (!rows[0]?.server || !rows[0].large) return
    const patient = { ...call, timeoutMs: call.timeoutMs ?? buildTimeoutMs }
    await this.#connection.transaction(workerView, (executor) => this.#build(executor, target, patient), patient)
    this.#built.add(target.name)
  }

  async #build(executor: Executor, target: VectorTable, call: CallOptions): Promise<void> {
    await lockCreation(executor, target.table)
    if (await isBuilt(executor, target, call)) return
    const { m, efConstruction } = this.#settings
    // A graph that outgrows its memory is built several times slower; who has given the server more has it used.
    await executor.query(
      `SELECT set_config('maintenance_work_mem', '${buildMemory}', true)
       WHERE pg_size_bytes(current_setting('maintenance_work_mem')) < pg_size_bytes('${buildMemory}')`,
    )
    await executor.query(
      `CREATE INDEX ON ${target.table} USING hnsw (embedding ${target.type.cosineOps})
       WITH (m = ${Number(m)}, ef_construction = ${Number(efConstruction)})`,
      [],
      call,
    )
  }
}

async function isBuilt(executor: Executor, target: VectorTable, call?: CallOptions): Promise<boolean> {
  const { rows } = await executor.query(
    `SELECT 1 AS one FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid JOIN pg_am a ON a.oid = c.relam
     WHERE x.indrelid = to_regclass($1) AND a.amname = 'hnsw' AND x.indisvalid`,
    [target.table],
    call,
  )
  return rows.length > 0
}
