import { HeadwaterError } from '../core/errors'
import { isName, sha256 } from '../core/ids'
import { type KnownOptions, refuseUnknown } from '../core/known-options'
import { ContentSplitter } from './content-splitter'
import type { Splitter } from './splitter'
import type { TokenReader } from './token-reader'

/** Sizes of the splitter for text and Markdown. */
export interface SplitterOptions {
  /** Size to aim at: characters (UTF-16 units), default 1,000, or tokens when `countTokens` is given, default 160. */
  size?: number | undefined
  /** No chunk is larger. Default 1.6 times `size`. */
  max?: number | undefined
  /** The model's tokeniser. It is asked piece by piece, and the counts are added up. */
  countTokens?: ((text: string) => number) | undefined
}

const known = { size: true, max: true, countTokens: true } satisfies KnownOptions<SplitterOptions>

/** The splitter that an option stands for, whose chunks `reader` reads whole; HW_INVALID_OPTIONS, naming `path`. */
export function splitterOf(option: SplitterOptions | Splitter = {}, path = 'splitter', reader?: TokenReader): Splitter {
  if (typeof option !== 'object' || option === null) {
    throw invalid(path, `${JSON.stringify(option)} is neither a splitter nor its options`)
  }
  if ('split' in option) {
    if (typeof option.split !== 'function') throw invalid(`${path}.split`, 'is not a function')
    if (!isName(option.id)) {
      throw invalid(`${path}.id`, `${JSON.stringify(option.id)} is not 1 to 128 characters of [A-Za-z0-9._-]`)
    }
    return option
  }
  refuseUnknown(option, known, path)
  const { countTokens } = option
  if (countTokens !== undefined && typeof countTokens !== 'function') {
    throw invalid(`${path}.countTokens`, 'is not a function')
  }
  const size = option.size ?? (countTokens ? 160 : 1_000)
  if (!Number.isSafeInteger(size) || size < 20)
    throw invalid(`${path}.size`, `${size} is not a whole number from 20 on`)
  const max = option.max ?? Math.round(size * 1.6)
  if (!Number.isSafeInteger(max) || max < size) {
    throw invalid(`${path}.max`, `${max} is not a whole number from the size (${size}) on`)
  }
  const id = `md-v2-${size}-${max}${countTokens ? '-tokens' : ''}`
  if (!reader || !isLimit(reader, max)) return new ContentSplitter({ id, size, max, countTokens })
  const counted = reader.countTokens ? `-${readerTag(reader)}` : ''
  const limited = { maxTokens: Math.floor(reader.maxTokens), countTokens: reader.countTokens?.bind(reader) }
  return new ContentSplitter({
    id: `${id}-${limited.maxTokens}${counted}`,
    size,
    max,
    countTokens,
    reader: limited,
  })
}

/** Whether a chunk of `max` units, under a title of some length, may be longer than is read. */
export function isLimit({ maxTokens }: Pick<TokenReader, 'maxTokens'>, max: number): boolean {
  return maxTokens < 3 * max + 1_000
}

/** Names in a chunking whose tokens were counted. */
export function readerTag({ fingerprint }: TokenReader): string {
  return sha256(fingerprint).slice(0, 8)
}

function invalid(path: string, problem: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_OPTIONS', `${path}: ${problem}`, { path })
}
