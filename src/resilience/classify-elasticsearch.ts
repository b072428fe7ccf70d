import { type ErrorCode, HeadwaterError } from '../core/errors'
import { classifyNetwork, errorChain, messageOf, networkFailure } from './classify-network'

/** What a server says about a request or about one item of a bulk. */
export interface ElasticsearchFault {
  readonly status: number
  /** E.g. `index_not_found_exception`. */
  readonly type: string
  readonly reason: string
  readonly retryAfterMs?: number | undefined
}

/** Failures of the client itself, by the names of its error classes. */
const clientFaults: Readonly<Record<string, { code: ErrorCode; retryable?: boolean }>> = {
  TimeoutError: { code: 'HW_TIMEOUT' },
  ConnectionError: { code: 'HW_UNAVAILABLE' },
  NoLivingConnectionsError: { code: 'HW_UNAVAILABLE' },
  // An answer cut short, or a page of some proxy.
  DeserializationError: { code: 'HW_UNAVAILABLE' },
  // Longer than what is read of an answer: our own aborts never come here.
  RequestAbortedError: { code: 'HW_UNAVAILABLE', retryable: false },
  ProductNotSupportedError: { code: 'HW_UNAVAILABLE', retryable: false },
  ConfigurationError: { code: 'HW_INVALID_OPTIONS' },
}

/** An error of `@elastic/elasticsearch` as one of ours. `what` begins the message; `now` is epoch ms. */
export function classifyElasticsearch(error: unknown, what: string, now: number): HeadwaterError {
  if (error instanceof HeadwaterError) return error
  const answer = faultOf(error, now)
  if (answer) return describeFault(answer, what, error)
  const link = errorChain(error).find((each) => clientFaults[nameOf(each)])
  const rule = link === undefined ? undefined : clientFaults[nameOf(link)]!
  if (rule && rule.code !== 'HW_UNAVAILABLE') {
    return new HeadwaterError(rule.code, `${what}: ${messageOf(link)}`, { cause: error })
  }
  const network = networkFailure(error) && classifyNetwork(error, what)
  if (network) return network
  if (rule) {
    // The client says why in words alone where TLS failed; a fingerprint will be just as wrong the next time.
    const retryable = rule.retryable ?? !/certificate|fingerprint/i.test(messageOf(link))
    return new HeadwaterError(rule.code, `${what}: ${messageOf(link)}`, { cause: error, retryable })
  }
  return new HeadwaterError('HW_DATABASE', `${what}: ${messageOf(error)}`, { cause: error })
}

/** What the server said, as an error: of the store where it is about the store, else HW_DATABASE. */
export function describeFault(fault: ElasticsearchFault, what: string, cause?: unknown): HeadwaterError {
  const { status, type, reason, retryAfterMs } = fault
  return new HeadwaterError(codeOfFault(fault), `${what}: ${reason} (${type}, ${status})`, {
    cause: cause ?? fault,
    retryAfterMs,
    details: { status, type },
  })
}

function codeOfFault({ status, type }: ElasticsearchFault): ErrorCode {
  if (status === 401 || status === 403) return isBlocked(type) ? 'HW_STORAGE' : 'HW_UNAUTHORIZED'
  if (status === 404 && type === 'index_not_found_exception') return 'HW_GENERATION_MISSING'
  if (status === 413) return 'HW_LIMIT_EXCEEDED'
  if (status === 408) return 'HW_TIMEOUT'
  if (status === 429 && isBlocked(type)) return 'HW_STORAGE'
  // 502 and 504 are a proxy's; 500 may be of one request alone and is not repeated.
  return [429, 502, 503, 504].includes(status) ? 'HW_UNAVAILABLE' : 'HW_DATABASE'
}

/** A disk over its flood stage makes indexes read-only. */
function isBlocked(type: string): boolean {
  return type === 'cluster_block_exception'
}

/** Status and reason out of the client's ResponseError, by shape: the user's client may be another copy of it. */
function faultOf(error: unknown, now: number): ElasticsearchFault | undefined {
  if (!isObject(error)) return undefined
  const meta = isObject(error['meta']) ? error['meta'] : {}
  // The client's own `statusCode` believes what the body says.
  const status = meta['statusCode'] ?? error['statusCode']
  if (typeof status !== 'number' || nameOf(error) !== 'ResponseError') return undefined
  const headers = isObject(meta['headers']) ? meta['headers'] : {}
  return { status, ...reasonOf(error['body'] ?? meta['body']), retryAfterMs: retryAfterMs(headers['retry-after'], now) }
}

function reasonOf(body: unknown): { type: string; reason: string } {
  const error = isObject(body) ? body['error'] : undefined
  if (!isObject(error)) return { type: 'unknown', reason: typeof error === 'string' ? error : 'no reason given' }
  return { type: String(error['type']), reason: String(error['reason']) }
}

/** The header as ms from now: seconds, or a date. */
export function retryAfterMs(header: unknown, now: number): number | undefined {
  if (typeof header !== 'string' || header === '') return undefined
  const seconds = Number(header)
  const ms = Number.isFinite(seconds) ? seconds * 1_000 : Date.parse(header) - now
  return ms >= 0 ? ms : undefined
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function nameOf(error: unknown): string {
  return isObject(error) && typeof error['name'] === 'string' ? error['name'] : ''
}
