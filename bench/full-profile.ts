/** Postgres, Qdrant and Elasticsearch with the same documents, for headwater, a hand-written loop and LangChain.js. */
import { createHash, randomBytes } from 'node:crypto'
import { Client } from '@elastic/elasticsearch'
import { QdrantClient } from '@qdrant/js-client-rest'
import pg from 'pg'
import { type DocumentInput, openStore, type Store, type StoreOptions } from '../index'
import { seededRandom } from '../src/core/random'
import type { Embedder } from '../src/embeddings/embedder'
import { HashingEmbedder } from '../src/embeddings/hashing'
import { inputText } from '../src/splitter/input-text'
import { readDescriptions } from './descriptions'
import { ProcessMeter } from './processes'
import { openQdrant, type QdrantKind, qdrantNames } from './qdrant-server'
import { note } from './report'

export interface BenchDocument extends DocumentInput {
  readonly id: string
  readonly title: string
  readonly text: string
  readonly metadata: { readonly section: string; readonly year: number }
  readonly hash: string
  readonly vector: Float32Array
}

export interface FullProfile {
  readonly documents: readonly BenchDocument[]
  /** Vectors that are there already: a model would hide everything else. */
  readonly embedder: Embedder
  /** What made those vectors. */
  readonly hashing: HashingEmbedder
  readonly vectors: ReadonlyMap<string, Float32Array>
  readonly postgresUrl: string
  readonly qdrantUrl: string
  readonly qdrantKind: QdrantKind
  readonly qdrant: QdrantClient
  readonly elasticsearch: Client
  /** Vectors are in Postgres, and Qdrant stays empty. */
  readonly pgvector: boolean
  /** A name of its own for each run. */
  name(): string
  /** A database of its own, dropped by `close`. */
  database(): Promise<string>
  /** In a database of its own. */
  open(more?: ProfileStoreOptions): Promise<Store>
  /** The database of the store that was opened last. */
  opened(): string
  /** Of this process and the servers. */
  readonly meter: ProcessMeter
  /** The store that was opened last once more, with other options besides. */
  reopen(more: ProfileStoreOptions): Promise<Store>
  close(): Promise<void>
}

export const batchSize = 250

export type ProfileStoreOptions = Pick<StoreOptions, 'embedder' | 'redis' | 'search' | 'relay'>

export interface FullProfileOptions {
  /** A file of package descriptions; texts are drawn when left out. */
  readonly descriptions?: string | undefined
  readonly pgvector?: boolean | undefined
  /** Where there is no QDRANT_URL: a sink instead of the double. Nothing is found in it. */
  readonly sink?: boolean | undefined
}

