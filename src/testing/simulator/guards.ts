/** Guards that the model of Postgres can be without. @internal */
export const truthGuards = [
  'claim-token',
  'overlap',
  'completion-epoch',
  'lease',
  'expansion',
  'idempotency',
  'tombstone',
  'errand-token',
  'errand-lease',
  'errand-epoch',
] as const
/** Those of the models of engines. @internal */
export const indexGuards = ['upsert-fence', 'remove-fence', 'marker'] as const

/** Those of a rebuild with another splitter. @internal */
export const splitGuards = ['uncut', 'both-at-once', 'empty-cut'] as const
/** @internal */
export type SplitGuard = (typeof splitGuards)[number]

/**
 * Every guard that can be switched off. `switch-check`: no index becomes live that differs from the truth.
 * `hydration`: a search shows what the truth says, not what an index does. `cache-lease`: a loaded value is stored only
 * by who still holds its lease. `uncut`: no document is left uncut at a switch. `both-at-once`: both targets are switched
 * to another splitter's chunks in one step. `empty-cut`: who does not know a splitter leaves no chunks of it standing.
 * `engine`: who has not the engine of an index leaves its jobs to others.
 * @internal
 */
export const guards = [
  ...truthGuards,
  ...indexGuards,
  'switch-check',
  'hydration',
  'cache-lease',
  ...splitGuards,
  'engine',
] as const
/** @internal */
export type AnyGuard = (typeof guards)[number]
