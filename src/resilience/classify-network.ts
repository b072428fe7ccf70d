import { HeadwaterError } from '../core/errors'

/** Codes that Node and TLS give when the other side is not there, gone, or not to be trusted. */
const unreachable = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'ENETRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_FAIL',
  'EADDRNOTAVAIL',
  'EMFILE',
  'ETIMEDOUT',
  'ESOCKETTIMEDOUT',
  'ENOTCONN',
  'ENOENT',
  'EACCES',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_SOCKET',
])

const certificate = /^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_|ERR_SSL_|HOSTNAME_MISMATCH)/

export interface NetworkFailure {
  readonly code: string
  /** False for a certificate that will be just as wrong the next time. */
  readonly passing: boolean
  readonly message: string
}

/**
 * The network failure in an error or in what it was caused by, or undefined. Looks into AggregateError, which is what
 * a host with several addresses gives and whose own message is empty.
 */
export function networkFailure(error: unknown): NetworkFailure | undefined {
  for (const link of errorChain(error)) {
    const code = codeOf(link)
    if (code !== undefined && unreachable.has(code)) return { code, passing: true, message: describe(link) }
    if (code !== undefined && certificate.test(code)) return { code, passing: false, message: describe(link) }
  }
  return undefined
}

/** `error` as HW_UNAVAILABLE when the network was at fault, else undefined. `what` begins the message. */
export function classifyNetwork(error: unknown, what: string): HeadwaterError | undefined {
  if (error instanceof HeadwaterError) return error
  const failure = networkFailure(error)
  return (
    failure &&
    new HeadwaterError('HW_UNAVAILABLE', `${what}: ${failure.message}`, {
      cause: error,
      retryable: failure.passing,
      details: { network: failure.code },
    })
  )
}

/** The error, the members of an AggregateError and the causes, each once, at most sixteen. */
export function errorChain(error: unknown): unknown[] {
  const chain: unknown[] = []
  const next = [error]
  while (next.length > 0 && chain.length < 16) {
    const link = next.shift()
    if (typeof link !== 'object' || link === null || chain.includes(link)) continue
    chain.push(link)
    if ('errors' in link && Array.isArray(link.errors)) next.push(...link.errors)
    if ('cause' in link) next.push(link.cause)
  }
  return chain
}

export function codeOf(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined
}

/** WASI's number for a device without space. */
const noSpace = 51

export function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message
  // The file system of PGlite throws plain objects.
  if (typeof error === 'object' && error !== null && 'errno' in error) {
    return error.errno === noSpace ? 'no space is left on the device' : `file system error ${String(error.errno)}`
  }
  return String(error)
}

function describe(error: unknown): string {
  const code = codeOf(error) ?? ''
  const message = messageOf(error)
  if (message === '') return code
  return message.includes(code) ? message : `${message} (${code})`
}
