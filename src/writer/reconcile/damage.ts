import { throwIfAborted } from '../../core/abort'
import { isHeadwaterError } from '../../core/errors'
import type { UncutDocument } from '../../repositories/documents'
import type { Generation } from '../../repositories/generations'
import type { WriterPorts } from '../ports'
import { cutDocuments } from '../rebuild/cut-documents'

const pageSize = 200

/** A live document of the truth without its chunks, and without a job that would cut it. */
export type DamagedDocument = Pick<UncutDocument, 'tenant' | 'id'>

/**
 * Looks in the truth itself for documents whose chunks are not there in the generation's chunking: half a write that was
 * no transaction, or half a restore. No index tells, for there is nothing that it should hold.
 */
export async function* findDamaged(
  ports: WriterPorts,
  generation: Generation,
  signal: AbortSignal,
): AsyncGenerator<DamagedDocument[]> {
  const { target, collection, chunking } = generation
  const { documents, jobs } = ports.truth.session({ worker: true })
  for (let after: UncutDocument | undefined; ; ) {
    throwIfAborted(signal)
    const page = await documents.uncut({ collection, chunking, after, limit: pageSize }, { signal })
    const places = page.map(({ tenant, id }) => ({ tenant, document: id }))
    // Whoever applies its job cuts it: it was written by a process that did not know how.
    const covered = page.length === 0 ? [] : await jobs.covered(target, collection, places)
    const damaged = page.filter((_, at) => !covered[at])
    if (damaged.length > 0) yield damaged
    if (page.length < pageSize) return
    after = page.at(-1)
  }
}

/**
 * Cuts damaged documents anew from their text and leaves whole jobs for both targets; returns how many. One that this
 * process cannot cut, or that cannot be cut at all, is left.
 */
export async function repairDamaged(
  ports: WriterPorts,
  generation: Generation,
  damaged: readonly DamagedDocument[],
  signal: AbortSignal,
): Promise<number> {
  let repaired = 0
  for (const { tenant, id } of damaged) {
    try {
      repaired += await cutDocuments(ports, generation, [{ tenant, document: id }], { signal, mends: true })
    } catch (error) {
      if (!isHeadwaterError(error, 'HW_INVALID_DOCUMENT') && !isHeadwaterError(error, 'HW_TOPOLOGY_MISMATCH'))
        throw error
    }
  }
  return repaired
}
