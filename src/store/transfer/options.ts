import { callKinds } from '../../core/abort'
import { anything, flag, method, number, type OptionKinds, oneOf, text, whole } from '../../core/option-kinds'
import type { EmbedderOption } from '../../embeddings/select'
import type { ApplySettings } from '../../transfer/import/apply'
import type { InspectSettings } from '../../transfer/import/inspect'
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
