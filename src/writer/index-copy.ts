import type { CallOptions } from '../core/abort'
import { asHeadwaterError, type HeadwaterError } from '../core/errors'
import type { TenantId } from '../core/ids'
import type { ChunkEntry, HydratedChunk } from '../repositories/chunks'
import { type Generation, textIndexOf, vectorIndexOf } from '../repositories/generations'
import { byTenant } from './deep-check'
import { embedOnce } from './embed-once'
import { isOfTheStore } from './error-scope'
import { spaceOf } from './generations'
import type { WriterPorts } from './ports'
import { inputText } from './prepared-document'
import { stampOf } from './stamp'

/** Tenants that are read at once: a page by chunk ids holds a few chunks of each. */
const tenantsAtOnce = 4

interface CopiedEntry {
  readonly entry: ChunkEntry
  readonly row: HydratedChunk
  readonly vector: Float32Array | undefined
}

/**
 * Reads what a generation should hold for these entries, and returns what writes it there. An entry that was removed or
 * has another input since it was scanned is left to its job. Vectors are the stored ones; what has none is embedded.
 */
export async function readCopy(
  ports: WriterPorts,
  generation: Generation,
  entries: readonly ChunkEntry[],
  call: CallOptions,
): Promise<() => Promise<void>> {
  const tenants = [...byTenant(entries)]
  const copied: CopiedEntry[] = []
  for (let at = 0; at < tenants.length; at += tenantsAtOnce) {
    const some = tenants.slice(at, at + tenantsAtOnce)
    const read = some.map(([tenant, ofTenant]) => readTenant(ports, generation, tenant, ofTenant, call))
    for (const found of await Promise.all(read)) copied.push(...found)
  }
  if (generation.target === 'text') {
    const texts = copied.map((one) => ({ ...contentOf(generation, one), title: one.row.title, text: one.row.text }))
    return () => ports.texts.upsert(textIndexOf(generation), texts, call)
  }
  const points = copied.map((one) => ({ ...contentOf(generation, one), vector: one.vector! }))
  return () => ports.vectors.upsert(vectorIndexOf(generation), points, call)
}

/**
 * Reads and writes by halves after `cause`, until what is refused stands alone. A document that has a job, as one that
 * every index refuses has, is left to that job, which then brings the whole of it; any other ends the rebuild.
 */
export async function copyByHalves(
  ports: WriterPorts,
  generation: Generation,
  entries: readonly ChunkEntry[],
  call: CallOptions,
  cause: unknown,
): Promise<void> {
  const error = asHeadwaterError(cause)
  if (isOfTheStore(error) && error.code !== 'HW_EMBEDDER_FAILED') throw error
  const [only] = entries
  if (entries.length <= 1) return only ? leaveToItsJob(ports, generation, only, error) : undefined
  const half = entries.length >> 1
  for (const part of [entries.slice(0, half), entries.slice(half)]) {
    try {
      await (await readCopy(ports, generation, part, call))()
    } catch (again) {
      await copyByHalves(ports, generation, part, call, again)
    }
  }
}

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

async function readTenant(
  ports: WriterPorts,
  generation: Generation,
  tenant: TenantId,
  entries: readonly ChunkEntry[],
  call: CallOptions,
): Promise<CopiedEntry[]> {
  const { chunks } = ports.truth.session({ worker: true })
  const scope = { tenant, collection: generation.collection }
  const ids = entries.map(({ id }) => id)
  const rows = new Map((await chunks.hydrate(scope, generation.chunking, ids, call)).map((row) => [row.id, row]))
  const found = entries.flatMap((entry) => {
    const row = rows.get(entry.id)
    // Its hash would no longer be that of the text that is embedded.
    return row && row.fence <= entry.fence ? [{ entry, row }] : []
  })
  if (generation.target === 'text') return found.map((one) => ({ ...one, vector: undefined }))
  const inputs = new Map(found.map(({ entry, row }) => [entry.inputHash, inputText(row.title, row.text)]))
  const vectors = await embedOnce(ports, tenant, generation.fingerprint!, inputs, call)
  return found.map((one) => ({ ...one, vector: vectors.get(one.entry.inputHash)! }))
}

function contentOf(generation: Generation, { entry, row }: CopiedEntry) {
  const { source, createdAt, updatedAt, version, leaves } = row
  return {
    id: entry.id,
    fence: entry.fence,
    stamp: stampOf(entry.inputHash, entry.payloadHash, spaceOf(generation)),
    payload: { tenant: entry.tenant, document: entry.document, source, createdAt, updatedAt, version, leaves },
  }
}
