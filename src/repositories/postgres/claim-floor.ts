import type { JobTarget } from '../jobs'

/** One claim in so many looks everywhere. */
const everywhereEach = 16

/**
 * Where the last claim of each target began. Under a long snapshot (a backup, a report) rows that are done with cannot
 * be cleared away, and every claim would pass over all of them; beginning where the last one began spares that. It is a
 * hint alone: a job may become due below the floor, because a transaction commits later than its clock said, so a claim
 * that is not filled looks everywhere, and so does one in sixteen.
 */
export class ClaimFloor {
  readonly #floors = new Map<JobTarget, string>()
  #count = 0

  /** Where to begin, or undefined for everywhere. */
  of(targets: readonly JobTarget[]): string | undefined {
    const [target] = targets
    if (target === undefined || targets.length > 1) return undefined
    return this.#count++ % everywhereEach === 0 ? undefined : this.#floors.get(target)
  }

  /** `began` is when the first of a filled claim was due; undefined when the claim was not filled. */
  note(targets: readonly JobTarget[], began: string | undefined): void {
    const [target] = targets
    if (target === undefined || targets.length > 1) return
    if (began === undefined) this.#floors.delete(target)
    else this.#floors.set(target, began)
  }
}