export async function fullProfile(
  size: number,
  { descriptions, pgvector = false, sink = false }: FullProfileOptions = {},
): Promise<FullProfile> {
  const postgresUrl = process.env['DATABASE_URL'] ?? process.env['HW_TEST_PGVECTOR_URL']
  const elasticsearchUrl = process.env['ELASTICSEARCH_URL'] ?? process.env['HW_TEST_ELASTICSEARCH_URL']
  if (!postgresUrl || !elasticsearchUrl) throw new Error('needs DATABASE_URL and ELASTICSEARCH_URL')
  const hashing = new HashingEmbedder()
  const documents = await corpus(descriptions ? described(descriptions, size) : drawn(size), hashing)
  const vectors = new Map(
    documents.map(({ title, text, vector }) => [inputText(title, { heading: '', tableHeader: '', text }), vector]),
  )
  const server = await openQdrant(sink ? 'sink' : 'double')
  note('vectors in', pgvector ? 'Postgres' : qdrantNames[server.kind])
  const qdrant = new QdrantClient({
    url: server.url,
    checkCompatibility: false,
    headers: { 'accept-encoding': 'identity' },
  })
  const elasticsearch = new Client({ node: elasticsearchUrl })
  const meter = await ProcessMeter.open({
    postgresUrl,
    elasticsearch,
    ...(!pgvector && { qdrant: server.process }),
  })
  const admin = new pg.Pool({ connectionString: postgresUrl, max: 1 })
  const names: string[] = []
  const stores: Store[] = []
  let place: StoreOptions | undefined
  let openedUrl = ''
  const name = (): string => {
    const made = `hw_bench_${randomBytes(5).toString('hex')}`
    names.push(made)
    return made
  }
  const database = async (): Promise<string> => {
    const made = name()
    await admin.query(`CREATE DATABASE ${made}`)
    const url = new URL(postgresUrl)
    url.pathname = `/${made}`
    return url.href
  }
  const stored: Embedder = {
    fingerprint: hashing.fingerprint,
    dimensions: hashing.dimensions,
    maxTokens: Number.POSITIVE_INFINITY,
    embed: async (texts) => texts.map((text) => vectors.get(text) ?? missing(text)),
  }
  const reopen = async (more: ProfileStoreOptions): Promise<Store> => {
    const store = await openStore({ ...place, ...more })
    stores.push(store)
    return store
  }
  // The splitter may take a description apart; texts that are drawn stay whole.
  const embedder = descriptions ? hashing : stored
  return {
    documents,
    embedder,
    hashing,
    vectors,
    postgresUrl,
    qdrantUrl: server.url,
    qdrantKind: server.kind,
    qdrant,
    elasticsearch,
    pgvector,
    name,
    database,
    async open(more = {}) {
      const prefix = name()
      openedUrl = await database()
      place = {
        embedder,
        postgres: { url: openedUrl },
        ...(!pgvector && { qdrant: { url: server.url, prefix } }),
        elasticsearch: { url: elasticsearchUrl, prefix },
        writer: { batchDocuments: batchSize },
      }
      return reopen(more)
    },
    opened: () => openedUrl,
    meter,
    reopen,
    async close() {
      for (const store of stores) await store.close()
      for (const made of names) {
        await admin.query(`DROP DATABASE IF EXISTS ${made} WITH (FORCE)`)
        await dropIndexes(elasticsearch, made)
        const { collections } = await qdrant.getCollections()
        for (const { name } of collections) if (name.startsWith(made)) await qdrant.deleteCollection(name)
      }
      await admin.end()
      await elasticsearch.close()
      await server.stop()
    },
  }
}

async function dropIndexes(elasticsearch: Client, prefix: string): Promise<void> {
  const found = await elasticsearch.indices.get({ index: `${prefix}*` })
  for (const index of Object.keys(found)) await elasticsearch.indices.delete({ index })
}

function missing(text: string): never {
  throw new Error(`no vector was made for ${JSON.stringify(text.slice(0, 60))}`)
}

type Source = Omit<BenchDocument, 'hash' | 'vector'>

/** Texts of 90 to 130 words, one chunk each. */
function drawn(size: number): Source[] {
  const random = seededRandom(11)
  const words = Array.from({ length: 8_000 }, (_, at) => `${'bcdfgklmnprstv'[at % 14]}${(at * 7_919).toString(36)}a`)
  const word = (): string => words[Math.floor(words.length * random.next() ** 3)]!
  return Array.from({ length: size }, (_, at) => {
    const text = Array.from({ length: 90 + Math.floor(random.next() * 40) }, word).join(' ')
    return { id: `document-${at}`, title: `Document ${at}`, text, metadata: metadataAt(at) }
  })
}

function described(file: string, size: number): Source[] {
  return readDescriptions(file, size).map(({ name, text }, at) => ({
    id: name,
    title: name,
    text,
    metadata: metadataAt(at),
  }))
}

function metadataAt(at: number): BenchDocument['metadata'] {
  return { section: `s${at % 9}`, year: 2000 + (at % 25) }
}

async function corpus(sources: readonly Source[], embedder: HashingEmbedder): Promise<BenchDocument[]> {
  const vectors = await embedder.embed(
    sources.map(({ title, text }) => inputText(title, { heading: '', tableHeader: '', text })),
  )
  return sources.map((source, at) => ({
    ...source,
    hash: createHash('sha256').update(source.text).digest('hex'),
    vector: vectors[at]!,
  }))
}
