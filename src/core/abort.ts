import { setMaxListeners } from 'node:events'
import { describeValue } from './describe-value'
import { HeadwaterError, isHeadwaterError } from './errors'
import { type Kind, type OptionKinds, within } from './option-kinds'

/** What every asynchronous public method takes last. */
export interface CallOptions {
  /** Ends the wait at once; nothing is called again afterwards. */
  signal?: AbortSignal | undefined
  /** Longest time the call may take, ms, over all its attempts. */
  timeoutMs?: number | undefined
}

const longestMs = 2 ** 31 - 1

const signalKind: Kind = (value, path, code) => {
  const methods = ['addEventListener', 'removeEventListener']
  const has = (name: string): boolean => typeof Reflect.get(value as object, name) === 'function'
  if (typeof value === 'object' && value !== null && 'aborted' in value && methods.every(has)) return value
  throw new HeadwaterError(code, `${path}: must be an AbortSignal, got ${describeValue(value)}`, { path })
}

/** Up to what a timer takes, or Infinity for no limit. */
const timeoutKind: Kind = (value, path, code) => {
  if (value === Number.POSITIVE_INFINITY || within(value, 0, longestMs)) return value
  const problem = `must be from 0 to ${longestMs} ms, or Infinity, got ${describeValue(value)}`
  throw new HeadwaterError(code, `${path}: ${problem}`, { path })
}

/** Of what every call takes. */
export const callKinds = { signal: signalKind, timeoutMs: timeoutKind } satisfies OptionKinds<CallOptions>

/** What waiting needs of an AbortSignal; a Deadline is one too, and costs much less to make. */
export interface Signal {
  readonly aborted: boolean
  readonly reason: unknown
  addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void
  removeEventListener(type: 'abort', listener: () => void): void
}

export function abortError(signal: Signal): HeadwaterError {
  const reason: unknown = signal.reason
  if (isHeadwaterError(reason)) return reason
  const timedOut = isTimeout(reason)
  return new HeadwaterError(timedOut ? 'HW_TIMEOUT' : 'HW_ABORTED', timedOut ? 'The signal timed out' : 'Aborted', {
    cause: reason,
  })
}

function isTimeout(reason: unknown): boolean {
  try {
    return reason instanceof Error && reason.name === 'TimeoutError'
  } catch {
    return false
  }
}

export function throwIfAborted(signal: Signal | undefined): void {
  if (signal?.aborted) throw abortError(signal)
}

/** Of listeners. 0 would say so too, but `fetch` of Node 20 takes it for no target of events, by an error each time. */
export const anyNumber = Number.MAX_SAFE_INTEGER

interface Shared {
  readonly listeners: Set<() => void>
  readonly fire: () => void
}

// One listener of ours on each signal of a caller's, whatever goes on under it: more than ten look like a leak to Node.
const sharedOf = new WeakMap<object, Shared>()

/** Calls back once the signal aborts; `offAbort` takes that back. */
export function onAbort(signal: Signal | undefined, listener: () => void): void {
  if (!(signal instanceof EventTarget)) {
    signal?.addEventListener('abort', listener)
    return
  }
  const known = sharedOf.get(signal)
  if (known) {
    known.listeners.add(listener)
    return
  }
  const listeners = new Set([listener])
  const fire = (): void => {
    for (const one of listeners) one()
    sharedOf.delete(signal)
  }
  sharedOf.set(signal, { listeners, fire })
  signal.addEventListener('abort', fire, { once: true })
}

export function offAbort(signal: Signal | undefined, listener: () => void): void {
  if (!(signal instanceof EventTarget)) {
    signal?.removeEventListener('abort', listener)
    return
  }
  const known = sharedOf.get(signal)
  if (!known?.listeners.delete(listener) || known.listeners.size > 0) return
  sharedOf.delete(signal)
  signal.removeEventListener('abort', known.fire)
}

/** A signal that fires when one of these does. Any number may listen: to a caller's own, more than ten look like a leak. */
export function following(...sources: AbortSignal[]): { readonly signal: AbortSignal; release(): void } {
  const own = new AbortController()
  setMaxListeners(anyNumber, own.signal)
  const stop = (): void => own.abort()
  for (const source of sources) {
    if (source.aborted) stop()
    else onAbort(source, stop)
  }
  return {
    signal: own.signal,
    release: () => {
      for (const source of sources) offAbort(source, stop)
    },
  }
}

/**
 * Settles as `work` does, unless the signal aborts first: then it rejects at once, and what arrives late is handed to
 * `late` so that nothing leaks.
 */
export function abortable<T>(work: Promise<T>, signal: Signal | undefined, late?: (value: T) => void): Promise<T> {
  if (!signal) return work
  return new Promise<T>((resolve, reject) => {
    let over = false
    const aborted = (): void => {
      over = true
      reject(abortError(signal))
    }
    if (signal.aborted) aborted()
    else onAbort(signal, aborted)
    work.then(
      (value) => {
        offAbort(signal, aborted)
        if (over) late?.(value)
        else resolve(value)
      },
      (error) => {
        offAbort(signal, aborted)
        if (!over) reject(error)
      },
    )
  })
}
