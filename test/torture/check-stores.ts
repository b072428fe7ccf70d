import pg from 'pg'
import { entriesOf, type Projected, pointsOf } from '../support/projections'
import type { StoredDocument } from './check-history'
import type { Servers } from './servers'

interface Place {
  readonly target: string
  readonly name: string
  readonly state: string
  readonly chunking: string
  readonly engine: string
}

/** What the projections hold against what they should. */
export interface Comparison {
  readonly chunks: number
  readonly missing: string[]
  readonly stale: string[]
  /** Of a document or a chunk that is not there: after a late delivery these are hidden and swept. */
  readonly orphaned: string[]
  /** Anything else that is not as it must be. */
  readonly broken: string[]
}

interface Chunk {
  readonly id: string
  readonly tenant: string
  readonly document: string
  readonly fence: number
  readonly title: string
  readonly text: string
  readonly input: string
}

/** Reads every store with its raw client; shares no code with what wrote them. */
export class RawStores {
  readonly #servers: Servers

  constructor(servers: Servers) {
    this.#servers = servers
  }

  async ask<Row>(text: string): Promise<Row[]> {
    const client = new pg.Client({ connectionString: this.#servers.postgresUrl })
    client.on('error', () => undefined)
    await client.connect()
    try {
      return (await client.query(text)).rows as Row[]
    } finally {
      await client.end()
    }
  }

  async liveEngine(target: 'vector' | 'text'): Promise<string | undefined> {
    const [live] = await this.ask<{ engine: string }>(
      `SELECT engine FROM headwater.generations WHERE target = '${target}' AND state = 'live'`,
    )
    return live?.engine
  }

  /** How many indexes beside the live one have a failure noted, so that a worker has to mend them. */
  async behind(): Promise<number> {
    const [counted] = await this.ask<{ behind: number }>(
      `SELECT count(*)::int AS behind FROM headwater.generations WHERE state = 'standby' AND error IS NOT NULL`,
    )
    return counted!.behind
  }

  documents(): Promise<StoredDocument[]> {
    return this.ask(`SELECT tenant, id, version::float8, deleted_at IS NOT NULL AS deleted, text, metadata ->> 'op' AS op
      FROM headwater.documents WHERE version > 0`)
  }

  async jobs(): Promise<{ open: number; parked: number; reasons: string | null }> {
    const [counts] = await this.ask<{ open: number; parked: number; reasons: string | null }>(
      `SELECT (count(*) FILTER (WHERE parked_at IS NULL) + (SELECT count(*) FROM headwater.claims))::int AS open,
         count(*) FILTER (WHERE parked_at IS NOT NULL)::int AS parked,
         string_agg(DISTINCT target || ': ' || reason, '; ') AS reasons FROM headwater.queue`,
    )
    return counts!
  }

  /** Every live and standby generation against the truth. Nothing may be writing. */
  async compare(): Promise<Comparison> {
    const found: Comparison = { chunks: 0, missing: [], stale: [], orphaned: [], broken: [] }
    const generations = await this.ask<Place>(
      `SELECT target, name, state, chunking, engine FROM headwater.generations
       WHERE state = 'live' OR (state = 'standby' AND error IS NULL) ORDER BY id`,
    )
    for (const target of ['vector', 'text']) {
      const live = generations.filter((one) => one.target === target && one.state === 'live').length
      if (live !== 1) found.broken.push(`${target}: ${live} live generations`)
    }
    const [{ stray } = { stray: 0 }] = await this.ask<{ stray: number }>(
      `SELECT count(*)::int AS stray FROM headwater.chunks c JOIN headwater.documents d
         ON (d.tenant, d.collection, d.id) = (c.tenant, c.collection, c.document)
       WHERE c.removed_at IS NULL AND d.deleted_at IS NOT NULL`,
    )
    if (stray > 0) found.broken.push(`${stray} chunks of deleted documents`)
    const chunks = await this.ask<Chunk>(
      `SELECT c.id, c.tenant, c.document, greatest(c.fence, d.payload_fence)::float8 AS fence, d.title, c.text,
         c.tenant || '/' || c.input_hash AS input
       FROM headwater.chunks c JOIN headwater.documents d ON (d.tenant, d.collection, d.id) = (c.tenant, c.collection, c.document)
       WHERE c.removed_at IS NULL AND d.deleted_at IS NULL`,
    )
    const wanted = new Map(chunks.map((chunk) => [`${chunk.tenant}/${chunk.id}`, chunk]))
    for (const place of generations) {
      const { target, name, state } = place
      const held = target === 'vector' ? await this.#points(place) : await this.#entries(place)
      const seen = new Map(held.map((entry) => [`${entry.tenant}/${entry.id}`, entry]))
      const at = `${state} ${name}`
      const vectors = new Map<string, string>()
      for (const [key, chunk] of wanted) {
        const entry = seen.get(key)
        if (!entry) found.missing.push(`${at} ${key} of ${chunk.document}`)
        else if (entry.fence !== chunk.fence || entry.document !== chunk.document) {
          found.stale.push(`${at} ${key} of ${chunk.document}: fence ${entry.fence}, not ${chunk.fence}`)
        } else {
          const content = JSON.stringify(entry.content)
          const due =
            target === 'text'
              ? JSON.stringify({ title: chunk.title, text: chunk.text })
              : (vectors.get(chunk.input) ?? content)
          vectors.set(chunk.input, content)
          if (content !== due) found.stale.push(`${at} ${key} of ${chunk.document}: ${content.slice(0, 80)}`)
        }
      }
      for (const [key, entry] of seen) if (!wanted.has(key)) found.orphaned.push(`${at} ${key} of ${entry.document}`)
    }
    return { ...found, chunks: wanted.size }
  }

  /** Public aliases that do not lead to the live index; in an engine that has it not, they may lead to what is kept. */
  async strayAliases(): Promise<string[]> {
    if (!this.#servers.qdrantUrl) return []
    const prefix = await this.#prefix()
    const places = await this.ask<Place>(
      `SELECT target, name, state, chunking, engine FROM headwater.generations
       WHERE state IN ('live', 'standby') AND collection = 'documents'`,
    )
    const live = places.filter(({ state }) => state === 'live')
    const kept = places.filter((one) => {
      return (
        one.state === 'standby' && live.some(({ target, engine }) => target === one.target && engine !== one.engine)
      )
    })
    const { result } = await this.#get<{ result: { aliases: { alias_name: string; collection_name: string }[] } }>(
      `${this.#servers.qdrantUrl}/aliases`,
    )
    const found = result.aliases
      .filter(({ alias_name }) => alias_name.startsWith(prefix) && alias_name.endsWith('.live'))
      .map(({ collection_name }) => collection_name)
    const indexes = await this.#get<Record<string, unknown>>(`${this.#servers.elasticsearchUrl}/_alias/${prefix}*.live`)
    found.push(...Object.keys(indexes).map((index) => index.slice(prefix.length + 1)))
    const names = live.filter(({ engine }) => engine !== 'postgres').map(({ name }) => name)
    const allowed = [...live, ...kept].map(({ name }) => name)
    return [
      ...found.filter((name) => !allowed.includes(name)).map((name) => `an alias leads to ${name}`),
      ...names.filter((name) => !found.includes(name)).map((name) => `no alias leads to ${name}`),
    ]
  }

  async #get<Answer>(url: string): Promise<Answer> {
    return (await (await fetch(url)).json()) as Answer
  }

  /** Physical indexes that no generation answers for any more. */
  async leftovers(): Promise<string[]> {
    const known = await this.ask<{ name: string }>(`SELECT name FROM headwater.generations WHERE state <> 'dropped'`)
    const names = new Set(known.map(({ name }) => name))
    return (await this.#physical()).filter((name) => !names.has(name))
  }

  async #physical(): Promise<string[]> {
    const tables = await this.ask<{ name: string }>(
      `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'headwater' AND tablename ~ '^(vector|text)_.*_\\d+$'`,
    )
    if (!this.#servers.qdrantUrl) return tables.map(({ name }) => name)
    const prefix = await this.#prefix()
    const { result } = await this.#get<{ result: { collections: { name: string }[] } }>(
      `${this.#servers.qdrantUrl}/collections`,
    )
    const ours = (name: string): boolean => name.startsWith(prefix) || name.startsWith('headwater_canary_')
    return [
      ...tables.map(({ name }) => name),
      ...result.collections.map(({ name }) => name).filter(ours),
      ...(await this.#indexes(prefix)).map((index) => index.slice(prefix.length + 1)),
    ]
  }

  async #indexes(prefix: string): Promise<string[]> {
    const url = `${this.#servers.elasticsearchUrl}/_cat/indices/${prefix}*?h=index&format=json`
    return (await this.#get<{ index: string }[]>(url)).map(({ index }) => index)
  }

  async #prefix(): Promise<string> {
    const [row] = await this.ask<{ value: string }>(
      `SELECT value #>> '{}' AS value FROM headwater.registry WHERE name = 'installation'`,
    )
    return `headwater_${row!.value}`
  }

  async #points({ name, engine }: Place): Promise<Projected[]> {
    if (engine === 'qdrant') return pointsOf(this.#servers.qdrantUrl, name)
    return this.ask(
      `SELECT id::text, tenant, document, fence::float8, embedding::text AS content FROM headwater."${name}"`,
    )
  }

  async #entries({ name, engine }: Place): Promise<Projected[]> {
    if (engine === 'elasticsearch') return entriesOf(this.#servers.elasticsearchUrl, `${await this.#prefix()}-${name}`)
    return this.ask(
      `SELECT id::text, tenant, document, fence::float8, json_build_object('title', title, 'text', text) AS content
       FROM headwater."${name}"`,
    )
  }

  /** Removes what this run made on a server that others use too. */
  async dispose(): Promise<void> {
    if (!this.#servers.qdrantUrl) return
    const prefix = await this.#prefix()
    for (const index of await this.#indexes(prefix))
      await fetch(`${this.#servers.elasticsearchUrl}/${index}`, { method: 'DELETE' })
    await fetch(`${this.#servers.elasticsearchUrl}/_index_template/${prefix}*`, { method: 'DELETE' })
    if (!process.env['QDRANT_URL']) return
    for (const name of (await this.#physical()).filter((one) => one.startsWith(prefix))) {
      await fetch(`${process.env['QDRANT_URL']}/collections/${name}`, { method: 'DELETE' })
    }
  }
}
