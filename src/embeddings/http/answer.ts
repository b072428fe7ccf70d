import { HeadwaterError } from '../../core/errors'
import { vectorFromBytes } from '../vector-codec'

export interface EmbeddingsAnswer {
  readonly vectors: Float32Array[]
  /** As the server counted them; undefined when it did not. */
  readonly tokens: number | undefined
}

/**
 * The vectors of an answer, each in the place that its `index` says, as float32 in base64 or as numbers. Throws
 * HW_EMBEDDER_FAILED for one that is missing, doubled, of length 0 or not finite, and HW_INVALID_OPTIONS for another
 * number of dimensions: that is the model's, not the text's.
 */
export function readAnswer(
  text: string,
  count: number,
  dimensions: number,
  what: string,
  path: string,
): EmbeddingsAnswer {
  const failed = (problem: string, retryable = false): HeadwaterError =>
    new HeadwaterError('HW_EMBEDDER_FAILED', `${what}: ${problem}`, { retryable })
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    // Most likely the page of something in between, which may be gone the next time. The parser's message quotes it,
    // and it may quote the key.
    throw failed(`the answer of ${text.length} characters is not JSON`, true)
  }
  const items = field(body, 'data')
  if (!Array.isArray(items)) throw failed('the answer has no list `data`')
  if (items.length !== count) throw failed(`${count} texts were answered with ${items.length} vectors`)
  const vectors = new Array<Float32Array | undefined>(count).fill(undefined)
  for (const [at, item] of items.entries()) {
    const index = field(item, 'index') ?? at
    if (typeof index !== 'number' || !Number.isInteger(index) || index < 0 || index >= count) {
      throw failed(`data[${at}].index names none of ${count} texts`)
    }
    if (vectors[index]) throw failed(`text ${index} was answered twice`)
    const vector = vectorOf(field(item, 'embedding'))
    if (!vector) throw failed(`the vector of text ${index} is neither numbers nor float32 in base64`)
    if (vector.length !== dimensions) {
      throw new HeadwaterError(
        'HW_INVALID_OPTIONS',
        `${path}.dimensions: the server's vectors have ${vector.length} numbers, not ${dimensions}`,
        { path: `${path}.dimensions` },
      )
    }
    if (!scaled(vector)) throw failed(`the vector of text ${index} is of length 0 or not finite`)
    vectors[index] = vector
  }
  const tokens = field(field(body, 'usage'), 'prompt_tokens')
  return {
    vectors: vectors as Float32Array[],
    tokens: typeof tokens === 'number' && tokens >= 0 ? tokens : undefined,
  }
}

/** Most bytes that an answer of so many vectors takes, as numbers with all their digits and a line each. */
export function mostBytes(count: number, dimensions: number): number {
  return 65_536 + count * (1_024 + dimensions * 40)
}

function vectorOf(embedding: unknown): Float32Array | undefined {
  if (typeof embedding === 'string') {
    const bytes = Buffer.from(embedding, 'base64')
    return bytes.byteLength > 0 && bytes.byteLength % 4 === 0 ? vectorFromBytes(bytes) : undefined
  }
  if (!Array.isArray(embedding) || !embedding.every((value) => typeof value === 'number')) return undefined
  return Float32Array.from(embedding)
}

/** Brings the vector to length 1 in place, unless it is; false if it has no direction. */
function scaled(vector: Float32Array): boolean {
  let square = 0
  for (let i = 0; i < vector.length; i++) square += vector[i]! * vector[i]!
  if (!Number.isFinite(square) || square === 0) return false
  if (Math.abs(square - 1) < 1e-5) return true
  const length = Math.sqrt(square)
  for (let i = 0; i < vector.length; i++) vector[i]! /= length
  return true
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}
