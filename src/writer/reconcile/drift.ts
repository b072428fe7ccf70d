import { throwIfAborted } from '../../core/abort'
import type { TenantId } from '../../core/ids'
import type { ChunkEntry } from '../../repositories/chunks'
import { digestOf, stampOf } from '../../repositories/entry-stamp'
import { type Generation, textIndexOf, vectorIndexOf } from '../../repositories/generations'
import { textsOf, vectorsOf } from '../../repositories/index-engines'
import type { IndexEntry } from '../../repositories/index-entry'
import type { TruthSession } from '../../repositories/truth'
import type { WriterPorts } from '../ports'
import { spaceOf } from '../rebuild/generations'
import { deepDifference } from './deep-check'
import type { Drift } from './drift-entry'

export interface DriftOptions {
  /** Also compares the payload and vector or text that the index really holds. */
  readonly deep: boolean
  /** Also tells what a job covers: after a loss its job may not bring all of a document. */
  readonly distrust?: boolean | undefined
  /** Goes on above this id. */
  readonly after?: string | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((checked: number) => void) | undefined
}

const pageSize = 2_000

/** A stretch of ids that has been compared. */
export interface ComparedRange {
  /** Chunks of the truth, or entries where both were equal. */
  readonly checked: number
  readonly drift: readonly Drift[]
  /** Everything up to this id is compared; undefined when that is all there is. */
  readonly upTo: string | undefined
}

/**
 * Walks a generation and the truth side by side in ascending id ranges. For each range the index is read first, then a
 * digest of the truth; only where they differ are the truth's ids read, then its jobs, then the index again: what had
 * no job and did not move in the index meanwhile has drifted. Memory is bounded by a page.
 */
export async function* findDrift(
  ports: WriterPorts,
  generation: Generation,
  options: DriftOptions,
): AsyncGenerator<ComparedRange> {
  const session = ports.truth.session({ worker: true })
  let after = options.after
  for (;;) {
    throwIfAborted(options.signal)
    const page = await scanIndex(ports, generation, { after, limit: pageSize })
    const upTo = page.length < pageSize ? undefined : page.at(-1)!.id
    const range = { collection: generation.collection, chunking: generation.chunking, after, upTo }
    const digest = await session.chunks.digest({ ...range, space: spaceOf(generation) })
    const equal = digest.count === page.length && digest.sum === digestOf(page)
    if (equal && !options.deep) yield { checked: page.length, drift: [], upTo }
    else yield* compareRange(ports, session, generation, page, range, options)
    if (upTo === undefined) return
    after = upTo
  }
}

async function* compareRange(
  ports: WriterPorts,
  session: TruthSession,
  generation: Generation,
  page: readonly IndexEntry[],
  range: {
    collection: Generation['collection']
    chunking: string
    after: string | undefined
    upTo: string | undefined
  },
  options: DriftOptions,
): AsyncGenerator<ComparedRange> {
  const unmatched = new Map(page.map((entry) => [entry.id, entry]))
  let after = range.after
  for (;;) {
    throwIfAborted(options.signal)
    const entries = await session.chunks.scan({ ...range, after, limit: pageSize })
    const suspects: Drift[] = []
    const equal: ChunkEntry[] = []
    for (const entry of entries) {
      const seen = unmatched.get(entry.id)
      unmatched.delete(entry.id)
      const drift = difference(generation, entry, seen)
      if (drift) suspects.push(drift)
      else equal.push(entry)
    }
    if (options.deep) suspects.push(...(await deepDifference(ports, session, generation, equal)))
    const isLast = entries.length < pageSize
    after = isLast ? range.upTo : entries.at(-1)!.id
    // Both come in ascending order: what the truth has passed over is not in it.
    for (const [id, seen] of unmatched) {
      if (after !== undefined && id > after) break
      unmatched.delete(id)
      suspects.push({ kind: 'orphaned', entry: null, seen })
    }
    const drift = options.distrust ? suspects : await confirm(ports, session, generation, suspects)
    yield { checked: entries.length, drift, upTo: after }
    if (isLast) return
  }
}

