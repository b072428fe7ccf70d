import { HeadwaterError } from '../../core/errors'
import type { Clause, Slot, Term } from '../../core/words/reading'
import { fieldNames, type WordReader, wordsOf } from '../text-words'
import type { TextEntry, TextIndex } from '../texts'
import type { AnalysisPlan } from './analysis'
import type { Query } from './filter-query'
import type { ElasticsearchTextQuery } from './text-query'
import { weightedFields } from './weighted-fields'

/**
 * The library's reading (core/words) on a server that cuts at spaces alone. Of each part of an entry the terms in a row,
 * one a place; and apart from them what stands beside them: wholes, second stems, single characters.
 */
export function libraryPlan(): AnalysisPlan {
  const kept = { type: 'text', index: false, norms: false }
  const words = { type: 'text', analyzer: 'whitespace' }
  return {
    analysis: undefined,
    fields: {
      title: kept,
      heading: kept,
      text: kept,
      words: { properties: { title: words, heading: words, text: words } },
    },
  }
}

export function libraryWords(index: TextIndex, entry: TextEntry): Record<string, unknown> {
  const reader = wordsOf(index)
  return { words: Object.fromEntries(fieldNames.map((name) => [name, rowsOf(reader, entry[name] ?? '')])) }
}

function rowsOf(reader: WordReader, text: string): string[] {
  const row: string[] = []
  const beside: string[] = []
  const places: number[] = []
  const put = (term: string, position: number, inRow: boolean): void => {
    if (inRow && row[position] === undefined) row[position] = term
    else places[beside.push(term) - 1] = position
  }
  let held: Omit<Term, 'kind'> | undefined
  reader.read(text, 0, (term, position, start, end, kind) => {
    if (held) {
      // `C++` stands for the `C` that follows; of other things that stand beside words, the words themselves are in the row.
      const isWhole = held.position === position && held.start === start && held.end === end && kind !== 'extra'
      put(held.term, held.position, isWhole)
      held = undefined
    }
    if (kind === 'extra') held = { term, position, start, end }
    else put(term, position, true)
  })
  if (held) put(held.term, held.position, false)
  // The last character of a run stands alone.
  for (const [at, term] of beside.entries()) row[places[at]!] ??= term
  return beside.length === 0 ? [row.join(' ')] : [row.join(' '), beside.join(' ')]
}

/** Undefined when the query has no words. */
export function libraryQuery(index: TextIndex, query: ElasticsearchTextQuery): Query | undefined {
  const { match = 'words', slop = 0 } = query
  if (!['words', 'phrase', 'prefix', 'fuzzy'].includes(match)) {
    throw new HeadwaterError('HW_INVALID_ARGUMENT', `match: ${JSON.stringify(match)} is no way to match`, {
      path: 'match',
    })
  }
  const fields = weightedFields(query.fields, 'words.')
  const clauses = wordsOf(index).query(query.query, match === 'fuzzy' ? 'words' : match)
  if (clauses.length === 0 || fields.length === 0) return undefined
  if (match === 'fuzzy') {
    const text = clauses.flatMap(({ slots }) => slots.flatMap(({ any }) => any)).join(' ')
    return { multi_match: { query: text, fields, fuzziness: 'AUTO', prefix_length: 1, max_expansions: 50 } }
  }
  const single = clauses.filter(({ slots }) => slots.length === 1)
  const terms = [...new Set(single.flatMap(termsOf))].join(' ')
  const should = [
    ...(terms === '' ? [] : [{ combined_fields: { query: terms, fields } }]),
    ...single.flatMap(({ prefix }) => (prefix === undefined ? [] : [beginning(prefix, fields)])),
    ...clauses.filter(({ slots }) => slots.length > 1).map(({ slots }) => inARow(slots, fields, slop)),
  ]
  return should.length === 1 ? should[0] : { bool: { should, minimum_should_match: 1 } }
}

function termsOf({ slots, prefix }: Clause): readonly string[] {
  return [...slots[0]!.any, ...(prefix === undefined ? [] : stemsBefore(prefix))]
}

/** The shorter terms that `isBegun` takes for this beginning: stems of words that go on so. */
function stemsBefore(prefix: string): string[] {
  return [1, 2, 3].map((less) => prefix.slice(0, -less)).filter((stem) => stem.length >= 4)
}

function beginning(prefix: string, fields: readonly string[]): Query {
  return { multi_match: { query: prefix, fields, type: 'bool_prefix' } }
}

/** Neighbours in one field; what has no place of its own, such as an emoji, anywhere in it. */
function inARow(slots: readonly Slot[], fields: readonly string[], slop: number): Query {
  const placed = slots.filter(({ offset }, at) => slots[at + 1]?.offset !== offset)
  const beside = slots.filter((slot) => !placed.includes(slot))
  const should = fields.map((weighted) => {
    const [field, boost = 1] = weighted.split('^') as [string, string?]
    const row = placed.every(({ any }) => any.length === 1)
      ? { match_phrase: { [field]: { query: placed.map(({ any }) => any[0]).join(' '), slop } } }
      : { span_near: { clauses: placed.map(({ any }) => spanOf(field, any)), slop, in_order: true } }
    const filter = beside.map(({ any }) => ({ terms: { [field]: any } }))
    return { bool: { must: [row], filter, boost: Number(boost) } }
  })
  return { dis_max: { queries: should } }
}

function spanOf(field: string, any: readonly string[]): Query {
  const clauses = any.map((term) => ({ span_term: { [field]: term } }))
  return clauses.length === 1 ? clauses[0]! : { span_or: { clauses } }
}
