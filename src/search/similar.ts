import type { CallOptions } from '../core/abort'
import { checkText } from '../core/checked-text'
import { HeadwaterError } from '../core/errors'
import type { Scope } from '../core/ids'
import type { JsonObject } from '../core/json'
import { reading } from '../core/known-options'
import { anything, number, type OptionKinds } from '../core/option-kinds'
import type { ParsedFilter } from '../filter/parsed'
import type { Generation } from '../repositories/generations'
import type { Truth } from '../repositories/truth'
import type { SearchQuery } from './query'
import type { ResolveOptions } from './resolve-query'

/** A document by its id, or one chunk. */
export type SimilarTo = string | { readonly chunkId: string }

/** As for a search by a vector, which here is a stored one. */
export type SimilarQuery<F = unknown, M = JsonObject> = Pick<
  SearchQuery<F, M>,
  'filter' | 'limit' | 'groupBy' | 'cursor' | 'explain' | 'diversity' | 'facets' | 'rerank'
> & {
  /** Least cosine of a hit. */
  minScore?: number | undefined
}

export const similarKinds = {
  filter: anything,
  limit: anything,
  groupBy: anything,
  cursor: anything,
  explain: anything,
  diversity: anything,
  facets: anything,
  rerank: anything,
  minScore: number(-1e30, 1e30),
} satisfies OptionKinds<SimilarQuery>

/** The id of a document, or of a chunk, of a length that one may have. */
export function checkTarget(given: unknown): SimilarTo {
  return reading('target', 'HW_INVALID_ARGUMENT', () => {
    if (typeof given === 'string') return checkText(given, 'target', 512, 'HW_INVALID_ARGUMENT')
    const chunkId: unknown = typeof given === 'object' && given !== null ? Reflect.get(given, 'chunkId') : undefined
    if (typeof chunkId === 'string') return { chunkId: checkText(chunkId, 'target', 128, 'HW_INVALID_ARGUMENT') }
    throw new HeadwaterError('HW_INVALID_ARGUMENT', 'target: give a document id or { chunkId }', { path: 'target' })
  })
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/**
 * What the query by a stored vector is: that of the chunk, or the middle of the document's; the thing itself is left
 * out. HW_NOT_FOUND where it is not there, or has no vector in the live space yet.
 */
export async function similarTo(
  truth: Truth,
  scope: Scope,
  generation: Generation,
  target: SimilarTo,
  call: CallOptions,
): Promise<{ readonly vector: Float32Array; readonly options: ResolveOptions }> {
  const { chunks, embeddings } = truth.session({ tenant: scope.tenant })
  const { chunking, fingerprint } = generation
  const document = typeof target === 'string' ? target : undefined
  const chunkId = typeof target === 'string' ? undefined : target.chunkId
  const ids =
    document === undefined
      ? [String(chunkId)].filter((id) => uuid.test(id))
      : (await chunks.heads(scope, [document], [chunking], call)).map(({ id }) => id)
  const vectors = await embeddings.ofChunks(scope, chunking, fingerprint!, ids, call)
  if (vectors.size === 0) {
    throw new HeadwaterError(
      'HW_NOT_FOUND',
      `target: there is no ${JSON.stringify(target)}, or it has no vector yet (wait for its receipt)`,
      { path: 'target' },
    )
  }
  return {
    vector: middle([...vectors.values()]),
    options: {
      origin: `similar to ${JSON.stringify(target)}`,
      ...(document === undefined ? { exclude: chunkId } : { and: notDocument(document) }),
    },
  }
}

function notDocument(id: string): ParsedFilter {
  const tests = [{ op: 'in', values: [{ type: 's', value: id }] }] as const
  return { kind: 'not', of: { kind: 'some', field: { kind: 'system', name: '$id' }, tests } }
}

function middle(vectors: readonly Float32Array[]): Float32Array {
  const sum = new Float32Array(vectors[0]!.length)
  for (const vector of vectors) for (let i = 0; i < sum.length; i++) sum[i] = sum[i]! + vector[i]!
  return sum.map((value) => value / vectors.length)
}
