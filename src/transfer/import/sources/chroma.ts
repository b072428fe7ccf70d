import { stat } from 'node:fs/promises'
import path from 'node:path'
import { throwIfAborted } from '../../../core/abort'
import { HeadwaterError } from '../../../core/errors'
import { unreadable } from '../../unreadable'
import type { ImportSource, SourceDistance, SourcePart } from '../source'
import { type HnswFile, openHnsw } from './hnsw-file'
import { hasTable, openSqlite, type SqliteFile } from './sqlite'

const pageSize = 500

interface Collection {
  readonly id: string
  readonly name: string
  readonly distance: SourceDistance
}

interface RowHead {
  readonly id: number
  readonly embedding_id: string
}

/**
 * A folder of Chroma's, or the `chroma.sqlite3` in it: each collection is a part. Ids, texts and metadata are in SQLite;
 * vectors in its queue where they are young, else in the index of hnswlib beside it. Rows come in the order in which they
 * were added; the cursor is the number of the last one.
 */
export function chromaSource(given: string): ImportSource {
  let opened: Promise<{ database: SqliteFile; folder: string }> | undefined
  const open = () => {
    opened ??= openFolder(given)
    return opened
  }
  const partNamed = (database: SqliteFile, name: string): Collection => {
    const found = collectionsOf(database).find((one) => one.name === name)
    if (found) return found
    throw new HeadwaterError('HW_NOT_FOUND', `${given}: there is no collection ${JSON.stringify(name)}`, { path: name })
  }
  return {
    kind: 'chroma',
    async parts() {
      const { database } = await open()
      return collectionsOf(database).map((collection) => partOf(database, collection))
    },
    async *rows(part, { after, signal }) {
      const { database, folder } = await open()
      const collection = partNamed(database, part)
      const vectors = await VectorsOf.open(database, folder, collection)
      try {
        for (let last = typeof after === 'number' ? after : 0; ; ) {
          throwIfAborted(signal)
          const heads = headsAfter(database, collection, last)
          if (heads.length === 0) return
          const metadata = metadataOf(database, heads)
          for (const { id, embedding_id } of heads) {
            const { document, uri, values } = metadata.get(id) ?? { values: {} }
            const embedding = await vectors.of(embedding_id)
            yield { values: { id: embedding_id, document, uri, metadata: values, embedding }, cursor: id }
          }
          last = heads.at(-1)!.id
        }
      } finally {
        await vectors.close()
      }
    },
    async stamp(part) {
      const { database } = await open()
      return partNamed(database, part).id
    },
    async close() {
      const found = await opened?.catch(() => undefined)
      found?.database.close()
    },
  }
}

async function openFolder(given: string): Promise<{ database: SqliteFile; folder: string }> {
  const found = await stat(given).catch((cause: unknown) => {
    throw unreadable(given, cause)
  })
  const file = found.isDirectory() ? path.join(given, 'chroma.sqlite3') : given
  const database = await openSqlite(file)
  const needed = ['collections', 'segments', 'embeddings', 'embedding_metadata', 'embeddings_queue']
  if (needed.every((name) => hasTable(database, name))) return { database, folder: path.dirname(file) }
  database.close()
  throw new HeadwaterError('HW_STORAGE', `${file} is no database of Chroma's: it lacks the tables`, { path: file })
}

function collectionsOf(database: SqliteFile): Collection[] {
  return database.all('SELECT * FROM collections ORDER BY name').map((row) => {
    const id = String(row['id'])
    const text = 'SELECT str_value FROM collection_metadata WHERE collection_id = ? AND key = ?'
    const [set] = database.all(text, id, 'hnsw:space')
    return { id, name: String(row['name']), distance: distanceOf(set?.['str_value'], row) }
  })
}

/** As metadata says it, or the collection's configuration, of whichever version; l2 is the default. */
function distanceOf(said: unknown, row: Record<string, unknown>): SourceDistance {
  const configured = `${row['schema_str'] ?? ''}${row['config_json_str'] ?? ''}`
  const space = said ?? /"space"\s*:\s*"(\w+)"/.exec(configured)?.[1]
  return space === 'cosine' ? 'cosine' : space === 'ip' ? 'dot' : 'euclid'
}

