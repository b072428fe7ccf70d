import type { CallOptions } from '../../core/abort'
import { HeadwaterError, isHeadwaterError } from '../../core/errors'
import type { CollectionName, Scope, TenantId } from '../../core/ids'
import type { ChunkRow } from '../../repositories/chunks'
import type { DocumentRow } from '../../repositories/documents'
import type { Generation } from '../../repositories/generations'
import type { TruthSession } from '../../repositories/truth'
import type { WriterPorts } from '../ports'
import type { CheckedChunk } from '../write/document-input'
import { knownSplitter, unknownSplitter } from '../write/known-splitter'
import { ownChunksOf } from '../write/own-chunks'
import { type PreparedChunk, PreparedDocument } from '../write/prepared-document'
import { allTargets } from './generations'

interface AskedDocument {
  readonly tenant: TenantId
  readonly document: string
}

export interface CutOptions extends CallOptions {
  /** They lost their chunks, and with them what tells the indexes. */
  readonly mends?: boolean | undefined
}

/**
 * Cuts those of these documents that have no chunks in the generation's chunking; returns how many that were. They get
 * a fence above all that any index was told of them, so that nothing late undoes it; what is live is not changed by
 * that, unless they are to be mended: then each leaves a whole job. HW_TOPOLOGY_MISMATCH where this process does not know the splitter, HW_INVALID_DOCUMENT where it finds nothing.
 */
export async function cutDocuments(
  ports: WriterPorts,
  { collection, chunking }: Pick<Generation, 'collection' | 'chunking'>,
  asked: readonly AskedDocument[],
  call: CutOptions,
): Promise<number> {
  const documents = new Map<TenantId, string[]>()
  for (const { tenant, document } of asked) documents.set(tenant, [...(documents.get(tenant) ?? []), document])
  let cut = 0
  for (const [tenant, ids] of documents) cut += await cutOfTenant(ports, { tenant, collection }, chunking, ids, call)
  return cut
}

async function cutOfTenant(
  ports: WriterPorts,
  scope: Scope,
  chunking: string,
  ids: readonly string[],
  call: CutOptions,
): Promise<number> {
  const session = ports.truth.session({ worker: true })
  const found = await session.chunks.heads(scope, ids, [chunking], call)
  const uncut = without(ids, found)
  if (uncut.length === 0) return 0
  if (!ports.collections.has(scope.collection)) throw unknownSplitter(scope.collection, chunking)
  const prepared = new Map<string, { readonly row: DocumentRow; readonly chunks: readonly PreparedChunk[] }>()
  for (const row of await session.documents.getMany(scope, uncut, call)) {
    const own = (await ownChunksOf(ports, session, scope, row, call)) ?? null
    prepared.set(row.id, { row, chunks: await chunksOf(ports, scope, row, chunking, own) })
  }
  return ports.truth.transaction(
    { worker: true },
    async (within) => {
      const heads = await within.documents.lock(scope, [...prepared.keys()], { create: false })
      // What was written since was cut by its writer, or is left to its job.
      const same = heads.filter((head) => {
        return !head.deleted && head.contentHash === prepared.get(head.id)!.row.contentHash
      })
      const { fences, chunkings } = await within.documents.stamps(scope.collection, same.length)
      const meanwhile = await within.chunks.heads(scope, uncut, [chunking])
      const open = new Set(without([...same.map(({ id }) => id)], meanwhile))
      if (open.size === 0 || !chunkings.includes(chunking)) return 0
      const stamps = same.flatMap(({ id }, at) => (open.has(id) ? [{ id, fence: fences[at]! }] : []))
      const upsert: ChunkRow[] = stamps.flatMap(({ id, fence }) =>
        prepared.get(id)!.chunks.map((chunk) => ({ ...chunk, document: id, chunking, fence })),
      )
      if (call.mends) await wholeJobs(within, scope, stamps)
      else await within.documents.advance(scope, stamps)
      await within.chunks.apply(scope, chunking, { upsert, move: [], remove: [] })
      return stamps.length
    },
    call,
  )
}

/** Whatever the indexes hold of them is to be written again. */
async function wholeJobs(
  { documents, jobs }: TruthSession,
  scope: Scope,
  stamps: readonly { readonly id: string; readonly fence: number }[],
): Promise<void> {
  await documents.restamp(scope, stamps)
  const whole = stamps.flatMap(({ id, fence }) =>
    allTargets.map((target) => ({ ...scope, target, document: id, fence, since: 0 })),
  )
  await jobs.enqueue(whole, { mends: true })
}

function without(ids: readonly string[], heads: readonly { readonly document: string }[]): string[] {
  const there = new Set(heads.map(({ document }) => document))
  return ids.filter((id) => !there.has(id))
}

async function chunksOf(
  ports: WriterPorts,
  scope: Scope,
  row: DocumentRow,
  chunking: string,
  own: readonly CheckedChunk[] | null,
): Promise<readonly PreparedChunk[]> {
  const plan = ports.collections.get(scope.collection)!
  const splitter = own ? plan.splitter : knownSplitter(ports, scope.collection, chunking)
  if (!splitter) throw unknownSplitter(scope.collection, chunking)
  try {
    return await new PreparedDocument(scope, { ...row, chunks: own }, { ...plan, splitter }).chunks()
  } catch (cause) {
    if (isHeadwaterError(cause) && cause.code !== 'HW_INVALID_DOCUMENT') throw cause
    throw uncuttable(scope.collection, row.id, chunking, cause)
  }
}

function uncuttable(collection: CollectionName, id: string, chunking: string, cause: unknown): HeadwaterError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new HeadwaterError(
    'HW_INVALID_DOCUMENT',
    `${chunking} cannot cut ${JSON.stringify(id)} of ${collection}: ${why}`,
    {
      cause,
      details: { id, collection, chunking },
    },
  )
}
