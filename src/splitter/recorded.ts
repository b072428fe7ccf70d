import { ContentSplitter } from './content-splitter'
import { readerTag } from './select'
import type { Splitter } from './splitter'
import type { TokenReader } from './token-reader'
import { ContentSplitterV1 } from './v1/content-splitter'

/**
 * The default splitter that made a recorded chunking, of this revision or an earlier one; undefined for any other id.
 * Whose tokens it counted is told by its id: of `readers`, the one that is meant is asked again. Where it is not among
 * them, sizes are estimated: what is written from then on is cut elsewhere, and nothing that stands is touched.
 */
export function recordedSplitter(id: string, readers: Iterable<TokenReader>): Splitter | undefined {
  const first = /^md-v1-(\d+)-(\d+)$/.exec(id)
  if (first) return new ContentSplitterV1({ size: Number(first[1]), max: Number(first[2]) })
  const second = /^md-v2-(\d+)-(\d+)(?:-(\d+)(?:-([0-9a-f]{8}))?)?$/.exec(id)
  if (!second) return undefined
  const [size, max, maxTokens, tag] = [Number(second[1]), Number(second[2]), second[3], second[4]]
  if (maxTokens === undefined) return new ContentSplitter({ id, size, max })
  const reader = tag === undefined ? undefined : [...readers].find((one) => readerTag(one) === tag)
  const limited = { maxTokens: Number(maxTokens), countTokens: reader?.countTokens?.bind(reader) }
  return new ContentSplitter({ id, size, max, reader: limited })
}
