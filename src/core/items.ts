import { abortable } from './abort'
import type { Clock } from './clock'
import { describeValue } from './describe-value'
import { HeadwaterError, isHeadwaterError } from './errors'
import { Turns } from './turns'

/**
 * Items of a caller's list or stream, one after the other: ends when the signal aborts, also while the stream is waited
 * for, and never keeps the event loop. What the stream throws is HW_INVALID_ARGUMENT, naming `path`.
 */
export async function* itemsOf<T>(
  source: Iterable<T> | AsyncIterable<T>,
  path: string,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<{ readonly item: T }> {
  const iterator = iteratorOf(source, path)
  const turns = new Turns(clock, signal)
  let ended = false
  try {
    for (;;) {
      const turn = turns.take()
      if (turn) await turn
      let next: IteratorResult<T>
      try {
        const given = iterator.next()
        next = checkedNext(isPromise(given) ? await abortable(Promise.resolve(given), signal) : given, path)
      } catch (cause) {
        ended = !signal.aborted
        throw readingFailed(path, cause)
      }
      ended = next.done === true
      if (next.done) return
      // Within an object: what is given on by itself is taken for a promise if it looks like one.
      yield { item: next.value }
    }
  } finally {
    // Not waited for: it may hang, which is why it may be left.
    if (!ended) void Promise.resolve(leave(iterator)).catch(() => undefined)
  }
}

function iteratorOf<T>(source: Iterable<T> | AsyncIterable<T>, path: string): Iterator<T> | AsyncIterator<T> {
  try {
    if (typeof source === 'object' && source !== null) {
      if (Symbol.asyncIterator in source) return source[Symbol.asyncIterator]()
      if (Symbol.iterator in source) return source[Symbol.iterator]()
    }
  } catch (cause) {
    throw readingFailed(path, cause)
  }
  throw new HeadwaterError('HW_INVALID_ARGUMENT', `${path}: must be a list or a stream, got ${describeValue(source)}`, {
    path,
  })
}

/** An iterator of a list gives its items at once: no promise is made for each. */
function isPromise<T>(given: T | Promise<T>): given is Promise<T> {
  return typeof Object(given).then === 'function'
}

function checkedNext<T>(next: IteratorResult<T>, path: string): IteratorResult<T> {
  if (typeof next === 'object' && next !== null) return next
  throw new HeadwaterError('HW_INVALID_ARGUMENT', `${path}: its iterator gave ${describeValue(next)}`, { path })
}

async function leave(iterator: Iterator<unknown> | AsyncIterator<unknown>): Promise<void> {
  await iterator.return?.()
}

/** What a caller's stream threw, told as what it is. */
export function readingFailed(path: string, cause: unknown): HeadwaterError {
  if (isHeadwaterError(cause)) return cause
  const why = cause instanceof Error ? cause.message : describeValue(cause)
  return new HeadwaterError('HW_INVALID_ARGUMENT', `${path}: reading it failed: ${why}`, { path, cause })
}
