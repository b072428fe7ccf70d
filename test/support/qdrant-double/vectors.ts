import { badFormat, wrongInput } from './failure'
import { asFloat, asInteger, isObject, type JsonObject } from './json'

const distances = ['Cosine', 'Dot', 'Euclid', 'Manhattan'] as const
export type Distance = (typeof distances)[number]

/** One vector of a collection; the unnamed one is called ''. */
export interface VectorSpace {
  readonly size: number
  readonly distance: Distance
}

/** A point's vectors by name, as stored. */
export type Vectors = Map<string, Float32Array>

const noVariant = badFormat('data did not match any variant of untagged enum VectorsConfig')

export function parseSpaces(config: unknown): Map<string, VectorSpace> {
  if (config === undefined || config === null) return new Map()
  if (!isObject(config)) throw noVariant
  if ('size' in config) return new Map([['', parseSpace(config)]])
  return new Map(Object.entries(config).map(([name, each]) => [name, parseSpace(each)]))
}

function parseSpace(config: unknown): VectorSpace {
  const size = isObject(config) ? asInteger(config['size']) : undefined
  const distance = isObject(config) ? distances.find((each) => each === config['distance']) : undefined
  if (size === undefined || size < 1 || size > 65_536 || !distance) throw noVariant
  return { size: Number(size), distance }
}

/** The numbers of a dense vector, or undefined for anything else. */
export function denseNumbers(value: unknown): number[] | undefined {
  if (!Array.isArray(value)) return undefined
  const numbers = value.map(asFloat)
  return numbers.includes(undefined) ? undefined : (numbers as number[])
}

/** A point's vectors as sent: a list for the unnamed one, or an object by name. */
export function parseVectors(value: unknown): Map<string, number[]> {
  const failure = badFormat('data did not match any variant of untagged enum VectorStruct')
  const plain = denseNumbers(value)
  if (plain) return new Map([['', plain]])
  if (!isObject(value)) throw failure
  return new Map(
    Object.entries(value).map(([name, each]) => {
      const numbers = denseNumbers(each)
      if (!numbers) throw failure
      return [name, numbers]
    }),
  )
}

/** Checks a vector against its space and brings it into the form that is stored: cosine is of unit length. */
export function storedVector(numbers: readonly number[], name: string, spaces: ReadonlyMap<string, VectorSpace>) {
  const space = spaces.get(name)
  if (!space) throw wrongInput(`Not existing vector name error: ${name}`)
  if (numbers.length !== space.size) {
    throw wrongInput(`Vector dimension error: expected dim: ${space.size}, got ${numbers.length}`)
  }
  const vector = Float32Array.from(numbers)
  if (space.distance !== 'Cosine') return vector
  const square = vector.reduce((sum, each) => sum + each * each, 0)
  // What is of unit length already, or has none, stays as it is.
  if (square < 1.2e-7 || Math.abs(square - 1) <= 1e-6) return vector
  const length = Math.sqrt(square)
  return vector.map((each) => each / length)
}

export const largerIsBetter = (distance: Distance): boolean => distance === 'Cosine' || distance === 'Dot'

/** The score of two stored vectors: similarity for cosine and dot, distance for the others. */
export function score(distance: Distance, a: Float32Array, b: Float32Array): number {
  let sum = 0
  if (largerIsBetter(distance)) for (let at = 0; at < a.length; at++) sum += a[at]! * b[at]!
  else if (distance === 'Euclid') for (let at = 0; at < a.length; at++) sum += (a[at]! - b[at]!) ** 2
  else for (let at = 0; at < a.length; at++) sum += Math.abs(a[at]! - b[at]!)
  return Math.fround(distance === 'Euclid' ? Math.sqrt(sum) : sum)
}

/** The shortest decimal that is this 32-bit float, as Rust writes it. */
export function shortest(float: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const decimal = Number(float.toPrecision(digits))
    if (Math.fround(decimal) === float) return decimal
  }
  return Number(float.toPrecision(9))
}

/** A point's vectors for an answer: a list for the unnamed one, an object by name, or nothing when not asked for. */
export function shownVectors(vectors: Vectors, wanted: unknown): JsonObject | number[] | undefined {
  if (wanted === undefined || wanted === null || wanted === false) return undefined
  const names = Array.isArray(wanted) ? wanted : undefined
  const shown = [...vectors].filter(([name]) => names?.includes(name) ?? true)
  if (shown.length === 1 && shown[0]![0] === '') return Array.from(shown[0]![1], shortest)
  return Object.fromEntries(shown.map(([name, vector]) => [name, Array.from(vector, shortest)]))
}
