import type { Clock } from '../core/clock'
import { asHeadwaterError, type ErrorCode } from '../core/errors'
import { type ChannelEvents, type ChannelName, isHeard, publish } from './channels'

/** Runs `work` and tells the channel how it ended; where nobody listens, it only runs. */
export function told<N extends ChannelName, T>(
  name: N,
  clock: Clock,
  work: () => Promise<T>,
  event: (ended: { durationMs: number; code: ErrorCode | null }, value: T | undefined) => ChannelEvents[N],
): Promise<T> {
  return isHeard(name) ? measured(name, clock, work, event) : work()
}

async function measured<N extends ChannelName, T>(
  name: N,
  clock: Clock,
  work: () => Promise<T>,
  event: (ended: { durationMs: number; code: ErrorCode | null }, value: T | undefined) => ChannelEvents[N],
): Promise<T> {
  const startedAt = clock.monotonic()
  const tell = (code: ErrorCode | null, value?: T): void =>
    publish(name, () => event({ durationMs: clock.monotonic() - startedAt, code }, value))
  try {
    const value = await work()
    tell(null, value)
    return value
  } catch (error) {
    tell(asHeadwaterError(error).code)
    throw error
  }
}
