import { abortable, abortError, offAbort, onAbort, throwIfAborted } from '../core/abort'
import { asHeadwaterError, HeadwaterError } from '../core/errors'
import type { BatchOptions, Embedder, EmbedOptions } from './embedder'
import { checkVector } from './vector-codec'

const defaults = { batchSize: 64, batchCharacters: 200_000, concurrency: 4 } as const satisfies Required<BatchOptions>

const failures = new WeakSet<HeadwaterError>()

/** Whether the failure is an embedder's own, and not that of a store beside it. */
export function isOfEmbedder(error: HeadwaterError): boolean {
  return failures.has(error)
}

/**
 * Embeds any number of texts in bounded batches, in the order given. The answer is checked: as many vectors as texts
 * (HW_EMBEDDER_FAILED), each of the right dimensions and finite (HW_INVALID_VECTOR). The first failure ends the rest;
 * `arrived` hears of every batch that came before it.
 */
export async function embedInBatches(
  embedder: Embedder,
  texts: readonly string[],
  options: EmbedOptions & BatchOptions,
  arrived?: (from: number, vectors: readonly Float32Array[]) => void,
): Promise<Float32Array[]> {
  throwIfAborted(options.signal)
  const given = (key: keyof BatchOptions): number =>
    positive(options[key] ?? embedder.batch?.[key] ?? defaults[key], key)
  const batches = batchesOf(texts, given('batchSize'), given('batchCharacters'))
  const vectors = new Array<Float32Array>(texts.length)
  await inLanes(batches, given('concurrency'), options.signal, async ({ from, to }, signal) => {
    const answer = await embedOnce(embedder, texts.slice(from, to), { kind: options.kind, signal })
    for (let i = 0; i < answer.length; i++) vectors[from + i] = answer[i]!
    arrived?.(from, answer)
  })
  return vectors
}

/** Works through the items, so many at once; the first failure aborts the signal of the others and is thrown. */
export async function inLanes<T>(
  items: readonly T[],
  lanes: number,
  signal: AbortSignal | undefined,
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = new AbortController()
  const abort = (): void => stop.abort(signal?.reason)
  if (signal?.aborted) abort()
  onAbort(signal, abort)
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < items.length) {
      throwIfAborted(stop.signal)
      await work(items[next++]!, stop.signal)
    }
  }
  try {
    await Promise.all(Array.from({ length: Math.min(lanes, items.length) }, lane))
  } catch (error) {
    stop.abort(error)
    if (signal?.aborted) throw abortError(signal)
    throw error
  } finally {
    offAbort(signal, abort)
  }
}

async function embedOnce(
  embedder: Embedder,
  texts: readonly string[],
  options: { kind: EmbedOptions['kind']; signal: AbortSignal },
): Promise<Float32Array[]> {
  throwIfAborted(options.signal)
  try {
    return checked(embedder, texts, await abortable(embedder.embed(texts, options), options.signal))
  } catch (cause) {
    const message = `The embedder ${embedder.fingerprint} failed: ${reason(cause)}`
    const error = asHeadwaterError(cause, 'HW_EMBEDDER_FAILED', message)
    if (!options.signal.aborted) failures.add(error)
    throw error
  }
}

function checked(embedder: Embedder, texts: readonly string[], answer: Float32Array[]): Float32Array[] {
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
