import { HeadwaterError } from '../../core/errors'
import type { FilterSubject } from '../../filter/parsed'
import type { IndexEntry, IndexPayload, IndexRemoval, IndexScan } from '../index-entry'
import { copyLeaves } from './copy'

/** A guard of the fenced writes; removing one is for mutation tests alone. @internal */
export type IndexGuard = 'upsert-fence' | 'remove-fence'

/** What both kinds of index hold of an entry. */
export interface HeldEntry {
  readonly id: string
  readonly fence: number | null
  readonly stamp: string
  readonly payload: IndexPayload
}

/** The entries of one physical index, in memory, with the fenced removal and the scans that both targets share. */
export class IndexTable<E extends HeldEntry> {
  readonly entries = new Map<string, E>()
  #sorted: string[] | undefined

  get(id: string): E | undefined {
    return this.entries.get(id)
  }

  set(entry: E): void {
    if (!this.entries.has(entry.id)) this.#sorted = undefined
    this.entries.set(entry.id, entry)
  }

  delete(id: string): E | undefined {
    const held = this.entries.get(id)
    if (held) {
      this.entries.delete(id)
      this.#sorted = undefined
    }
    return held
  }

  /** True when a write at `fence` may replace what is held. */
  accepts(held: E | undefined, fence: number, guard: IndexGuard | undefined): boolean {
    return held?.fence == null || held.fence <= fence || guard === 'upsert-fence'
  }

  /** Deletes if the removal's condition holds; returns what went. */
  remove(removal: IndexRemoval, guard: IndexGuard | undefined): E | undefined {
    const held = this.entries.get(removal.id)
    if (!held || held.payload.tenant !== removal.tenant) return undefined
    const allowed =
      removal.when === 'exactly'
        ? held.fence === removal.fence
        : held.fence !== null && removal.fence !== null && held.fence <= removal.fence
    return allowed || guard === 'remove-fence' ? this.delete(removal.id) : undefined
  }

  scan(scan: IndexScan): IndexEntry[] {
    const found: IndexEntry[] = []
    const ids = this.#ids()
    for (let i = scan.after === undefined ? 0 : firstAbove(ids, scan.after); i < ids.length; i++) {
      const id = ids[i]!
      if (found.length >= scan.limit || (scan.upTo !== undefined && id > scan.upTo)) break
      const { payload, fence, stamp } = this.entries.get(id)!
      found.push({ id, tenant: payload.tenant, document: payload.document, fence, stamp })
    }
    return found
  }

  count(tenant: string | undefined): number {
    if (tenant === undefined) return this.entries.size
    let count = 0
    for (const entry of this.entries.values()) if (entry.payload.tenant === tenant) count++
    return count
  }

  /** Ids are UUIDs, so that JavaScript's own order is the order of the bytes. */
  #ids(): string[] {
    // The size tells too: a test may take entries away behind our back.
    if (this.#sorted?.length !== this.entries.size) this.#sorted = [...this.entries.keys()].sort()
    return this.#sorted
  }
}

/** The index of the first id above `after` in a sorted list. */
function firstAbove(ids: readonly string[], after: string): number {
  let low = 0
  let high = ids.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (ids[middle]! > after) high = middle
    else low = middle + 1
  }
  return low
}

export function copyPayload(payload: IndexPayload): IndexPayload {
  return { ...payload, leaves: copyLeaves(payload.leaves) }
}

export function subjectOf(payload: IndexPayload): FilterSubject {
  const { document, source, createdAt, updatedAt, version, leaves } = payload
  return { id: document, source, createdAt, updatedAt, version, leaves }
}

export function missingIndex(name: string): HeadwaterError {
  return new HeadwaterError('HW_GENERATION_MISSING', `The index ${JSON.stringify(name)} does not exist`, {
    path: 'index.name',
    details: { index: name },
  })
}
