/** What one writes by hand to fill an index anew: read a page with its stored vectors, write it in bulk, go on. */
import { randomBytes } from 'node:crypto'
import { Client } from '@elastic/elasticsearch'
import { QdrantClient } from '@qdrant/js-client-rest'
import type pg from 'pg'
import { tenantId } from '../src/core/ids'
import type { Leaves } from '../src/filter/parsed'
import { sourceOf } from '../src/repositories/elasticsearch/entry-source'
import { libraryWords } from '../src/repositories/elasticsearch/library-words'
import { vectorArrayParameter } from '../src/repositories/pgvector/vector-binary'
import type { TextEntry } from '../src/repositories/texts'
import type { BenchTruth } from './rebuild-truth'

interface Row {
  readonly id: string
  readonly tenant: string
  readonly document: string
  readonly fence: string
  readonly stamp: string
  readonly source: string
  readonly version: string
  readonly created_at: string
  readonly updated_at: string
  readonly leaves: Leaves
  readonly title: string
  readonly text: string
  readonly vector: Buffer
}

/** Where the pages go. */
export interface HandTarget {
  /** Text is read instead of vectors. */
  readonly texts: boolean
  write(rows: readonly Row[]): Promise<unknown>
  close(): Promise<unknown>
}

export interface HandTimes {
  readonly loopMs: number
  /** Of the writes alone. */
  readonly writesMs: number
}

const batch = 500

/** One page after another; what an index needs to stay right while others write is left out. */
export async function copyByHand(
  client: pg.Client,
  schema: string,
  { fingerprint, chunking }: BenchTruth,
  target: HandTarget,
): Promise<HandTimes> {
  // The page first, then what belongs to it: joined in one go, Postgres may read all documents for each page.
  const page = `SELECT * FROM ${schema}.chunks WHERE collection = 'documents' AND chunking = '${chunking}'
    AND removed_at IS NULL AND id > $1 ORDER BY id LIMIT ${batch}`
  const [column, join] = target.texts
    ? ['c.text', '']
    : [
        'e.vector',
        `JOIN LATERAL (SELECT vector FROM ${schema}.embeddings WHERE tenant = c.tenant
           AND fingerprint = '${fingerprint}' AND input_hash = c.input_hash LIMIT 1) e ON true`,
      ]
  const text = `SELECT c.id, c.tenant, c.document, c.fence, c.input_hash AS stamp, d.source, d.version, d.created_at,
      d.updated_at, d.leaves, d.title, ${column}
    FROM (${page}) c JOIN LATERAL (SELECT * FROM ${schema}.documents WHERE tenant = c.tenant
      AND collection = 'documents' AND id = c.document AND deleted_at IS NULL LIMIT 1) d ON true
    ${join} ORDER BY c.id`
  const startedAt = performance.now()
  let writesMs = 0
  let after = '00000000-0000-0000-0000-000000000000'
  for (;;) {
    const { rows } = await client.query<Row>(text, [after])
    if (rows.length > 0) {
      const writingAt = performance.now()
      await target.write(rows)
      writesMs += performance.now() - writingAt
      after = rows.at(-1)!.id
    }
    if (rows.length < batch) return { loopMs: performance.now() - startedAt, writesMs }
  }
}

