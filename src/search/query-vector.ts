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

/** A query's vector, and the generation of its space: the two are never taken apart. */
export interface QueryVector {
  readonly vector: Float32Array
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
  query: string,
  live: Generation,
  call: { readonly signal: AbortSignal; readonly timeoutMs: number },
): Promise<QueryVector> {
  const fallback = ports.collections?.get(scope.collection)?.fallback?.fingerprint
  if (fallback === undefined || fallback === live.fingerprint) {
    return { vector: await embed(ports, scope.tenant, query, live, call.signal), generation: live }
  }
  const first = { signal: call.signal, timeoutMs: call.timeoutMs * firstShare }
  try {
    const vector = await withDeadline(ports.clock, first, undefined, ({ signal }) =>
      embed(ports, scope.tenant, query, live, signal),
    )
    return { vector, generation: live }
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
    const vector = await embed(ports, scope.tenant, query, generation, call.signal)
    return { vector, generation, degraded: `fallback embedder ${fallback} answers: ${code}: ${message}` }
  }
}

async function embed(
  ports: QueryVectorPorts,
  tenant: TenantId,
  text: string,
  { fingerprint }: Generation,
  signal: AbortSignal,
): Promise<Float32Array> {
  const embedder = ports.embedders.get(fingerprint!)
  if (!embedder) {
    throw new HeadwaterError('HW_FINGERPRINT_MISMATCH', `embedders: none is configured for ${fingerprint}`)
  }
  const store = ports.queries.scoped([tenant, fingerprint!], ports.sharedQueries?.(tenant, fingerprint!))
  const [vector] = await embedAll(embedder, store, [{ hash: inputHash(text), text }], { kind: 'query', signal })
  return vector!
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
