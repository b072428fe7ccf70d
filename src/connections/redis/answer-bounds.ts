/** Deeper than any answer to what is asked here; a parser that recurses dies of some thousands. */
const maxDepth = 32
/** Elements of one answer: room is made for them when they are announced. */
const maxElements = 1_000_000
const maxLineBytes = 65_536

const [cr, lf, minus, zero, nine] = [13, 10, 45, 48, 57]
const strings = bytesOf('$=!')
const lists = bytesOf('*~>')
const maps = bytesOf('%|')
const values = bytesOf('+-:_#,(')

function bytesOf(kinds: string): ReadonlySet<number> {
  return new Set(Buffer.from(kinds))
}

/**
 * Follows the answers of a server (RESP 2 and 3) from header to header and says what is wrong before a parser works on
 * it: answers that are too large, nested too deep or announce more than they may. Strict where parsers are not, so that
 * both see the same answer.
 */
export class AnswerBounds {
  readonly #maxBytes: number
  /** Of each list that is open, the elements that have still to come. */
  readonly #open: number[] = []
  #elements = 0
  #bytes = 0
  /** Of a string that has begun, its line end included. */
  #toCome = 0
  /** Of the line that has begun; 0 between lines. */
  #kind = 0
  #lineBytes = 0
  #length = 0
  #negative = false
  #returned = false

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Takes the next bytes; what is wrong with the answer so far. After that nothing more may be given. */
  fault(chunk: Uint8Array): string | undefined {
    let at = 0
    while (at < chunk.length) {
      if (this.#toCome > 0) {
        const taken = Math.min(this.#toCome, chunk.length - at)
        at += taken
        this.#toCome -= taken
        if (this.#toCome === 0) this.#elementEnded()
        continue
      }
      const fault = this.#byteOfLine(chunk[at++]!)
      if (fault !== undefined) return fault
    }
    return undefined
  }

  #byteOfLine(byte: number): string | undefined {
    if (this.#kind === 0) {
      this.#kind = byte
      this.#lineBytes = 1
      this.#length = 0
      this.#negative = false
      this.#returned = false
      return this.#announces || values.has(byte) ? undefined : 'a kind that there is none of'
    }
    this.#lineBytes++
    if (this.#returned) return byte === lf ? this.#lineEnded() : 'a line that does not end as one'
    if (byte === cr) {
      this.#returned = true
      return undefined
    }
    if (this.#lineBytes > maxLineBytes) return `a line of over ${maxLineBytes} bytes`
    return this.#announces ? this.#digit(byte) : undefined
  }

  get #announces(): boolean {
    return strings.has(this.#kind) || lists.has(this.#kind) || maps.has(this.#kind)
  }

  #digit(byte: number): string | undefined {
    if (byte === minus && this.#lineBytes === 2) {
      this.#negative = true
      return undefined
    }
    if (byte < zero || byte > nine) return 'a length that is no number'
    this.#length = this.#length * 10 + (byte - zero)
    return undefined
  }

  #lineEnded(): string | undefined {
    const kind = this.#kind
    this.#kind = 0
    this.#bytes += this.#lineBytes
    const length = this.#negative ? -1 : this.#length
    if (strings.has(kind) && length >= 0) {
      this.#bytes += length + 2
      this.#toCome = length + 2
    } else if (lists.has(kind) || maps.has(kind)) {
      const elements = maps.has(kind) ? length * 2 : length
      if (elements > 0) {
        this.#elements += elements
        this.#open.push(elements)
      } else this.#elementEnded()
    } else this.#elementEnded()
    if (this.#bytes > this.#maxBytes) return `more than redis.maxAnswerBytes (${this.#maxBytes})`
    if (this.#elements > maxElements) return `more than ${maxElements} elements`
    if (this.#open.length > maxDepth) return `nested over ${maxDepth} deep`
    return undefined
  }

  #elementEnded(): void {
    const { length } = this.#open
    for (let depth = length - 1; depth >= 0; depth--) {
      const left = this.#open[depth]! - 1
      this.#open[depth] = left
      if (left > 0) return
      this.#open.pop()
    }
    this.#elements = 0
    this.#bytes = 0
  }
}
