import type { CallOptions } from '../core/abort'
import type { Scope } from '../core/ids'
import { readingOf } from '../core/words/reading'
import { relaxToDocuments } from '../filter/relax'
import type { Generation } from '../repositories/generations'
import type { IndexHit } from '../repositories/index-entry'
import type { Truth } from '../repositories/truth'
import type { ResolvedQuery } from './resolve-query'

export const lastResortReason = 'both legs down: Postgres text search answered'

/** Words of the query looked for in the truth itself, chunk by chunk: where neither index answers. */
export function searchTruth(
  truth: Truth,
  scope: Scope,
  { chunking, language, format }: Pick<Generation, 'chunking' | 'language' | 'format'>,
  { words, filter }: ResolvedQuery,
  limit: number,
  call: CallOptions,
): Promise<IndexHit[]> {
  const beginnings = readingOf(language ?? 'english', format.folding ?? true).beginnings(words)
  const { chunks } = truth.session({ tenant: scope.tenant })
  const asked = { words: beginnings, filter: relaxToDocuments(filter), limit }
  return chunks.searchWords(scope, chunking, asked, call)
}
