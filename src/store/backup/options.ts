import { callKinds } from '../../core/abort'
import { anything, flag, method, number, type OptionKinds, oneOf, text, whole } from '../../core/option-kinds'
import type { CreateBackupSettings } from '../../transfer/backup/create'
import type { BackupPlace } from '../../transfer/backup/place'
import type { VerifySettings } from '../../transfer/backup/verify'

export interface CreateBackupOptions extends CreateBackupSettings {
  readonly to: BackupPlace
}

export interface VerifyBackupOptions extends VerifySettings {
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
export const placeKinds = { ...callKinds, from: place }
export const showKinds = { ...placeKinds, id }
