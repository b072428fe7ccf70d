import { type CallOptions, callKinds } from '../../core/abort'
import {
  anything,
  flag,
  having,
  list,
  method,
  milliseconds,
  number,
  type OptionKinds,
  oneOf,
  text,
  whole,
} from '../../core/option-kinds'
import type { EmbedderOption } from '../../embeddings/select'
import type { BackupPlace } from '../../transfer/backup/place'
import type { DriftFields } from '../../transfer/drift/legs'
import type { DriftSettings } from '../../transfer/drift/report'
import type { ApplySettings } from '../../transfer/import/apply'
import type { InspectSettings } from '../../transfer/import/inspect'
import type { ElasticsearchSourceOptions } from '../../transfer/import/sources/elasticsearch'
import type { ImportSourceOptions } from '../../transfer/import/sources/open'
import type { VerifyImportSettings } from '../../transfer/import/verify'

/** What `inspectImport` takes. */
export interface InspectImportOptions extends Omit<InspectSettings, 'embedder'> {
  /** Embeds some of the texts anew, to see whether the vectors are its own: an embedder, or the options of one. */
  readonly embedder?: EmbedderOption | undefined
}

export const inspectKinds = {
  ...callKinds,
  plan: anything,
  name: text(128),
  tenant: text(128),
  collection: text(128),
  partsAs: oneOf('collections', 'tenants'),
  space: text(128),
  sample: whole(1, Number.MAX_SAFE_INTEGER),
  embedder: anything,
} satisfies OptionKinds<InspectImportOptions>
export const applyKinds = {
  ...callKinds,
  prune: flag,
  mostPruned: number(0, 1),
  temporary: text(4_096),
  onProgress: method,
} satisfies OptionKinds<ApplySettings>
export const verifyImportKinds = {
  ...callKinds,
  vectors: whole(0, 1_000_000),
  queries: whole(0, 1_000),
} satisfies OptionKinds<VerifyImportSettings>

/** Where a leg is read: what imports read, and Elasticsearch. */
export type DriftSourceOptions = ImportSourceOptions | { readonly elasticsearch: ElasticsearchSourceOptions }

export interface DriftLegOptions {
  /** In the report: `truth`, and `qdrant` and the like by default. */
  readonly name?: string | undefined
  readonly source: DriftSourceOptions
  /** `id` is `id` by default, of Elasticsearch `_id`; what is not mapped is not compared. */
  readonly fields?: Partial<DriftFields> | undefined
}

/** What is compared. */
export interface DriftPlaces {
  readonly truth: DriftLegOptions
  readonly indexes?: readonly DriftLegOptions[] | undefined
  /** A folder or a bucket with the blobs that the truth names. */
  readonly blobs?: BackupPlace | undefined
}

/** What `reportDrift` takes. */
export interface DriftReportOptions extends DriftSettings, DriftPlaces {}

/** What `reportErased` takes. */
export interface ErasedReportOptions extends CallOptions, DriftPlaces {
  readonly id: string
}

const path = text(1_024)
const placeKinds = { truth: having(), indexes: list(having(), 100), blobs: anything }

export const fieldKinds = {
  id: path,
  stamp: path,
  tenant: path,
  chunk: path,
  vector: path,
  blob: path,
} satisfies OptionKinds<Partial<DriftFields>>
export const legKinds = { name: text(128), source: having(), fields: having() } satisfies OptionKinds<DriftLegOptions>
export const driftKinds = {
  ...callKinds,
  ...placeKinds,
  graceMs: milliseconds(),
  examples: whole(0, 10_000),
  shortenIds: flag,
  temporary: text(4_096),
  onEstimate: method,
} satisfies OptionKinds<DriftReportOptions>
export const erasedKinds = { ...callKinds, ...placeKinds, id: text(65_536) } satisfies OptionKinds<ErasedReportOptions>
