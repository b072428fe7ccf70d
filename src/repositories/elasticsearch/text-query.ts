import type { TextQuery } from '../texts'

/** How the words of a query are taken. There is no query syntax in any of them. */
export type ElasticsearchTextMatch = 'words' | 'phrase' | 'prefix' | 'fuzzy'

export interface ElasticsearchTextQuery extends Omit<TextQuery, 'match'> {
  /**
   * `words` (default): at least one of them; `phrase`: all, next to each other; `prefix`: the last one may be unfinished;
   * `fuzzy`: up to two letters wrong in a word, depending on its length.
   */
  readonly match?: ElasticsearchTextMatch | undefined
  /** Words that may stand between those of a phrase. 0 by default. */
  readonly slop?: number | undefined
}
