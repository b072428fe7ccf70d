import { type CallOptions, throwIfAborted } from '../../core/abort'
import type { ErrorCode } from '../../core/errors'
import type { Json } from '../../core/json'
import type { DocumentInput } from '../../writer/write/document-input'
import { ImportCursor } from './cursors'
import { type ImportChange, mapRow } from './mapping'
import { partsOf } from './parts'
import type { ImportPlan, PlannedPart } from './plan'
import { type PrunedDocuments, prunePart } from './prune'
import type { ImportSource } from './source'
import { assertSpace, type ImportTarget } from './target'

/** How far an import is; counts of rows. */
export interface ImportProgress {
  readonly part: string
  readonly read: number
  /** Of the part, where the source says it. */
  readonly total: number | null
}

export interface ApplySettings extends CallOptions {
  /** Afterwards deletes what this import brought and the source has no more. */
  readonly prune?: boolean | undefined
  /** Of the documents that are there, the share that a prune may delete; 0.2 by default. */
  readonly mostPruned?: number | undefined
  /** For what does not fit memory; the system's by default. */
  readonly temporary?: string | undefined
  readonly onProgress?: ((progress: ImportProgress) => void) | undefined
}

/** A row that became no document. */
export interface RefusedRow {
  /** Null where the row has none that can be read. */
  readonly id: string | null
  readonly reason: string
  /** Where it was the store that refused the document. */
  readonly code?: ErrorCode | undefined
}

export interface AppliedPart {
  readonly part: string
  readonly tenant: string
  readonly collection: string
  /** Rows that an earlier run had read, which this one passed over. */
  readonly resumedAfter: number
  readonly read: number
  readonly written: number
  readonly unchanged: number
  readonly refused: number
  /** The first 100. */
  readonly refusals: readonly RefusedRow[]
  /** How many documents differ from their rows, and in what. */
  readonly changes: Partial<Record<ImportChange, number>>
  /** Null without `prune`. */
  readonly pruned: PrunedDocuments | null
}

export interface ApplyReport {
  readonly name: string
  readonly parts: readonly AppliedPart[]
  readonly ms: number
}

/** Rows between two cursors: several batches of the writer, which then overlap. */
const windowRows = 2_000
const windowBytes = 32 * 2 ** 20
const mostRefusals = 100

/** Writes what the plan says; what is there already as it should be costs a look. */
export async function applyImport(
  target: ImportTarget,
  source: ImportSource,
  plan: ImportPlan,
  settings: ApplySettings,
): Promise<ApplyReport> {
  const startedAt = target.clock.monotonic()
  for (const part of plan.parts) assertSpace(target, part)
  const totals = await partsOf(source, plan, settings)
  const parts: AppliedPart[] = []
  for (const part of plan.parts) {
    const work = new PartImport(target, source, plan, part, totals.get(part.part) ?? null, settings)
    const applied = await work.run()
    const pruned = settings.prune ? await prunePart(target, source, plan, part, settings) : null
    parts.push({ ...applied, pruned })
  }
  return { name: plan.name, parts, ms: target.clock.monotonic() - startedAt }
}

class PartImport {
  readonly #target: ImportTarget
  readonly #source: ImportSource
  readonly #plan: ImportPlan
  readonly #part: PlannedPart
  readonly #total: number | null
  readonly #settings: ApplySettings
  readonly #tally = { read: 0, written: 0, unchanged: 0, refused: 0 }
  readonly #refusals: RefusedRow[] = []
  readonly #changes: Partial<Record<ImportChange, number>> = {}

  constructor(
    target: ImportTarget,
    source: ImportSource,
    plan: ImportPlan,
    part: PlannedPart,
    total: number | null,
    settings: ApplySettings,
  ) {
    this.#target = target
    this.#source = source
    this.#plan = plan
    this.#part = part
    this.#total = total
    this.#settings = settings
  }

  async run(): Promise<Omit<AppliedPart, 'pruned'>> {
    const { signal } = this.#settings
    const { part, fields, tenant, collection } = this.#part
    const { registry } = this.#target.truth.session({ worker: true })
    const cursor = await ImportCursor.open(registry, this.#source, this.#plan, this.#part, signal)
    const resumedAfter = cursor.start?.read ?? 0
    let window: DocumentInput[] = []
    let bytes = 0
    let last: Json = null
    let writing: Promise<void> = Promise.resolve()
    const flush = async (): Promise<void> => {
      await writing
      const [documents, upTo, read] = [window, last, resumedAfter + this.#tally.read]
      writing = this.#write(documents).then(() => cursor.move(upTo, read))
      // Whoever waits next is told.
      writing.catch(() => undefined)
      window = []
      bytes = 0
    }
    try {
      for await (const row of this.#source.rows(part, { after: cursor.start?.cursor, key: fields.id, signal })) {
        throwIfAborted(signal)
        this.#tally.read++
        last = row.cursor
        const { id, document, problem, changes } = mapRow(row, this.#part, this.#plan.name)
        for (const change of changes) this.#changes[change] = (this.#changes[change] ?? 0) + 1
        if (document) {
          window.push(document)
          bytes += document.text.length * 2 + (document.vector?.length ?? 0) * 4
        } else this.#refuse({ id, reason: problem! })
        if (this.#tally.read % windowRows === 0 || bytes > windowBytes) await flush()
      }
      await flush()
    } finally {
      await Promise.allSettled([writing])
    }
    await writing
    await cursor.end()
    return { part, tenant, collection, resumedAfter, ...this.#tally, refusals: this.#refusals, changes: this.#changes }
  }

  async #write(documents: readonly DocumentInput[]): Promise<void> {
    const { tenant, collection } = this.#part
    if (documents.length > 0) {
      const { signal } = this.#settings
      const result = await this.#target.handle(tenant, collection).documents.putMany(documents, { signal })
      this.#tally.written += result.written
      this.#tally.unchanged += result.unchanged
      this.#tally.refused += result.failedCount - result.failed.length
      for (const { id, error } of result.failed) this.#refuse({ id, reason: error.message, code: error.code })
    }
    const { onProgress } = this.#settings
    onProgress?.({ part: this.#part.part, read: this.#tally.read, total: this.#total })
  }

  #refuse(row: RefusedRow): void {
    this.#tally.refused++
    if (this.#refusals.length < mostRefusals) this.#refusals.push(row)
  }
}
