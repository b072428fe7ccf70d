import type { JobTarget } from '../jobs'

/** One claim in so many looks everywhere. */
const everywhereEach = 16
/** One look for leases in so many. */
const leasesEverywhereEach = 64
/** How long before the last look a lease may have run out that is looked for; a transaction may have hidden it till then. */
const lagMs = 5_000

/**
 * Where the last claim of each target began. Under a long snapshot (a backup, a report) rows that are done with cannot
 * be cleared away, and every claim would pass over all of them; beginning where the last one began spares that. It is a
 * hint alone: a job may become due below the floor, because a transaction commits later than its clock said, so a claim
 * that is not filled looks everywhere, and so does one in sixteen. The same holds for leases that have run out, which are
 * looked for from shortly before the last look.
 */
export class ClaimFloor {
  readonly #floors = new Map<JobTarget, string>()
  #count = 0
  #leases: string | undefined
  #looks = 0

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

  /** True for one filled claim in sixteen, which looks for leases too. */
  looks(): boolean {
    return this.#count % everywhereEach === 1
  }

  /** From when on leases are looked for, ISO, or null for all. */
  leases(): string | null {
    return this.#looks++ % leasesEverywhereEach === 0 ? null : (this.#leases ?? null)
  }

  /** `at` is when no lease was found, by the database's clock, epoch ms. */
  noLease(at: number): void {
    this.#leases = new Date(at - lagMs).toISOString()
  }
}
