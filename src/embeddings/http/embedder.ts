import { type Clock, systemClock } from '../../core/clock'
import type { CorePorts } from '../../core/core-ports'
import { withDeadline } from '../../core/deadline'
import { asHeadwaterError, HeadwaterError } from '../../core/errors'
import { Lazy } from '../../core/lifecycle'
import { systemRandom } from '../../core/random'
import { redactUrl } from '../../core/secret'
import { classifyEmbeddings, type RefusalOf } from '../../resilience/classify-embeddings'
import { Policy } from '../../resilience/policy'
import { inLanes } from '../batching'
import type { BatchOptions, Embedder, EmbedOptions } from '../embedder'
import { fingerprintOf } from '../fingerprint'
import { type EmbeddingsAnswer, mostBytes, readAnswer } from './answer'
import { type HttpEmbedderOptions, type ResolvedHttpOptions, resolveHttpOptions } from './options'
import { EmbeddingsTransport, type HttpReply } from './transport'

/** What an embedder has used since it was made. */
export interface EmbedderUsage {
  /** Requests that were answered with vectors. */
  readonly requests: number
  readonly texts: number
  /** As the server counted them, by our approximation where it did not. */
  readonly tokens: number
  /** `tokens` at `pricePerMillionTokens`; undefined without a price. */
  readonly cost: number | undefined
}

interface Item {
  readonly text: string
  /** Place among the texts of the call. */
  readonly at: number
}

/** Cuts of a text that the server calls too long, before it is given up. */
const mostCuts = 12

/** A text that every model takes: whether it is answered tells a text that the server fails on from an outage. */
const easyText = 'headwater'
const easyTextMs = 10_000

/**
 * A model behind an OpenAI-compatible `/embeddings`. Vectors have length 1, whatever the server's have.
 *
 * `embed` gives all vectors or throws: HW_EMBEDDER_FAILED for a text that the server refuses, or fails on while it
 * answers an easy one (found by halving, its place in `details.index`), and for answers that are none,
 * HW_LIMIT_EXCEEDED for one that is too long, HW_UNAUTHORIZED,
 * HW_INVALID_OPTIONS, HW_UNAVAILABLE, HW_OVERLOADED, HW_CIRCUIT_OPEN, HW_TIMEOUT, HW_ABORTED, HW_CLOSED.
 */
export class HttpEmbedder implements Embedder {
  readonly fingerprint: string
  readonly dimensions: number
  readonly maxTokens: number
  readonly batch: BatchOptions
  readonly #options: ResolvedHttpOptions
  readonly #transport: EmbeddingsTransport
  readonly #policy: Lazy<Policy>
  readonly #clock: Clock
  readonly #what: string
  readonly #calls = new Set<Promise<unknown>>()
  #encoding: 'base64' | 'float'
  /** The easy text on its way, for all who ask at once. */
  #easy: Promise<boolean> | undefined
  #requests = 0
  #texts = 0
  #tokens = 0
  #closed: Promise<void> | undefined

  constructor(options: HttpEmbedderOptions, path = 'http', ports: CorePorts = {}) {
    const resolved = resolveHttpOptions(options, path)
    const { provider, model, revision, dimensions, queryPrefix, passagePrefix } = resolved
    this.fingerprint = fingerprintOf({
      provider,
      model,
      revision,
      dimensions,
      normalized: true,
      queryPrefix,
      passagePrefix,
    })
    this.dimensions = dimensions
    this.maxTokens = resolved.maxTokens
    // Three bytes a token, and no character is less than a byte.
    const batchCharacters = resolved.batchTokens * 3
    this.batch = { batchSize: resolved.batchSize, batchCharacters, concurrency: resolved.concurrency }
    this.#options = resolved
    this.#encoding = resolved.encoding
    this.#clock = ports.clock ?? systemClock
    this.#what = `${model} at ${redactUrl(resolved.url.href)}`
    this.#transport = new EmbeddingsTransport(resolved)
    const random = ports.random ?? systemRandom
    this.#policy = new Lazy(() => Policy.create(this.#what, resolved.policy, { clock: this.#clock, random }))
  }

  /** Connections open now. */
  get sockets(): number {
    return this.#transport.sockets
  }

