/** How often each of some numbers of 32 bits occurred, in order of first occurrence. Its memory is used again. */
export class PairCounts {
  /** Index in the lists, and 1; 0 where nothing is. Of a power of two. */
  #slots = new Int32Array(1024)
  #pairs = new Int32Array(512)
  #counts = new Int32Array(512)
  #size = 0

  /** Forgets all, and makes room for so many. */
  clear(most: number): void {
    if (most > this.#pairs.length) {
      const size = 2 ** Math.ceil(Math.log2(most))
      this.#slots = new Int32Array(size * 2)
      this.#pairs = new Int32Array(size)
      this.#counts = new Int32Array(size)
    } else this.#slots.fill(0)
    this.#size = 0
  }

  add(pair: number): void {
    const mask = this.#slots.length - 1
    let slot = pair & mask
    for (let at = this.#slots[slot]!; at > 0; at = this.#slots[slot]!) {
      if (this.#pairs[at - 1] === pair) {
        this.#counts[at - 1]!++
        return
      }
      slot = (slot + 1) & mask
    }
    this.#pairs[this.#size] = pair
    this.#counts[this.#size] = 1
    this.#slots[slot] = ++this.#size
  }

  each(told: (pair: number, count: number) => void): void {
    for (let at = 0; at < this.#size; at++) told(this.#pairs[at]!, this.#counts[at]!)
  }
}
