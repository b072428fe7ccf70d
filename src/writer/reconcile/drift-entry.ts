import type { ChunkEntry } from '../../repositories/chunks'
import type { IndexEntry } from '../../repositories/index-entry'

/** A difference between the truth and a generation that no job covers. */
export type Drift =
  | { readonly kind: 'missing'; readonly entry: ChunkEntry; readonly seen: null }
  | { readonly kind: 'stale'; readonly entry: ChunkEntry; readonly seen: IndexEntry }
  | { readonly kind: 'foreign'; readonly entry: ChunkEntry; readonly seen: IndexEntry }
  | { readonly kind: 'orphaned'; readonly entry: null; readonly seen: IndexEntry }
