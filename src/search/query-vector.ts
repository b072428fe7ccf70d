import type { Clock } from '../core/clock'
import { withDeadline } from '../core/deadline'
import { asHeadwaterError, HeadwaterError } from '../core/errors'
import type { Scope, TenantId } from '../core/ids'
import { embedAll, inputHash } from '../embeddings/caching'
import type { Embedder } from '../embeddings/embedder'
import type { VectorLru } from '../embeddings/lru'
import type { VectorCache } from '../embeddings/vector-cache'
import type { Generation } from '../repositories/generations'
import type { Truth } from '../repositories/truth'

export interface QueryVectorPorts {
  readonly truth: Truth
  readonly embedders: ReadonlyMap<string, Embedder>
  /** What each collection falls back to. */
  readonly collections?: ReadonlyMap<string, { readonly fallback?: Embedder | undefined }> | undefined
  readonly queries: VectorLru
  /** Behind `queries`, where processes share one. */
  readonly sharedQueries?: ((tenant: TenantId, fingerprint: string) => VectorCache) | undefined
  readonly clock: Clock
}

/** The vectors of a query's phrasings, and the generation of their space: the two are never taken apart. */
export interface QueryVectors {
  readonly vectors: readonly Float32Array[]
  readonly generation: Generation
  /** Why it is not the live one. */
  readonly degraded?: string
}

/** Share of the time that the embedder may take where there is a fallback to ask after it. */
const firstShare = 0.5

/**
 * The query in the space of the live generation; when its embedder fails and the collection has a fallback, in the
 * fallback's space, if a standby generation of that is in step. Throws the embedder's error otherwise.
 */
export async function embedQuery(
  ports: QueryVectorPorts,
  scope: Scope,
  phrasings: readonly string[],
  live: Generation,
  call: { readonly signal: AbortSignal; readonly timeoutMs: number },
  embed: EmbedTexts = embedTexts(ports, scope.tenant),
): Promise<QueryVectors> {
  const fallback = ports.collections?.get(scope.collection)?.fallback?.fingerprint
  if (fallback === undefined || fallback === live.fingerprint) {
    return { vectors: await embed(phrasings, live, call.signal), generation: live }
  }
  const first = { signal: call.signal, timeoutMs: call.timeoutMs * firstShare }
  try {
    const vectors = await withDeadline(ports.clock, first, undefined, ({ signal }) => embed(phrasings, live, signal))
    return { vectors, generation: live }
  } catch (cause) {
    if (call.signal.aborted) throw cause
    const { code, message, retryable } = asHeadwaterError(cause)
    const generation = await standbyOf(ports, scope, live, fallback)
    if (!generation) {
      throw new HeadwaterError(code, `${message}; and no standby generation of the fallback ${fallback} is in step`, {
        cause,
        retryable,
      })
    }
    const vectors = await embedTexts(ports, scope.tenant)(phrasings, generation, call.signal)
    return { vectors, generation, degraded: `fallback embedder ${fallback} answers: ${code}: ${message}` }
  }
}

/** Vectors of texts in the space of a generation. What was embedded before costs nothing; the rest goes in one batch. */
export type EmbedTexts = (
  texts: readonly string[],
  generation: Generation,
  signal: AbortSignal,
) => Promise<readonly Float32Array[]>

export function embedTexts(ports: QueryVectorPorts, tenant: TenantId): EmbedTexts {
  return async (texts, { fingerprint }, signal) => {
    const embedder = ports.embedders.get(fingerprint!)
    if (!embedder) {
      throw new HeadwaterError('HW_FINGERPRINT_MISMATCH', `embedders: none is configured for ${fingerprint}`)
    }
    const shared = ports.sharedQueries?.(tenant, fingerprint!)
    const store = ports.queries.scoped([tenant, fingerprint!], shared && fitting(shared, embedder.dimensions))
    const inputs = texts.map((text) => ({ hash: inputHash(text), text }))
    return embedAll(embedder, store, inputs, { kind: 'query', signal })
  }
}

/** What others can write may hold anything: a vector that is none of this space is not there. */
function fitting(cache: VectorCache, dimensions: number): VectorCache {
  const fits = (vector: Float32Array): boolean => vector.length === dimensions && vector.every(Number.isFinite)
  return {
    getMany: async (hashes) => new Map([...(await cache.getMany(hashes))].filter(([, vector]) => fits(vector))),
    setMany: (entries) => cache.setMany(entries),
  }
}

/** One that a failure has left behind would hide documents without a word: it is not in step. */
async function standbyOf(
  ports: QueryVectorPorts,
  { tenant, collection }: Scope,
  live: Generation,
  fingerprint: string,
): Promise<Generation | undefined> {
  const { generations } = ports.truth.session({ tenant })
  const standby = await generations.list({ target: 'vector', collection, states: ['standby'] })
  return standby.findLast(
    (one) => one.fingerprint === fingerprint && one.chunking === live.chunking && one.error === null,
  )
}