  async embed(texts: readonly string[], options: EmbedOptions): Promise<Float32Array[]> {
    if (this.#closed) throw new HeadwaterError('HW_CLOSED', `${this.#what}: the embedder is closed`)
    const { queryPrefix, passagePrefix, concurrency } = this.#options
    const prefix = options.kind === 'query' ? queryPrefix : passagePrefix
    const vectors = new Array<Float32Array>(texts.length)
    const batches = this.#batches(texts.map((text, at) => ({ text: prefix + text, at })))
    const call = inLanes(batches, concurrency, options.signal, (items, signal) => this.#fill(vectors, items, signal))
    this.#calls.add(call)
    try {
      await call
      return vectors
    } finally {
      this.#calls.delete(call)
    }
  }

  usage(): EmbedderUsage {
    const { pricePerMillionTokens: price } = this.#options
    const cost = price === undefined ? undefined : (this.#tokens / 1e6) * price
    return { requests: this.#requests, texts: this.#texts, tokens: this.#tokens, cost }
  }

  /** Takes no more calls, waits for those that run, then closes its connections. */
  close(): Promise<void> {
    this.#closed ??= Promise.allSettled([...this.#calls]).then(() => this.#transport.destroy())
    return this.#closed
  }

  #batches(items: readonly Item[]): Item[][] {
    const { batchSize, batchTokens } = this.#options
    const batches: Item[][] = []
    let held = batchTokens
    for (const item of items) {
      const tokens = approximateTokens(item.text)
      const batch = batches.at(-1)
      if (batch && batch.length < batchSize && held + tokens <= batchTokens) {
        batch.push(item)
        held += tokens
      } else {
        batches.push([item])
        held = tokens
      }
    }
    return batches
  }

  /** Puts the vectors of the items in their places; by halves when the server refuses them together. */
  async #fill(vectors: Float32Array[], items: readonly Item[], signal: AbortSignal): Promise<void> {
    try {
      const answer = await this.#ask(
        items.map(({ text }) => text),
        signal,
      )
      for (const [i, { at }] of items.entries()) vectors[at] = answer.vectors[i]!
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      if (error.of === 'encoding' && this.#encoding === 'base64') {
        this.#encoding = 'float'
        return this.#fill(vectors, items, signal)
      }
      if (error.of === 'other' || error.of === 'encoding') throw error.reason
      if (items.length === 1) {
        vectors[items[0]!.at] = await this.#alone(items[0]!, error, signal)
        return
      }
      const half = items.length >> 1
      await this.#fill(vectors, items.slice(0, half), signal)
      await this.#fill(vectors, items.slice(half), signal)
    }
  }

  /** A text that was refused by itself: cut if that is wished and helps, else thrown with its place. */
  async #alone({ text, at }: Item, refused: Refused, signal: AbortSignal): Promise<Float32Array> {
    let last = refused
    let rest = text
    const truncate = this.#options.tooLong === 'truncate'
    const isLong = ({ of }: Refused): boolean => of === 'length' || of === 'size'
    // What failed once, for no reason given, may have met a passing fault; nobody is blamed before it did so again.
    let again = refused.of === 'doubtful'
    for (let cuts = 0; again || (truncate && isLong(last) && cuts < mostCuts); cuts++) {
      if (!again) rest = shortened(rest, last.reason.message)
      again = false
      try {
        return (await this.#ask([rest], signal)).vectors[0]!
      } catch (error) {
        if (!(error instanceof Refused)) throw error
        last = error
      }
    }
    const { code, message, retryable, details } = last.reason
    throw new HeadwaterError(code, `text ${at}: ${message}`, {
      cause: last.reason,
      retryable,
      details: { ...details, index: at },
    })
  }

  async #ask(texts: readonly string[], signal: AbortSignal): Promise<EmbeddingsAnswer> {
    const { model, dimensions, shorten, attemptTimeoutMs, path } = this.#options
    const body = {
      model,
      input: texts,
      ...(this.#encoding === 'base64' && { encoding_format: 'base64' }),
      ...(shorten && { dimensions }),
    }
    const policy = await this.#policy.get()
    const late = new HeadwaterError('HW_TIMEOUT', `${this.#what}: no answer within ${attemptTimeoutMs} ms`)
    const attempt = (outer: AbortSignal): Promise<EmbeddingsAnswer> =>
      withDeadline(this.#clock, { signal: outer, timeoutMs: attemptTimeoutMs }, undefined, async (deadline) => {
        try {
          const reply = await this.#transport.post(body, mostBytes(texts.length, dimensions), deadline.signal)
          if (reply.status < 200 || reply.status >= 300) throw this.#refusal(reply)
          return readAnswer(reply.text, texts.length, dimensions, this.#what, path)
        } catch (error) {
          throw deadline.signal.aborted && !outer.aborted ? late : error
        }
      })
    let of: RefusalOf = 'other'
    try {
      const answer = await policy.run(
        (outer) =>
          attempt(outer).catch(async (error: unknown) => {
            const reason = error instanceof Refused ? error.reason : asHeadwaterError(error)
            of = error instanceof Refused ? error.of : mayBeOfTheTexts(reason)
            if (of !== 'doubtful') throw reason
            if (!outer.aborted && (await this.#answersEasyText())) throw this.#blame(reason)
            of = 'other'
            throw reason
          }),
        { signal, idempotent: true, prompt: true },
      )
      this.#requests++
      this.#texts += texts.length
      this.#tokens += answer.tokens ?? texts.reduce((sum, text) => sum + approximateTokens(text), 0)
      return answer
    } catch (error) {
      if (of !== 'other' && error instanceof HeadwaterError) throw new Refused(error, of)
      throw error
    }
  }

  /** Whether the server answers at all, asked beside the policy: an open breaker would say what is to be found out. */
  #answersEasyText(): Promise<boolean> {
    const { model, dimensions, shorten, attemptTimeoutMs, path } = this.#options
    const body = { model, input: [easyText], ...(shorten && { dimensions }) }
    this.#easy ??= withDeadline(
      this.#clock,
      { timeoutMs: Math.min(attemptTimeoutMs, easyTextMs) },
      undefined,
      async ({ signal }) => {
        const { status, text } = await this.#transport.post(body, mostBytes(1, dimensions), signal)
        if (status < 200 || status >= 300) return false
        readAnswer(text, 1, dimensions, this.#what, path)
        return true
      },
    )
      .catch(() => false)
      .finally(() => {
        this.#easy = undefined
      })
    return this.#easy
  }

  /** The server is there, so that its breaker must not open and nobody else need wait. */
  #blame(reason: HeadwaterError): HeadwaterError {
    const { message, details } = reason
    return new HeadwaterError('HW_EMBEDDER_FAILED', `fails, while an easy text does not: ${message}`, {
      cause: reason,
      retryable: false,
      details,
    })
  }

  #refusal(reply: HttpReply): Refused {
    const { error, of } = classifyEmbeddings(
      { ...reply, text: this.#scrubbed(reply.text) },
      this.#what,
      this.#options.path,
      this.#clock.now(),
    )
    return new Refused(error, of)
  }

  /** What servers say may quote the key that they refuse. */
  #scrubbed(text: string): string {
    const { apiKey, headers } = this.#options
    let clean = text
    for (const secret of [apiKey, ...headers.values()]) {
      // Shorter ones would turn the words of the message to stars.
      if (secret && secret.reveal().length >= 6) clean = clean.replaceAll(secret.reveal(), '[secret]')
    }
    return clean
  }
}

