import { abortable } from '../core/abort'
import { embedInBatches } from './batching'
import type { BatchOptions, Embedder, EmbedOptions } from './embedder'

/** A text to embed and the key under which its vector is kept. */
export interface EmbedInput {
  readonly hash: string
  readonly text: string
}

/**
 * Texts on their way through an embedder, for all who wait for them. Nobody's patience but the last one's ends it: a
 * caller who gives up leaves alone.
 */
export class Flight {
  readonly hashes: ReadonlySet<string>
  /** What has arrived, also of a flight that failed in the end. */
  readonly made = new Map<string, Float32Array>()
  readonly #stop = new AbortController()
  readonly #landed: Promise<unknown>
  readonly #forget: (flight: Flight) => void
  #waiting = 0

  constructor(
    embedder: Embedder,
    inputs: readonly EmbedInput[],
    options: EmbedOptions & BatchOptions,
    forget: (flight: Flight) => void,
  ) {
    this.hashes = new Set(inputs.map(({ hash }) => hash))
    this.#forget = forget
    const texts = inputs.map(({ text }) => text)
    this.#landed = embedInBatches(embedder, texts, { ...options, signal: this.#stop.signal }, (from, vectors) => {
      for (const [i, vector] of vectors.entries()) this.made.set(inputs[from + i]!.hash, vector)
    })
    this.#landed.catch(() => undefined)
  }

  /** Resolves once all is made, rejects with what failed, or at once with the caller's abort. */
  async wait(signal: AbortSignal | undefined): Promise<void> {
    this.#waiting++
    try {
      await abortable(this.#landed, signal)
    } finally {
      this.#waiting--
      if (this.#waiting === 0 && signal?.aborted) {
        this.#forget(this)
        this.#stop.abort(signal.reason)
      }
    }
  }

  /** Its leader has stored what came, or has gone: nobody joins it once it has landed. */
  leave(): void {
    const forget = (): void => this.#forget(this)
    this.#landed.then(forget, forget)
  }
}

// One provider call a text among all callers of an embedder in this process, whichever tenants they work for.
const flightsOf = new WeakMap<Embedder, Map<string, Flight>>()

/**
 * The flights that will bring these inputs: those under way that `mayJoin` admits, and one of the caller's own for the
 * rest. Wait for them in the same turn.
 */
export function board(
  embedder: Embedder,
  inputs: readonly EmbedInput[],
  options: EmbedOptions & BatchOptions,
  mayJoin: (flight: Flight) => boolean,
): { joined: readonly Flight[]; own: Flight | undefined } {
  const flights = flightsOf.get(embedder) ?? new Map<string, Flight>()
  flightsOf.set(embedder, flights)
  const key = (hash: string): string => `${options.kind}:${hash}`
  const joined = new Set<Flight>()
  const mine: EmbedInput[] = []
  for (const input of inputs) {
    const flight = flights.get(key(input.hash))
    if (flight && mayJoin(flight)) joined.add(flight)
    else mine.push(input)
  }
  if (mine.length === 0) return { joined: [...joined], own: undefined }
  const own = new Flight(embedder, mine, options, (flight) => {
    for (const hash of flight.hashes) if (flights.get(key(hash)) === flight) flights.delete(key(hash))
  })
  for (const hash of own.hashes) flights.set(key(hash), own)
  return { joined: [...joined], own }
}
