/**
 * Single-flight start: many callers, one run; a failure is cleared so that the next caller tries again.
 */
export class Lazy<T> {
  readonly #make: () => Promise<T>
  #pending: Promise<T> | undefined

  constructor(make: () => Promise<T>) {
    this.#make = make
  }

  get started(): boolean {
    return this.#pending !== undefined
  }

  get(): Promise<T> {
    this.#pending ??= this.#make().catch((error: unknown) => {
      this.#pending = undefined
      throw error
    })
    return this.#pending
  }

  /** What was made, if anything was; forgets it. */
  async take(): Promise<T | undefined> {
    const pending = this.#pending
    this.#pending = undefined
    return pending?.catch(() => undefined)
  }
}
