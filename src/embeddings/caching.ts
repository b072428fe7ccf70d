import { abortable, throwIfAborted } from '../core/abort'
import { sha256 } from '../core/ids'
import type { BatchOptions, Embedder, EmbedOptions } from './embedder'
import { board, type EmbedInput, type Flight } from './flight'
import type { VectorCache } from './vector-cache'
import { checkVector } from './vector-codec'

/** Key of a text's vector within one space: the fingerprint is no part of it. */
export function inputHash(text: string): string {
  return sha256(text)
}

/** Rounds in which a text is left to whoever is embedding it; after that each asks for itself. */
const shared = 2

/**
 * A vector for each input, in their order: stored ones are read, equal hashes are embedded once, a hash that another
 * call is embedding right now is awaited, the rest goes to the embedder in batches and is stored, also when another
 * batch fails. Another call's failure is this one's only if all of its texts are: otherwise the text at fault may be
 * a foreign one, and what is missing is asked for again. Vectors may be shared between inputs and calls: do not write
 * into them. Throws as `embedInBatches` and the store do.
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
  for (let round = 0; vectors.size < texts.size; round++) {
    throwIfAborted(options.signal)
    const missing = [...texts].flatMap(([hash, text]) => (vectors.has(hash) ? [] : [{ hash, text }]))
    const allMine = (flight: Flight): boolean => [...flight.hashes].every((hash) => texts.has(hash))
    const { joined, own } = board(embedder, missing, options, (flight) => round < shared || allMine(flight))
    try {
      const flights = own ? [own, ...joined] : joined
      const outcomes = await Promise.allSettled(flights.map((flight) => flight.wait(options.signal)))
      throwIfAborted(options.signal)
      const entries = missing.flatMap(({ hash }) => {
        const vector = flights.find((flight) => flight.made.has(hash))?.made.get(hash)
        return vector ? [{ hash, vector }] : []
      })
      // Also what others made: they may have stored it for another tenant only.
      if (entries.length > 0) await store.setMany(entries)
      for (const { hash, vector } of entries) vectors.set(hash, vector)
      for (const [i, outcome] of outcomes.entries()) {
        if (outcome.status === 'rejected' && allMine(flights[i]!)) throw outcome.reason
      }
    } finally {
      own?.leave()
    }
  }
  return inputs.map(({ hash }) => vectors.get(hash)!)
}
