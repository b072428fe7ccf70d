import { type CallOptions, throwIfAborted } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import type { Embedder } from '../../embeddings/embedder'
import { isUnitLength } from '../../embeddings/own-vectors'
import { type ImportChange, mapRow } from './mapping'
import type { ImportPlan, PlannedPart, PlannedSpace } from './plan'
import { type FieldProfile, Profile, proposeMapping } from './profile'
import { refusalOf } from './refusal'
import { type CosineCheck, CosineSample } from './sample'
import type { ImportSource, SourceDistance, SourcePart, SourceRow } from './source'

export interface InspectSettings extends CallOptions {
  /** Looked at as it would be run, instead of one that is proposed. */
  readonly plan?: ImportPlan | undefined
  /** Of the plan that is proposed: `jsonl` and the like by default. */
  readonly name?: string | undefined
  /** Of the plan that is proposed: `default` by default. */
  readonly tenant?: string | undefined
  /** Of the plan that is proposed: `documents` by default, a collection for each part where there are several. */
  readonly collection?: string | undefined
  /** What each part becomes where there are several: a collection of its own (the default), or a tenant. */
  readonly partsAs?: 'collections' | 'tenants' | undefined
  /** The fingerprint of the vectors, which the plan has to name. */
  readonly space?: string | undefined
  /** Rows of each part that are looked at; all of them by default. */
  readonly sample?: number | undefined
  /** Embeds some of the texts anew, to see whether the vectors are its own. */
  readonly embedder?: Embedder | undefined
}

/** What cannot come along, with the ids of the first three rows. */
export interface ImportLoss {
  readonly reason: string
  readonly rows: number
  readonly examples: readonly string[]
}

export interface InspectedField extends FieldProfile {
  /** `id`, `text`, `title`, `vector`, `metadata`, or `left out`. */
  readonly becomes: string
}

export interface InspectedVectors {
  readonly field: string
  /** By number of dimensions, how many rows have such a vector. */
  readonly dimensions: Readonly<Record<number, number>>
  /** Of those that can be kept, how many are of length 1. */
  readonly normalized: number
  readonly kept: number
  /** As the source compares them; null where it does not say. */
  readonly distance: SourceDistance | null
}

export interface InspectedPart {
  readonly part: string
  readonly tenant: string
  readonly collection: string
  /** Rows in all, as far as the source says it. */
  readonly rows: number | null
  /** Rows that were looked at. */
  readonly read: number
  /** How many of them would become documents. */
  readonly documents: number
  readonly fields: readonly InspectedField[]
  readonly vectors: InspectedVectors | null
  /** How many documents would differ from their rows, and in what. */
  readonly changes: Partial<Record<ImportChange, number>>
  readonly losses: readonly ImportLoss[]
  /** What stays behind of each row or of the part itself. */
  readonly lost: readonly string[]
  /** How the vectors compare with those of the embedder that was given; null without one. */
  readonly check: CosineCheck | null
}

export interface InspectReport {
  readonly plan: ImportPlan
  readonly parts: readonly InspectedPart[]
}

/** Rows by which a mapping is proposed. */
const firstRows = 1_000

/** Reads a source, writes nothing, and tells what would become what, and what would be lost. */
export async function inspectImport(source: ImportSource, settings: InspectSettings): Promise<InspectReport> {
  const parts = await source.parts(settings)
  if (parts.length === 0) throw new HeadwaterError('HW_NOT_FOUND', 'source: there is nothing in it', { path: 'source' })
  const name = settings.plan?.name ?? settings.name ?? source.kind
  const inspected: InspectedPart[] = []
  const planned: PlannedPart[] = []
  for (const part of parts) {
    const given = settings.plan?.parts.find((one) => one.part === part.name)
    if (settings.plan && !given) continue
    const first: SourceRow[] = []
    for await (const row of source.rows(part.name, { signal: settings.signal })) {
      if (first.push(row) >= Math.min(firstRows, settings.sample ?? firstRows)) break
    }
    const plan = given ?? proposePart(part, first, parts.length > 1, settings)
    planned.push(plan)
    inspected.push(await new PartInspection(source, part, plan, name, settings).run())
  }
  return { plan: { format: 1, name, parts: planned }, parts: inspected }
}

type Proposed = Pick<InspectSettings, 'tenant' | 'collection' | 'partsAs'> & {
  readonly space?: string | null | undefined
}

function proposePart(
  part: SourcePart,
  rows: readonly SourceRow[],
  several: boolean,
  { tenant = 'default', collection = 'documents', partsAs = 'collections', space: name = null }: Proposed,
): PlannedPart {
  const profile = new Profile()
  for (const { values } of rows) profile.add(values)
  const fields = part.fields ?? proposeMapping(profile)
  const own = nameFrom(part.name)
  return {
    part: part.name,
    tenant: several && partsAs === 'tenants' ? own : tenant,
    collection: several && partsAs === 'collections' ? own : collection,
    ...spaceOf(fields, profile, part, name),
  }
}

