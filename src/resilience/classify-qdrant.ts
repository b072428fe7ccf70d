import { type ErrorCode, HeadwaterError } from '../core/errors'
import { messageOf } from './classify-network'

export interface QdrantAnswer {
  readonly status: number
  readonly data: unknown
  readonly retryAfter?: string | undefined
}

interface Verdict {
  readonly code: ErrorCode
  readonly retryable?: boolean
}

/** An answer that is no success, as the error it means. `what` names the call; `now` is epoch ms. */
export function classifyQdrant(answer: QdrantAnswer, what: string, now: number): HeadwaterError {
  const detail = qdrantDetail(answer.data)
  const retryAfterMs = retryAfter(answer.retryAfter, now)
  const { code, retryable } = verdict(answer.status, detail, retryAfterMs)
  return new HeadwaterError(code, `qdrant: ${what}: ${detail || 'no reason given'} (${answer.status})`, {
    cause: answer.data,
    retryable,
    retryAfterMs,
    details: { store: 'qdrant', status: answer.status },
  })
}

function verdict(status: number, detail: string, retryAfterMs: number | undefined): Verdict {
  switch (status) {
    case 401:
    case 403:
      return { code: 'HW_UNAUTHORIZED' }
    case 404:
      return {
        code: /collection \S* doesn't exist|not found: collection/i.test(detail)
          ? 'HW_GENERATION_MISSING'
          : 'HW_NOT_FOUND',
      }
    case 408:
      return { code: 'HW_TIMEOUT' }
    case 409:
      return { code: 'HW_CONFLICT', retryable: false }
    case 413:
      return { code: 'HW_LIMIT_EXCEEDED' }
    case 429:
      // Without a time to wait the call alone is above what is allowed, and will be again.
      return { code: 'HW_OVERLOADED', retryable: retryAfterMs !== undefined }
    case 500:
      // Also a failed precondition, so it says nothing about the server as a whole.
      return { code: 'HW_DATABASE', retryable: true }
    case 502:
    case 503:
    case 504:
      return { code: 'HW_UNAVAILABLE' }
  }
  if (status >= 300 && status < 400) return { code: 'HW_INVALID_OPTIONS' }
  if (/dimension error/i.test(detail)) return { code: 'HW_INVALID_VECTOR' }
  if (/not existing vector name/i.test(detail)) return { code: 'HW_FINGERPRINT_MISMATCH' }
  return { code: 'HW_DATABASE', retryable: status >= 500 }
}

/** What the server said, from the body: `status.error`, or the text of the answer. */
export function qdrantDetail(data: unknown): string {
  if (typeof data === 'string') return data.slice(0, 500)
  if (data instanceof Error) return messageOf(data)
  if (typeof data !== 'object' || data === null) return ''
  const status: unknown = Reflect.get(data, 'status')
  const error: unknown = typeof status === 'object' && status !== null ? Reflect.get(status, 'error') : undefined
  return typeof error === 'string' ? error.slice(0, 500) : ''
}

/** A Retry-After header, seconds or a date, as ms from now; undefined where it says nothing. */
export function retryAfter(header: string | undefined, now: number): number | undefined {
  const text = header?.trim() ?? ''
  if (/^\d+(\.\d+)?$/.test(text)) return Math.ceil(Number(text) * 1_000)
  const date = /[a-z]/i.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}
