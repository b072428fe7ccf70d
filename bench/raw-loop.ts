/** What one writes by hand over the three raw clients: no jobs, no fences, no versions; a crash between two leaves drift. */
import pg from 'pg'
import { uuidV5 } from '../src/core/ids'
import { type BenchDocument, batchSize, type FullProfile } from './full-profile'

export type RawStore = 'postgres' | 'qdrant' | 'elasticsearch'

export class RawLoop {
  readonly #profile: FullProfile
  readonly #pool: pg.Pool
  readonly name: string

  private constructor(profile: FullProfile, pool: pg.Pool, name: string) {
    this.#profile = profile
    this.#pool = pool
    this.name = name
  }

  static async open(profile: FullProfile): Promise<RawLoop> {
    const name = profile.name()
    const pool = new pg.Pool({ connectionString: await profile.database(), max: 4 })
    await pool.query(`CREATE TABLE documents (
      tenant text, id text, title text, text text, metadata jsonb, hash text, vector bytea, PRIMARY KEY (tenant, id))`)
    const { qdrant, elasticsearch, embedder } = profile
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
    return new RawLoop(profile, pool, name)
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
          (!only || only === 'qdrant') && this.#qdrant(batch),
          (!only || only === 'elasticsearch') && this.#elasticsearch(batch),
        ])
      }
    }
    await Promise.all([lane(), lane()])
  }

  /** Both legs at once. */
  async search(query: string, vector: Float32Array, limit: number): Promise<void> {
    const { qdrant, elasticsearch } = this.#profile
    await Promise.all([
      qdrant.query(this.name, {
        query: [...vector],
        filter: { must: [{ key: 'tenant', match: { value: 'bench' } }] },
        limit,
        with_payload: ['id'],
      }),
      elasticsearch.search({
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
      }),
    ])
  }

  async refresh(): Promise<void> {
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
