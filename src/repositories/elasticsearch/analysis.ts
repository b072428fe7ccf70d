import { HeadwaterError } from '../../core/errors'

/**
 * Who finds the words of a text. `server`: the analyzer of the language (module analysis-common). `standard`: the
 * standard analyzer whatever the language, without stems. `library`: stems of this package (English; other languages as
 * they are), for servers without that module.
 */
export type AnalysisMode = 'server' | 'standard' | 'library'

/** `auto`: `server`, or `library` where the server lacks the analyzer and the library finds the words as well. */
export type AnalysisChoice = AnalysisMode | 'auto'

/** Synonyms applied to queries: as lines of the Solr format, as a file beside the server's configuration, or as a stored set. */
export type Synonyms = { readonly list: readonly string[] } | { readonly path: string } | { readonly set: string }

export interface AnalysisPlan {
  readonly settings: Record<string, unknown> | undefined
  readonly analyzer: string
  readonly searchAnalyzer: string | undefined
}

interface Chain {
  /** Token filters before and after the stop words, by name or definition. */
  readonly before?: readonly string[]
  readonly stem?: string
  readonly stop?: string
}

/** Languages by the names that Postgres and Elasticsearch share, with what their analyzers are made of. */
const languages: Readonly<Record<string, Chain>> = {
  simple: {},
  arabic: { before: ['decimal_digit'], stem: 'arabic' },
  armenian: { stem: 'armenian' },
  basque: { stem: 'basque' },
  bengali: { before: ['decimal_digit', 'indic_normalization'], stem: 'bengali' },
  brazilian: { stem: 'brazilian' },
  bulgarian: { stem: 'bulgarian' },
  catalan: { stem: 'catalan' },
  czech: { stem: 'czech' },
  danish: { stem: 'danish' },
  dutch: { stem: 'dutch' },
  english: { stem: 'english' },
  estonian: { stem: 'estonian' },
  finnish: { stem: 'finnish' },
  french: { stem: 'light_french' },
  galician: { stem: 'galician' },
  german: { before: ['german_normalization'], stem: 'light_german' },
  greek: { stem: 'greek' },
  hindi: { before: ['decimal_digit', 'indic_normalization', 'hindi_normalization'], stem: 'hindi' },
  hungarian: { stem: 'hungarian' },
  indonesian: { stem: 'indonesian' },
  irish: { stem: 'irish' },
  italian: { stem: 'light_italian' },
  latvian: { stem: 'latvian' },
  lithuanian: { stem: 'lithuanian' },
  norwegian: { stem: 'norwegian' },
  portuguese: { stem: 'light_portuguese' },
  romanian: { stem: 'romanian' },
  russian: { stem: 'russian' },
  serbian: { before: ['serbian_normalization'], stem: 'serbian' },
  sorani: { before: ['sorani_normalization', 'decimal_digit'], stem: 'sorani' },
  spanish: { stem: 'light_spanish' },
  swedish: { stem: 'swedish' },
  turkish: { stem: 'turkish' },
}

/** Analyzers without a chain of ours: they cannot be combined with synonyms. */
const whole = new Set(['cjk', 'persian', 'thai'])

/** Analyzer of a language, with the settings that define it where it is not a built-in one. */
export function analysisPlan(language: string, mode: AnalysisMode, synonyms: Synonyms | undefined): AnalysisPlan {
  if (mode === 'library') return { settings: undefined, analyzer: 'standard', searchAnalyzer: undefined }
  const chain = mode === 'standard' ? {} : languages[language]
  if (!chain) {
    if (!synonyms && whole.has(language)) return { settings: undefined, analyzer: language, searchAnalyzer: undefined }
    const known = [...Object.keys(languages), ...whole].join(', ')
    const why = whole.has(language) ? 'cannot be combined with synonyms' : `is none of ${known}`
    throw new HeadwaterError('HW_INVALID_OPTIONS', `language ${JSON.stringify(language)} ${why}`, { path: 'language' })
  }
  const builtIn = chain.stem === undefined ? 'standard' : language
  if (!synonyms) return { settings: undefined, analyzer: builtIn, searchAnalyzer: undefined }
  const filter: Record<string, unknown> = { hw_synonyms: synonymFilter(synonyms) }
  const tail: string[] = []
  if (chain.stem !== undefined) {
    filter['hw_stop'] = { type: 'stop', stopwords: `_${language}_` }
    filter['hw_stem'] = { type: 'stemmer', language: chain.stem }
    tail.push('hw_stop', ...(chain.before ?? []), 'hw_stem')
  }
  const analyzer = (filters: string[]) => ({ type: 'custom', tokenizer: 'standard', filter: filters })
  return {
    settings: {
      filter,
      analyzer: {
        hw_index: analyzer(['lowercase', ...tail]),
        hw_search: analyzer(['lowercase', 'hw_synonyms', ...tail]),
      },
    },
    analyzer: 'hw_index',
    searchAnalyzer: 'hw_search',
  }
}

function synonymFilter(synonyms: Synonyms): Record<string, unknown> {
  const common = { type: 'synonym_graph' }
  if ('list' in synonyms) return { ...common, synonyms: [...synonyms.list] }
  // Those of a file or a set can be reloaded without a rebuild.
  if ('path' in synonyms) return { ...common, synonyms_path: synonyms.path, updateable: true }
  return { ...common, synonyms_set: synonyms.set, updateable: true }
}

/** The ways to try for a new index, in this order. */
export function modesOf(choice: AnalysisChoice, language: string, synonyms: Synonyms | undefined): AnalysisMode[] {
  if (choice !== 'auto') return [choice]
  return language === 'english' && !synonyms ? ['server', 'library'] : ['server']
}

/** What a server said that lacks an analyzer or a token filter, as an error that says what to install; else undefined. */
export function missingAnalyzer(error: HeadwaterError, language: string): HeadwaterError | undefined {
  const lacking = /analyzer \[([^\]]+)\] has not been configured|Unknown filter type \[([^\]]+)\]/.exec(error.message)
  if (!lacking) return undefined
  const what = lacking[1] ? `analyzer ${lacking[1]}` : `token filter ${lacking[2]}`
  return new HeadwaterError(
    'HW_INVALID_OPTIONS',
    `Elasticsearch lacks the ${what} that language ${JSON.stringify(language)} needs: install the module ` +
      "analysis-common (part of every full distribution), or set analysis to 'library' or 'standard'",
    { cause: error, path: 'language' },
  )
}
