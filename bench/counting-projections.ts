/** Projections that only count: documents are read and handed over, and nothing is kept or done. */
import type { IndexEntry, IndexScan } from '../src/repositories/index-entry'
import { MemoryTextRepository } from '../src/repositories/memory/texts'
import { MemoryVectorRepository } from '../src/repositories/memory/vectors'
import type { TextEntry, TextIndex } from '../src/repositories/texts'
import type { VectorIndex, VectorPoint } from '../src/repositories/vectors'

/** What an index would hold, for comparisons with the truth; nothing when left out. */
export type Mirror<I> = (index: I, scan: IndexScan) => Promise<IndexEntry[]>

export class CountingVectors extends MemoryVectorRepository {
  written = 0
  mirror: Mirror<VectorIndex> | undefined

  override async upsert(_index: VectorIndex, points: readonly VectorPoint[]): Promise<void> {
    this.written += points.length
  }

  override async setPayload(_index: VectorIndex, points: readonly object[]): Promise<void> {
    this.written += points.length
  }

  override async remove(): Promise<void> {}

  override async scan(index: VectorIndex, scan: IndexScan): Promise<IndexEntry[]> {
    return this.mirror?.(index, scan) ?? []
  }
}

export class CountingTexts extends MemoryTextRepository {
  written = 0
  mirror: Mirror<TextIndex> | undefined

  override async upsert(_index: TextIndex, entries: readonly TextEntry[]): Promise<void> {
    this.written += entries.length
  }

  override async remove(): Promise<void> {}

  override async scan(index: TextIndex, scan: IndexScan): Promise<IndexEntry[]> {
    return this.mirror?.(index, scan) ?? []
  }
}
