/** One holder at a time, in the order of asking. */
export class Mutex {
  #held = false
  readonly #waiting: (() => void)[] = []

  /** Resolves with what lets go; letting go twice is harmless. */
  acquire(): Promise<() => void> {
    return new Promise((resolve) => {
      const grant = (): void => resolve(this.#release())
      if (this.#held) this.#waiting.push(grant)
      else {
        this.#held = true
        grant()
      }
    })
  }

  #release(): () => void {
    let done = false
    return () => {
      if (done) return
      done = true
      const next = this.#waiting.shift()
      if (next) next()
      else this.#held = false
    }
  }
}
