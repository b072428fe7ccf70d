import { quoteName } from '../../connections/postgres/row-security'
import { literal } from '../../connections/postgres/statement'
import type { CallOptions } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import type { TenantId } from '../../core/ids'
import { checkVector } from '../../embeddings/vector-codec'
import type { IndexEntry, IndexHit, IndexRemoval, IndexScan } from '../index-entry'
import { type IndexFormat, payloadMade } from '../index-format'
import type { IndexMarker } from '../index-marker'
import { type IndexConnection, workerView } from '../postgres-index/index-connection'
import {
  batches,
  columnDefinitions,
  countRows,
  inline,
  payloadArrays,
  payloadAssignments,
  payloadNames,
  payloadOf,
  payloadParameterCount,
  payloadParameters,
  removalArrays,
  removalCte,
  type StoredPayload,
  scanRows,
  writePayload,
} from '../postgres-index/index-rows'
import {
  lockCreation,
  onIndex,
  readMake,
  readMarker,
  secure,
  tableName,
  writeMarker,
} from '../postgres-index/index-table'
import type { VectorIndex, VectorPoint, VectorQuery, VectorRepository } from '../vectors'
import { vectorArrayParameter, vectorOf } from './vector-binary'
import { HnswIndex, type HnswOptions } from './vector-hnsw'
import { searchVectors } from './vector-search'
import { ensureVectorType, findVectorType, openVectorSchema, type VectorType } from './vector-type'

export interface PostgresVectorOptions {
  /** Schema of the tables; `headwater` by default. */
  readonly schema?: string | undefined
  /** When and how an HNSW index is built; false never builds one. On PGlite none is built either way. */
  readonly hnsw?: HnswOptions | false | undefined
}

const statementLimits = { size: 500, bytes: 4 * 2 ** 20 }

/**
 * Vectors in Postgres by pgvector, one table an index. Searches are exact until the table is large; then HNSW
 * answers, and exactly again where a tenant or a filter leaves few rows. Throws HW_EXTENSION_MISSING without pgvector
 * and HW_GENERATION_MISSING when the table is gone.
 */
export class PostgresVectorRepository implements VectorRepository {
  readonly format: IndexFormat = { words: 1, payload: payloadMade }
  readonly #connection: IndexConnection
  readonly #schema: string
  readonly #hnsw: HnswIndex
  #type: Promise<VectorType> | undefined

  constructor(connection: IndexConnection, options: PostgresVectorOptions = {}) {
    this.#connection = connection
    this.#schema = options.schema ?? 'headwater'
    this.#hnsw = new HnswIndex(connection, options.hnsw ?? {})
  }

