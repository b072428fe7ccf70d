import type { CallOptions } from '../core/abort'
import type { Scope } from '../core/ids'
import { readingOf } from '../core/words/reading'
import { relaxToDocuments } from '../filter/relax'
import type { FoundWords } from '../repositories/chunks'
import type { Generation } from '../repositories/generations'
import type { Truth } from '../repositories/truth'
import type { ResolvedQuery } from './resolve-query'

/** Chunks looked into, for a tenth of a second, where all of a large tenant's would take seconds. */
const mostLookedAt = 20_000

/** What `degraded` says of it. */
export function lastResortReason({ bounded }: FoundWords): string {
  const answered = 'both legs down: Postgres text search answered'
  return bounded ? `${answered} from ${mostLookedAt} chunks, there are more` : answered
}

/** Words of the query looked for in the truth itself, chunk by chunk: where neither index answers. */
export function searchTruth(
  truth: Truth,
  scope: Scope,
  { chunking, language, format }: Pick<Generation, 'chunking' | 'language' | 'format'>,
  { words, filter }: ResolvedQuery,
  limit: number,
  call: CallOptions,
): Promise<FoundWords> {
  const beginnings = readingOf(language ?? 'english', format.folding ?? true).beginnings(words)
  const { chunks } = truth.session({ tenant: scope.tenant })
  const asked = { words: beginnings, filter: relaxToDocuments(filter), limit, among: mostLookedAt }
  return chunks.searchWords(scope, chunking, asked, call)
}
