import type { Executor } from '../../connections/postgres/executor'
import { type CollectionName, collectionName } from '../../core/ids'
import type { Generation, GenerationRepository, GenerationState, NewGeneration, Target } from '../generations'
import { formatOf } from '../index-format'
import { byKey, nowMs, type PostgresRepositoryOptions, run, statements } from './statements'

const takesJobs: readonly GenerationState[] = ['building', 'live', 'standby']

const generationStatements = statements(({ table }) => {
  const generations = table('generations')
  const fields =
    'id, target, collection, name, fingerprint, dimensions, language, chunking, engine, format, state, checkpoint, error, ' +
    'created_at, switched_at'
  return {
    list: byKey(
      `SELECT ${fields} FROM ${generations}
        WHERE ($1::text IS NULL OR target = $1) AND ($2::text IS NULL OR collection = $2) AND state = ANY($3::text[])
        ORDER BY id`,
    ),
    /** Named by its schema too: two stores in one database do not wait for each other. */
    lock: {
      text: `SELECT pg_advisory_xact_lock(hashtextextended($1::text || '/' || '${generations.replaceAll("'", "''")}'::text, 0::bigint))`,
    },
    create: {
      text: `WITH fresh AS (SELECT nextval(pg_get_serial_sequence('${generations.replaceAll("'", "''")}', 'id')) AS id)
        INSERT INTO ${generations} (id, target, collection, name, fingerprint, dimensions, language, chunking, format,
          state, created_at, switched_at, engine)
        OVERRIDING SYSTEM VALUE
        SELECT id, $1, $2, $3 || '_' || id, $4, $5, $6, $7, $8::jsonb, $9, ${nowMs}, CASE WHEN $9 = 'live' THEN ${nowMs} END, $10
        FROM fresh RETURNING ${fields}`,
    },
    update: { text: `UPDATE ${generations} SET` },
    switch: {
      text: `WITH next AS MATERIALIZED (
          SELECT id, target, collection FROM ${generations}
          WHERE id = $1 AND state IN ('building', 'standby') FOR UPDATE)
        UPDATE ${generations} g SET
          state = CASE WHEN g.id = next.id THEN 'live' ELSE 'standby' END,
          switched_at = CASE WHEN g.id = next.id THEN ${nowMs} ELSE g.switched_at END
        FROM next
        WHERE g.id = next.id OR (g.target = next.target AND g.collection = next.collection AND g.state = 'live')`,
    },
  }
})

/** One row a generation. That at most one is live of a target and collection is a constraint of the table. */
export class PostgresGenerationRepository implements GenerationRepository {
  readonly #executor: Executor
  readonly #sql: ReturnType<typeof generationStatements>

  constructor(executor: Executor, options?: PostgresRepositoryOptions) {
    this.#executor = executor
    this.#sql = generationStatements(options)
  }

  async list(
    options: {
      readonly target?: Target | undefined
      readonly collection?: CollectionName | undefined
      readonly states?: readonly GenerationState[] | undefined
    } = {},
  ): Promise<Generation[]> {
    const { target = null, collection = null, states = takesJobs } = options
    const { rows } = await run<StoredGeneration>(this.#executor, this.#sql.list, [target, collection, states])
    return rows.map(generationOf)
  }

  async lock(target: Target, collection: CollectionName): Promise<void> {
    await run(this.#executor, this.#sql.lock, [`headwater:generation:${target}/${collection}`])
  }

  async create(generation: NewGeneration): Promise<Generation> {
    const {
      target,
      collection,
      prefix,
      fingerprint,
      dimensions,
      language,
      chunking,
      format,
      state,
      engine = null,
    } = generation
    const made = JSON.stringify(format)
    const values = [target, collection, prefix, fingerprint, dimensions, language, chunking, made, state, engine]
    const { rows } = await run<StoredGeneration>(this.#executor, this.#sql.create, values)
    return generationOf(rows[0]!)
  }

  async update(
    id: number,
    changes: {
      readonly state?: GenerationState
      readonly checkpoint?: string | null
      readonly error?: string | null
      readonly engine?: string
    },
  ): Promise<void> {
    const values: unknown[] = [id]
    const settings = (['state', 'checkpoint', 'error', 'engine'] as const).flatMap((name) =>
      changes[name] === undefined ? [] : `${name} = $${values.push(changes[name])}`,
    )
    if (settings.length === 0) return
    const text = `${this.#sql.update.text} ${settings.join(', ')} WHERE id = $1`
    await run(this.#executor, { text }, values)
  }

  async switch(id: number): Promise<boolean> {
    const { rowCount } = await run(this.#executor, this.#sql.switch, [id])
    return rowCount > 0
  }
}

interface StoredGeneration {
  readonly id: number | string
  readonly target: Target
  readonly collection: string
  readonly name: string
  readonly fingerprint: string | null
  readonly dimensions: number | null
  readonly language: string | null
  readonly chunking: string
  readonly engine: string | null
  readonly format: unknown
  readonly state: GenerationState
  readonly checkpoint: string | null
  readonly error: string | null
  readonly created_at: number | string
  readonly switched_at: number | string | null
}

function generationOf(row: StoredGeneration): Generation {
  return {
    id: Number(row.id),
    target: row.target,
    collection: collectionName(row.collection),
    name: row.name,
    fingerprint: row.fingerprint,
    dimensions: row.dimensions,
    language: row.language,
    chunking: row.chunking,
    engine: row.engine,
    format: formatOf(row.format),
    state: row.state,
    checkpoint: row.checkpoint,
    error: row.error,
    createdAt: Number(row.created_at),
    switchedAt: row.switched_at === null ? null : Number(row.switched_at),
  }
}
