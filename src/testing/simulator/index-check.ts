import type { CollectionName, TenantId } from '../../core/ids'
import { canonicalJson } from '../../core/json'
import type { Generation, Target } from '../../repositories/generations'
import { leavesHeld } from '../../repositories/index-format'
import { outstandingJobs } from '../../repositories/memory/claimed-jobs'
import type { HeldEntry } from '../../repositories/memory/index-table'
import type { StoredChunk, StoredDocument, Tables } from '../../repositories/memory/tables'
import type { HeldText } from '../../repositories/memory/texts'
import type { HeldPoint } from '../../repositories/memory/vectors'
import { indexedText, inputText } from '../../splitter/input-text'
import { vectorOf } from './model-embedder'
import { type SiteName, siteOf } from './model-sites'
import type { World } from './world'

type Held = HeldPoint | HeldText

interface Engines {
  readonly vector: { raw(generation: Place): ReadonlyMap<string, Held> }
  readonly text: { raw(generation: Place): ReadonlyMap<string, Held> }
}

type Place = Pick<Generation, 'engine' | 'name'>

/** Of all entries of an index. */
function startOf(place: Place): string {
  return `${siteOf(place)}/${place.name}/`
}

/**
 * Compares what the engines hold with the truth, both read raw: fences that go down (10), entries that are missing,
 * stale or left over where no job says so (5), and entries under another tenant (4).
 */
export class IndexCheck {
  readonly #world: World
  readonly #tables: Tables
  readonly #engines: Engines
  /** Entries that were written when the truth had no such chunk any more: by a late, repeated or outlived request. */
  readonly #resurrected = new Set<string>()
  readonly #damaged = new Set<Target>()

  constructor(world: World, tables: Tables, engines: Engines) {
    this.#world = world
    this.#tables = tables
    this.#engines = engines
  }

