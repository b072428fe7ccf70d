import { Bulkhead, type BulkheadOptions } from '../../resilience/bulkhead'

interface Flight {
  readonly id: string
  readonly tags: readonly string[]
  readonly loaded: Promise<string>
}

/** Loads under way in this process, by the full name of what they load. */
export class Loads {
  readonly #flights = new Map<string, Flight>()
  readonly #cap: Bulkhead
  readonly #never = new AbortController().signal

  constructor(cap: BulkheadOptions) {
    this.#cap = new Bulkhead('loads without the cache', cap)
  }

  get(name: string): Flight | undefined {
    return this.#flights.get(name)
  }

  start(name: string, id: string, tags: readonly string[], run: () => Promise<string>): Promise<string> {
    // A microtask later, so that the flight is known whatever the load does.
    const loaded = Promise.resolve().then(run)
    const flight = { id, tags, loaded }
    this.#flights.set(name, flight)
    const over = (): void => {
      if (this.#flights.get(name) === flight) this.#flights.delete(name)
    }
    // Its callers may all have gone by then.
    loaded.then(over, over)
    return loaded
  }

  /** Among a few at once: with the cache down, every miss would be a load. HW_OVERLOADED when too many wait. */
  startCapped(name: string, id: string, tags: readonly string[], run: () => Promise<string>): Promise<string> {
    return this.start(name, id, tags, async () => {
      const leave = await this.#cap.enter(this.#never)
      try {
        return await run()
      } finally {
        leave()
      }
    })
  }

  /** Nobody joins it any more: what it loads may be old. */
  forget(name: string): void {
    this.#flights.delete(name)
  }

  forgetTag(tag: string): void {
    for (const [name, flight] of this.#flights) if (flight.tags.includes(tag)) this.#flights.delete(name)
  }

  clear(): void {
    this.#flights.clear()
  }
}