function difference(generation: Generation, entry: ChunkEntry, seen: IndexEntry | undefined): Drift | null {
  if (!seen) return { kind: 'missing', entry, seen: null }
  if (seen.tenant !== entry.tenant || seen.document !== entry.document) return { kind: 'foreign', entry, seen }
  const stamp = stampOf(entry.inputHash, entry.payloadHash, spaceOf(generation))
  return seen.fence === entry.fence && seen.stamp === stamp ? null : { kind: 'stale', entry, seen }
}

/** Keeps what no job brings and what stands in the index just as it was seen before. */
async function confirm(
  ports: WriterPorts,
  session: TruthSession,
  generation: Generation,
  suspects: readonly Drift[],
): Promise<Drift[]> {
  if (suspects.length === 0) return []
  const orphans = suspects.filter(({ kind }) => kind === 'orphaned')
  const buried = await tombstones(session, generation, orphans)
  const documents = suspects.map(({ entry, seen }) => ({
    tenant: entry?.tenant ?? (seen!.tenant as TenantId),
    document: entry?.document ?? seen!.document,
    fence: entry ? entry.fence : (buried.get(seen!.id) ?? 0),
  }))
  const covered = await session.jobs.covered(generation.target, generation.collection, documents)
  const open = suspects.filter((_, at) => !covered[at])
  if (open.length === 0) return []
  const ids = open.map(({ entry, seen }) => entry?.id ?? seen!.id)
  const now = new Map((await readIndex(ports, generation, ids)).map((entry) => [entry.id, entry]))
  return open.filter(({ entry, seen }) => {
    const current = now.get(entry?.id ?? seen!.id)
    if (!seen || !current) return !seen && !current
    // Read whole, an entry without a fence has fence 0.
    return current.fence === (seen.fence ?? 0) && current.stamp === seen.stamp && current.tenant === seen.tenant
  })
}

/** Fences of the tombstones of entries that the truth lacks: a job removes what it knows by them, and no others. */
async function tombstones(
  session: TruthSession,
  { collection, chunking }: Generation,
  orphans: readonly Drift[],
): Promise<ReadonlyMap<string, number>> {
  if (orphans.length === 0) return new Map()
  const documents = new Map<string, { tenant: TenantId; document: string; since: number }>()
  for (const { seen } of orphans) {
    const { tenant, document, fence } = seen!
    const key = `${tenant}\n${document}`
    // A tombstone is above what it removes.
    const since = Math.min((fence ?? 1) - 1, documents.get(key)?.since ?? Number.MAX_SAFE_INTEGER)
    documents.set(key, { tenant: tenant as TenantId, document, since: Math.max(0, since) })
  }
  const asked = [...documents.values()].map((one) => ({ ...one, collection }))
  const states = await session.chunks.states(asked, chunking)
  return new Map(states.flatMap(({ removed }) => removed.map(({ id, fence }) => [id, fence] as const)))
}

export function scanIndex(
  ports: WriterPorts,
  generation: Generation,
  scan: { after: string | undefined; limit: number },
): Promise<IndexEntry[]> {
  return generation.target === 'vector'
    ? vectorsOf(ports, generation).scan(vectorIndexOf(generation), scan)
    : textsOf(ports, generation).scan(textIndexOf(generation), scan)
}

async function readIndex(ports: WriterPorts, generation: Generation, ids: readonly string[]): Promise<IndexEntry[]> {
  const held =
    generation.target === 'vector'
      ? await vectorsOf(ports, generation).read(vectorIndexOf(generation), ids)
      : await textsOf(ports, generation).read(textIndexOf(generation), ids)
  return held.map(({ id, fence, stamp, payload }) => ({
    id,
    fence,
    stamp,
    tenant: payload.tenant,
    document: payload.document,
  }))
}
