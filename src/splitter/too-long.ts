import { costOf, leanCosts } from './token-estimate'
import type { TokenReader } from './token-reader'

/** More tokens than these no tokeniser makes of a UTF-16 unit of any ordinary text. */
const mostTokensAUnit = 3

/** How many of these texts a reader reads the beginning of alone: counted, or else those that are so in any case. */
export async function countTooLong(reader: TokenReader, texts: readonly string[]): Promise<number> {
  const { maxTokens } = reader
  const doubtful = texts.filter((text) => text.length * mostTokensAUnit > maxTokens)
  if (doubtful.length === 0) return 0
  const estimated = (): number[] => doubtful.map((text) => costOf(text, leanCosts) / 1_000)
  const counts = (await reader.countTokens?.(doubtful).catch(() => undefined)) ?? estimated()
  return counts.filter((tokens) => tokens > maxTokens).length
}
