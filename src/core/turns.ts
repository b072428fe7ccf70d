import { type Signal, throwIfAborted } from './abort'
import { type Clock, systemClock } from './clock'

/** Others wait so long at most, or for so many characters to be read. */
const turnMs = 15
const turnCharacters = 32_768

/** Gives timers, sockets and other calls their turn in long work, and ends it when its signal has fired. */
export class Turns {
  readonly #clock: Clock
  readonly #signal: Signal | undefined
  #at: number

  constructor(clock: Clock, signal: Signal | undefined) {
    this.#clock = clock
    this.#signal = signal
    this.#at = clock.monotonic()
  }

  /** Call where the work can wait; undefined unless the last turn was long enough ago. */
  take(): Promise<void> | undefined {
    if (this.#clock.turn && this.#clock.monotonic() - this.#at >= turnMs) return this.#turn(this.#clock.turn())
    throwIfAborted(this.#signal)
    return undefined
  }

  async #turn(turn: Promise<void>): Promise<void> {
    await turn
    this.#at = this.#clock.monotonic()
    throwIfAborted(this.#signal)
  }
}

/** The same for what reads texts and has no clock: by characters, so that it is the same at each run. */
export class ReadingTurns {
  readonly #signal: Signal | undefined
  #characters = 0

  constructor(signal?: Signal) {
    this.#signal = signal
  }

  /** Undefined while it is not yet time; await nothing then, so that short work is done at once. */
  after(characters: number): Promise<void> | undefined {
    this.#characters += characters
    if (this.#characters < turnCharacters) return undefined
    this.#characters = 0
    return this.#turn()
  }

  async #turn(): Promise<void> {
    await systemClock.turn?.()
    throwIfAborted(this.#signal)
  }
}
