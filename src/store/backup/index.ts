export type { BackupProgress, BackupReport, CreateBackupSettings } from '../../transfer/backup/create'
export type { BackupSummary } from '../../transfer/backup/list'
export type { BackupGeneration, BackupManifest, BackupPart, BackupTable } from '../../transfer/backup/manifest'
export type { BackupPlace } from '../../transfer/backup/place'
export type { PlaceKeys } from '../../transfer/backup/place-keys'
export type { PruneReport, PruneSettings } from '../../transfer/backup/prune'
export type { RestoredRows, RestoreProgress, RestoreSettings } from '../../transfer/backup/restore'
export type { LeftDocument, RestoreDocumentsSettings, RestoredDocuments } from '../../transfer/backup/restore-documents'
export type { RestoreTarget } from '../../transfer/backup/restore-target'
export type { BackupColumn, TableDefinition } from '../../transfer/backup/tables'
export type { VerifyLevel, VerifyProblem, VerifyReport, VerifySettings } from '../../transfer/backup/verify'
export type { MovedRows, MoveProgress, MoveSettings } from '../../transfer/move/move'
export type { BroughtBlobs } from '../../transfer/move/move-blobs'
export { createBackup, listBackups, pruneBackups, showBackup, verifyBackup } from './backups'
export type { BuiltIndexes, RestoredIndex } from './build-indexes'
export { type DrillCheck, type DrillReport, drillBackup } from './drill'
export { type MoveReport, moveStore } from './move'
export type {
  BackupStep,
  CreateBackupOptions,
  DrillBackupOptions,
  MoveStoreOptions,
  PruneBackupsOptions,
  RestoreBackupOptions,
  RestoreDocumentsOptions,
  RunBackupsOptions,
  VerifyBackupOptions,
} from './options'
export { type RestoreReport, restoreBackup } from './restore'
export { restoreDocuments } from './restore-documents'
export { type RunReport, runBackups } from './run'
export type { BackupStoreOptions } from './source'
