import type { TenantId } from '../../core/ids'
import { canonicalJson } from '../../core/json'
import type { ChunkEntry, HydratedChunk } from '../../repositories/chunks'
import { type Generation, textIndexOf, vectorIndexOf } from '../../repositories/generations'
import { textsOf, vectorsOf } from '../../repositories/index-engines'
import type { IndexEntry, IndexPayload } from '../../repositories/index-entry'
import { leavesHeld } from '../../repositories/index-format'
import type { TruthSession } from '../../repositories/truth'
import { indexedText } from '../../splitter/input-text'
import type { WriterPorts } from '../ports'
import type { Drift } from './drift-entry'

interface Held {
  readonly id: string
  readonly fence: number
  readonly stamp: string
  readonly payload: IndexPayload
  readonly vector?: Float32Array
  readonly title?: string
  readonly text?: string
}

/** Entries whose stamp is right but whose payload, vector or text is not: edited by hand, or damaged. */
export async function deepDifference(
  ports: WriterPorts,
  session: TruthSession,
  generation: Generation,
  entries: readonly ChunkEntry[],
): Promise<Drift[]> {
  const drift: Drift[] = []
  for (const [tenant, ofTenant] of byTenant(entries)) {
    const ids = ofTenant.map(({ id }) => id)
    const held = new Map<string, Held>((await read(ports, generation, ids)).map((entry) => [entry.id, entry]))
    const scope = { tenant, collection: generation.collection }
    const chunks = new Map((await session.chunks.hydrate(scope, generation.chunking, ids)).map((row) => [row.id, row]))
    const vectors =
      generation.target === 'vector'
        ? await session.embeddings.getMany(
            tenant,
            generation.fingerprint!,
            ofTenant.map((entry) => entry.inputHash),
          )
        : undefined
    for (const entry of ofTenant) {
      const found = held.get(entry.id)
      const chunk = chunks.get(entry.id)
      // Gone or changed since the scan: the ordinary comparison of the next run sees it.
      if (!found || !chunk || found.fence !== entry.fence) continue
      if (sameContent(generation, found, chunk, vectors?.get(entry.inputHash))) continue
      const { id, fence, stamp, payload } = found
      const seen: IndexEntry = { id, fence, stamp, tenant: payload.tenant, document: payload.document }
      drift.push({ kind: 'stale', entry, seen })
    }
  }
  return drift
}

function sameContent(
  { format }: Generation,
  held: Held,
  chunk: HydratedChunk,
  vector: Float32Array | undefined,
): boolean {
  const { payload } = held
  if (payload.source !== chunk.source || payload.createdAt !== chunk.createdAt) return false
  const leaves = leavesHeld(format, chunk)(chunk.chunkMetadata)
  if (canonicalJson(payload.leaves) !== canonicalJson(leaves)) return false
  if (held.vector) return vector === undefined || sameDirection(held.vector, vector)
  return held.title === chunk.title && held.text === indexedText(chunk)
}

/** Engines may keep vectors at length 1, and round doing so: what ranks is the direction. */
function sameDirection(held: Float32Array, wanted: Float32Array): boolean {
  let dot = 0
  let heldSquare = 0
  let wantedSquare = 0
  for (let at = 0; at < wanted.length; at++) {
    dot += held[at]! * wanted[at]!
    heldSquare += held[at]! ** 2
    wantedSquare += wanted[at]! ** 2
  }
  return dot >= (1 - 1e-6) * Math.sqrt(heldSquare * wantedSquare)
}

function read(ports: WriterPorts, generation: Generation, ids: readonly string[]): Promise<Held[]> {
  return generation.target === 'vector'
    ? vectorsOf(ports, generation).read(vectorIndexOf(generation), ids)
    : textsOf(ports, generation).read(textIndexOf(generation), ids)
}

export function byTenant<E extends ChunkEntry>(entries: readonly E[]): Map<TenantId, E[]> {
  const grouped = new Map<TenantId, E[]>()
  for (const entry of entries) {
    const group = grouped.get(entry.tenant)
    if (group) group.push(entry)
    else grouped.set(entry.tenant, [entry])
  }
  return grouped
}
