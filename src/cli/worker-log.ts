import type { WorkerSettings } from '../config/settings'
import { type ChannelEvents, type ChannelName, listen } from '../observability/channels'

type Level = WorkerSettings['logLevel']

const levels: readonly Level[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']

/** What a worker says of a channel's events, and from which level on. Undefined for those not worth a line. */
type Line<N extends ChannelName> = readonly [
  channel: N,
  level: Level,
  say: (event: ChannelEvents[N]) => string | undefined,
]

const line = <N extends ChannelName>(...of: Line<N>): Line<ChannelName> => of as unknown as Line<ChannelName>

const lines = [
  line(
    'headwater:call',
    'trace',
    ({ store, durationMs, code }) => `call of ${store}: ${code ?? 'ok'}, ${ms(durationMs)}`,
  ),
  line('headwater:batch', 'debug', ({ target, claimed, applied, failed, durationMs, code }) =>
    code ? undefined : `${target}: ${applied} of ${claimed} jobs applied, ${failed} failed, ${ms(durationMs)}`,
  ),
  line(
    'headwater:backlog',
    'debug',
    ({ waiting, claimed, parked }) => `backlog: ${waiting} wait, ${claimed} claimed, ${parked} parked`,
  ),
  line('headwater:batch', 'warn', ({ target, claimed, code }) =>
    code ? `${target}: ${claimed} jobs given back, ${code}` : undefined,
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
export function logWorker(level: Level, say: (text: string) => void): () => void {
  const least = levels.indexOf(level)
  const stops = lines
    .filter(([, of]) => levels.indexOf(of) >= least)
    .map(([channel, of, text]) =>
      listen(channel, (event) => {
        const said = text(event)
        if (said !== undefined) say(`${of}: ${said}`)
      }),
    )
  return () => {
    for (const stop of stops) stop()
  }
}

function ms(duration: number): string {
  return `${duration.toFixed(1)} ms`
}
