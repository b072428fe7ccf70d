import { callKinds } from '../../core/abort'
import { anything, flag, method, number, type OptionKinds, oneOf, text, whole } from '../../core/option-kinds'
import type { CreateBackupSettings } from '../../transfer/backup/create'
import type { BackupPlace } from '../../transfer/backup/place'
import type { PruneSettings } from '../../transfer/backup/prune'
import type { RestoreSettings } from '../../transfer/backup/restore'
import type { VerifySettings } from '../../transfer/backup/verify'

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

export interface PruneBackupsOptions extends PruneSettings {
  readonly from: BackupPlace
}

const place = anything
const id = text(64)

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
const count = whole(0, 10_000)
export const pruneKinds = {
  ...callKinds,
  from: place,
  keepDaily: count,
  keepWeekly: count,
  keepMonthly: count,
  dryRun: flag,
} satisfies OptionKinds<PruneBackupsOptions>
export const placeKinds = { ...callKinds, from: place }
export const showKinds = { ...placeKinds, id }
