/** A buffer that grows, of unsigned LEB128 numbers (up to 2^53) and raw bytes. */
export class ByteWriter {
  #bytes = Buffer.allocUnsafe(256)
  #length = 0

  get length(): number {
    return this.#length
  }

  number(value: number): void {
    this.#reserve(8)
    let rest = value
    while (rest > 0x7fffffff) {
      this.#bytes[this.#length++] = (rest % 128) | 0x80
      rest = Math.floor(rest / 128)
    }
    while (rest > 127) {
      this.#bytes[this.#length++] = (rest & 127) | 0x80
      rest >>>= 7
    }
    this.#bytes[this.#length++] = rest
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  /** Some bytes of another buffer. They are few most of the time, for which a call costs more than the bytes. */
  part(bytes: Uint8Array, from: number, to: number): void {
    const size = to - from
    this.#reserve(size)
    if (size > 32) this.#bytes.set(bytes.subarray(from, to), this.#length)
    else for (let i = 0; i < size; i++) this.#bytes[this.#length + i] = bytes[from + i]!
    this.#length += size
  }

  /** Some text in UTF-8, and before it its size. */
  text(text: string): void {
    this.#reserve(text.length + 8)
    const before = this.#length
    this.number(text.length)
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      if (code >= 128) {
        this.#length = before
        const bytes = Buffer.from(text, 'utf8')
        this.number(bytes.length)
        this.raw(bytes)
        return
      }
      this.#bytes[this.#length++] = code
    }
  }

  clear(): void {
    this.#length = 0
  }

  /** What was written so far; valid until the next write. */
  view(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  /** Some of what was written so far; valid until the next write. */
  slice(from: number, length: number): Buffer {
    return this.#bytes.subarray(from, from + length)
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + more))
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
  }
}

/** Reads what a ByteWriter wrote. */
export class ByteReader {
  readonly #bytes: Uint8Array
  readonly #text: Buffer
  position = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get done(): boolean {
    return this.position >= this.#bytes.length
  }

  number(): number {
    let byte = this.#bytes[this.position++]!
    if (byte < 128) return byte
    let value = byte & 127
    let scale = 128
    do {
      byte = this.#bytes[this.position++]!
      value += (byte & 127) * scale
      scale *= 128
    } while (byte > 127)
    return value
  }

  /** Of so many bytes of UTF-8. */
  text(size: number): string {
    const from = this.position
    this.position += size
    return this.#text.toString('utf8', from, this.position)
  }

  raw(length: number): Uint8Array {
    const bytes = this.#bytes.subarray(this.position, this.position + length)
    this.position += length
    return bytes
  }

  /** Passes over so many numbers. */
  skip(count: number): void {
    for (let left = count; left > 0; ) if (this.#bytes[this.position++]! < 128) left--
  }
}
