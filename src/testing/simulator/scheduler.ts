import type { Random } from '../../core/random'

interface Event {
  readonly at: number
  /** Random: events of one moment happen in any order, but in the same one for the same seed. */
  readonly tie: number
  fire: (() => void) | undefined
}

/** How a run came to its end: as wished, with nobody left to wake those who wait, or after too many events. */
export type RunEnd = 'done' | 'deadlock' | 'endless'

/**
 * Virtual time: a queue of events, each fired alone, and after each every promise that follows from it settles before
 * the next. Time is in whole ms and moves only from event to event.
 */
export class Scheduler {
  readonly #random: Random
  readonly #heap: Event[] = []
  #now = 0
  #fired = 0
  #stopped = false

  constructor(random: Random) {
    this.#random = random
  }

  /** Virtual ms since the start. */
  get now(): number {
    return this.#now
  }

  /** Events fired so far. */
  get events(): number {
    return this.#fired
  }

  /** Fires after `ms`; the returned function cancels. */
  after(ms: number, fire: () => void): () => void {
    const event: Event = { at: this.#now + Math.max(0, Math.ceil(ms)), tie: this.#random.next(), fire }
    this.#push(event)
    return () => {
      event.fire = undefined
    }
  }

  delay(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve))
  }

  /** Ends the run before the next event. */
  stop(): void {
    this.#stopped = true
  }

  /**
   * Fires events until `work` has settled. A tick that a microtask asks for comes when no microtask is left, and costs
   * a tenth of a turn of the event loop.
   */
  run(work: Promise<unknown>, maxEvents: number): Promise<RunEnd> {
    return new Promise((resolve) => {
      const finish = (): void => this.stop()
      work.then(finish, finish)
      const next = (): void => process.nextTick(step)
      const step = (): void => {
        const event = this.#stopped ? undefined : this.#pop()
        if (!event) resolve(this.#stopped ? 'done' : 'deadlock')
        else if (++this.#fired > maxEvents) resolve('endless')
        else {
          this.#now = event.at
          event.fire?.()
          queueMicrotask(next)
        }
      }
      queueMicrotask(next)
    })
  }

  #push(event: Event): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(event)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(event, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = event
  }

  /** The first event that was not cancelled. */
  #pop(): Event | undefined {
    for (;;) {
      const first = this.#heap[0]
      if (!first) return undefined
      const last = this.#heap.pop()!
      if (this.#heap.length > 0) this.#sink(last)
      if (first.fire) return first
    }
  }

  #sink(event: Event): void {
    const heap = this.#heap
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!isBefore(heap[child]!, event)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = event
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.tie < b.tie)
}
