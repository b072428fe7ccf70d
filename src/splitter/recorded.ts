import type { Splitter } from './splitter'
import type { TokenReader } from './token-reader'
import { ContentSplitterV1 } from './v1/content-splitter'

/**
 * The default splitter that made a recorded chunking, of this revision or an earlier one; undefined for any other id.
 * Whose tokens it counted is told by its id: of `readers`, the one that is meant is asked again.
 */
export function recordedSplitter(id: string, _readers: Iterable<TokenReader>): Splitter | undefined {
  const first = /^md-v1-(\d+)-(\d+)$/.exec(id)
  if (first) return new ContentSplitterV1({ size: Number(first[1]), max: Number(first[2]) })
  return undefined
}
