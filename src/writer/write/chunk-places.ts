/** Characters that may be read while chunks are looked for: beyond, one has no place unless it is given. */
const mostRead = 64 * 2 ** 20
/** So much of a chunk is searched for, what follows is compared: a search for more may take its square. */
const headLength = 200

/** Where chunks of the caller's own lie in their text, each after the beginning of the one before it. */
export class ChunkPlaces {
  readonly #text: string
  #from = 0
  #left = mostRead

  constructor(text: string) {
    this.#text = text
  }

  /** What is looked for next lies after the beginning of a chunk whose place was given. */
  after(start: number): void {
    this.#from = start + 1
  }

  /** The first place from there on, or -1. */
  find(piece: string): number {
    const head = piece.slice(0, headLength)
    for (let from = this.#from; this.#left > 0; ) {
      const at = this.#text.indexOf(head, from)
      this.#left -= (at < 0 ? this.#text.length : at) - from
      if (at < 0) return -1
      this.#left -= piece.length
      if (this.#text.startsWith(piece, at)) {
        this.#from = at + 1
        return at
      }
      from = at + 1
    }
    return -1
  }
}
