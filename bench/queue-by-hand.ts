/** An outbox as one writes it by hand: a table of what is to be done, read and emptied in transactions. */
import pg from 'pg'
import { tenantId } from '../src/core/ids'
import { vectorFromBytes } from '../src/embeddings/vector-codec'
import type { TextEntry } from '../src/repositories/texts'
import type { VectorPoint } from '../src/repositories/vectors'

const batch = 250

export interface QueueSource {
  readonly chunking: string
  readonly fingerprint: string
}

/** No leases, fences, attempts or generations: a process that dies leaves its batch to the next, a refusal ends it. */
export class QueueByHand {
  readonly #pool: pg.Pool
  readonly #schema: string
  readonly #source: QueueSource

  private constructor(pool: pg.Pool, schema: string, source: QueueSource) {
    this.#pool = pool
    this.#schema = schema
    this.#source = source
  }

  /** With an item for each document and target. */
  static async open(url: string, schema: string, source: QueueSource): Promise<QueueByHand> {
    const pool = new pg.Pool({ connectionString: url, max: 2 })
    await pool.query(
      `CREATE TABLE ${schema}.queue_by_hand (target text, number bigserial, tenant text, document text, PRIMARY KEY (target, number))`,
    )
    await pool.query(
      `INSERT INTO ${schema}.queue_by_hand (target, tenant, document)
       SELECT target, tenant, id FROM ${schema}.documents CROSS JOIN unnest(ARRAY['vector', 'text']) AS t (target)`,
    )
    await pool.query(`ANALYZE ${schema}.queue_by_hand`)
    return new QueueByHand(pool, schema, source)
  }

  /** One batch after another: take, read, write, done. */
  async drain(
    target: 'vector' | 'text',
    write: (entries: (TextEntry & VectorPoint)[]) => Promise<void>,
  ): Promise<void> {
    const client = await this.#pool.connect()
    try {
      for (;;) {
        await client.query('BEGIN')
        const { rows: items } = await client.query(
          `DELETE FROM ${this.#schema}.queue_by_hand WHERE ctid = ANY(ARRAY(
             SELECT ctid FROM ${this.#schema}.queue_by_hand WHERE target = $1 ORDER BY number LIMIT ${batch} FOR UPDATE SKIP LOCKED))
           RETURNING tenant, document`,
          [target],
        )
        if (items.length > 0) await write(await this.#read(client, target, items))
        await client.query('COMMIT')
        if (items.length < batch) return
      }
    } finally {
      client.release()
    }
  }

  async #read(client: pg.PoolClient, target: string, items: readonly { tenant: string; document: string }[]) {
    const { chunking, fingerprint } = this.#source
    const [content, join] =
      target === 'text'
        ? ['c.text, NULL::bytea AS vector', '']
        : [
            `'' AS text, e.vector`,
            `CROSS JOIN LATERAL (SELECT vector FROM ${this.#schema}.embeddings WHERE tenant = c.tenant
               AND fingerprint = '${fingerprint}' AND input_hash = c.input_hash LIMIT 1) e`,
          ]
    const { rows } = await client.query(
      `SELECT c.id, c.tenant, c.document, c.fence, c.input_hash, d.title, d.source, d.leaves, d.version, d.created_at,
         d.updated_at, ${content}
       FROM unnest($1::text[], $2::text[]) AS i (tenant, document)
       CROSS JOIN LATERAL (SELECT * FROM ${this.#schema}.documents d WHERE d.tenant = i.tenant
         AND d.collection = 'documents' AND d.id = i.document AND d.deleted_at IS NULL LIMIT 1) d
       CROSS JOIN LATERAL (SELECT * FROM ${this.#schema}.chunks c WHERE c.tenant = i.tenant
         AND c.collection = 'documents' AND c.document = i.document AND c.chunking = '${chunking}'
         AND c.removed_at IS NULL OFFSET 0) c
       ${join}`,
      [items.map(({ tenant }) => tenant), items.map(({ document }) => document)],
    )
    return rows.map((row) => ({
      id: row.id as string,
      fence: Number(row.fence),
      stamp: row.input_hash as string,
      payload: {
        tenant: tenantId(row.tenant),
        document: row.document as string,
        source: row.source as string | null,
        createdAt: Number(row.created_at),
        updatedAt: Number(row.updated_at),
        version: Number(row.version),
        leaves: row.leaves,
      },
      title: row.title as string,
      text: row.text as string,
      vector: row.vector ? vectorFromBytes(row.vector) : new Float32Array(),
    }))
  }

  async close(): Promise<void> {
    await this.#pool.end()
  }
}
