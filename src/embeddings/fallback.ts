import { abortable, throwIfAborted } from '../core/abort'
import { type Clock, systemClock } from '../core/clock'
import { withDeadline } from '../core/deadline'
import { describeValue } from '../core/describe-value'
import { HeadwaterError, isHeadwaterError } from '../core/errors'
import type { BatchOptions, Embedder, EmbedOptions } from './embedder'

const defaultPatienceMs = 10_000

/**
 * One vector space behind several endpoints: the first that answers does. All have one fingerprint, so vectors of
 * two spaces are never mixed; a model of another space can only be the `fallback` of a collection.
 */
export class FallbackEmbedder implements Embedder {
  readonly fingerprint: string
  readonly dimensions: number
  readonly maxTokens: number
  readonly batch: BatchOptions | undefined
  /** Of the endpoint that can count; all are one model. */
  readonly countTokens: Embedder['countTokens']
  readonly #chain: readonly Embedder[]
  readonly #own: readonly Embedder[]
  readonly #clock: Clock
  readonly #patienceMs: number

  /** `patienceMs`: longest time that all but the last endpoint are given, 10,000 by default. `own`: those to close. */
  constructor(
    chain: readonly Embedder[],
    options: { patienceMs?: number | undefined; clock?: Clock | undefined; own?: readonly Embedder[] | undefined } = {},
    path = 'fallback',
  ) {
    const [first] = chain
    const { patienceMs = defaultPatienceMs, clock = systemClock } = options
    if (!first) throw invalid(path, 'names no embedder')
    if (!(typeof patienceMs === 'number' && patienceMs > 0)) {
      throw invalid('patienceMs', `${describeValue(patienceMs)} is not a time above 0`)
    }
    for (const [at, { fingerprint }] of chain.entries()) {
      if (fingerprint === first.fingerprint) continue
      const problem = `${fingerprint} is another space than ${first.fingerprint}: make it the \`fallback\` of a collection`
      throw invalid(`${path}[${at}]`, problem)
    }
    this.fingerprint = first.fingerprint
    this.dimensions = first.dimensions
    this.maxTokens = Math.min(...chain.map(({ maxTokens }) => maxTokens))
    this.batch = first.batch
    const counter = chain.find((embedder) => embedder.countTokens)
    this.countTokens = counter && ((texts, options) => counter.countTokens!(texts, options))
    this.#chain = chain
    this.#own = options.own ?? []
    this.#clock = clock
    this.#patienceMs = patienceMs
  }

  /** Of the first endpoint that answers; the last one's error if none does. */
  async embed(texts: readonly string[], { kind, signal }: EmbedOptions): Promise<Float32Array[]> {
    for (const embedder of this.#chain.slice(0, -1)) {
      try {
        return await withDeadline(this.#clock, { signal, timeoutMs: this.#patienceMs }, undefined, (own) =>
          abortable(embedder.embed(texts, { kind, signal: own.signal }), own.signal),
        )
      } catch (error) {
        throwIfAborted(signal)
        if (isOfTheTexts(error)) throw error
      }
    }
    return this.#chain.at(-1)!.embed(texts, { kind, signal })
  }

  /** Closes those of the endpoints that are its own. */
  async close(): Promise<void> {
    await Promise.all(this.#own.map((embedder) => embedder.close?.()))
  }
}

/** One text is named as the one at fault: so it would be with every endpoint of the same model. */
function isOfTheTexts(error: unknown): boolean {
  if (!isHeadwaterError(error)) return false
  return (
    error.code === 'HW_LIMIT_EXCEEDED' ||
    (error.code === 'HW_EMBEDDER_FAILED' && error.details?.['index'] !== undefined)
  )
}

function invalid(path: string, problem: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_OPTIONS', `${path}: ${problem}`, { path })
}
