/** What one writes by hand over the three raw clients: no jobs, no fences, no versions; a crash between two leaves drift. */
import pg from 'pg'
import { uuidV5 } from '../src/core/ids'
import { type BenchDocument, batchSize, type FullProfile } from './full-profile'

export type RawStore = 'postgres' | 'qdrant' | 'elasticsearch'

export class RawLoop {
  readonly #profile: FullProfile
  readonly #pool: pg.Pool
  readonly name: string
  /** Its database. */
  readonly url: string

  private constructor(profile: FullProfile, pool: pg.Pool, name: string, url: string) {
    this.#profile = profile
    this.#pool = pool
    this.name = name
    this.url = url
  }

  static async open(profile: FullProfile): Promise<RawLoop> {
    const name = profile.name()
    const connectionString = await profile.database()
    const options = profile.pgvector ? '-c hnsw.ef_search=400' : undefined
    const pool = new pg.Pool({ connectionString, max: 20, ...(options && { options }) })
    await pool.query(`CREATE TABLE documents (
      tenant text, id text, title text, text text, metadata jsonb, hash text, vector bytea, PRIMARY KEY (tenant, id))`)
    const { qdrant, elasticsearch, embedder } = profile
    if (profile.pgvector) {
      await pool.query('CREATE EXTENSION IF NOT EXISTS vector')
      await pool.query(`CREATE TABLE vectors (
        id uuid PRIMARY KEY, tenant text, document text, embedding vector(${embedder.dimensions}))`)
    }
    await qdrant.createCollection(name, {
      vectors: { size: embedder.dimensions, distance: 'Cosine' },
      on_disk_payload: true,
    })
    await qdrant.createPayloadIndex(name, { field_name: 'tenant', field_schema: 'keyword', wait: true })
    await elasticsearch.indices.create({
      index: name,
      settings: { number_of_shards: 1, number_of_replicas: 0 },
      mappings: {
        dynamic: false,
        properties: {
          tenant: { type: 'keyword' },
          hash: { type: 'keyword' },
          title: { type: 'text' },
          text: { type: 'text' },
        },
      },
    })
    return new RawLoop(profile, pool, name, connectionString)
  }

  /** All documents, two batches in flight; into one store alone where it is named. */
  async ingest(only?: RawStore): Promise<void> {
    const { documents } = this.#profile
    let next = 0
    const lane = async (): Promise<void> => {
      for (;;) {
        const batch = documents.slice(next, next + batchSize)
        next += batchSize
        if (batch.length === 0) return
        if (!only || only === 'postgres') await this.#postgres(batch)
        await Promise.all([
          (!only || only === 'qdrant') && (this.#profile.pgvector ? this.#pgvector(batch) : this.#qdrant(batch)),
          (!only || only === 'elasticsearch') && this.#elasticsearch(batch),
        ])
      }
    }
    await Promise.all([lane(), lane()])
  }

  async searchVectors(vector: Float32Array, limit: number): Promise<void> {
    const { qdrant, pgvector } = this.#profile
    if (pgvector) {
      await this.#pool.query({
        name: `nearest-${limit}`,
        text: `SELECT id, document, embedding <=> $1::vector AS distance FROM vectors WHERE tenant = $2
          ORDER BY embedding <=> $1::vector LIMIT ${limit}`,
        values: [`[${vector.join()}]`, 'bench'],
      })
      return
    }
    await qdrant.query(this.name, {
      query: [...vector],
      filter: { must: [{ key: 'tenant', match: { value: 'bench' } }] },
      limit,
      with_payload: ['id'],
    })
  }

  async searchTexts(query: string, limit: number): Promise<void> {
    await this.#profile.elasticsearch.search({
      index: this.name,
      size: limit,
      track_total_hits: false,
      _source: false,
      query: {
        bool: {
          must: [{ multi_match: { query, fields: ['title', 'text'] } }],
          filter: [{ term: { tenant: 'bench' } }],
        },
      },
    })
  }

  /** Both legs at once. */
  async search(query: string, vector: Float32Array, limit: number): Promise<void> {
    await Promise.all([this.searchVectors(vector, limit), this.searchTexts(query, limit)])
  }

  async refresh(): Promise<void> {
    if (this.#profile.pgvector) {
      await this.#pool.query(
        'CREATE INDEX ON vectors USING hnsw (embedding vector_cosine_ops) WITH (ef_construction = 100)',
      )
      await this.#pool.query('ANALYZE vectors')
    }
    await this.#profile.elasticsearch.indices.refresh({ index: this.name })
  }

  async close(): Promise<void> {
    await this.#pool.end()
  }

  async #postgres(batch: readonly BenchDocument[]): Promise<void> {
    await this.#pool.query({
      name: 'insert',
      text: `INSERT INTO documents
        SELECT 'bench', * FROM unnest($1::text[], $2::text[], $3::text[], $4::jsonb[], $5::text[], $6::bytea[])
        ON CONFLICT (tenant, id) DO UPDATE SET title = EXCLUDED.title, text = EXCLUDED.text,
          metadata = EXCLUDED.metadata, hash = EXCLUDED.hash, vector = EXCLUDED.vector`,
      values: [
        batch.map(({ id }) => id),
        batch.map(({ title }) => title),
        batch.map(({ text }) => text),
        batch.map(({ metadata }) => JSON.stringify(metadata)),
        batch.map(({ hash }) => hash),
        batch.map(({ vector }) => Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength)),
      ],
    })
  }

  async #pgvector(batch: readonly BenchDocument[]): Promise<void> {
    await this.#pool.query({
      name: 'insert-vectors',
      text: `INSERT INTO vectors
        SELECT i.id, 'bench', i.document, i.embedding::vector FROM unnest($1::uuid[], $2::text[], $3::text[])
          AS i (id, document, embedding)
        ON CONFLICT (id) DO UPDATE SET document = EXCLUDED.document, embedding = EXCLUDED.embedding`,
      values: [
        batch.map(({ id }) => uuidV5('bench', id)),
        batch.map(({ id }) => id),
        batch.map(({ vector }) => `[${vector.join()}]`),
      ],
    })
  }

  async #qdrant(batch: readonly BenchDocument[]): Promise<void> {
    const points = batch.map(({ id, metadata, hash, vector }) => ({
      id: uuidV5('bench', id),
      vector: [...vector],
      payload: { tenant: 'bench', id, metadata, hash },
    }))
    const { status } = await this.#profile.qdrant.upsert(this.name, { wait: true, points })
    if (status !== 'completed') throw new Error(`Qdrant: ${status}`)
  }

  async #elasticsearch(batch: readonly BenchDocument[]): Promise<void> {
    const { errors } = await this.#profile.elasticsearch.bulk({
      index: this.name,
      operations: batch.flatMap(({ id, title, text, metadata, hash }) => [
        { index: { _id: id } },
        { tenant: 'bench', title, text, metadata, hash },
      ]),
    })
    if (errors) throw new Error('Elasticsearch: items of the bulk failed')
  }
}