/** A table like that of the live generation, also without its index for searches, which both sides make afterwards. */
export async function pgvectorByHand(client: pg.Client, schema: string): Promise<HandTarget> {
  const { rows } = await client.query(
    `SELECT name FROM ${schema}.generations WHERE target = 'vector' AND state = 'live'`,
  )
  await client.query(`DROP TABLE IF EXISTS ${schema}.raw`)
  await client.query(`CREATE TABLE ${schema}.raw (LIKE ${schema}.${rows[0].name} INCLUDING STORAGE, PRIMARY KEY (id))`)
  await client.query(`CREATE INDEX ON ${schema}.raw (tenant)`)
  const type = (await client.query(`SELECT 'vector'::regtype::oid::int AS oid`)).rows[0].oid
  const columns = [
    'id uuid',
    'tenant text',
    'document text',
    'source text',
    'created_at bigint',
    'updated_at bigint',
    'version bigint',
    'fence bigint',
    'stamp text',
    'leaves jsonb',
    'embedding vector',
  ].map((column) => column.split(' ') as [string, string])
  const names = columns.map(([name]) => name)
  const text = `INSERT INTO ${schema}.raw (${names})
    SELECT * FROM unnest(${columns.map(([, kind], at) => `$${at + 1}::${kind}[]`)})
    ON CONFLICT (id) DO UPDATE SET ${names.slice(1).map((name) => `${name} = excluded.${name}`)}`
  return {
    texts: false,
    write: (page) =>
      client.query({
        name: 'raw-upsert',
        text,
        values: [
          page.map(({ id }) => id),
          page.map(({ tenant }) => tenant),
          page.map(({ document }) => document),
          page.map(({ source }) => source),
          page.map(({ created_at: at }) => at),
          page.map(({ updated_at: at }) => at),
          page.map(({ version }) => version),
          page.map(({ fence }) => fence),
          page.map(({ stamp }) => stamp),
          page.map(({ leaves }) => JSON.stringify(leaves)),
          vectorArrayParameter(page.map(floatsOf), type),
        ],
      }),
    close: () => client.query(`DROP TABLE ${schema}.raw`),
  }
}

export async function qdrantByHand(url: string, dimensions: number): Promise<HandTarget> {
  const qdrant = new QdrantClient({ url, checkCompatibility: false, headers: { 'accept-encoding': 'identity' } })
  const name = `hw_bench_${randomBytes(5).toString('hex')}`
  await qdrant.createCollection(name, { vectors: { size: dimensions, distance: 'Cosine' }, on_disk_payload: true })
  await qdrant.createPayloadIndex(name, { field_name: 'tenant', field_schema: 'keyword', wait: true })
  return {
    texts: false,
    async write(page) {
      const points = page.map((row) => ({ id: row.id, vector: [...floatsOf(row)], payload: payloadOf(row) }))
      const { status } = await qdrant.upsert(name, { wait: true, points })
      if (status !== 'completed') throw new Error(`Qdrant: ${status}`)
    },
    close: () => qdrant.deleteCollection(name),
  }
}

/** An index made as that of the live generation, under `prefix`, and the same documents in it. */
export async function elasticsearchByHand(node: string, prefix: string): Promise<HandTarget> {
  const elasticsearch = new Client({ node })
  const index = `by_hand_${randomBytes(5).toString('hex')}`
  const [made] = Object.values(await elasticsearch.indices.get({ index: `${prefix}*` }))
  const { number_of_shards, auto_expand_replicas, gc_deletes, similarity, analysis } = made!.settings!.index!
  const settings = { number_of_shards, auto_expand_replicas, gc_deletes, similarity, ...(analysis && { analysis }) }
  await elasticsearch.indices.create({ index, settings: settings as object, mappings: made!.mappings! })
  const library = made!.mappings!._meta!['analysis'] === 'library'
  const own = { name: index, language: 'english' }
  return {
    texts: true,
    async write(page) {
      const operations = page.flatMap((row) => [
        { index: { _id: row.id, routing: row.tenant } },
        sourceOf(entryOf(row), library ? libraryWords(own, entryOf(row)) : {}),
      ])
      const { errors } = await elasticsearch.bulk({ index, operations })
      if (errors) throw new Error('Elasticsearch: items of the bulk failed')
    },
    async close() {
      await elasticsearch.indices.delete({ index })
      await elasticsearch.close()
    },
  }
}

function entryOf(row: Row): TextEntry {
  const { id, tenant, document, fence, stamp, source, version, created_at, updated_at, leaves, title, text } = row
  return {
    id,
    fence: Number(fence),
    stamp,
    payload: {
      tenant: tenantId(tenant),
      document,
      source,
      createdAt: Number(created_at),
      updatedAt: Number(updated_at),
      version: Number(version),
      leaves,
    },
    title,
    text,
  }
}

function payloadOf({ tenant, document, fence, stamp, source, version, created_at, updated_at, leaves }: Row) {
  return {
    tenant,
    document,
    fence: Number(fence),
    stamp,
    source,
    version: Number(version),
    created_at: Number(created_at),
    updated_at: Number(updated_at),
    leaves,
  }
}

function floatsOf({ vector }: Row): Float32Array {
  return new Float32Array(Uint8Array.from(vector).buffer)
}
