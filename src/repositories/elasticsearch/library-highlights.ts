import { occurrencesOf } from '../../core/words/occurrences'
import { wordsOf } from '../text-words'
import type { TextIndex } from '../texts'
import type { ElasticsearchTextQuery } from './text-query'

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#x27;',
  '/': '&#x2F;',
}

/** Marks what the library's reading finds, in the form of the server's highlighter: the whole of a part, or nothing. */
export function libraryHighlighter(
  index: TextIndex,
  { query, match = 'words' }: ElasticsearchTextQuery,
): (part: string) => string[] {
  const reading = wordsOf(index)
  const clauses = reading.query(query, match === 'fuzzy' ? 'words' : match)
  return (part) => {
    const found = occurrencesOf(reading.terms(part), clauses)
    if (found.length === 0) return []
    let out = ''
    let at = 0
    for (const { start, end } of found) {
      // Wholes come before their parts.
      if (start < at) continue
      out += `${escaped(part.slice(at, start))}<em>${escaped(part.slice(start, end))}</em>`
      at = end
    }
    return [out + escaped(part.slice(at))]
  }
}

function escaped(text: string): string {
  return text.replace(/[&<>"'/]/g, (char) => entities[char]!)
}
