import type { Executor } from '../../connections/postgres/executor'
import type { CallOptions } from '../../core/abort'
import type { IndexHit } from '../index-entry'
import { prepared, run } from '../postgres/statements'
import { filterCondition } from '../postgres-index/index-filter'
import type { TextIndex, TextQuery } from '../texts'
import { keysOf } from './buckets'
import { type Lexicon, readLexemes } from './lexicon'
import { decodeBlock, type PostingMap } from './postings'
import { type Bm25Constants, type Candidate, Ranking } from './ranking'
import type { TextTables } from './text-tables'

/** Distinct words of a query that count; the rest of a very long one is left out. */
const mostTerms = 128

/** Best entries for the words of a query, in the tenant's view. */
export async function searchTexts(
  executor: Executor,
  tables: TextTables,
  index: TextIndex,
  lexicon: Lexicon,
  query: TextQuery,
  options: Bm25Constants,
  call?: CallOptions,
): Promise<IndexHit[]> {
  const terms = await termsOf(executor, index, lexicon, query.query, call)
  if (terms.length === 0) return []
  const ranking = await rank(executor, tables, query, terms, options, call)
  const hits: IndexHit[] = []
  // Some of the best are dead or do not match the filter: then further down, in growing steps.
  for (let step = query.limit + 16; hits.length < query.limit && ranking.left > 0; step *= 4) {
    hits.push(...(await liveHits(executor, tables, query, ranking.take(step), call)))
  }
  return hits.slice(0, query.limit)
}

/** Numbers of all entries that hold one of the words, those of dead ones among them. */
export async function matchingEntries(
  executor: Executor,
  tables: TextTables,
  index: TextIndex,
  lexicon: Lexicon,
  query: Pick<TextQuery, 'tenant' | 'query'>,
  options: Bm25Constants,
  call?: CallOptions,
): Promise<number[]> {
  const terms = await termsOf(executor, index, lexicon, query.query, call)
  if (terms.length === 0) return []
  const ranking = await rank(executor, tables, query, terms, options, call)
  return ranking.take(ranking.left).map(({ number }) => number)
}

async function termsOf(
  executor: Executor,
  index: TextIndex,
  lexicon: Lexicon,
  query: string,
  call: CallOptions | undefined,
): Promise<string[]> {
  const [lexemes] = await readLexemes(executor, lexicon, index.language, [query], call)
  return [...new Set(lexemes)].slice(0, mostTerms)
}

async function rank(
  executor: Executor,
  tables: TextTables,
  query: Pick<TextQuery, 'tenant'>,
  terms: readonly string[],
  options: Bm25Constants,
  call: CallOptions | undefined,
): Promise<Ranking> {
  // One statement, hence one snapshot: a merge in between would hide what it has moved.
  const { rows } = await run<{ block: Buffer | null; entries: number; length: number }>(
    executor,
    prepared(`SELECT NULL::bytea AS block, coalesce(sum(entries), 0)::bigint AS entries, coalesce(sum(length), 0)::bigint AS length
     FROM ${tables.segments} WHERE tenant = $1
     UNION ALL
     SELECT block, 0, 0 FROM ${tables.postings} WHERE tenant = $1 AND bucket = ANY($2::int[])`),
    [query.tenant, keysOf(terms)],
    call,
  )
  const postings: PostingMap = new Map(terms.map((term) => [term, []]))
  let entries = 0
  let length = 0
  for (const row of rows) {
    if (row.block) decodeBlock(row.block, postings, { all: false })
    entries += row.entries
    length += row.length
  }
  return new Ranking(postings, entries, length, options)
}

/** Those candidates that are entries still and match the filter, best first, ties by id. */
async function liveHits(
  executor: Executor,
  tables: TextTables,
  query: TextQuery,
  candidates: readonly Candidate[],
  call: CallOptions | undefined,
): Promise<IndexHit[]> {
  const scores = new Map(candidates.map(({ number, score }) => [number, score]))
  const values: unknown[] = [query.tenant, [...scores.keys()]]
  const condition = filterCondition(query.filter, values)
  const text = `SELECT id, document, fence, number FROM ${tables.entries}
     WHERE tenant = $1 AND number = ANY($2::bigint[])${condition}`
  const { rows } = await run<{ id: string; document: string; fence: number; number: number }>(
    executor,
    // Filters make many texts, which would all be kept by the server.
    query.filter ? { text } : prepared(text),
    values,
    call,
  )
  return rows
    .map(({ id, document, fence, number }) => ({ id, document, fence, score: scores.get(number) ?? 0 }))
    .sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1))
}