  async create(index: VectorIndex, call?: CallOptions): Promise<void> {
    const { dimensions, fingerprint } = index
    if (!Number.isInteger(dimensions) || dimensions < 1 || dimensions > 16_000) {
      throw new HeadwaterError('HW_INVALID_ARGUMENT', `index.dimensions must be 1 to 16,000, got ${dimensions}`, {
        path: 'index.dimensions',
      })
    }
    const table = this.#table(index)
    const make = `headwater vectors ${JSON.stringify({ fingerprint, dimensions })}`
    await this.#connection.transaction(
      workerView,
      async (executor) => {
        await lockCreation(executor, this.#schema)
        const found = await readMake(executor, table)
        if (found === make) return
        if (found !== undefined) {
          throw new HeadwaterError(
            'HW_FINGERPRINT_MISMATCH',
            `The table ${table} is there already as ${JSON.stringify(found)}, not as ${JSON.stringify(make)}`,
            { path: 'index.name' },
          )
        }
        const type = await ensureVectorType(executor, this.#schema)
        await openVectorSchema(executor, this.#schema)
        await executor.query(
          `CREATE TABLE ${table} (${columnDefinitions(`embedding ${type.name}(${dimensions}) NOT NULL`)}) WITH (${inline})`,
        )
        await executor.query(`CREATE INDEX ON ${table} (tenant)`)
        await secure(executor, table)
        await executor.query(`COMMENT ON TABLE ${table} IS ${literal(make)}`)
      },
      call,
    )
  }

  async drop(index: VectorIndex, call?: CallOptions): Promise<void> {
    this.#hnsw.forget(index.name)
    await this.#worker().query(`DROP TABLE IF EXISTS ${this.#table(index)}`, [], call)
  }

  async exists(index: VectorIndex, call?: CallOptions): Promise<boolean> {
    return (await readMake(this.#worker(), this.#table(index), call)) !== undefined
  }

  mark(index: VectorIndex, marker: IndexMarker, call?: CallOptions): Promise<void> {
    return onIndex(index.name, () => writeMarker(this.#worker(), index.name, this.#table(index), marker, call))
  }

  marker(index: VectorIndex, call?: CallOptions): Promise<IndexMarker | null> {
    return readMarker(this.#worker(), index.name, this.#table(index), call)
  }

  async upsert(index: VectorIndex, points: readonly VectorPoint[], call?: CallOptions): Promise<void> {
    for (const [i, point] of points.entries()) checkVector(point.vector, index.dimensions, `points[${i}].vector`)
    return onIndex(index.name, async () => {
      if (points.length === 0) return
      const type = await this.#vectorType()
      const table = this.#table(index)
      const text = `INSERT INTO ${table} AS t (${payloadNames}, embedding)
        SELECT * FROM unnest(${payloadParameters}, $${payloadParameterCount + 1}::${type.name}[])
          AS i (${payloadNames}, embedding) ORDER BY id
        ON CONFLICT (id) DO UPDATE SET ${payloadAssignments}, embedding = excluded.embedding
        WHERE t.tenant = excluded.tenant AND t.fence <= excluded.fence`
      for (const batch of batches(points, { ...statementLimits, bytesOf: () => index.dimensions * 4 })) {
        const vectors = vectorArrayParameter(
          batch.map((point) => point.vector),
          type.oid,
        )
        await this.#worker().query(text, [...payloadArrays(batch), vectors], call)
      }
    })
  }

  setPayload(index: VectorIndex, points: readonly Omit<VectorPoint, 'vector'>[], call?: CallOptions): Promise<void> {
    return onIndex(index.name, async () => {
      for (const batch of batches(points, { ...statementLimits, bytesOf: () => 0 })) {
        await writePayload(this.#worker(), this.#table(index), batch, call)
      }
    })
  }

  remove(index: VectorIndex, removals: readonly IndexRemoval[], call?: CallOptions): Promise<void> {
    return onIndex(index.name, async () => {
      if (removals.length === 0) return
      await this.#worker().query(`${removalCte(this.#table(index))} SELECT 1`, removalArrays(removals), call)
    })
  }

  async search(index: VectorIndex, query: VectorQuery, call?: CallOptions): Promise<IndexHit[]> {
    checkVector(query.vector, index.dimensions, 'query.vector')
    return onIndex(index.name, async () => {
      const target = { table: this.#table(index), type: await this.#vectorType(), name: index.name }
      return searchVectors(this.#connection, this.#hnsw, target, query, call)
    })
  }

  scan(index: VectorIndex, scan: IndexScan, call?: CallOptions): Promise<IndexEntry[]> {
    return onIndex(index.name, () => scanRows(this.#worker(), this.#table(index), scan, call))
  }

  read(index: VectorIndex, ids: readonly string[], call?: CallOptions): Promise<VectorPoint[]> {
    return onIndex(index.name, async () => {
      const type = await this.#vectorType()
      const { rows } = await this.#worker().query<StoredPayload & { vector: Buffer }>(
        `SELECT ${payloadNames}, ${type.send}(embedding) AS vector FROM ${this.#table(index)}
         WHERE id = ANY($1::uuid[]) ORDER BY id`,
        [ids],
        call,
      )
      return rows.map((row) => ({ ...payloadOf(row), vector: vectorOf(row.vector) }))
    })
  }

  /** Rows are visible once written. Builds the HNSW index when the table has outgrown exact search. */
  refresh(index: VectorIndex, call?: CallOptions): Promise<void> {
    return onIndex(index.name, async () => {
      const target = { table: this.#table(index), type: await this.#vectorType(), name: index.name }
      await this.#hnsw.buildWhenLarge(target, index.dimensions, call)
    })
  }

  count(index: VectorIndex, tenant?: TenantId, call?: CallOptions): Promise<number> {
    const executor = tenant === undefined ? this.#worker() : this.#connection.session({ tenant })
    return onIndex(index.name, () => countRows(executor, this.#table(index), tenant, call))
  }

  #table(index: VectorIndex): string {
    return `${quoteName(this.#schema)}.${quoteName(tableName(index.name))}`
  }

  #worker() {
    return this.#connection.session(workerView)
  }

  #vectorType(): Promise<VectorType> {
    this.#type ??= this.#lookUpType().catch((error) => {
      this.#type = undefined
      throw error
    })
    return this.#type
  }

  async #lookUpType(): Promise<VectorType> {
    const type = await findVectorType(this.#worker())
    if (type) return type
    throw new HeadwaterError(
      'HW_EXTENSION_MISSING',
      'The Postgres extension "vector" (pgvector) is not in this database',
    )
  }
}
