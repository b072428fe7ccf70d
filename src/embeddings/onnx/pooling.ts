import type { Pooling } from './messages'

/** Token vectors as a model gives them: batch x sequence x dimensions, row by row. */
export interface TokenVectors {
  readonly data: Float32Array
  readonly sequence: number
  readonly dimensions: number
}

/** The vector of sentence `row`, of whose tokens the first `length` are its own and the rest padding. */
export function pooled(tokens: TokenVectors, row: number, length: number, pooling: Pooling): Float32Array {
  const { data, sequence, dimensions } = tokens
  const start = row * sequence * dimensions
  if (pooling !== 'mean') {
    const at = start + (pooling === 'cls' ? 0 : (length - 1) * dimensions)
    return data.slice(at, at + dimensions)
  }
  const vector = new Float32Array(dimensions)
  for (let token = 0; token < length; token++) {
    const at = start + token * dimensions
    for (let i = 0; i < dimensions; i++) vector[i]! += data[at + i]!
  }
  for (let i = 0; i < dimensions; i++) vector[i]! /= length
  return vector
}

/** Scales to length 1, in place; a vector of zeros stays. */
export function normalized(vector: Float32Array): Float32Array {
  let square = 0
  for (let i = 0; i < vector.length; i++) square += vector[i]! * vector[i]!
  if (square === 0) return vector
  const scale = 1 / Math.sqrt(square)
  for (let i = 0; i < vector.length; i++) vector[i]! *= scale
  return vector
}
