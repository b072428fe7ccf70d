import { type ErrorCode, HeadwaterError } from '../core/errors'
import { codeOf, messageOf, networkFailure } from './classify-network'

/** By the code of the server's answer; of a HEAD request, which has no body, by what minio makes of its status. */
const codes: Record<string, ErrorCode> = {
  NoSuchKey: 'HW_NOT_FOUND',
  NotFound: 'HW_NOT_FOUND',
  NoSuchBucket: 'HW_NOT_FOUND',
  NoSuchUpload: 'HW_NOT_FOUND',
  NoSuchVersion: 'HW_NOT_FOUND',
  AccessDenied: 'HW_UNAUTHORIZED',
  InvalidAccessKeyId: 'HW_UNAUTHORIZED',
  SignatureDoesNotMatch: 'HW_UNAUTHORIZED',
  ExpiredToken: 'HW_UNAUTHORIZED',
  InvalidToken: 'HW_UNAUTHORIZED',
  RequestTimeTooSkewed: 'HW_UNAUTHORIZED',
  AuthorizationHeaderMalformed: 'HW_INVALID_OPTIONS',
  SlowDown: 'HW_UNAVAILABLE',
  ServiceUnavailable: 'HW_UNAVAILABLE',
  InternalError: 'HW_UNAVAILABLE',
  RequestTimeout: 'HW_UNAVAILABLE',
  XMinioServerNotInitialized: 'HW_UNAVAILABLE',
  TooManyRequests: 'HW_OVERLOADED',
  EntityTooLarge: 'HW_LIMIT_EXCEEDED',
  OperationAborted: 'HW_CONFLICT',
}

/** minio says it in words when a status may be tried again. */
const status = /Retryable HTTP status: (\d{3})/

/** An error of the minio client as one of ours; `what` begins the message and says what was being done. */
export function classifyS3(error: unknown, what: string, retryAfterMs?: number): HeadwaterError {
  if (error instanceof HeadwaterError) return error
  const network = networkFailure(error)
  if (network) {
    const more = { cause: error, retryable: network.passing, details: { network: network.code } }
    return new HeadwaterError('HW_UNAVAILABLE', `${what}: ${network.message}`, more)
  }
  const message = messageOf(error)
  const answered = Number(status.exec(message)?.[1])
  if (answered) {
    const code = answered === 429 ? 'HW_OVERLOADED' : 'HW_UNAVAILABLE'
    const more = { cause: error, retryAfterMs, details: { status: answered } }
    return new HeadwaterError(code, `${what}: the server answered ${answered}`, more)
  }
  // XML that is cut, or a page of something in between that came with 200.
  const garbled = error instanceof Error && error.name === 'InvalidXMLError'
  if (garbled || /socket hang up|aborted|Parse Error/i.test(message)) {
    return new HeadwaterError('HW_UNAVAILABLE', `${what}: ${message}`, { cause: error })
  }
  const code = codeOf(error)
  return new HeadwaterError(codes[code ?? ''] ?? 'HW_STORAGE', `${what}: ${message || code}`, {
    cause: error,
    retryAfterMs,
    ...(code !== undefined && { details: { code } }),
  })
}
