import { abortable, type CallOptions } from '../core/abort'
import type { Clock } from '../core/clock'
import { withDeadline } from '../core/deadline'
import { asHeadwaterError } from '../core/errors'
import type { CollectionName } from '../core/ids'
import type { Embedder } from '../embeddings/embedder'
import { OwnVectors } from '../embeddings/own-vectors'
import type { Generation, GenerationState } from '../repositories/generations'
import type { StoreParts } from './store-parts'

/** An embedder that this store knows, or a space that it has vectors of and no embedder for. */
export interface ModelInfo {
  /** In `embedders`; null for one that was given without a name. */
  readonly name: string | null
  readonly fingerprint: string
  readonly dimensions: number
  /** The vector generations of its space. */
  readonly uses: readonly { readonly collection: CollectionName; readonly state: GenerationState }[]
  /** Whether it embedded a word just now, or within the last half minute. */
  readonly healthy: boolean
  /** Why it is not. */
  readonly reason?: string
}

interface Probe {
  readonly at: number
  readonly reason: Promise<string | undefined>
}

const freshMs = 30_000
const probeMs = 5_000

/** Lists embedders, and asks each for the vector of one word, at most every half minute. */
export class AvailableModels {
  readonly #parts: Pick<StoreParts, 'ports' | 'named'>
  readonly #probes = new WeakMap<Embedder, Probe>()

  constructor(parts: Pick<StoreParts, 'ports' | 'named'>) {
    this.#parts = parts
  }

  async list(options: CallOptions): Promise<ModelInfo[]> {
    const { ports, named } = this.#parts
    return withDeadline(ports.clock, options, undefined, async ({ signal }) => {
      const listed = ports.truth.session({ worker: true }).generations.list({ target: 'vector' })
      const generations = await abortable(listed, signal)
      const namedSpaces = new Set([...named.values()].map(({ fingerprint }) => fingerprint))
      const embedders: (readonly [string | null, Embedder])[] = [
        ...named,
        ...[...ports.embedders.values()].flatMap((one) =>
          namedSpaces.has(one.fingerprint) ? [] : [[null, one] as const],
        ),
      ]
      const known = new Set(embedders.map(([, { fingerprint }]) => fingerprint))
      const orphans = generations.filter(({ fingerprint }) => !known.has(fingerprint!))
      return Promise.all([
        ...embedders.map(async ([name, embedder]): Promise<ModelInfo> => {
          const { fingerprint, dimensions } = embedder
          const reason = await abortable(this.#probe(embedder, ports.clock), signal)
          const health = reason === undefined ? { healthy: true } : { healthy: false, reason }
          return { name, fingerprint, dimensions, uses: usesOf(fingerprint, generations), ...health }
        }),
        ...[...new Map(orphans.map((one) => [one.fingerprint!, one.dimensions!]))].map(
          ([fingerprint, dimensions]): ModelInfo => ({
            name: null,
            fingerprint,
            dimensions,
            uses: usesOf(fingerprint, generations),
            healthy: false,
            reason: 'no embedder is configured for it',
          }),
        ),
      ])
    })
  }

  /** Why it does not work, or undefined. Shared by all who ask within `freshMs`; nobody's abort ends it. */
  #probe(embedder: Embedder, clock: Clock): Promise<string | undefined> {
    if (embedder instanceof OwnVectors) return Promise.resolve(undefined)
    const now = clock.monotonic()
    const last = this.#probes.get(embedder)
    if (last && now - last.at < freshMs) return last.reason
    const reason = withDeadline(clock, { timeoutMs: probeMs }, undefined, ({ signal }) =>
      abortable(embedder.embed(['headwater'], { kind: 'query', signal }), signal),
    ).then(
      () => undefined,
      (error: unknown) => {
        const { code, message } = asHeadwaterError(error, 'HW_EMBEDDER_FAILED')
        return `${code}: ${message}`
      },
    )
    this.#probes.set(embedder, { at: now, reason })
    return reason
  }
}

function usesOf(fingerprint: string, generations: readonly Generation[]): ModelInfo['uses'] {
  return generations.flatMap((one) =>
    one.fingerprint === fingerprint ? [{ collection: one.collection, state: one.state }] : [],
  )
}