/** A failure without a refusal: no answer, or none that can be read. What never got to the server says nothing. */
function mayBeOfTheTexts({ code, details }: HeadwaterError): 'doubtful' | 'other' {
  const cut = /^(ECONNRESET|ECONNABORTED|EPIPE|HPE_.*|unknown)$/.test(String(details?.['network']))
  const isUnread = code === 'HW_EMBEDDER_FAILED' || code === 'HW_INVALID_OPTIONS' || code === 'HW_TIMEOUT'
  return isUnread || (code === 'HW_UNAVAILABLE' && cut) ? 'doubtful' : 'other'
}

/** An answer that says what was wrong with the request; stays within this file. */
class Refused extends Error {
  readonly reason: HeadwaterError
  readonly of: RefusalOf

  constructor(reason: HeadwaterError, of: RefusalOf) {
    super(reason.message)
    this.reason = reason
    this.of = of
  }
}

/** Three bytes of UTF-8 a token: more than English takes, about what others do. */
export function approximateTokens(text: string): number {
  return Math.max(1, Math.ceil(Buffer.byteLength(text) / 3))
}

/** The text without its end: by what the message says of asked and allowed tokens, else by a fifth. */
function shortened(text: string, message: string): string {
  const said = message.matchAll(/(\d{1,9}) tokens|(?:requested|given:?|batch size:?) (\d{1,9})/gi)
  const numbers = [...said].map((match) => Number(match[1] ?? match[2]))
  const [most, least] = [Math.max(...numbers), Math.min(...numbers)]
  const share = numbers.length > 1 && least > 0 && least < most ? Math.min(0.95, (least / most) * 0.97) : 0.8
  const end = Math.max(1, Math.floor(text.length * share))
  // Not between the halves of one character.
  const half = text.charCodeAt(end - 1)
  return text.slice(0, half >= 0xd800 && half < 0xdc00 && end > 1 ? end - 1 : end)
}
