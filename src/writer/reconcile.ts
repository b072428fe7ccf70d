import type { CallOptions } from '../core/abort'
import { withinDeadline } from '../core/deadline'
import type { CollectionName, Scope } from '../core/ids'
import { type Generation, type Target, textIndexOf, vectorIndexOf } from '../repositories/generations'
import type { IndexRemoval } from '../repositories/index-entry'
import { findDrift } from './drift'
import type { Drift } from './drift-entry'
import { createPhysical, physicalExists } from './generations'
import type { WriterPorts } from './ports'

/** What to compare, and whether to mend it. No time limit but `timeoutMs`. */
export interface ReconcileOptions extends CallOptions {
  /** Both targets when left out. */
  target?: Target | undefined
  /** Every collection when left out. */
  collection?: string | undefined
  /** False (default) only reports. */
  repair?: boolean | undefined
  /** Compares content too, not stamps alone. */
  deep?: boolean | undefined
  /** Entries that one run may delete from an index; 10,000 by default. What is above is reported and left. */
  maxDeletes?: number | undefined
  /** Called after each range of ids, with the chunks checked in this index so far. */
  onProgress?: ((progress: { target: Target; collection: string; checked: number }) => void) | undefined
}

/** What a reconcile found, over all the indexes that it looked at. */
export interface ReconcileReport {
  /** Chunks compared. */
  readonly checked: number
  /** In the truth, not in the index. */
  readonly missing: number
  /** In both, with another fence or content. */
  readonly stale: number
  /** In the index only. */
  readonly orphaned: number
  /** In the index under another tenant or document. */
  readonly foreign: number
  /** Documents re-stamped and entries deleted; 0 unless `repair`. */
  readonly repaired: number
  /** Entries left because of `maxDeletes`. */
  readonly spared: number
  /** The first 100 differences. */
  readonly differences: readonly {
    readonly kind: Drift['kind']
    readonly target: Target
    readonly collection: string
    readonly tenant: string
    readonly document: string
    readonly chunk: string
  }[]
}

const mostDifferences = 100

/** Compares the truth with the generations that take jobs, in both directions, and repairs when asked. */
export function reconcile(ports: WriterPorts, options: ReconcileOptions = {}): Promise<ReconcileReport> {
  return withinDeadline(ports.clock, options, undefined, async (deadline) => {
    const generations = await ports.truth.session({ worker: true }).generations.list({
      target: options.target,
      collection: options.collection as CollectionName | undefined,
      states: ['live', 'standby'],
    })
    const run = new ReconcileRun(ports, options)
    for (const generation of generations) await run.generation(generation, deadline.signal)
    return run.report()
  })
}

class ReconcileRun {
  readonly #ports: WriterPorts
  readonly #options: ReconcileOptions
  readonly #counts = { checked: 0, missing: 0, stale: 0, orphaned: 0, foreign: 0, repaired: 0, spared: 0 }
  readonly #differences: ReconcileReport['differences'][number][] = []
  #deletesLeft: number

  constructor(ports: WriterPorts, options: ReconcileOptions) {
    this.#ports = ports
    this.#options = options
    this.#deletesLeft = options.maxDeletes ?? 10_000
  }

  report(): ReconcileReport {
    return { ...this.#counts, differences: this.#differences }
  }

  async generation(generation: Generation, signal: AbortSignal): Promise<void> {
    const { target, collection } = generation
    // An index that is gone holds nothing: everything is missing, and a repair makes it anew first.
    if (!(await physicalExists(this.#ports, generation))) {
      if (!this.#options.repair) return this.#allMissing(generation)
      await createPhysical(this.#ports, generation)
    }
    let checked = 0
    for await (const range of findDrift(this.#ports, generation, { deep: this.#options.deep ?? false, signal })) {
      checked += range.checked
      this.#counts.checked += range.checked
      for (const drift of range.drift) this.#note(generation, drift)
      if (this.#options.repair && range.drift.length > 0) await this.#repair(generation, range.drift)
      this.#options.onProgress?.({ target, collection, checked })
    }
  }

  async #allMissing(generation: Generation): Promise<void> {
    const { chunks } = this.#ports.truth.session({ worker: true })
    this.#counts.missing += await chunks.count({ collection: generation.collection }, generation.chunking)
  }

  #note(generation: Generation, { kind, entry, seen }: Drift): void {
    this.#counts[kind]++
    if (this.#differences.length >= mostDifferences) return
    const { target, collection } = generation
    const { tenant, document, id: chunk } = entry ?? seen!
    this.#differences.push({ kind, target, collection, tenant, document, chunk })
  }

  async #repair(generation: Generation, drift: readonly Drift[]): Promise<void> {
    const removals: IndexRemoval[] = []
    for (const { kind, entry, seen } of drift) {
      const blocked = seen !== null && (seen.fence === null || (entry !== null && seen.fence > entry.fence))
      if (kind === 'orphaned' || kind === 'foreign' || blocked) {
        removals.push({ id: seen!.id, tenant: seen!.tenant, fence: seen!.fence, when: 'exactly' })
      }
    }
    const allowed = removals.slice(0, Math.max(0, this.#deletesLeft))
    this.#deletesLeft -= allowed.length
    this.#counts.spared += removals.length - allowed.length
    if (generation.target === 'vector') await this.#ports.vectors.remove(vectorIndexOf(generation), allowed)
    else await this.#ports.texts.remove(textIndexOf(generation), allowed)
    this.#counts.repaired += drift.filter(({ kind }) => kind === 'orphaned').length - (removals.length - allowed.length)

    const scopes = new Map<string, { scope: Scope; documents: Set<string> }>()
    for (const { entry } of drift) {
      if (!entry) continue
      const scope = { tenant: entry.tenant, collection: generation.collection }
      const group = scopes.get(entry.tenant) ?? { scope, documents: new Set() }
      scopes.set(entry.tenant, group)
      group.documents.add(entry.document)
    }
    for (const { scope, documents } of scopes.values()) {
      this.#counts.repaired += await restamp(this.#ports, generation.target, scope, [...documents])
    }
  }
}

/**
 * Gives live documents a new fence and enqueues a whole job for the target (and one for the payload of the other, whose
 * fence moves with it). Returns how many there were.
 */
async function restamp(ports: WriterPorts, target: Target, scope: Scope, ids: readonly string[]): Promise<number> {
  return ports.truth.transaction({ worker: true }, async (session) => {
    const heads = (await session.documents.lock(scope, ids, { create: false })).filter((head) => !head.deleted)
    if (heads.length === 0) return 0
    const fences = await session.documents.fences(heads.length)
    await session.documents.restamp(
      scope,
      heads.map(({ id }, at) => ({ id, fence: fences[at]! })),
    )
    const other: Target = target === 'vector' ? 'text' : 'vector'
    await session.jobs.enqueue(
      heads.flatMap((head, at) => {
        const job = { ...scope, document: head.id, fence: fences[at]! }
        return [
          { ...job, target, since: 0 },
          { ...job, target: other, since: head.fence },
        ]
      }),
    )
    return heads.length
  })
}
