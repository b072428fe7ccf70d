import type { WorkerSettings } from '../config/settings'
import { type ChannelEvents, type ChannelName, listen } from '../observability/channels'
import type { Logger } from '../observability/troubles'

type Level = WorkerSettings['logLevel']

type Say = (level: Level, text: string, details?: { readonly code?: unknown; readonly what?: unknown }) => void

const levels: readonly Level[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']

/** What a worker says of a channel's events, and from which level on. */
type Line<N extends ChannelName> = readonly [channel: N, level: Level, say: (event: ChannelEvents[N]) => string]

const line = <N extends ChannelName>(...of: Line<N>): Line<ChannelName> => of as unknown as Line<ChannelName>

const lines = [
  line(
    'headwater:call',
    'trace',
    ({ store, durationMs, code }) => `call of ${store}: ${code ?? 'ok'}, ${ms(durationMs)}`,
  ),
  line('headwater:batch', 'debug', ({ target, claimed, applied, failed, durationMs, code }) =>
    code
      ? `${target}: ${claimed} jobs given back, ${code}`
      : `${target}: ${applied} of ${claimed} jobs applied, ${failed} failed, ${ms(durationMs)}`,
  ),
  line(
    'headwater:errand',
    'debug',
    ({ name, tenant, attempt, became, durationMs }) =>
      `errand ${name} (${tenant}): attempt ${attempt} ${became}, ${ms(durationMs)}`,
  ),
  line(
    'headwater:backlog',
    'debug',
    ({ waiting, claimed, parked }) => `backlog: ${waiting} wait, ${claimed} claimed, ${parked} parked`,
  ),
  line('headwater:breaker', 'warn', ({ store, state }) => `circuit to ${store}: ${state}`),
  line(
    'headwater:parked',
    'error',
    ({ target, tenant, collection, document, reason }) =>
      `parked: ${target} of ${JSON.stringify(document)} (${tenant}, ${collection}): ${reason}`,
  ),
]

/** Says what happens, from this level on, until the returned function is called. */
export function logWorker(least: Level, say: Say): () => void {
  const stops = lines
    .filter(([, of]) => isSaid(of, least))
    .map(([channel, of, text]) => listen(channel, (event) => say(of, text(event))))
  return () => {
    for (const stop of stops) stop()
  }
}

/** A store's logger that says what is at this level or above it. */
export function loggerAt(least: Level, say: Say): Logger {
  const at = (level: Level) => (details: { code?: unknown; what?: unknown }, text: string) => {
    if (isSaid(level, least)) say(level, text, details)
  }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

function isSaid(level: Level, least: Level): boolean {
  return levels.indexOf(level) >= levels.indexOf(least)
}

function ms(duration: number): string {
  return `${duration.toFixed(1)} ms`
}
