import { HeadwaterError } from '../../core/errors'
import { languages } from '../../core/words/languages'
import { isServerLanguage } from './server-languages'

/**
 * Who finds the words of texts, queries and highlights. `server`: chains of its filters (module analysis-common);
 * `library`: this package, for servers without that module. An index keeps to the one that it was made with.
 */
export type AnalysisMode = 'server' | 'library'

/** `auto`: `server`, or `library` where the server lacks the module and this package knows the language. */
export type AnalysisChoice = AnalysisMode | 'auto'

/** Synonyms applied to queries: as lines of the Solr format, as a file beside the server's configuration, or as a stored set. */
export type Synonyms = { readonly list: readonly string[] } | { readonly path: string } | { readonly set: string }

export interface AnalysisPlan {
  /** Settings of the index, if it has chains of its own. */
  readonly analysis: Record<string, unknown> | undefined
  /** Mapping of what is searched. */
  readonly fields: Record<string, unknown>
}

export function synonymFilter(synonyms: Synonyms): Record<string, unknown> {
  const common = { type: 'synonym_graph' }
  if ('list' in synonyms) return { ...common, synonyms: [...synonyms.list] }
  // Those of a file or a set can be reloaded without a rebuild.
  if ('path' in synonyms) return { ...common, synonyms_path: synonyms.path, updateable: true }
  return { ...common, synonyms_set: synonyms.set, updateable: true }
}

/** The ways to try for a new index, in this order. */
export function modesOf(choice: AnalysisChoice, language: string, synonyms: Synonyms | undefined): AnalysisMode[] {
  if (choice !== 'auto') return [choice]
  if (synonyms || !languages.has(language)) return ['server']
  return isServerLanguage(language) ? ['server', 'library'] : ['library']
}

/** What a server says of a part of a chain that it lacks. */
const lacks = [
  /Unknown (?<kind>[a-z_]+) type \[(?<name>[^\]]+)\]/,
  /(?<kind>analyzer) \[(?<name>[^\]]+)\] has not been configured/,
  /failed to find global (?<kind>[a-z_ ]+) under \[(?<name>[^\]]+)\]/,
  /filter \[(?<name>[^\]]+)\] under \[[^\]]*\]/,
]

/** What a server said that lacks an analyzer or a filter, as an error that says what to install; else undefined. */
export function missingAnalyzer(error: HeadwaterError, language: string): HeadwaterError | undefined {
  const found = lacks.map((pattern) => pattern.exec(error.message)).find((match) => match !== null)
  if (!found) return undefined
  const { kind = 'filter', name } = found.groups!
  return new HeadwaterError(
    'HW_INVALID_OPTIONS',
    `Elasticsearch lacks the ${kind.replaceAll('_', ' ')} ${name} that language ${JSON.stringify(language)} needs: ` +
      "install the module analysis-common (part of every full distribution), or set analysis to 'library'",
    { cause: error, path: 'language' },
  )
}
