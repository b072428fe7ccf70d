import { HeadwaterError } from '../../core/errors'
import { checkedName, type TenantId } from '../../core/ids'
import { type Json, jsonCopy } from '../../core/json'
import { type Limits, limitDefaults } from '../../core/limits'
import { milliseconds, type OptionKinds, whole } from '../../core/option-kinds'
import { isStorableText } from '../../filter/metadata-key'

/** What a handler is given. It may be given the same again, also by another process: `id` says so. */
export interface Errand<P extends Json = Json> {
  /** The same at every attempt: what another service may know a repetition by. */
  readonly id: string
  readonly tenant: TenantId
  readonly name: string
  readonly payload: P
  /** 1, 2, 3... */
  readonly attempt: number
  /** When it was put into its transaction. */
  readonly createdAt: Date
  /** Fires when the worker stops, the time is up, or the errand is another's by now. */
  readonly signal: AbortSignal
}

/** Does an errand. It is done when this resolves; a rejection is tried again later. */
export type ErrandHandler<E> = (errand: E) => unknown

/** How errands of a name are handled by this process. Times in ms. */
export interface ErrandOptions {
  /** At once, in this process. */
  concurrency?: number | undefined
  /** Attempts before an errand is parked; those that a dead process left behind count. */
  maxAttempts?: number | undefined
  /** Ceiling of the first wait after a failure; doubles with full jitter up to `backoffMaxMs`. */
  backoffMs?: number | undefined
  backoffMaxMs?: number | undefined
  /** How long one attempt may take before it counts as failed. */
  timeoutMs?: number | undefined
}

export const errandDefaults = Object.freeze({
  concurrency: 8,
  maxAttempts: 12,
  backoffMs: 1_000,
  backoffMaxMs: 600_000,
  timeoutMs: 600_000,
}) satisfies { [K in keyof ErrandOptions]-?: number }

export const errandKinds = {
  concurrency: whole(1, 1_000),
  maxAttempts: whole(1, 1_000),
  backoffMs: milliseconds(),
  backoffMaxMs: milliseconds(),
  timeoutMs: milliseconds(1),
} satisfies OptionKinds<ErrandOptions>

const ours = 'headwater.'

/** 1 to 128 characters of `[A-Za-z0-9._-]`; what begins with `headwater.` is for the library's own. */
export function errandName(value: unknown): string {
  const name = checkedName(value, 'name')
  if (!name.startsWith(ours)) return name
  const problem = `name: what begins with ${ours} is the library's own, got ${JSON.stringify(name)}`
  throw new HeadwaterError('HW_INVALID_ARGUMENT', problem, { path: 'name' })
}

/** JSON, copied, of at most `limits.payloadBytes`. */
export function errandPayload(value: unknown, { payloadBytes }: Limits = limitDefaults): Json {
  const payload = jsonCopy(value, 'payload', payloadBytes)
  const text = JSON.stringify(payload)
  if (Buffer.byteLength(text) > payloadBytes) {
    const problem = `payload: takes ${Buffer.byteLength(text)} bytes of JSON, more than ${payloadBytes} (limits.payloadBytes)`
    throw new HeadwaterError('HW_LIMIT_EXCEEDED', problem, { path: 'payload' })
  }
  refuseUnstorable(payload, 'payload')
  return payload
}

function refuseUnstorable(value: Json, path: string): void {
  if (typeof value === 'string') {
    if (isStorableText(value)) return
    const problem = `${path}: contains NUL or half of a surrogate pair`
    throw new HeadwaterError('HW_INVALID_ARGUMENT', problem, { path })
  }
  if (typeof value !== 'object' || value === null) return
  for (const [key, one] of Object.entries(value)) {
    refuseUnstorable(key, `${path}: a key`)
    refuseUnstorable(one, Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`)
  }
}
