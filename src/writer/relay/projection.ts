import type { CallOptions } from '../../core/abort'
import type { TenantId } from '../../core/ids'
import { Turns } from '../../core/turns'
import type { DocumentState, StateChunk } from '../../repositories/chunks'
import { stampOf } from '../../repositories/entry-stamp'
import { type Generation, textIndexOf, vectorIndexOf } from '../../repositories/generations'
import { textsOf, vectorsOf } from '../../repositories/index-engines'
import type { IndexPayload, IndexRemoval } from '../../repositories/index-entry'
import { assertKnownFormat, leavesHeld } from '../../repositories/index-format'
import type { TextEntry } from '../../repositories/texts'
import type { VectorPoint } from '../../repositories/vectors'
import { indexedText, inputText } from '../../splitter/input-text'
import type { WriterPorts } from '../ports'
import { formatMade } from '../rebuild/generations'
import { embedOnce } from './embed-once'

/** A state and the `since` it was read for: chunks at or below it are in the index already. */
export interface Change {
  readonly since: number
  readonly state: DocumentState
}

/** Entries of one engine call: bounds what a batch can hold in memory and in one request. */
const entriesPerCall = 500

/**
 * Brings one generation to the given states. Every write is fenced, so repeating it, or doing it late, changes
 * nothing that is newer.
 */
export async function project(
  ports: WriterPorts,
  generation: Generation,
  changes: readonly Change[],
  call: CallOptions,
  vectors: ReadonlyMap<string, Float32Array> = new Map(),
): Promise<void> {
  assertKnownFormat(generation.name, generation.format, formatMade(ports, generation))
  const removals = removalsOf(changes)
  const turns = new Turns(ports.clock, call.signal)
  const inTurns = <T>(items: readonly T[]) => partsInTurns(items, turns)
  if (generation.target === 'text') {
    const texts = textsOf(ports, generation)
    const index = textIndexOf(generation)
    for await (const part of inTurns(removals)) await texts.remove(index, part, call)
    for await (const part of inTurns(textEntries(generation, changes))) await texts.upsert(index, part, call)
    return
  }
  const engine = vectorsOf(ports, generation)
  const index = vectorIndexOf(generation)
  for await (const part of inTurns(removals)) await engine.remove(index, part, call)
  // A generation that is being built may not hold the point yet, so that its payload alone would be lost on it.
  const whole = generation.state === 'building'
  const fresh: PendingPoint[] = []
  const payloads: Omit<VectorPoint, 'vector'>[] = []
  for (const pending of pendingPoints(generation, changes)) {
    if (whole || pending.fresh) fresh.push(pending)
    else payloads.push(pending.point)
  }
  for await (const part of inTurns(payloads)) await engine.setPayload(index, part, call)
  for await (const part of inTurns(fresh)) {
    const found = await vectorsFor(ports, generation.fingerprint!, part, call, vectors)
    const points = part.map(({ point: { id, fence, stamp, payload }, inputHash }) => {
      return { id, fence, stamp, payload, vector: found.get(inputHash)! }
    })
    await engine.upsert(index, points, call)
  }
}

interface PendingPoint {
  readonly point: Omit<VectorPoint, 'vector'>
  readonly fresh: boolean
  readonly inputHash: string
  readonly input: string
}

function pendingPoints(generation: Generation, changes: readonly Change[]): PendingPoint[] {
  return changes.flatMap(({ since, state }) => {
    const { payload } = state
    if (!payload) return []
    const payloadOf = indexPayload(generation, state)
    return state.chunks.map((chunk) => ({
      point: {
        id: chunk.id,
        fence: Math.max(chunk.fence, payload.payloadFence),
        stamp: stampOf(chunk.inputHash, payload.payloadHash, generation.fingerprint!),
        payload: payloadOf(chunk),
      },
      fresh: chunk.fence > since,
      inputHash: chunk.inputHash,
      input: inputText(payload.title, chunk),
    }))
  })
}

function textEntries(generation: Generation, changes: readonly Change[]): TextEntry[] {
  return changes.flatMap(({ state }) => {
    const { payload } = state
    if (!payload) return []
    const payloadOf = indexPayload(generation, state)
    return state.chunks.map((chunk) => ({
      id: chunk.id,
      fence: Math.max(chunk.fence, payload.payloadFence),
      stamp: stampOf(chunk.inputHash, payload.payloadHash, generation.language!),
      payload: payloadOf(chunk),
      title: payload.title,
      heading: chunk.heading,
      text: indexedText(chunk),
    }))
  })
}

function indexPayload({ format }: Generation, state: DocumentState): (chunk: StateChunk) => IndexPayload {
  const { source, createdAt, updatedAt, version } = state.payload!
  const shared = { tenant: state.tenant, document: state.document, source, createdAt, updatedAt, version }
  const leavesOf = leavesHeld(format, state.payload!)
  return ({ metadata }) => ({ ...shared, leaves: leavesOf(metadata) })
}

function removalsOf(changes: readonly Change[]): IndexRemoval[] {
  return changes.flatMap(({ state }) =>
    state.removed.map(({ id, fence }) => ({ id, tenant: state.tenant, fence, when: 'atMost' as const })),
  )
}

/** The vectors of these points: handed over, stored, or made now and stored. */
async function vectorsFor(
  ports: WriterPorts,
  fingerprint: string,
  points: readonly PendingPoint[],
  call: CallOptions,
  given: ReadonlyMap<string, Float32Array>,
): Promise<ReadonlyMap<string, Float32Array>> {
  const missing = new Map<TenantId, Map<string, string>>()
  for (const { point, inputHash, input } of points) {
    if (given.has(inputHash)) continue
    const { tenant } = point.payload
    const inputs = missing.get(tenant) ?? new Map<string, string>()
    missing.set(tenant, inputs.set(inputHash, input))
  }
  if (missing.size === 0) return given
  const found = new Map(given)
  for (const [tenant, inputs] of missing) {
    for (const [hash, vector] of await embedOnce(ports, tenant, fingerprint, inputs, call)) found.set(hash, vector)
  }
  return found
}

/** One after another; between two of them others have their turn, where the engine leaves them none. */
async function* partsInTurns<T>(items: readonly T[], turns: Turns): AsyncGenerator<readonly T[]> {
  for (let at = 0; at < items.length; at += entriesPerCall) {
    if (at > 0) await turns.take()
    yield items.slice(at, at + entriesPerCall)
  }
}
