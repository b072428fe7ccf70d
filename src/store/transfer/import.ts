import { systemClock } from '../../core/clock'
import { withDeadline } from '../../core/deadline'
import type { JsonObject } from '../../core/json'
import { checkOptions } from '../../core/option-kinds'
import { openEmbedder } from '../../embeddings/open-models'
import type { EntityDeclarations, NoEntities } from '../../entities/entity-map'
import { type ApplyReport, type ApplySettings, applyImport as apply } from '../../transfer/import/apply'
import { type InspectReport, inspectImport as inspect } from '../../transfer/import/inspect'
import { checkPlan, type ImportPlan } from '../../transfer/import/plan'
import type { ImportSource } from '../../transfer/import/source'
import { type ImportSourceOptions, openSource } from '../../transfer/import/sources/open'
import type { ImportTarget } from '../../transfer/import/target'
import {
  type VerifyImportReport,
  type VerifyImportSettings,
  verifyImport as verify,
} from '../../transfer/import/verify'
import type { Store } from '../store'
import { applyKinds, type InspectImportOptions, inspectKinds, verifyImportKinds } from './options'

/**
 * Reads a source, writes nothing, and tells what would become what, and what would be lost; with the plan that
 * `applyImport` takes, once its spaces have names. HW_STORAGE, HW_UNAVAILABLE, HW_NOT_FOUND, HW_DRIVER_MISSING.
 */
export async function inspectImport(
  source: ImportSourceOptions,
  given: InspectImportOptions = {},
): Promise<InspectReport> {
  const { embedder: option, ...settings } = checkOptions(given, inspectKinds, '')
  const embedder = option && (await openEmbedder(option))
  try {
    return await withSource(source, settings, (opened, call) => inspect(opened, { ...settings, ...call, embedder }))
  } finally {
    if (embedder !== option) await embedder?.close?.()
  }
}

/**
 * Brings documents of a source into a store, whose collections are declared with the spaces of the plan. Rows that are
 * refused are reported, the others are written; what is there already as it should be costs a look. An import that ended
 * early goes on behind its last cursor. HW_INVALID_ARGUMENT for a plan that is none, HW_FINGERPRINT_MISMATCH,
 * HW_COLLECTION_UNKNOWN, HW_CONFLICT where another process runs it too, and what makes source or store fail.
 */
export function applyImport<C extends object, X extends EntityDeclarations = NoEntities>(
  store: Store<C, X>,
  source: ImportSourceOptions,
  plan: ImportPlan,
  given: ApplySettings = {},
): Promise<ApplyReport> {
  const settings = checkOptions(given, applyKinds, '')
  const checked = checkPlan(plan)
  return withSource(source, settings, (opened, call) =>
    apply(targetOf(store), opened, checked, { ...settings, ...call }),
  )
}

/**
 * Compares source and store: counts, each document by its hash, some vectors bit by bit, and what is found by some of
 * them. Look at `ok`: differences are reported, not thrown. Errors as `applyImport`.
 */
export function verifyImport<C extends object, X extends EntityDeclarations = NoEntities>(
  store: Store<C, X>,
  source: ImportSourceOptions,
  plan: ImportPlan,
  given: VerifyImportSettings = {},
): Promise<VerifyImportReport> {
  const settings = checkOptions(given, verifyImportKinds, '')
  const checked = checkPlan(plan)
  return withSource(source, settings, (opened, call) =>
    verify(targetOf(store), opened, checked, { ...settings, ...call }),
  )
}

interface Call {
  readonly signal: AbortSignal
}

/** Opens a source, unless it is the caller's own, and closes it again; one deadline for all of it. */
async function withSource<T>(
  options: ImportSourceOptions,
  call: { readonly signal?: AbortSignal | undefined; readonly timeoutMs?: number | undefined },
  work: (source: ImportSource, call: Call) => Promise<T>,
): Promise<T> {
  const source = openSource(options)
  try {
    return await withDeadline(systemClock, call, undefined, ({ signal }) => work(source, { signal }))
  } finally {
    if (source !== options) await source.close()
  }
}

function targetOf<C extends object, X extends EntityDeclarations>(store: Store<C, X>): ImportTarget {
  const { truth, clock, collections } = store.ports
  const anyStore = store as unknown as Store<Record<string, JsonObject>>
  return {
    truth,
    clock,
    collections,
    handle: (tenant, collection) => anyStore.forTenant(tenant).collection(collection),
  }
}
