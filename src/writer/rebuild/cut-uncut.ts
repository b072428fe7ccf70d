import { throwIfAborted } from '../../core/abort'
import type { UncutDocument } from '../../repositories/documents'
import type { Generation } from '../../repositories/generations'
import type { WriterPorts } from '../ports'
import { cutDocuments } from './cut-documents'
import type { Pace } from './pace'

/** Documents of one look, and the text that is held at once. */
const pageSize = 200
const mostBytes = 8 * 1024 * 1024

/**
 * Cuts every document that has no chunks in the generation's chunking yet, in the order of tenants and ids; what is cut
 * already is passed over, so that a run that was killed is continued. Returns how many were cut.
 */
export async function cutUncut(
  ports: WriterPorts,
  generation: Pick<Generation, 'collection' | 'chunking'>,
  options: { readonly pace: Pace; readonly signal: AbortSignal; onCut(documents: number): void },
): Promise<number> {
  const { collection, chunking } = generation
  const { pace, signal } = options
  const { documents } = ports.truth.session({ worker: true })
  let cut = 0
  for (let after: UncutDocument | undefined; ; ) {
    const page = await documents.uncut({ collection, chunking, after, limit: pageSize }, { signal })
    for (const batch of batches(page)) {
      throwIfAborted(signal)
      const asked = batch.map(({ tenant, id }) => ({ tenant, document: id }))
      const count = await pace.through(() => cutDocuments(ports, generation, asked, { signal }))
      cut += count
      options.onCut(cut)
      await pace.after(count)
    }
    if (page.length < pageSize) return cut
    after = page.at(-1)
  }
}

/** A document that is larger stands alone. */
function* batches(page: readonly UncutDocument[]): Generator<UncutDocument[]> {
  let batch: UncutDocument[] = []
  let bytes = 0
  for (const one of page) {
    if (batch.length > 0 && bytes + one.bytes > mostBytes) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(one)
    bytes += one.bytes
  }
  if (batch.length > 0) yield batch
}
