import type { CallOptions } from '../../core/abort'
import { withinDeadline } from '../../core/deadline'
import type { CollectionName } from '../../core/ids'
import { told } from '../../observability/told'
import type { Generation, Target } from '../../repositories/generations'
import { hasEngine, lacks } from '../../repositories/index-engines'
import type { WriterPorts } from '../ports'
import { physicalExists } from '../rebuild/generations'
import { Pace } from '../rebuild/pace'
import { findDamaged, repairDamaged } from './damage'
import { findDrift } from './drift'
import type { Drift } from './drift-entry'
import { fillEmpty } from './fill-empty'
import { type DueSweep, dueSweep, readIndexState } from './index-state'
import { repairDrift } from './repair'
import { endSweep, keepFilled, openSweep } from './sweep'

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
  /** Chunks a second at most; no limit when left out. */
  rate?: number | undefined
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
  /**
   * Documents of the truth whose chunks are not there, and that no job would cut: half a write that was no transaction.
   * A repair cuts them anew from their text.
   */
  readonly damaged: number
  /** Documents re-stamped, entries deleted, and those copied to an index that held nothing; 0 unless `repair`. */
  readonly repaired: number
  /** Entries left because of `maxDeletes`. */
  readonly spared: number
  /** The first 100 differences. */
  readonly differences: readonly {
    readonly kind: Drift['kind'] | 'damaged'
    readonly target: Target
    readonly collection: string
    readonly tenant: string
    readonly document: string
    /** Empty where the document is damaged: it has none. */
    readonly chunk: string
  }[]
}

const mostDifferences = 100

/**
 * Compares the truth with the generations that take jobs, in both directions, and repairs when asked. A standby one in an
 * engine that this process has not is passed over; for a live one it is HW_TOPOLOGY_MISMATCH.
 */
export function reconcile(ports: WriterPorts, options: ReconcileOptions = {}): Promise<ReconcileReport> {
  const run = new ReconcileRun(ports, options)
  const whole = (): Promise<ReconcileReport> =>
    withinDeadline(ports.clock, options, undefined, async (deadline) => {
      const generations = await ports.truth.session({ worker: true }).generations.list({
        target: options.target,
        collection: options.collection as CollectionName | undefined,
        states: ['live', 'standby'],
      })
      const looked = new Set<string>()
      for (const generation of generations) {
        if (!hasEngine(ports, generation)) {
          if (generation.state === 'live') throw lacks(generation, ports)
          continue
        }
        // Both targets have the same chunks.
        const place = `${generation.collection}/${generation.chunking}`
        if (!looked.has(place)) await run.truth(generation, deadline.signal)
        looked.add(place)
        await run.generation(generation, deadline.signal)
      }
      return run.report()
    })
  return told('headwater:reconcile', ports.clock, whole, (ended) => ({ ...ended, ...run.found() }))
}

class ReconcileRun {
  readonly #ports: WriterPorts
  readonly #options: ReconcileOptions
  readonly #counts = { checked: 0, missing: 0, stale: 0, orphaned: 0, foreign: 0, damaged: 0, repaired: 0, spared: 0 }
  readonly #differences: ReconcileReport['differences'][number][] = []
  #deletesLeft: number

  constructor(ports: WriterPorts, options: ReconcileOptions) {
    this.#ports = ports
    this.#options = options
    this.#deletesLeft = options.maxDeletes ?? 10_000
  }

  found() {
    const { spared: _, ...found } = this.#counts
    return found
  }

  report(): ReconcileReport {
    return { ...this.#counts, differences: this.#differences }
  }

  /** The truth with itself. */
  async truth(generation: Generation, signal: AbortSignal): Promise<void> {
    for await (const damaged of findDamaged(this.#ports, generation, signal)) {
      this.#counts.damaged += damaged.length
      for (const { tenant, id } of damaged) this.#add('damaged', generation, tenant, id, '')
      if (this.#options.repair) this.#counts.repaired += await repairDamaged(this.#ports, generation, damaged, signal)
    }
  }

  async generation(generation: Generation, signal: AbortSignal): Promise<void> {
    const { target, collection } = generation
    // An index that is gone holds nothing: everything is missing, and a repair makes it anew first.
    if (!(await physicalExists(this.#ports, generation))) {
      if (!this.#options.repair) return this.#allMissing(generation)
      // Left half done by a process that dies, it is a worker's.
      await dueSweep(this.#ports, this.#ports.truth.session({ worker: true }).registry, generation.id, 'gone')
    }
    const sweep = this.#options.repair ? await this.#takeSweep(generation, signal) : null
    const spared = this.#counts.spared
    const pace = new Pace(this.#ports, this.#options.rate, signal)
    let checked = 0
    if (this.#options.repair) await this.#fill(generation, sweep, pace, signal)
    const options = { deep: this.#options.deep ?? false, distrust: sweep !== null, signal }
    for await (const range of findDrift(this.#ports, generation, options)) {
      checked += range.checked
      this.#counts.checked += range.checked
      for (const drift of range.drift) this.#note(generation, drift)
      if (this.#options.repair && range.drift.length > 0) await this.#repair(generation, range.drift)
      this.#options.onProgress?.({ target, collection, checked })
      await pace.after(range.checked)
    }
    if (sweep && this.#counts.spared === spared) await endSweep(this.#ports, generation, sweep)
  }

  /** A sweep that is due for a reason is done by this repair: as it would, it then trusts no waiting job. */
  async #takeSweep(generation: Generation, signal: AbortSignal): Promise<DueSweep | null> {
    const { registry } = this.#ports.truth.session({ worker: true })
    const { sweep } = await readIndexState(registry, generation.id)
    if (!sweep || sweep.reason === 'turn') return null
    await openSweep(this.#ports, generation, { ...sweep, after: null }, { signal })
    return sweep
  }

  /** Where the index holds nothing; what it lacks after that is found by the comparison. */
  async #fill(generation: Generation, sweep: DueSweep | null, pace: Pace, signal: AbortSignal): Promise<void> {
    const copied = await fillEmpty(
      this.#ports,
      generation,
      { after: null },
      {
        pace,
        signal,
        store: async (filled) => {
          // Left half done by a process that dies, a worker goes on from there. Another that does so already is no hindrance.
          if (sweep) await keepFilled(this.#ports, generation, sweep, filled)
          return true
        },
      },
    )
    this.#counts.missing += copied ?? 0
    this.#counts.repaired += copied ?? 0
  }

  async #allMissing(generation: Generation): Promise<void> {
    const { chunks } = this.#ports.truth.session({ worker: true })
    this.#counts.missing += await chunks.count({ collection: generation.collection }, generation.chunking)
  }

  #note(generation: Generation, { kind, entry, seen }: Drift): void {
    this.#counts[kind]++
    const { tenant, document, id: chunk } = entry ?? seen!
    this.#add(kind, generation, tenant, document, chunk)
  }

  #add(
    kind: ReconcileReport['differences'][number]['kind'],
    { target, collection }: Generation,
    tenant: string,
    document: string,
    chunk: string,
  ): void {
    if (this.#differences.length < mostDifferences)
      this.#differences.push({ kind, target, collection, tenant, document, chunk })
  }

  async #repair(generation: Generation, drift: readonly Drift[]): Promise<void> {
    const { repaired, deleted, spared } = await repairDrift(this.#ports, generation, drift, this.#deletesLeft)
    this.#deletesLeft -= deleted
    this.#counts.repaired += repaired
    this.#counts.spared += spared
  }
}
