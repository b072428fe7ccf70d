import { type CallOptions, callKinds } from '../core/abort'
import { HeadwaterError } from '../core/errors'
import {
  anything,
  checkOptions,
  flag,
  method,
  milliseconds,
  number,
  type OptionKinds,
  oneOf,
  type Taken,
  text,
  whole,
} from '../core/option-kinds'
import type { EmbedderOption } from '../embeddings/select'
import type { AuditSubject } from '../repositories/audit'
import type { Target } from '../repositories/generations'
import type { JobTarget } from '../repositories/jobs'
import type { SplitterOptions } from '../splitter/select'
import type { Splitter } from '../splitter/splitter'
import { type AuditSubjectOptions, partOf, subjectKinds } from '../tenant/audit-handle'
import type { CollectBlobsOptions } from '../writer/blobs/collect-blobs'
import type { RebuildProgress } from '../writer/rebuild/rebuild'
import type { ReconcileOptions } from '../writer/reconcile/reconcile'
import { type ActorOptions, actorKinds } from '../writer/write/write-options'

export interface CommonRebuildOptions extends CallOptions {
  /** `documents` by default. */
  collection?: string | undefined
  /** The space to move to: a name of `embedders`, or an embedder. The collection's own when left out. */
  embedder?: string | EmbedderOption | undefined
  /** The language to move to, for target 'text'; docs/search.md has their names. */
  language?: string | undefined
  /** For target 'text': whether words are found without regard to case and accents. The collection's own when left out. */
  folding?: boolean | undefined
  /** Chunks a second at most; no limit when left out. */
  rate?: number | undefined
  /** Called after each batch, each check and the switch. */
  onProgress?: ((progress: RebuildProgress) => void) | undefined
}

/** What to rebuild, and in which space. */
export interface StoreRebuildOptions extends CommonRebuildOptions {
  /** 'vector' or 'text'. */
  target: Target
  splitter?: undefined
  /**
   * The engine to move to, by its name: 'postgres', 'qdrant', 'elasticsearch', or that of a backend of your own. It must
   * be configured here. The one that the live index is in when left out.
   */
  engine?: string | undefined
  /**
   * 'standby' keeps what is live and leaves the new generation in step beside it: for the `fallback` of a collection,
   * whose embedder is named here. 'live' by default.
   */
  as?: 'live' | 'standby' | undefined
}

/** How to cut anew; both targets follow, also in another space or language. */
export interface StoreRecutOptions extends CommonRebuildOptions {
  /** A name of `splitters`, sizes of the default splitter (`{}`: its own), or a splitter. */
  splitter: string | SplitterOptions | Splitter
  target?: undefined
  engine?: undefined
  as?: undefined
}

/** Which target to roll back, or to drop the standby generation of. */
export interface RollbackOptions extends CallOptions {
  /**
   * 'vector' or 'text'. What was cut by another splitter goes back, or is dropped, with its counterpart of the other
   * target; for a rollback the target may then be left out.
   */
  target: Target
  /** `documents` by default. */
  collection?: string | undefined
}

/** Which jobs. */
export interface JobFilterOptions {
  tenant?: string | undefined
  target?: JobTarget | undefined
}

/** Which errands. */
export interface ErrandFilterOptions {
  tenant?: string | undefined
  name?: string | undefined
}

/** Whose audit to verify. */
export interface AuditVerifyOptions extends CallOptions {
  /** Every tenant's when left out. */
  tenant?: string | undefined
}

/** Of which row to erase what its changes have shown. */
export interface AuditEraseOptions extends AuditVerifyOptions, AuditSubjectOptions, ActorOptions {
  /** Left out for a row of an entity with `tenant: false`. */
  tenant?: string | undefined
}

const target = oneOf('vector', 'text')
const name = text(128)
export const indexKinds = { ...callKinds, target, collection: name } satisfies OptionKinds<RollbackOptions>
export const rebuildKinds = {
  ...indexKinds,
  embedder: anything,
  splitter: anything,
  language: text(63),
  folding: flag,
  engine: text(63),
  as: oneOf('live', 'standby'),
  rate: number(Number.MIN_VALUE, 1e9),
  onProgress: method,
} satisfies OptionKinds<StoreRebuildOptions | StoreRecutOptions>
export const reconcileKinds = {
  ...indexKinds,
  repair: flag,
  deep: flag,
  maxDeletes: whole(0, Number.MAX_SAFE_INTEGER),
  rate: number(Number.MIN_VALUE, 1e9),
  onProgress: method,
} satisfies OptionKinds<ReconcileOptions>
export const collectKinds = {
  ...callKinds,
  tenant: name,
  dryRun: flag,
  graceMs: milliseconds(),
  limit: whole(0, Number.MAX_SAFE_INTEGER),
  deep: flag,
  onProgress: method,
} satisfies OptionKinds<CollectBlobsOptions>
export const auditVerifyKinds = { ...callKinds, tenant: name } satisfies OptionKinds<AuditVerifyOptions>
export const auditEraseKinds = {
  ...auditVerifyKinds,
  ...subjectKinds,
  ...actorKinds,
} satisfies OptionKinds<AuditEraseOptions>

/** One row, or HW_INVALID_ARGUMENT. */
export function auditSubject(options: AuditSubjectOptions): AuditSubject {
  const { kind, name: named, key } = partOf(options)
  if (kind !== undefined && named !== undefined && key !== undefined) return { kind, name: named, key }
  const path = named === undefined ? 'entity' : 'key'
  throw new HeadwaterError('HW_INVALID_ARGUMENT', `${path}: name the row: { entity, key } or { collection, key }`, {
    path,
  })
}

export const jobKinds = {
  tenant: name,
  target: oneOf('vector', 'text', 'cache'),
} satisfies OptionKinds<JobFilterOptions>
export const parkedKinds = { ...jobKinds, limit: whole(1, 10_000) }
export const errandFilterKinds = { tenant: name, name } satisfies OptionKinds<ErrandFilterOptions>
export const parkedErrandKinds = { ...errandFilterKinds, limit: whole(1, 10_000) }

export function checkCall<O extends object>(options: O | undefined, kinds: OptionKinds<O>): Taken<O> {
  return checkOptions(options, kinds, '', 'HW_INVALID_ARGUMENT')
}

/** Of work on whole indexes, whose options are all that it is given. */
export function checkWork<O extends object>(options: O | undefined, kinds: OptionKinds<O>): Taken<O> {
  return checkOptions(options, kinds, '', 'HW_INVALID_OPTIONS')
}

export function needed(target: Target | undefined): Target {
  if (target !== undefined) return target
  throw new HeadwaterError('HW_INVALID_OPTIONS', "target: give 'vector' or 'text'", { path: 'target' })
}
