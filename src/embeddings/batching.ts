import { abortable, abortError, throwIfAborted } from '../core/abort'
import { asHeadwaterError, HeadwaterError } from '../core/errors'
import type { Embedder, EmbedOptions } from './embedder'
import { checkVector } from './vector-codec'

export interface BatchOptions {
  /** Most texts in one call of the embedder. Larger is faster until the model's memory is full. Default 64. */
  batchSize?: number | undefined
  /** Most characters in one call (a longer text goes alone). Default 200,000. */
  batchCharacters?: number | undefined
  /** Calls under way at once. Default 4. */
  concurrency?: number | undefined
}

const defaults = { batchSize: 64, batchCharacters: 200_000, concurrency: 4 } as const satisfies Required<BatchOptions>

/**
 * Embeds any number of texts in bounded batches, in the order given. The answer is checked: as many vectors as texts
 * (HW_EMBEDDER_FAILED), each of the right dimensions and finite (HW_INVALID_VECTOR). The first failure ends the rest.
 */
export async function embedInBatches(
  embedder: Embedder,
  texts: readonly string[],
  options: EmbedOptions & BatchOptions,
): Promise<Float32Array[]> {
  throwIfAborted(options.signal)
  const batches = batchesOf(
    texts,
    positive(options.batchSize ?? defaults.batchSize, 'batchSize'),
    positive(options.batchCharacters ?? defaults.batchCharacters, 'batchCharacters'),
  )
  const concurrency = positive(options.concurrency ?? defaults.concurrency, 'concurrency')
  const vectors = new Array<Float32Array>(texts.length)
  const stop = new AbortController()
  const abort = (): void => stop.abort(options.signal?.reason)
  options.signal?.addEventListener('abort', abort, { once: true })
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < batches.length) {
      const { from, to } = batches[next++]!
      const answer = await embedOnce(embedder, texts.slice(from, to), { kind: options.kind, signal: stop.signal })
      for (let i = 0; i < answer.length; i++) vectors[from + i] = answer[i]!
    }
  }
  try {
    await Promise.all(Array.from({ length: Math.min(concurrency, batches.length) }, lane))
  } catch (error) {
    stop.abort(error)
    if (options.signal?.aborted) throw abortError(options.signal)
    throw error
  } finally {
    options.signal?.removeEventListener('abort', abort)
  }
  return vectors
}

async function embedOnce(
  embedder: Embedder,
  texts: readonly string[],
  options: { kind: EmbedOptions['kind']; signal: AbortSignal },
): Promise<Float32Array[]> {
  throwIfAborted(options.signal)
  let answer: Float32Array[]
  try {
    answer = await abortable(embedder.embed(texts, options), options.signal)
  } catch (error) {
    throw asHeadwaterError(error, 'HW_EMBEDDER_FAILED', `The embedder ${embedder.fingerprint} failed: ${reason(error)}`)
  }
  if (!Array.isArray(answer) || answer.length !== texts.length) {
    const count = Array.isArray(answer) ? `${answer.length} vectors` : typeof answer
    throw new HeadwaterError(
      'HW_EMBEDDER_FAILED',
      `The embedder ${embedder.fingerprint} answered ${texts.length} texts with ${count}`,
      { retryable: false },
    )
  }
  return answer.map((vector, i) => checkVector(vector, embedder.dimensions, `${embedder.fingerprint}: vector ${i}`))
}

function batchesOf(texts: readonly string[], size: number, characters: number): { from: number; to: number }[] {
  const batches: { from: number; to: number }[] = []
  let from = 0
  let held = 0
  for (let i = 0; i < texts.length; i++) {
    const length = texts[i]!.length
    if (i > from && (i - from >= size || held + length > characters)) {
      batches.push({ from, to: i })
      from = i
      held = 0
    }
    held += length
  }
  if (from < texts.length) batches.push({ from, to: texts.length })
  return batches
}

function positive(value: number, path: string): number {
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new HeadwaterError('HW_INVALID_OPTIONS', `${path}: ${value} is not a whole number above 0`, { path })
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
