import type { CallOptions } from '../../core/abort'
import { asHeadwaterError, type HeadwaterError } from '../../core/errors'
import type { TenantId } from '../../core/ids'
import type { ChunkContent, ChunkEntry } from '../../repositories/chunks'
import { stampOf } from '../../repositories/entry-stamp'
import { type Generation, textIndexOf, vectorIndexOf } from '../../repositories/generations'
import { textsOf, vectorsOf } from '../../repositories/index-engines'
import { leavesHeld } from '../../repositories/index-format'
import { indexedText, inputText } from '../../splitter/input-text'
import type { WriterPorts } from '../ports'
import { byTenant } from '../reconcile/deep-check'
import { embedOnce } from '../relay/embed-once'
import { isOfTheStore } from '../write/error-scope'
import { spaceOf } from './generations'

/** Tenants whose texts are embedded at once: a page by chunk ids holds a few chunks of each. */
const tenantsAtOnce = 4

/**
 * Reads what a generation should hold for these entries, and returns what writes it there. An entry that was removed
 * since it was seen is left to its job.
 */
export async function readCopy(
  ports: WriterPorts,
  generation: Generation,
  entries: readonly ChunkEntry[],
  call: CallOptions,
): Promise<() => Promise<void>> {
  const { collection, chunking, fingerprint } = generation
  const { chunks } = ports.truth.session({ worker: true })
  const ids = entries.map(({ id }) => id)
  const contents = await chunks.contents({ collection, chunking, ids }, fingerprint, call)
  return prepareCopy(ports, generation, contents, call)
}

/** Returns what writes these contents. Vectors are the stored ones; what has none is embedded before. */
export async function prepareCopy(
  ports: WriterPorts,
  generation: Generation,
  contents: readonly ChunkContent[],
  call: CallOptions,
): Promise<() => Promise<void>> {
  if (generation.target === 'text') {
    const texts = contents.map((one) => {
      const { id, fence, stamp, payload } = entryOf(generation, one)
      return { id, fence, stamp, payload, title: one.title, heading: one.heading, text: indexedText(one) }
    })
    return () => textsOf(ports, generation).upsert(textIndexOf(generation), texts, call)
  }
  const made = await embedMissing(ports, generation.fingerprint!, contents, call)
  const points = contents.map((one) => {
    const { id, fence, stamp, payload } = entryOf(generation, one)
    return { id, fence, stamp, payload, vector: one.vector ?? made.get(one)! }
  })
  return () => vectorsOf(ports, generation).upsert(vectorIndexOf(generation), points, call)
}

/**
 * Reads and writes by halves after `cause`, until what is refused stands alone. A document that has a job, as one that
 * every index refuses has, is left to that job, which then brings the whole of it; any other ends the rebuild. `refused`
 * does something else about it.
 */
export async function copyByHalves(
  ports: WriterPorts,
  generation: Generation,
  entries: readonly ChunkEntry[],
  call: CallOptions,
  cause: unknown,
  refused: Refused = leaveToItsJob,
): Promise<void> {
  const error = asHeadwaterError(cause)
  if (isOfTheStore(error) && error.code !== 'HW_EMBEDDER_FAILED') throw error
  const [only] = entries
  if (entries.length <= 1) return only ? refused(ports, generation, only, error) : undefined
  const half = entries.length >> 1
  for (const part of [entries.slice(0, half), entries.slice(half)]) {
    try {
      await (await readCopy(ports, generation, part, call))()
    } catch (again) {
      await copyByHalves(ports, generation, part, call, again, refused)
    }
  }
}

type Refused = (ports: WriterPorts, generation: Generation, entry: ChunkEntry, error: HeadwaterError) => Promise<void>

async function leaveToItsJob(
  ports: WriterPorts,
  { target, collection }: Generation,
  { tenant, document, fence }: ChunkEntry,
  error: HeadwaterError,
): Promise<void> {
  const { jobs } = ports.truth.session({ worker: true })
  const [covered] = await jobs.covered(target, collection, [{ tenant, document }])
  if (!covered) throw error
  await jobs.enqueue([{ target, tenant, collection, document, fence, since: 0 }])
}

async function embedMissing(
  ports: WriterPorts,
  fingerprint: string,
  contents: readonly ChunkContent[],
  call: CallOptions,
): Promise<ReadonlyMap<ChunkContent, Float32Array>> {
  const made = new Map<ChunkContent, Float32Array>()
  const tenants = [...byTenant(contents.filter(({ vector }) => vector === null))]
  const embed = async ([tenant, missing]: readonly [TenantId, readonly ChunkContent[]]): Promise<void> => {
    const inputs = new Map(missing.map((one) => [one.inputHash, inputText(one.title, one)]))
    const vectors = await embedOnce(ports, tenant, fingerprint, inputs, call)
    for (const one of missing) made.set(one, vectors.get(one.inputHash)!)
  }
  for (let at = 0; at < tenants.length; at += tenantsAtOnce) {
    await Promise.all(tenants.slice(at, at + tenantsAtOnce).map(embed))
  }
  return made
}

function entryOf(generation: Generation, content: ChunkContent) {
  const { id, fence, inputHash, payloadHash, tenant, document, source, createdAt, updatedAt, version } = content
  const leaves = leavesHeld(generation.format, content)(content.chunkMetadata)
  return {
    id,
    fence,
    stamp: stampOf(inputHash, payloadHash, spaceOf(generation)),
    payload: { tenant, document, source, createdAt, updatedAt, version, leaves },
  }
}
