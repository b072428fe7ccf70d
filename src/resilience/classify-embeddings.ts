import { type ErrorCode, HeadwaterError } from '../core/errors'
import { retryAfter } from './classify-qdrant'

/** An answer of an embedding server that is no success; `text` holds no secret any more. */
export interface EmbeddingsRefusal {
  readonly status: number
  readonly text: string
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
}

/**
 * What a refusal is about: the text, its length, how vectors were asked for, or nothing of these. 'doubtful' may be the
 * server's trouble or a text that it fails on: another text tells.
 */
export type RefusalOf = 'length' | 'size' | 'encoding' | 'input' | 'doubtful' | 'other'

/** As the error it means. `what` begins the message, `path` is of the embedder's options, `now` is epoch ms. */
export function classifyEmbeddings(
  refusal: EmbeddingsRefusal,
  what: string,
  path: string,
  now: number,
): { readonly error: HeadwaterError; readonly of: RefusalOf } {
  const { status } = refusal
  const { message, code: said, param } = reasonOf(refusal.text)
  const make = (code: ErrorCode, more: { retryable?: boolean; path?: string } = {}): HeadwaterError =>
    new HeadwaterError(code, `${what}: ${message || 'no reason given'} (${status})`, {
      cause: refusal.text,
      retryAfterMs: waitOf(refusal, now),
      details: { status, ...(said && { reason: said }) },
      ...more,
    })
  const other = (error: HeadwaterError) => ({ error, of: 'other' as const })
  if (status >= 300 && status < 400) return other(make('HW_INVALID_OPTIONS', { path: `${path}.baseUrl` }))
  switch (status) {
    case 401:
    case 403:
      return other(make('HW_UNAUTHORIZED'))
    case 404:
    case 405:
      // The address or the model is wrong, and with it every text: nothing is the text's fault.
      return other(make('HW_INVALID_OPTIONS', { path: /model/i.test(`${said} ${message}`) ? `${path}.model` : path }))
    case 402:
      return other(make('HW_OVERLOADED', { retryable: false }))
    case 408:
      return other(make('HW_TIMEOUT'))
    case 409:
      return other(make('HW_CONFLICT'))
    case 413:
      return { error: make('HW_LIMIT_EXCEEDED'), of: tooLong.test(message) ? 'length' : 'size' }
    case 429:
      // Money that is used up does not come back by waiting.
      return other(make('HW_OVERLOADED', { retryable: !/insufficient_quota|billing/i.test(`${said} ${message}`) }))
  }
  if (status >= 500) {
    // llama.cpp answers 500 for what others call a bad request; 503 says by itself that it is nobody's fault.
    if (status !== 503 && tooLong.test(message)) return { error: make('HW_LIMIT_EXCEEDED'), of: 'length' }
    return { error: make('HW_UNAVAILABLE'), of: status === 503 ? 'other' : 'doubtful' }
  }
  if (/encoding_format|base64/i.test(`${param} ${message}`))
    return { error: make('HW_EMBEDDER_FAILED', { retryable: false }), of: 'encoding' }
  if (tooLong.test(`${said} ${message}`)) return { error: make('HW_LIMIT_EXCEEDED'), of: 'length' }
  if (/^(model|dimensions|user)$/.test(param) || said === 'model_not_found') {
    return other(make('HW_INVALID_OPTIONS', { path: `${path}.${param || 'model'}` }))
  }
  return { error: make('HW_EMBEDDER_FAILED', { retryable: false }), of: 'input' }
}

const tooLong =
  /context_length_exceeded|context length|too many tokens|(input|text|prompt|sequence|string).{0,40}too (long|large)|(maximum|max).{0,20}(tokens|sequence|input) ?(length)?|less than \d+ tokens/i

interface Reason {
  readonly message: string
  readonly code: string
  readonly param: string
}

/** OpenAI's `{ error: { message, code, param } }`, the likes of it that other servers have, or the text itself. */
function reasonOf(text: string): Reason {
  let data: unknown
  try {
    data = JSON.parse(text)
  } catch {
    return { message: text.slice(0, 500), code: '', param: '' }
  }
  const error: unknown = Reflect.get(Object(data), 'error') ?? data
  const field = (name: string): string => {
    const value: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, name) : undefined
    return typeof value === 'string' ? value.slice(0, 500) : ''
  }
  const message = typeof error === 'string' ? error : field('message') || field('detail') || text
  return { message: message.slice(0, 500), code: field('code') || field('type'), param: field('param') }
}

function waitOf({ headers }: EmbeddingsRefusal, now: number): number | undefined {
  const one = (name: string): string | undefined => {
    const value = headers[name]
    return typeof value === 'string' ? value : value?.[0]
  }
  const precise = Number(one('retry-after-ms') || Number.NaN)
  return precise >= 0 ? Math.ceil(precise) : retryAfter(one('retry-after'), now)
}
