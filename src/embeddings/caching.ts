import { abortable, throwIfAborted } from '../core/abort'
import { isHeadwaterError } from '../core/errors'
import { sha256 } from '../core/ids'
import type { BatchOptions } from './batching'
import { embedInBatches } from './batching'
import type { Embedder, EmbedOptions } from './embedder'
import type { VectorCache } from './vector-cache'
import { checkVector } from './vector-codec'

/** A text to embed and the key under which its vector is kept. */
export interface EmbedInput {
  readonly hash: string
  readonly text: string
}

/** Key of a text's vector within one space: the fingerprint is no part of it. */
export function inputHash(text: string): string {
  return sha256(text)
}

// One provider call a text among all callers of an embedder in this process, whichever tenants they work for.
const flightsOf = new WeakMap<Embedder, Map<string, Promise<Float32Array>>>()

/**
 * A vector for each input, in their order: stored ones are read, equal hashes are embedded once, a hash that another
 * call is embedding right now is awaited, the rest goes to the embedder in batches and is stored. Vectors may be
 * shared between inputs and calls: do not write into them. Throws as `embedInBatches` and the store do.
 */
export async function embedAll(
  embedder: Embedder,
  store: VectorCache,
  inputs: readonly EmbedInput[],
  options: EmbedOptions & BatchOptions = { kind: 'passage' },
): Promise<Float32Array[]> {
  throwIfAborted(options.signal)
  const texts = new Map(inputs.map(({ hash, text }) => [hash, text]))
  const vectors = new Map<string, Float32Array>()
  if (texts.size > 0) {
    for (const [hash, vector] of await abortable(store.getMany([...texts.keys()]), options.signal)) {
      if (texts.has(hash)) vectors.set(hash, checkVector(vector, embedder.dimensions, `stored vector ${hash}`))
    }
  }
  while (vectors.size < texts.size) {
    const missing = [...texts].filter(([hash]) => !vectors.has(hash))
    for (const [hash, vector] of await fetchMissing(embedder, store, missing, options)) vectors.set(hash, vector)
  }
  return inputs.map(({ hash }) => vectors.get(hash)!)
}

/** Embeds what nobody else is embedding and waits for the others. What another caller gave up is left out. */
async function fetchMissing(
  embedder: Embedder,
  store: VectorCache,
  missing: readonly (readonly [hash: string, text: string])[],
  options: EmbedOptions & BatchOptions,
): Promise<Map<string, Float32Array>> {
  throwIfAborted(options.signal)
  const flights = flightsOf.get(embedder) ?? new Map<string, Promise<Float32Array>>()
  flightsOf.set(embedder, flights)
  const key = (hash: string): string => `${options.kind}:${hash}`
  const waits: (readonly [hash: string, flight: Promise<Float32Array>])[] = []
  const mine: (readonly [hash: string, text: string])[] = []
  for (const entry of missing) {
    const flight = flights.get(key(entry[0]))
    if (flight) waits.push([entry[0], flight])
    else mine.push(entry)
  }
  const got = new Map<string, Float32Array>()
  const led = lead(embedder, store, flights, key, mine, options, got)
  const followed = follow(store, waits, options.signal, got)
  // Both run on whatever becomes of the other; the first failure is what the caller sees.
  await Promise.all([led, followed])
  return got
}

async function lead(
  embedder: Embedder,
  store: VectorCache,
  flights: Map<string, Promise<Float32Array>>,
  key: (hash: string) => string,
  mine: readonly (readonly [hash: string, text: string])[],
  options: EmbedOptions & BatchOptions,
  got: Map<string, Float32Array>,
): Promise<void> {
  if (mine.length === 0) return
  const made = embedInBatches(
    embedder,
    mine.map(([, text]) => text),
    options,
  )
  for (const [i, [hash]] of mine.entries()) {
    const flight = made.then((vectors) => vectors[i]!)
    flight.catch(() => {})
    flights.set(key(hash), flight)
  }
  try {
    const vectors = await made
    const entries = mine.map(([hash], i) => ({ hash, vector: vectors[i]! }))
    await store.setMany(entries)
    for (const { hash, vector } of entries) got.set(hash, vector)
  } finally {
    for (const [hash] of mine) flights.delete(key(hash))
  }
}

async function follow(
  store: VectorCache,
  waits: readonly (readonly [hash: string, flight: Promise<Float32Array>])[],
  signal: AbortSignal | undefined,
  got: Map<string, Float32Array>,
): Promise<void> {
  const entries: { hash: string; vector: Float32Array }[] = []
  const settled = await abortable(Promise.allSettled(waits.map(([, flight]) => flight)), signal)
  for (const [i, result] of settled.entries()) {
    if (result.status === 'fulfilled') entries.push({ hash: waits[i]![0], vector: result.value })
    else if (!gaveUp(result.reason)) throw result.reason
  }
  if (entries.length === 0) return
  // The leader may have stored it for another tenant only.
  await store.setMany(entries)
  for (const { hash, vector } of entries) got.set(hash, vector)
}

/** The leader's own patience ended, which says nothing about the embedder. */
function gaveUp(error: unknown): boolean {
  return isHeadwaterError(error, 'HW_ABORTED') || isHeadwaterError(error, 'HW_TIMEOUT')
}
