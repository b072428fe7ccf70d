/** How one batch went. */
interface BatchOutcome {
  /** Monotonic ms. */
  readonly startedAt: number
  readonly endedAt: number
  /** As many jobs as a claim may hold: others are too few to tell anything of latency. */
  readonly full: boolean
  /** False when the target refused it for its load, gave no answer, or could not be reached. */
  readonly ok: boolean
}

/** A batch that takes so many times as long as batches usually do says that the target has had enough. */
const jump = 2
/** How fast what is usual follows what is measured: up slowly, so that it is not the load of our own that becomes usual. */
const follow = 0.05

/**
 * How many batches a target bears at once: one to begin with, one more after each round of full batches that went as
 * fast as usual, half as many when one was refused, timed out or took far longer. One overload halves once: batches that
 * were under way by then count no more.
 */
export class AdaptiveLimit {
  readonly #most: number
  #size = 1
  #good = 0
  /** ms of a full batch; undefined before the first. */
  #usualMs: number | undefined
  #cutAt = Number.NEGATIVE_INFINITY

  constructor(most: number) {
    this.#most = most
  }

  get size(): number {
    return this.#size
  }

  note({ startedAt, endedAt, full, ok }: BatchOutcome): void {
    const durationMs = endedAt - startedAt
    const usual = this.#usualMs
    if (full && ok) {
      this.#usualMs =
        usual === undefined || durationMs < usual ? durationMs : usual + Math.min(durationMs - usual, usual) * follow
    }
    const slow = full && usual !== undefined && durationMs > usual * jump
    if (!ok || slow) {
      if (startedAt < this.#cutAt) return
      this.#cutAt = endedAt
      this.#good = 0
      this.#size = Math.max(1, this.#size >> 1)
    } else if (full && ++this.#good >= this.#size) {
      this.#good = 0
      this.#size = Math.min(this.#most, this.#size + 1)
    }
  }
}
