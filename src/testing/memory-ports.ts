import type { Clock } from '../core/clock'
import { MemoryBlobRepository } from '../repositories/memory/blobs'
import { MemoryTextRepository } from '../repositories/memory/texts'
import { MemoryTruth } from '../repositories/memory/truth'
import { MemoryVectorRepository } from '../repositories/memory/vectors'
import type { WrittenPorts } from '../store/writer-ports'

/** The ports under `createTestStore`, empty: for `writerPorts` and for tests of what takes a port. */
export function memoryPorts(options: { readonly clock?: Clock | undefined } = {}): Required<WrittenPorts> {
  return {
    truth: new MemoryTruth(options),
    vectors: new MemoryVectorRepository(),
    texts: new MemoryTextRepository(),
    blobs: new MemoryBlobRepository(options),
  }
}
