export type { DriftKind } from '../../transfer/drift/differences'
export type { ErasedLeg, ErasedReport } from '../../transfer/drift/erased'
export type { DriftFields } from '../../transfer/drift/legs'
export type { DriftEstimate, DriftExample, DriftFinding, DriftReport, DriftSettings } from '../../transfer/drift/report'
export type {
  AppliedPart,
  ApplyReport,
  ApplySettings,
  ImportProgress,
  RefusedRow,
} from '../../transfer/import/apply'
export type {
  ImportLoss,
  InspectedField,
  InspectedPart,
  InspectedVectors,
  InspectReport,
  InspectSettings,
} from '../../transfer/import/inspect'
export type { ImportChange } from '../../transfer/import/mapping'
export type { ImportPlan, PlannedPart, PlannedSpace } from '../../transfer/import/plan'
export type { FieldProfile } from '../../transfer/import/profile'
export type { PrunedDocuments } from '../../transfer/import/prune'
export type { CosineCheck } from '../../transfer/import/sample'
export type {
  FieldMapping,
  ImportSource,
  RowOptions,
  SourceDistance,
  SourcePart,
  SourceRow,
} from '../../transfer/import/source'
export type { ElasticsearchSourceOptions } from '../../transfer/import/sources/elasticsearch'
export type { ImportSourceOptions } from '../../transfer/import/sources/open'
export type { PostgresSourceOptions } from '../../transfer/import/sources/postgres'
export type { QdrantSourceOptions } from '../../transfer/import/sources/qdrant'
export type { VerifiedPart, VerifyImportReport, VerifyImportSettings } from '../../transfer/import/verify'
export { reportDrift, reportErased } from './drift'
export { applyImport, inspectImport, verifyImport } from './import'
export type {
  DriftLegOptions,
  DriftPlaces,
  DriftReportOptions,
  DriftSourceOptions,
  ErasedReportOptions,
  InspectImportOptions,
} from './options'
