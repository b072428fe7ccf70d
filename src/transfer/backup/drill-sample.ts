import type { PostgresConnection } from '../../connections/postgres/connection'
import { quoteName } from '../../connections/postgres/row-security'
import { vectorFromBytes } from '../../embeddings/vector-codec'

/** A chunk to search for. */
export interface DrillSample {
  readonly tenant: string
  readonly collection: string
  readonly document: string
  readonly chunk: string
  /** A word of it, the longest; undefined where it has none. */
  readonly word: string | undefined
  readonly vector: Float32Array | undefined
}

const mostTenants = 5
const ofTenant = 3

/** Some chunks of some tenants, with the vectors that are stored for them. */
export async function drillSample(connection: PostgresConnection, schema: string): Promise<DrillSample[]> {
  const table = (name: string): string => `${quoteName(schema)}.${quoteName(name)}`
  interface Row {
    readonly tenant: string
    readonly collection: string
    readonly document: string
    readonly id: string
    readonly text: string
    readonly vector: string | null
  }
  const { rows } = await connection.session({ worker: true }).query<Row>(
    `SELECT c.tenant, c.collection, c.document, c.id::text AS id, c.text, encode(e.vector, 'base64') AS vector
     FROM (SELECT DISTINCT tenant FROM ${table('documents')} WHERE deleted_at IS NULL ORDER BY tenant LIMIT ${mostTenants}) t
     CROSS JOIN LATERAL (
       SELECT c.*, g.fingerprint FROM ${table('generations')} g
       JOIN ${table('chunks')} c ON c.collection = g.collection AND c.chunking = g.chunking
       WHERE g.target = 'vector' AND g.state = 'live' AND c.tenant = t.tenant AND c.removed_at IS NULL
       ORDER BY c.id LIMIT ${ofTenant}) c
     LEFT JOIN ${table('embeddings')} e
       ON e.tenant = c.tenant AND e.fingerprint = c.fingerprint AND e.input_hash = c.input_hash
     ORDER BY c.tenant, c.id`,
    [],
    { timeoutMs: 60_000 },
  )
  return rows.map(({ tenant, collection, document, id, text, vector }) => ({
    ...{ tenant, collection, document, chunk: id, word: longestWord(text) },
    vector: vector === null ? undefined : searchable(vectorFromBytes(Buffer.from(vector, 'base64'))),
  }))
}

/** Of up to 30 letters: an identifier may be read in parts. */
function longestWord(text: string): string | undefined {
  const words = text.slice(0, 10_000).match(/(?<![\p{L}\p{M}\p{N}_'’.-])\p{L}{2,30}(?![\p{L}\p{M}\p{N}_'’-])/gu) ?? []
  return words.reduce<string | undefined>(
    (longest, word) => (word.length > (longest?.length ?? 0) ? word : longest),
    undefined,
  )
}

/** A text without words has no direction, and cannot be searched for. */
function searchable(vector: Float32Array): Float32Array | undefined {
  return vector.some((value) => value !== 0) ? vector : undefined
}
