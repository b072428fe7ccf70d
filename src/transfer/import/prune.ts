import { tmpdir } from 'node:os'
import type { CallOptions } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import { keyOf } from '../id-keys'
import { SortedRuns } from '../sorted-runs'
import { importSource, mapRow } from './mapping'
import type { ImportPlan, PlannedPart } from './plan'
import type { ImportSource } from './source'
import type { ImportTarget } from './target'

export interface PrunedDocuments {
  /** Documents that this import brought, before. */
  readonly documents: number
  readonly deleted: number
}

interface PruneSettings extends CallOptions {
  readonly mostPruned?: number | undefined
  readonly temporary?: string | undefined
}

const defaultShare = 0.2
const pageSize = 1_000
const present = Buffer.alloc(0)

/**
 * Deletes documents of this import whose ids the source has no more. HW_STORAGE where a row of it cannot be read, for then
 * nobody knows what is gone; HW_LIMIT_EXCEEDED where more would go than may: a source that answers with a part of itself
 * would empty the collection.
 */
export async function prunePart(
  target: ImportTarget,
  source: ImportSource,
  plan: ImportPlan,
  part: PlannedPart,
  { mostPruned = defaultShare, temporary = tmpdir(), signal }: PruneSettings,
): Promise<PrunedDocuments> {
  const { documents } = target.handle(part.tenant, part.collection)
  await using runs = new SortedRuns(temporary)
  for await (const row of source.rows(part.part, { key: part.fields.id, signal })) {
    const { id, problem } = mapRow(row, part, plan.name)
    if (id === null) {
      throw new HeadwaterError('HW_STORAGE', `prune: ${problem}, so nobody knows what is gone`, { path: part.part })
    }
    await runs.add(keyOf(id), present)
  }
  const filter = { $source: importSource(plan.name, part) }
  let found = 0
  for (let cursor: string | undefined, first = true; first || cursor !== undefined; first = false) {
    const page = await documents.list({ filter, limit: pageSize, cursor }, { signal })
    for (const { id } of page.items) await runs.add(keyOf(id), Buffer.from(id))
    found += page.items.length
    cursor = page.cursor
  }
  const count = async (): Promise<number> => {
    let gone = 0
    for await (const _ of goneFrom(runs)) gone++
    return gone
  }
  const gone = await count()
  if (gone > found * mostPruned) {
    const problem = `prune: ${gone} of ${found} documents of ${part.part} are not in the source, more than mostPruned (${mostPruned}) allows`
    throw new HeadwaterError('HW_LIMIT_EXCEEDED', problem, { path: 'mostPruned', details: { gone, documents: found } })
  }
  const { written } = await documents.deleteMany(goneFrom(runs), { signal })
  return { documents: found, deleted: written }
}

/** Ids of documents whose key came from no row. */
async function* goneFrom(runs: SortedRuns): AsyncGenerator<string> {
  let key = present
  let ids: string[] = []
  let isThere = true
  for await (const entry of runs.entries()) {
    if (!entry.key.equals(key)) {
      if (!isThere) yield* ids
      key = Buffer.from(entry.key)
      ids = []
      isThere = false
    }
    if (entry.payload.length === 0) isThere = true
    else ids.push(entry.payload.toString('utf8'))
  }
  if (!isThere) yield* ids
}
