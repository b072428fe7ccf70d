/** One claim in so many looks everywhere. */
const everywhereEach = 16
const everywhere = '-infinity'

/**
 * Where the last claim of each name began: under a long snapshot every claim would pass over all that is done with. A hint
 * alone, as `ClaimFloor` is of jobs: what commits late becomes due below it, so a claim that is not filled looks
 * everywhere the next time, and so does one in sixteen.
 */
export class ErrandFloors {
  readonly #floors = new Map<string, string>()
  #claims = 0

  /** When to begin, for each name of a claim. */
  of(names: readonly string[]): string[] {
    if (this.#claims++ % everywhereEach === 0) return names.map(() => everywhere)
    return names.map((name) => this.#floors.get(name) ?? everywhere)
  }

  /** `began` is when the first of a filled claim was due; undefined when it was not filled. */
  note(name: string, began: string | undefined): void {
    if (began === undefined) this.#floors.delete(name)
    else this.#floors.set(name, began)
  }
}
