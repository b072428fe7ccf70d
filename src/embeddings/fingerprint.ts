import { sha256 } from '../core/ids'
import { canonicalJson } from '../core/json'

export interface VectorSpace {
  provider: string
  model: string
  /** Version of the model's weights or of the algorithm. */
  revision: string
  dimensions: number
  /** Whether the vectors have length 1. */
  normalized: boolean
  /** How a vector is made of those of the tokens, where the model leaves it open. */
  pooling?: string | undefined
  queryPrefix?: string | undefined
  passagePrefix?: string | undefined
}

const maxName = 40

/**
 * A stable, readable name of a vector space, e.g. `hashing-v1-384-1f0c9a77`: at most 63 characters of `[a-z0-9-]`,
 * beginning with a letter. The hash covers every field exactly as given.
 */
export function fingerprintOf(space: VectorSpace): string {
  const { provider, model, revision, dimensions, normalized, pooling, queryPrefix = '', passagePrefix = '' } = space
  const hash = sha256(
    canonicalJson({
      ...{ provider, model, revision, dimensions, normalized, queryPrefix, passagePrefix },
      // Left out where it is not given: names that are recorded stay.
      ...(pooling !== undefined && { pooling }),
    }),
  ).slice(0, 8)
  const name = `${provider}-${model}`
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+/, '')
    .slice(0, maxName)
    .replace(/-$/, '')
  return `${name || 'space'}-${dimensions}-${hash}`
}
