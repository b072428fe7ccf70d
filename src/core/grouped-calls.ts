import { abortError, offAbort, onAbort, type Signal, throwIfAborted } from './abort'

/** Who waits for his item to be in a call. */
interface Waiting<T, R> {
  readonly item: T
  /** He does not wait any more: he is in a call, or gone. */
  readonly leave: () => void
  readonly resolve: (result: R) => void
  readonly reject: (error: unknown) => void
}

/** What a call may hold, and how many of one key may be under way at once. */
export interface GroupLimits {
  readonly count: number
  readonly bytes: number
  readonly atOnce: number
}

/** No two items of a name are in the same call; what counts is names, or items that have none. */
export interface GroupedShape {
  readonly names: readonly string[]
  readonly bytes: number
}

/**
 * Turns what callers ask for one by one into calls for many: what is asked while calls of the same key are under way goes
 * with the next of them. `call` answers in the order of its items, or fails for all. Who goes while he waits is left out;
 * who is in a call is told how it ends.
 */
export class GroupedCalls<T, R> {
  readonly #call: (items: readonly T[]) => Promise<readonly R[]>
  readonly #limits: GroupLimits
  readonly #shapeOf: (item: T) => GroupedShape
  readonly #waiting = new Map<string, Waiting<T, R>[]>()
  readonly #underWay = new Map<string, number>()

  constructor(
    call: (items: readonly T[]) => Promise<readonly R[]>,
    limits: GroupLimits,
    shapeOf: (item: T) => GroupedShape,
  ) {
    this.#call = call
    this.#limits = limits
    this.#shapeOf = shapeOf
  }

  ask(key: string, item: T, signal?: Signal): Promise<R> {
    throwIfAborted(signal)
    return new Promise<R>((resolve, reject) => {
      const gone = (): void => {
        const waiting = this.#waiting.get(key)!
        waiting.splice(waiting.indexOf(one), 1)
        reject(abortError(signal!))
      }
      const one = { item, leave: () => offAbort(signal, gone), resolve, reject }
      onAbort(signal, gone)
      const waiting = this.#waiting.get(key)
      if (waiting) waiting.push(one)
      else {
        this.#waiting.set(key, [one])
        // Those who ask in the same turn are in the first call already.
        queueMicrotask(() => this.#next(key))
      }
    })
  }

  /** All that wait, who are whoever calls' to answer. */
  dismiss(key: string): readonly Pick<Waiting<T, R>, 'item' | 'resolve'>[] {
    const waiting = this.#waiting.get(key) ?? []
    this.#waiting.delete(key)
    for (const one of waiting) one.leave()
    return waiting
  }

  #next(key: string): void {
    const underWay = this.#underWay.get(key) ?? 0
    const waiting = this.#waiting.get(key)
    if (!waiting || underWay === this.#limits.atOnce) return
    const { taken, left } = this.#take(waiting)
    if (left.length > 0) this.#waiting.set(key, left)
    else this.#waiting.delete(key)
    if (taken.length === 0) return
    this.#underWay.set(key, underWay + 1)
    void this.#run(taken).then(() => {
      const still = this.#underWay.get(key)! - 1
      if (still > 0) this.#underWay.set(key, still)
      else this.#underWay.delete(key)
      this.#next(key)
    })
    this.#next(key)
  }

  /** In their order; the first is taken whatever its size. */
  #take(waiting: readonly Waiting<T, R>[]) {
    const taken: Waiting<T, R>[] = []
    const left: Waiting<T, R>[] = []
    const taking = new Set<string>()
    let [count, size] = [0, 0]
    for (const one of waiting) {
      const { names, bytes } = this.#shapeOf(one.item)
      const counted = Math.max(1, names.length)
      const isFull = count > 0 && (count + counted > this.#limits.count || size + bytes > this.#limits.bytes)
      if (isFull || names.some((name) => taking.has(name))) left.push(one)
      else {
        one.leave()
        taken.push(one)
        for (const name of names) taking.add(name)
        count += counted
        size += bytes
      }
    }
    return { taken, left }
  }

  async #run(group: readonly Waiting<T, R>[]): Promise<void> {
    try {
      const results = await this.#call(group.map(({ item }) => item))
      for (const [at, { resolve }] of group.entries()) resolve(results[at]!)
    } catch (error) {
      for (const { reject } of group) reject(error)
    }
  }
}
