import { HeadwaterError } from '../../core/errors'
import type { ReadWord } from '../texts'

/** Sends a request to the index's analyze API. */
type Ask = (body: Record<string, unknown>) => Promise<unknown>

/** UTF-16 units of one request. */
const mostAtOnce = 200_000
/** What a server puts between the offsets of two texts. */
const gap = 1

interface Token {
  readonly token: string
  readonly start_offset: number
  readonly end_offset: number
}

/** The words of each text as `how` (an analyzer, or a field) reads them; several texts a request. */
export async function analyzed(ask: Ask, how: Record<string, string>, texts: readonly string[]): Promise<ReadWord[][]> {
  const read: ReadWord[][] = []
  for (let first = 0; first < texts.length; ) {
    let last = first
    let size = 0
    while (last < texts.length && (last === first || size + texts[last]!.length <= mostAtOnce)) {
      size += texts[last++]!.length
    }
    const some = texts.slice(first, last)
    read.push(...apart(some, tokensOf(await ask({ ...how, text: some }))))
    first = last
  }
  return read
}

function tokensOf(answer: unknown): readonly Token[] {
  const tokens: unknown = Reflect.get(Object(answer), 'tokens')
  if (Array.isArray(tokens)) return tokens as Token[]
  throw new HeadwaterError('HW_UNAVAILABLE', 'Elasticsearch answered an analysis without tokens', { cause: answer })
}

/** Tokens come in the order of the texts, their offsets counted on. */
function apart(texts: readonly string[], tokens: readonly Token[]): ReadWord[][] {
  let base = 0
  let at = 0
  return texts.map((text) => {
    const words: ReadWord[] = []
    const end = base + text.length
    for (; at < tokens.length && tokens[at]!.start_offset <= end; at++) {
      const { token: term, start_offset, end_offset } = tokens[at]!
      if (end_offset > end) break
      words.push({ term, start: start_offset - base, end: end_offset - base })
    }
    base = end + gap
    return words
  })
}
