import type { Executor } from '../../connections/postgres/executor'
import type { CallOptions } from '../../core/abort'
import { isBegun } from '../../core/words/occurrences'
import type { Clause } from '../../core/words/reading'
import type { IndexHit } from '../index-entry'
import { prepared, run } from '../postgres/statements'
import { filterCondition } from '../postgres-index/index-filter'
import type { TextIndex, TextQuery } from '../texts'
import { keysOf, nameKeys } from './buckets'
import { firstBlocks } from './first-blocks'
import { type Lexicon, readLexemes } from './lexicon'
import { matchesOf } from './matching'
import { decodeNames } from './names'
import { emptyPostings, namesIn, placedBlocks } from './postings'
import { type Bm25Constants, type Candidate, Ranking } from './ranking'
import { readingFor } from './reading'
import { isFirst, type TextTables } from './text-tables'

/** Distinct words of a query that count in an index of version 1. */
const mostFirst = 128

/** Terms that a beginning may stand for; the most frequent count. */
const mostBegun = 64

/** Best entries for a query, in the tenant's view. */
export async function searchTexts(
  executor: Executor,
  tables: TextTables,
  index: TextIndex,
  lexicon: Lexicon,
  query: TextQuery,
  options: Bm25Constants,
  call?: CallOptions,
): Promise<IndexHit[]> {
  const clauses = await clausesOf(executor, tables, index, lexicon, query, call)
  if (clauses.length === 0) return []
  const ranking = await rank(executor, tables, index, query, clauses, options, call)
  const hits: IndexHit[] = []
  // Some of the best are dead or do not match the filter: then further down, in growing steps.
  for (let step = query.limit + 16; hits.length < query.limit && ranking.left > 0; step *= 4) {
    hits.push(...(await liveHits(executor, tables, query, ranking.take(step), call)))
  }
  return hits.slice(0, query.limit)
}

/** Numbers of all entries that match a query, those of dead ones among them. */
export async function matchingEntries(
  executor: Executor,
  tables: TextTables,
  index: TextIndex,
  lexicon: Lexicon,
  query: AskedWords,
  options: Bm25Constants,
  call?: CallOptions,
): Promise<number[]> {
  const clauses = await clausesOf(executor, tables, index, lexicon, query, call)
  if (clauses.length === 0) return []
  const ranking = await rank(executor, tables, index, query, clauses, options, call)
  return ranking.take(ranking.left).map(({ number }) => number)
}

type AskedWords = Pick<TextQuery, 'tenant' | 'query' | 'match' | 'fields'>

async function clausesOf(
  executor: Executor,
  tables: TextTables,
  index: TextIndex,
  lexicon: Lexicon,
  { tenant, query, match }: AskedWords,
  call: CallOptions | undefined,
): Promise<Clause[]> {
  if (isFirst(index)) {
    const [lexemes = []] = await readLexemes(executor, lexicon, index.language, [query], call)
    return [...new Set(lexemes)].slice(0, mostFirst).map((term) => ({ slots: [{ offset: 0, any: [term] }] }))
  }
  const words = await readingFor(executor, index, lexicon, [query], call)
  const clauses: Clause[] = []
  for (const clause of words.query(query, match)) {
    const [slot] = clause.slots
    if (clause.prefix === undefined || !slot) clauses.push(clause)
    else {
      const begun = await begunTerms(executor, tables, tenant, clause.prefix, call)
      clauses.push({ slots: [{ ...slot, any: [...slot.any, ...begun] }] })
    }
  }
  return clauses
}

/** Terms of the tenant that a beginning stands for. */
async function begunTerms(
  executor: Executor,
  tables: TextTables,
  tenant: string,
  prefix: string,
  call: CallOptions | undefined,
): Promise<string[]> {
  const { rows } = await run<{ bucket: number; block: Buffer }>(
    executor,
    prepared(`SELECT p.bucket, p.block FROM unnest($2::int[]) AS k (bucket)
     CROSS JOIN LATERAL (SELECT t.bucket, t.block FROM ${tables.postings} t
       WHERE t.tenant = $1 AND t.bucket = k.bucket OFFSET 0) p`),
    [tenant, nameKeys(prefix)],
    call,
  )
  const counts = new Map<string, number>()
  for (const { bucket, block } of rows) {
    for (const [term, count] of bucket < 0 ? decodeNames(block) : namesIn(block)) {
      if (isBegun(term, prefix)) counts.set(term, (counts.get(term) ?? 0) + count)
    }
  }
  const frequent = [...counts].sort(([a, one], [b, other]) => other - one || (a < b ? -1 : 1))
  return frequent.slice(0, mostBegun).map(([term]) => term)
}

async function rank(
  executor: Executor,
  tables: TextTables,
  index: TextIndex,
  { tenant, fields }: AskedWords,
  clauses: readonly Clause[],
  options: Bm25Constants,
  call: CallOptions | undefined,
): Promise<Ranking> {
  const termsOf = (some: readonly Clause[]): string[] => some.flatMap(({ slots }) => slots.flatMap(({ any }) => any))
  const terms = new Set(termsOf(clauses))
  const places = new Set(termsOf(clauses.filter(({ slots }) => slots.length > 1)))
  // One statement, hence one snapshot: a merge in between would hide what it has moved.
  const { rows } = await run<{ block: Buffer | null; entries: number; length: number }>(
    executor,
    prepared(`SELECT NULL::bytea AS block, coalesce(sum(entries), 0)::bigint AS entries, coalesce(sum(length), 0)::bigint AS length
     FROM ${tables.segments} WHERE tenant = $1
     UNION ALL
     SELECT p.block, 0, 0 FROM unnest($2::int[]) AS k (bucket)
     CROSS JOIN LATERAL (SELECT t.block FROM ${tables.postings} t
       WHERE t.tenant = $1 AND t.bucket = k.bucket OFFSET 0) p`),
    [tenant, keysOf(terms)],
    call,
  )
  const postings = emptyPostings(terms)
  const format = isFirst(index) ? firstBlocks : placedBlocks
  let entries = 0
  let length = 0
  for (const row of rows) {
    if (row.block) format.decode(row.block, postings, { all: false, places })
    entries += row.entries
    length += row.length
  }
  const lists = clauses.map((clause) => matchesOf(clause, postings, isFirst(index) ? undefined : fields))
  return new Ranking(lists, entries, length, options)
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
  // Each by itself: before the first ANALYZE a list of numbers would read the whole tenant.
  const text = `SELECT e.* FROM unnest($2::bigint[]) AS k (wanted)
     CROSS JOIN LATERAL (SELECT id, document, fence, number FROM ${tables.entries}
       WHERE tenant = $1 AND number = k.wanted${condition} OFFSET 0) e`
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
