import type { PayloadIndex } from './payload-index'

/** The tokens of a full-text index: words by default, in lower case unless told. */
export function tokens(text: string, index: PayloadIndex, side: 'document' | 'query'): string[] {
  const { tokenizer = 'word', lowercase = true, min_token_len: min = 0, max_token_len: max } = index.params ?? {}
  const cased = lowercase === false ? text : text.toLowerCase()
  const parts = cased.split(tokenizer === 'whitespace' ? /\s+/ : /[^\p{L}\p{N}]+/u).filter((part) => part !== '')
  const most = typeof max === 'number' ? max : Number.POSITIVE_INFINITY
  if (tokenizer === 'prefix' && side === 'document') {
    return parts.flatMap((part) =>
      Array.from(part, (_, at) => part.slice(0, at + 1)).filter(
        (prefix) => prefix.length >= Number(min) && prefix.length <= most,
      ),
    )
  }
  return parts.filter((part) => part.length >= Number(min) && part.length <= most)
}
