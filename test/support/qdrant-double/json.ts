import { badFormat } from './failure'

/** A number written with a fraction or an exponent whose value is whole: 2.0 is a float to Qdrant, never the integer 2. */
export class WholeFloat {
  readonly value: number

  constructor(value: number) {
    this.value = value
  }
}

export type JsonObject = Record<string, unknown>

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof WholeFloat)

/** As serde's `as_i64`: what was written as an integer and fits. */
export const asInteger = (value: unknown): number | bigint | undefined => {
  if (typeof value === 'number') return Number.isInteger(value) ? value : undefined
  return typeof value === 'bigint' && BigInt.asIntN(64, value) === value ? value : undefined
}

/** As serde's `as_f64`: any number, rounded to a double. */
export const asFloat = (value: unknown): number | undefined => {
  if (typeof value === 'number') return value
  if (typeof value === 'bigint') return Number(value)
  return value instanceof WholeFloat ? value.value : undefined
}

// Whole floats, positive exponents and integers past 2^53: what JSON.parse would flatten into another number.
const needsCare = /(?<![\d.])\d{16,}(?![\d.])|\.0+(?!\d)|\d[eE]\+?\d/
const numberToken = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y
const stringToken = /"(?:[^"\\]|\\.)*"/y
const blank = /[ \t\r\n]*/y

/** JSON without loss: integers past 2^53 become bigint, 2.0 a WholeFloat. */
export function parseJson(text: string): unknown {
  try {
    return needsCare.test(text) ? new CarefulParser(text).whole() : JSON.parse(text)
  } catch (cause) {
    throw badFormat(cause instanceof Error ? cause.message : String(cause))
  }
}

export function writeJson(value: unknown): string {
  if (value instanceof WholeFloat) {
    const digits = String(value.value)
    return /^-?\d+$/.test(digits) ? `${digits}.0` : digits
  }
  if (typeof value === 'bigint') return String(value)
  if (Array.isArray(value)) return `[${value.map(writeJson).join(',')}]`
  if (!isObject(value)) return JSON.stringify(value) ?? 'null'
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${writeJson(member)}`).join(',')}}`
}

class CarefulParser {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  whole(): unknown {
    const value = this.#value()
    this.#token(blank)
    if (this.#at < this.#text.length) throw badFormat(`trailing characters at column ${this.#at}`)
    return value
  }

  #value(): unknown {
    this.#token(blank)
    const first = this.#text[this.#at]
    if (first === '{') return Object.fromEntries(this.#list('}', () => this.#member()))
    if (first === '[') return this.#list(']', () => this.#value())
    if (first === '"') return this.#string()
    for (const [word, value] of [
      ['true', true],
      ['false', false],
      ['null', null],
    ] as const) {
      if (this.#text.startsWith(word, this.#at)) {
        this.#at += word.length
        return value
      }
    }
    return this.#number()
  }

  #member(): [string, unknown] {
    this.#token(blank)
    const key = this.#string()
    this.#expect(':')
    return [key, this.#value()]
  }

  #list<T>(end: string, next: () => T): T[] {
    this.#at++
    const items: T[] = []
    this.#token(blank)
    if (this.#text[this.#at] === end) {
      this.#at++
      return items
    }
    for (;;) {
      items.push(next())
      this.#token(blank)
      if (this.#text[this.#at] === end) {
        this.#at++
        return items
      }
      this.#expect(',')
    }
  }

  #number(): unknown {
    numberToken.lastIndex = this.#at
    const found = numberToken.exec(this.#text)
    if (!found) throw badFormat(`expected value at column ${this.#at}`)
    this.#at = numberToken.lastIndex
    const value = Number(found[0])
    if (found[1] || found[2]) return Number.isInteger(value) ? new WholeFloat(value) : value
    return Number.isSafeInteger(value) ? value : this.#big(found[0], value)
  }

  // Past u64 serde falls back to a double.
  #big(digits: string, value: number): unknown {
    const exact = BigInt(digits)
    return exact >= -(2n ** 63n) && exact < 2n ** 64n ? exact : new WholeFloat(value)
  }

  #string(): string {
    const token = this.#token(stringToken)
    if (!token) throw badFormat(`expected a string at column ${this.#at}`)
    return JSON.parse(token) as string
  }

  #expect(sign: string): void {
    this.#token(blank)
    if (this.#text[this.#at] !== sign) throw badFormat(`expected \`${sign}\` at column ${this.#at}`)
    this.#at++
  }

  #token(shape: RegExp): string {
    shape.lastIndex = this.#at
    const found = shape.exec(this.#text)
    if (found) this.#at = shape.lastIndex
    return found?.[0] ?? ''
  }
}