function partOf(database: SqliteFile, { id, name, distance }: Collection): SourcePart {
  const count = `SELECT count(*) AS rows FROM embeddings e JOIN segments s ON s.id = e.segment_id WHERE s.collection = ?`
  const lost = database
    .all(`SELECT key FROM collection_metadata WHERE collection_id = ? AND key NOT LIKE 'hnsw:%'`, id)
    .map(({ key }) => String(key))
  return {
    name,
    rows: Number(database.all(count, id)[0]!['rows']),
    distances: { embedding: distance },
    fields: { id: 'id', text: 'document', vector: 'embedding', metadata: ['metadata', 'uri'] },
    lost: lost.length > 0 ? [`Metadata of the collection itself (${lost.join(', ')}) stays behind`] : [],
  }
}

function headsAfter(database: SqliteFile, { id }: Collection, last: number): RowHead[] {
  const text = `SELECT e.id, e.embedding_id FROM embeddings e JOIN segments s ON s.id = e.segment_id
    WHERE s.collection = ? AND e.id > ? ORDER BY e.id LIMIT ${pageSize}`
  return database.all(text, id, last) as unknown as RowHead[]
}

interface RowMetadata {
  document?: unknown
  uri?: unknown
  readonly values: Record<string, unknown>
}

function metadataOf(database: SqliteFile, heads: readonly RowHead[]): Map<number, RowMetadata> {
  const found = new Map<number, RowMetadata>(heads.map(({ id }) => [id, { values: Object.create(null) }]))
  const bounds = [heads[0]!.id, heads.at(-1)!.id] as const
  const rows = (table: string) => database.all(`SELECT * FROM ${table} WHERE id BETWEEN ? AND ?`, ...bounds)
  for (const row of rows('embedding_metadata')) {
    const into = found.get(Number(row['id']))
    if (!into) continue
    const key = String(row['key'])
    if (key === 'chroma:document') into.document = row['string_value']
    else if (key === 'chroma:uri') into.uri = row['string_value']
    else into.values[key] = typedValue(row)
  }
  if (!hasTable(database, 'embedding_metadata_array')) return found
  for (const row of rows('embedding_metadata_array')) {
    const values = found.get(Number(row['id']))?.values
    if (!values) continue
    const key = String(row['key'])
    const list = values[key]
    if (Array.isArray(list)) list.push(typedValue(row))
    else values[key] = [typedValue(row)]
  }
  return found
}

function typedValue(row: Record<string, unknown>): unknown {
  const { string_value: text, int_value: whole, float_value: fraction, bool_value: truth } = row
  if ((truth ?? null) !== null) return Boolean(truth)
  return text ?? whole ?? fraction ?? null
}

/** Vectors of one collection: from the queue of what was written last, else from the index. */
class VectorsOf {
  readonly #database: SqliteFile
  readonly #index: HnswFile | undefined
  /** Number of the last entry of the queue that has a vector, by id. */
  readonly #queued: ReadonlyMap<string, number>

  private constructor(database: SqliteFile, index: HnswFile | undefined, queued: ReadonlyMap<string, number>) {
    this.#database = database
    this.#index = index
    this.#queued = queued
  }

  static async open(database: SqliteFile, folder: string, { id }: Collection): Promise<VectorsOf> {
    const segments = database.all(`SELECT id FROM segments WHERE collection = ? AND scope = 'VECTOR'`, id)
    const segment = segments[0]?.['id']
    const index = segment === undefined ? undefined : await openHnsw(path.join(folder, String(segment)))
    const queued = new Map<string, number>()
    for (let last = -1; ; ) {
      const text = `SELECT seq_id, id FROM embeddings_queue WHERE seq_id > ? AND topic LIKE '%/' || ? AND vector IS NOT NULL
        ORDER BY seq_id LIMIT 10000`
      const rows = database.all(text, last, id)
      if (rows.length === 0) break
      for (const row of rows) queued.set(String(row['id']), Number(row['seq_id']))
      last = Number(rows.at(-1)!['seq_id'])
    }
    return new VectorsOf(database, index, queued)
  }

  async of(id: string): Promise<Float32Array | undefined> {
    const place = this.#queued.get(id)
    if (place === undefined) return this.#index?.vector(id)
    const [row] = this.#database.all('SELECT vector, encoding FROM embeddings_queue WHERE seq_id = ?', place)
    const bytes: unknown = row?.['vector']
    if (!(bytes instanceof Uint8Array) || row?.['encoding'] !== 'FLOAT32') return this.#index?.vector(id)
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    return Float32Array.from({ length: view.length >> 2 }, (_, at) => view.readFloatLE(at * 4))
  }

  async close(): Promise<void> {
    await this.#index?.close()
  }
}
