import { type CallOptions, callKinds } from '../../core/abort'
import {
  anything,
  flag,
  method,
  milliseconds,
  number,
  type OptionKinds,
  oneOf,
  text,
  whole,
} from '../../core/option-kinds'
import type { CreateBackupSettings } from '../../transfer/backup/create'
import type { BackupPlace } from '../../transfer/backup/place'
import type { PruneSettings } from '../../transfer/backup/prune'
import type { RestoreSettings } from '../../transfer/backup/restore'
import type { RestoreDocumentsSettings } from '../../transfer/backup/restore-documents'
import type { VerifySettings } from '../../transfer/backup/verify'
import type { MoveSettings } from '../../transfer/move/move'
import type { StoreOptions } from '../store-options'
import type { BackupStoreOptions } from './source'

export interface CreateBackupOptions extends CreateBackupSettings {
  readonly to: BackupPlace
}

export interface VerifyBackupOptions extends VerifySettings {
  readonly from: BackupPlace
}

export interface RestoreBackupOptions extends RestoreSettings {
  readonly from: BackupPlace
  /** False leaves the indexes to workers, who build them as those of a lost engine; true by default. */
  readonly rebuild?: boolean | undefined
}

export interface RestoreDocumentsOptions extends RestoreDocumentsSettings {
  readonly from: BackupPlace
}

export interface PruneBackupsOptions extends PruneSettings {
  readonly from: BackupPlace
}

export interface DrillBackupOptions extends CallOptions {
  readonly from: BackupPlace
  /** The newest when left out. */
  readonly id?: string | undefined
  /** A server in whose database a schema is made for it and dropped again; PGlite in this process when left out. */
  readonly server?: StoreOptions['postgres']
  /** The store whose backup it is: that the drill passed is written down there. */
  readonly record?: BackupStoreOptions | undefined
  readonly onProgress?: RestoreSettings['onProgress']
}

export interface MoveStoreOptions extends MoveSettings {
  /** False leaves the indexes to workers, who build them as those of a lost engine; true by default. */
  readonly rebuild?: boolean | undefined
}

/** A step of a run, as it ends. */
export interface BackupStep {
  readonly step: 'create' | 'verify' | 'prune' | 'drill'
  readonly ok: boolean
  /** What was done, or what was wrong, in a sentence. */
  readonly detail: string
}

export interface RunBackupsOptions extends Omit<PruneSettings, 'dryRun'> {
  readonly to: BackupPlace
  /** Of cron: minute, hour, day, month, weekday; `0 3 * * *` by default. */
  readonly schedule?: string | undefined
  /** Of the schedule; `UTC` by default. */
  readonly timezone?: string | undefined
  /** One cycle now, whatever the schedule says. */
  readonly once?: boolean | undefined
  /** Rows a second at most. */
  readonly rate?: number | undefined
  /** `full` by default. */
  readonly verify?: VerifySettings['level']
  /** Least time between drills, ms; 604,800,000 (a week) by default. */
  readonly drillEveryMs?: number | undefined
  /** Drills in a schema of the store's own database instead of PGlite. */
  readonly drillOnServer?: boolean | undefined
  /** Called as each step ends. */
  readonly onStep?: ((step: BackupStep) => void) | undefined
}

const place = anything
const id = text(64)
const name = text(128)

export const createKinds = {
  ...callKinds,
  to: place,
  gzip: flag,
  partBytes: whole(1_024, 64 * 1024 * 1024),
  rate: number(Number.MIN_VALUE, 1e9),
  dryRun: flag,
  onProgress: method,
} satisfies OptionKinds<CreateBackupOptions>
export const verifyKinds = {
  ...callKinds,
  from: place,
  id,
  level: oneOf('quick', 'sample', 'full'),
  share: number(0.000_001, 1),
  onProgress: method,
} satisfies OptionKinds<VerifyBackupOptions>
export const restoreKinds = {
  ...callKinds,
  from: place,
  id,
  confirm: text(63),
  force: flag,
  rebuild: flag,
  dryRun: flag,
  onProgress: method,
} satisfies OptionKinds<RestoreBackupOptions>
export const documentsKinds = {
  ...callKinds,
  from: place,
  id,
  tenant: name,
  collection: name,
  dryRun: flag,
  onProgress: method,
} satisfies OptionKinds<RestoreDocumentsOptions>
export const moveKinds = {
  ...callKinds,
  confirm: text(63),
  force: flag,
  rate: number(Number.MIN_VALUE, 1e9),
  rebuild: flag,
  dryRun: flag,
  onProgress: method,
} satisfies OptionKinds<MoveStoreOptions>
const count = whole(0, 10_000)
export const pruneKinds = {
  ...callKinds,
  from: place,
  keepDaily: count,
  keepWeekly: count,
  keepMonthly: count,
  dryRun: flag,
} satisfies OptionKinds<PruneBackupsOptions>
export const drillKinds = {
  ...callKinds,
  from: place,
  id,
  server: anything,
  record: anything,
  onProgress: method,
} satisfies OptionKinds<DrillBackupOptions>
export const runKinds = {
  ...callKinds,
  to: place,
  schedule: text(256),
  timezone: text(64),
  once: flag,
  rate: number(Number.MIN_VALUE, 1e9),
  verify: oneOf('quick', 'sample', 'full'),
  keepDaily: count,
  keepWeekly: count,
  keepMonthly: count,
  drillEveryMs: milliseconds(),
  drillOnServer: flag,
  onStep: method,
} satisfies OptionKinds<RunBackupsOptions>
export const placeKinds = { ...callKinds, from: place }
export const showKinds = { ...placeKinds, id }
