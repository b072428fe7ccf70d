import { describeValue } from '../core/describe-value'
import { HeadwaterError } from '../core/errors'
import { isName } from '../core/ids'
import { checkOptions, flag, type Kind, type OptionKinds, whole } from '../core/option-kinds'
import type { Embedder } from './embedder'
import { checkVector } from './vector-codec'

/** A space whose vectors come with documents, chunks and queries: nothing is embedded in it here. */
export interface OwnVectorsOptions {
  /** Names the space, as a fingerprint does: 1 to 128 characters of `[A-Za-z0-9._-]`. Another model, another name. */
  name: string
  /** Length of every vector. */
  dimensions: number
  /** Vectors that are not of length 1, by more than a thousandth, are refused. False by default: compared is the angle. */
  normalized?: boolean | undefined
}

/** Within a thousandth of 1: what passes for the length of a vector of a normalized space. */
export function isUnitLength(length: number): boolean {
  return Math.abs(length - 1) <= 1e-3
}

const spaceName: Kind = (value, path, code) => {
  if (isName(value)) return value
  const problem = `${describeValue(value)} is not 1 to 128 characters of [A-Za-z0-9._-]`
  throw new HeadwaterError(code, `${path}: ${problem}`, { path })
}

const kinds = {
  name: spaceName,
  dimensions: whole(1, 65_536),
  normalized: flag,
} satisfies OptionKinds<OwnVectorsOptions>

/** Stands where an embedder is asked for: it knows the space, and makes no vector. */
export class OwnVectors implements Embedder {
  readonly fingerprint: string
  readonly dimensions: number
  readonly maxTokens = Number.POSITIVE_INFINITY
  readonly #normalized: boolean

  constructor(options: OwnVectorsOptions, path: string) {
    const { name, dimensions, normalized = false } = checkOptions(options, kinds, path)
    // Neither has a default.
    kinds.name(name, `${path}.name`, 'HW_INVALID_OPTIONS')
    kinds.dimensions(dimensions, `${path}.dimensions`, 'HW_INVALID_OPTIONS')
    this.fingerprint = name
    this.dimensions = dimensions
    this.#normalized = normalized
  }

  /** HW_INVALID_VECTOR unless a vector can be of this space. */
  check(vector: Float32Array, path: string): void {
    if (!this.#normalized) return
    const length = Math.hypot(...vector)
    if (isUnitLength(length)) return
    throw new HeadwaterError('HW_INVALID_VECTOR', `${path} has the length ${length.toFixed(4)}, not 1`, { path })
  }

  /** Always rejects: HW_INVALID_ARGUMENT for a query, HW_INVALID_DOCUMENT for what is to be stored. */
  async embed(_texts: readonly string[], { kind }: { readonly kind: 'query' | 'passage' }): Promise<Float32Array[]> {
    const code = kind === 'query' ? 'HW_INVALID_ARGUMENT' : 'HW_INVALID_DOCUMENT'
    throw new HeadwaterError(code, `vector: is missing; nothing embeds texts in the space ${this.fingerprint}`, {
      path: 'vector',
    })
  }
}

/** A vector that came with a document, of the collection's space: HW_INVALID_VECTOR unless it can be. */
export function checkGiven(embedder: Embedder, vector: Float32Array, path: string): void {
  checkVector(vector, embedder.dimensions, path)
  if (vector.every((value) => value === 0)) {
    throw new HeadwaterError('HW_INVALID_VECTOR', `${path} is zero in each dimension: it has no direction`, { path })
  }
  if (embedder instanceof OwnVectors) embedder.check(vector, path)
}
