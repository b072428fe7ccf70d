import { type ChannelEvents, type ChannelName, listen } from './channels'

export type Labels = Readonly<Record<string, string>>

/** Something that is measured from a channel; the adapters make of it what their library calls it. */
export interface Instrument<N extends ChannelName = ChannelName> {
  readonly channel: N
  /** Without a prefix, in snake case; seconds where it is a time. */
  readonly name: string
  readonly kind: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly labels: readonly string[]
  read(event: ChannelEvents[N], record: (value: number, labels: Labels) => void): void
}

const instrument = <N extends ChannelName>(made: Instrument<N>): Instrument => made as unknown as Instrument

/** Upper bounds of histograms, in seconds. */
export const buckets = Object.freeze([0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30])

/** All that is measured. Tenants and documents are no labels: there can be any number of them. */
export const instruments: readonly Instrument[] = Object.freeze([
  instrument({
    channel: 'headwater:call',
    name: 'call_seconds',
    kind: 'histogram',
    help: 'Calls to a store, retries included; code is empty for those that went well',
    labels: ['store', 'code'],
    read: ({ store, durationMs, code }, record) => record(durationMs / 1_000, { store, code: code ?? '' }),
  }),
  instrument({
    channel: 'headwater:breaker',
    name: 'breaker_open',
    kind: 'gauge',
    help: '1 while the circuit to a store is open, 0.5 while it is tried',
    labels: ['store'],
    read: ({ store, state }, record) => record({ closed: 0, 'half-open': 0.5, open: 1 }[state], { store }),
  }),
  instrument({
    channel: 'headwater:write',
    name: 'write_seconds',
    kind: 'histogram',
    help: 'Write transactions',
    labels: ['collection', 'code'],
    read: ({ collection, durationMs, code }, record) => record(durationMs / 1_000, { collection, code: code ?? '' }),
  }),
  instrument({
    channel: 'headwater:write',
    name: 'documents_total',
    kind: 'counter',
    help: 'Documents written, and those found unchanged',
    labels: ['collection', 'outcome'],
    read({ collection, written, unchanged }, record) {
      record(written, { collection, outcome: 'written' })
      record(unchanged, { collection, outcome: 'unchanged' })
    },
  }),
  instrument({
    channel: 'headwater:write',
    name: 'truncated_chunks_total',
    kind: 'counter',
    help: 'Chunks written that are longer than their embedder reads',
    labels: ['collection'],
    read: ({ collection, truncated }, record) => record(truncated, { collection }),
  }),
  instrument({
    channel: 'headwater:search',
    name: 'search_seconds',
    kind: 'histogram',
    help: 'Searches',
    labels: ['collection', 'mode', 'code'],
    read: ({ collection, mode, durationMs, code }, record) =>
      record(durationMs / 1_000, { collection, mode, code: code ?? '' }),
  }),
  instrument({
    channel: 'headwater:search',
    name: 'search_degraded_total',
    kind: 'counter',
    help: 'Searches that a leg did not answer',
    labels: ['leg'],
    read({ degraded }, record) {
      for (const leg of degraded) record(1, { leg })
    },
  }),
  instrument({
    channel: 'headwater:batch',
    name: 'jobs_total',
    kind: 'counter',
    help: 'Jobs applied, and attempts of them that failed',
    labels: ['target', 'outcome'],
    read({ target, applied, failed }, record) {
      record(applied, { target, outcome: 'applied' })
      record(failed, { target, outcome: 'failed' })
    },
  }),
  instrument({
    channel: 'headwater:parked',
    name: 'jobs_parked_total',
    kind: 'counter',
    help: 'Jobs given up',
    labels: ['target'],
    read: ({ target }, record) => record(1, { target }),
  }),
  instrument({
    channel: 'headwater:errand',
    name: 'errand_seconds',
    kind: 'histogram',
    help: 'Attempts of errands by what became of them',
    labels: ['name', 'outcome'],
    read: ({ name, became, durationMs }, record) => record(durationMs / 1_000, { name, outcome: became }),
  }),
  instrument({
    channel: 'headwater:backlog',
    name: 'backlog_jobs',
    kind: 'gauge',
    help: 'Jobs that wait, are claimed and are parked',
    labels: ['state'],
    read({ waiting, claimed, parked }, record) {
      for (const [state, count] of Object.entries({ waiting, claimed, parked })) record(count, { state })
    },
  }),
  instrument({
    channel: 'headwater:backlog',
    name: 'lag_seconds',
    kind: 'gauge',
    help: 'Age of the oldest job that waits',
    labels: [],
    read: ({ oldestAgeMs }, record) => record((oldestAgeMs ?? 0) / 1_000, {}),
  }),
  instrument({
    channel: 'headwater:backups',
    name: 'backup_age_seconds',
    kind: 'gauge',
    help: 'Since the last complete backup; not there without one',
    labels: [],
    read: ({ backupAgeMs }, record) => {
      if (backupAgeMs !== null) record(backupAgeMs / 1_000, {})
    },
  }),
  instrument({
    channel: 'headwater:backups',
    name: 'drill_age_seconds',
    kind: 'gauge',
    help: 'Since the last drill of a restore that passed; not there without one',
    labels: [],
    read: ({ drillAgeMs }, record) => {
      if (drillAgeMs !== null) record(drillAgeMs / 1_000, {})
    },
  }),
  instrument({
    channel: 'headwater:reconcile',
    name: 'drift_total',
    kind: 'counter',
    help: 'Differences between Postgres and the indexes that a reconcile found',
    labels: ['kind'],
    read({ missing, stale, orphaned, foreign, damaged }, record) {
      for (const [kind, count] of Object.entries({ missing, stale, orphaned, foreign, damaged }))
        record(count, { kind })
    },
  }),
])

/** Measures until the returned function is called: `make` gives for each instrument what takes its values. */
export function measure(make: (instrument: Instrument) => (value: number, labels: Labels) => void): () => void {
  const stops = instruments.map((one) => {
    const record = make(one)
    return listen(one.channel, (event) => one.read(event, record))
  })
  return () => {
    for (const stop of stops) stop()
  }
}