/** The space of its vectors, where it has any. */
function spaceOf(
  fields: PlannedPart['fields'],
  profile: Profile,
  part: SourcePart,
  name: string | null,
): Pick<PlannedPart, 'fields' | 'space'> {
  const [most] = fields.vector ? Object.entries(profile.dimensions(fields.vector)).sort(([, a], [, b]) => b - a) : []
  if (!most) return { fields: { ...fields, title: fields.title ?? null, vector: null }, space: null }
  const distance = part.distances?.[fields.vector!] ?? 'cosine'
  const space: PlannedSpace = { name, dimensions: Number(most[0]), distance }
  return { fields: { ...fields, title: fields.title ?? null }, space }
}

function nameFrom(given: string): string {
  return given.replaceAll(/[^A-Za-z0-9._-]+/g, '-').slice(0, 128) || 'imported'
}

class PartInspection {
  readonly #source: ImportSource
  readonly #from: SourcePart
  readonly #plan: PlannedPart
  readonly #name: string
  readonly #settings: InspectSettings
  readonly #profile = new Profile()
  readonly #changes: Partial<Record<ImportChange, number>> = {}
  readonly #losses = new Map<string, { rows: number; examples: string[] }>()
  readonly #sample = new CosineSample()
  #documents = 0
  #kept = 0
  #normalized = 0

  constructor(source: ImportSource, from: SourcePart, plan: PlannedPart, name: string, settings: InspectSettings) {
    this.#source = source
    this.#from = from
    this.#plan = plan
    this.#name = name
    this.#settings = settings
  }

  async run(): Promise<InspectedPart> {
    const { signal, sample = Number.POSITIVE_INFINITY, embedder } = this.#settings
    const { part, tenant, collection, fields, space } = this.#plan
    let read = 0
    for await (const row of this.#source.rows(part, { key: fields.id, signal })) {
      throwIfAborted(signal)
      if (read >= sample) break
      read++
      this.#profile.add(row.values)
      this.#look(row)
    }
    const check = embedder && space ? await this.#sample.compare(embedder, signal) : null
    const vectors = space && fields.vector ? this.#vectors(fields.vector) : null
    return {
      ...{ part, tenant, collection, rows: this.#from.rows, read, documents: this.#documents, vectors, check },
      fields: this.#profile.fields().map((field) => ({ ...field, becomes: becomes(field.path, fields) })),
      changes: this.#changes,
      losses: [...this.#losses].map(([reason, { rows, examples }]) => ({ reason, rows, examples })),
      lost: [...(this.#from.lost ?? []), ...distanceLost(vectors)],
    }
  }

  #look(row: SourceRow): void {
    const { id, document, problem, changes } = mapRow(row, this.#plan, this.#name)
    for (const change of changes) this.#changes[change] = (this.#changes[change] ?? 0) + 1
    const refused = document ? refusalOf(document, this.#plan.space)?.message : problem
    if (refused !== undefined) {
      this.#lose(reasonOf(refused), id ?? '')
      return
    }
    this.#documents++
    if (!document?.vector) return
    const vector = Float32Array.from(document.vector)
    this.#kept++
    if (isUnitLength(Math.hypot(...vector))) this.#normalized++
    this.#sample.add(document, vector)
  }

  #lose(reason: string, id: string): void {
    const loss = this.#losses.get(reason) ?? { rows: 0, examples: [] }
    loss.rows++
    if (loss.examples.length < 3) loss.examples.push(id)
    this.#losses.set(reason, loss)
  }

  #vectors(field: string): InspectedVectors {
    const distance = this.#from.distances?.[field] ?? null
    const dimensions = this.#profile.dimensions(field)
    return { field, dimensions, normalized: this.#normalized, kept: this.#kept, distance }
  }
}

/** Without the numbers and values of one row, so that equal troubles are counted together. */
function reasonOf(problem: string): string {
  return problem.replaceAll(/\d+/g, 'N').replaceAll(/"[^"]*"/g, '"..."')
}

function becomes(path: string, { id, text, title, vector, metadata = [] }: PlannedPart['fields']): string {
  if (path === id) return 'id'
  if (path === text) return 'text'
  if (path === title) return 'title'
  if (path === vector) return 'vector'
  return metadata.some((one) => path === one || path.startsWith(`${one}.`)) ? 'metadata' : 'left out'
}

function distanceLost(vectors: InspectedVectors | null): string[] {
  if (!vectors || vectors.distance === null || vectors.distance === 'cosine') return []
  if (vectors.normalized === vectors.kept) return []
  return [
    `The source compares by ${vectors.distance}, headwater by the angle: vectors are not of length 1, so orders differ`,
  ]
}
