import { endianness } from 'node:os'
import { describeValue } from '../core/describe-value'
import { HeadwaterError } from '../core/errors'
import { sha256 } from '../core/ids'
import { reading } from '../core/known-options'

const bigEndian = endianness() === 'BE'

/** Float32 little endian, 4 bytes a dimension: the form in which Postgres keeps embeddings (`bytea`). */
export function vectorToBytes(vector: Float32Array): Buffer {
  const bytes = Buffer.from(new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength))
  return bigEndian ? bytes.swap32() : bytes
}

export function vectorHash(vector: Float32Array): string {
  return sha256(vectorToBytes(vector).toString('base64'))
}

/** The reverse of `vectorToBytes`; the result is a copy of its own. */
export function vectorFromBytes(bytes: Uint8Array): Float32Array {
  if (bytes.byteLength % 4 !== 0) {
    throw new HeadwaterError('HW_INVALID_VECTOR', `A stored vector has ${bytes.byteLength} bytes, no multiple of 4`)
  }
  const copy = new Uint8Array(bytes)
  if (bigEndian) Buffer.from(copy.buffer).swap32()
  return new Float32Array(copy.buffer)
}

/** As `vectorFromBytes`, of many at once into one stretch of memory; null stays null. */
export function vectorsFromBytes(many: readonly (Uint8Array | null)[]): (Float32Array | null)[] {
  const all = new Uint8Array(many.reduce((sum, bytes) => sum + (bytes?.byteLength ?? 0), 0))
  let at = 0
  return many.map((bytes) => {
    if (bytes === null) return null
    if (bytes.byteLength % 4 !== 0) return vectorFromBytes(bytes)
    all.set(bytes, at)
    if (bigEndian) Buffer.from(all.buffer, at, bytes.byteLength).swap32()
    at += bytes.byteLength
    return new Float32Array(all.buffer, at - bytes.byteLength, bytes.byteLength / 4)
  })
}

/** Vectors by their hashes as one run of bytes, which pg sends as it is; an array of them would be sent as hex. */
export function oneRun(vectors: ReadonlyMap<string, Float32Array>): {
  readonly hashes: string[]
  /** From 1, as SQL counts. */
  readonly starts: number[]
  readonly lengths: number[]
  readonly bytes: Buffer
} {
  const parts = Array.from(vectors.values(), vectorToBytes)
  const lengths = parts.map((part) => part.byteLength)
  const starts: number[] = []
  let at = 1
  for (const length of lengths) {
    starts.push(at)
    at += length
  }
  return { hashes: [...vectors.keys()], starts, lengths, bytes: Buffer.concat(parts) }
}

/** pgvector's text form, `[1,2,3]`, with digits enough to give the same float32 back. */
export function vectorToLiteral(vector: Float32Array): string {
  return `[${vector.join(',')}]`
}

export function vectorFromLiteral(literal: string): Float32Array {
  let values: unknown
  try {
    values = JSON.parse(literal)
  } catch (cause) {
    throw new HeadwaterError('HW_INVALID_VECTOR', `${shown(literal)} is not a vector such as [1,2,3]`, { cause })
  }
  if (!Array.isArray(values) || !values.every((value) => typeof value === 'number')) {
    throw new HeadwaterError('HW_INVALID_VECTOR', `${shown(literal)} is not a vector such as [1,2,3]`)
  }
  return Float32Array.from(values)
}

/** No engine has vectors of more. */
const maxDimensions = 65_536

/**
 * A copy of a vector that a caller gives, of whatever length: HW_INVALID_VECTOR unless its numbers are finite, `code` where
 * it cannot be read. Numbers alone, read once: what only has a `length` would be walked through for seconds.
 */
export function takeVector(
  given: ArrayLike<number>,
  path: string,
  code: 'HW_INVALID_ARGUMENT' | 'HW_INVALID_DOCUMENT',
): Float32Array {
  return reading(path, code, () => {
    const numbers = Array.isArray(given) || (ArrayBuffer.isView(given) && !(given instanceof DataView))
    if (!numbers) throw invalid(path, `is ${describeValue(given)}, not a list of numbers`)
    const { length } = given
    if (!(length <= maxDimensions)) throw invalid(path, `has ${length} dimensions, more than any index`)
    const vector = new Float32Array(length)
    for (let at = 0; at < length; at++) {
      const value: unknown = given[at]
      vector[at] = typeof value === 'number' ? value : Number.NaN
      if (!Number.isFinite(vector[at])) {
        throw invalid(`${path}[${at}]`, `is ${describeValue(value)}, not a finite number of 32 bits`)
      }
    }
    return vector
  })
}

/**
 * The vector, if it has `dimensions` finite numbers; throws HW_INVALID_VECTOR otherwise. Plain arrays, as users pass
 * them, become a Float32Array.
 */
export function checkVector(vector: ArrayLike<number>, dimensions: number, path = 'vector'): Float32Array {
  if (!(vector instanceof Float32Array) && !Array.isArray(vector) && !(vector instanceof Float64Array)) {
    throw invalid(path, `is ${vector === null ? 'null' : typeof vector}, not a list of numbers`)
  }
  if (vector.length !== dimensions) throw invalid(path, `has ${vector.length} dimensions, not ${dimensions}`)
  const checked = vector instanceof Float32Array ? vector : Float32Array.from(vector)
  for (let i = 0; i < dimensions; i++) {
    if (!Number.isFinite(checked[i])) throw invalid(`${path}[${i}]`, `is ${String(vector[i])}, not a finite number`)
  }
  return checked
}

function invalid(path: string, problem: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_VECTOR', `${path} ${problem}`, { path })
}

function shown(literal: string): string {
  return JSON.stringify(literal.length > 40 ? `${literal.slice(0, 40)}...` : literal)
}
