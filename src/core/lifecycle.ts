import type { Clock } from './clock'

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

/** Resolves as soon as `work` has settled, or after `ms`; says whether it has. */
export async function settledWithin(clock: Clock, ms: number, work: Promise<unknown>): Promise<boolean> {
  let cancel = (): void => {}
  const late = new Promise<boolean>((resolve) => {
    cancel = clock.timer(ms, () => resolve(false))
  })
  const settled = work.then(
    () => true,
    () => true,
  )
  return Promise.race([settled, late]).finally(cancel)
}

/** Closes, and cuts off what has not ended after `graceMs`: by then it is work that nobody waits for. */
export async function closeWithin(
  clock: Clock,
  graceMs: number,
  connection: { close(): Promise<void>; destroy(): Promise<void> },
): Promise<void> {
  const closing = connection.close()
  if (!(await settledWithin(clock, graceMs, closing))) await connection.destroy()
  else await closing
}
