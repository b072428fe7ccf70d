import type { CallOptions } from '../core/abort'
import type { Scope } from '../core/ids'
import { terms } from '../core/words'
import type { IndexHit } from '../repositories/index-entry'
import type { Truth } from '../repositories/truth'
import type { ResolvedQuery } from './resolve-query'

export const lastResortReason = 'both legs down: Postgres text search answered'

/** Words of the query looked for in the truth itself, chunk by chunk: where neither index answers. */
export function searchTruth(
  truth: Truth,
  scope: Scope,
  generation: { readonly chunking: string; readonly language: string | null },
  { words, filter }: ResolvedQuery,
  limit: number,
  call: CallOptions,
): Promise<IndexHit[]> {
  const beginnings = terms(words, generation.language ?? 'english').map(beginning)
  const { chunks } = truth.session({ tenant: scope.tenant })
  return chunks.searchWords(scope, generation.chunking, { words: beginnings, filter, limit }, call)
}

/** What all forms of a stem begin with: `studi` stands for study and studies. */
function beginning(stem: string): string {
  return stem.length > 3 && stem.endsWith('i') ? stem.slice(0, -1) : stem
}