  /** Something happened to the index that no job tells of: until `healed` it is not compared. */
  damaged(target: Target): void {
    this.#damaged.add(target)
    for (const [, generation] of this.#tables.generations.rows) {
      if (generation.target !== target) continue
      for (const key of this.#resurrected) if (key.startsWith(startOf(generation))) this.#resurrected.delete(key)
    }
  }

  healed(): void {
    this.#damaged.clear()
  }

  /** Entries that hydration hides and reconcile removes. */
  get resurrected(): number {
    const names = [...this.#tables.generations.rows.values()]
      .filter(({ state }) => state === 'live' || state === 'standby')
      .map(startOf)
    return [...this.#resurrected].filter((key) => names.some((name) => key.startsWith(name))).length
  }

  /** Called after each write to an index. */
  written(target: Target, engine: SiteName, name: string, before: ReadonlyMap<string, HeldEntry | undefined>): void {
    const held = this.#engines[target].raw({ engine, name })
    for (const [id, was] of before) {
      const entry = held.get(id)
      if (entry === was) continue
      const key = `${startOf({ engine, name })}${id}`
      if (!entry) {
        this.#resurrected.delete(key)
        continue
      }
      const { tenant, document } = entry.payload
      const generation = [...this.#tables.generations.rows.values()].find(
        (one) => one.name === name && siteOf(one) === engine,
      )
      if (was && (was.fence ?? 0) > (entry.fence ?? 0)) {
        this.#world.violate(
          10,
          `${target} entry ${id} of ${tenant}/${document}: fence ${was.fence} became ${entry.fence}`,
        )
      }
      const chunks = generation ? this.#chunksOf(generation, tenant, document) : []
      if (chunks.some((chunk) => chunk.id === id)) this.#resurrected.delete(key)
      else this.#resurrected.add(key)
    }
  }

  /** Each live generation of the target must hold this document as the truth does, but for resurrected entries. */
  compare(target: Target, place: { readonly tenant: TenantId; readonly document: string }): void {
    if (this.#damaged.has(target)) return
    for (const [, generation] of this.#tables.generations.rows) {
      if (generation.target === target && generation.state === 'live') this.#document(generation, place)
    }
  }

  /** At its switch, a generation holds every commit before, or a job covers the rest (13); and it is the only one (14). */
  switched(generation: Generation): void {
    const { target, collection } = generation
    if (this.#damaged.has(target)) return
    const outstanding = outstandingJobs(this.#tables)
    for (const [key, row] of this.#tables.documents.rows) {
      if (row.collection !== collection || outstanding.has(`${target}/${key}`)) continue
      this.#document(generation, { tenant: row.tenant, document: row.id }, 13)
    }
  }

  /** At the end: every document without a job, and entries of documents that the truth does not know. */
  compareAll(): void {
    const places = new Map<string, { tenant: TenantId; document: string; collection: CollectionName }>()
    for (const [key, { tenant, collection, id }] of this.#tables.documents.rows) {
      places.set(key, { tenant, collection, document: id })
    }
    for (const [, generation] of this.#tables.generations.rows) {
      if (generation.state !== 'live') continue
      for (const [, entry] of this.#engines[generation.target].raw(generation)) {
        const { tenant, document } = entry.payload
        const { collection } = generation
        places.set(`${tenant}/${collection}/${document}`, { tenant, collection, document })
      }
    }
    const outstanding = outstandingJobs(this.#tables)
    for (const [key, place] of places) {
      for (const target of ['vector', 'text'] as const) {
        if (!outstanding.has(`${target}/${key}`)) this.compare(target, place)
      }
    }
  }

  #document(
    generation: Generation,
    { tenant, document }: { tenant: TenantId; document: string },
    invariant: 5 | 13 = 5,
  ): void {
    const { target } = generation
    const index = this.#engines[target].raw(generation)
    const row = this.#tables.documents.rows.get(`${tenant}/${generation.collection}/${document}`)
    const chunks = new Map(this.#chunksOf(generation, tenant, document).map((chunk) => [chunk.id, chunk]))
    const where = `the ${target} index of ${tenant}/${document} v${row?.version}`
    if (row?.buriedAt === null && chunks.size === 0) {
      this.#world.violate(invariant, `No job is left, but ${where} is not cut for ${generation.chunking}`)
    }
    for (const chunk of chunks.values()) {
      const entry = index.get(chunk.id)
      const wrong = entry ? differs(generation, entry, chunk, row!) : 'missing'
      if (wrong) this.#world.violate(invariant, `No job is left, but ${where} differs: '${chunk.text}' is ${wrong}`)
    }
    for (const [id, entry] of index) {
      if (entry.payload.document !== document || entry.payload.tenant !== tenant) continue
      if (chunks.has(id) || this.#resurrected.has(`${startOf(generation)}${id}`)) continue
      this.#world.violate(
        invariant,
        `No job is left, but ${where} holds ${id} (fence ${entry.fence}), which was removed`,
      )
    }
  }

  #chunksOf({ collection, chunking }: Generation, tenant: TenantId, document: string): StoredChunk[] {
    const group = this.#tables.chunks.groups.get(`${tenant}/${collection}/${document}`) ?? []
    return [...group]
      .map((key) => this.#tables.chunks.rows.get(key)!)
      .filter((chunk) => chunk.buriedAt === null && chunk.chunking === chunking)
  }
}

/** How an entry differs from its chunk and document; undefined when it does not. */
function differs({ format }: Generation, entry: Held, chunk: StoredChunk, row: StoredDocument): string | undefined {
  if (entry.payload.tenant !== chunk.tenant) return 'under another tenant'
  if (entry.payload.document !== chunk.document) return 'under another document'
  const fence = Math.max(chunk.fence, row.payloadFence)
  if (entry.fence !== fence) return `at fence ${(entry.fence ?? 0) % 2 ** 40} instead of ${fence % 2 ** 40}`
  if (canonicalJson(entry.payload.leaves) !== canonicalJson(leavesHeld(format, row)(chunk.metadata)))
    return 'with another payload'
  if (entry.payload.source !== row.source) return 'with another source'
  if ('text' in entry)
    return entry.title === row.title && entry.text === indexedText(chunk) ? undefined : 'with another text'
  const expected = vectorOf(inputText(row.title, chunk))
  return expected.every((value, at) => value === entry.vector[at]) ? undefined : 'with another vector'
}
