import { stemmingOf } from '../../core/words/languages'
import { type AnalysisPlan, type Synonyms, synonymFilter } from './analysis'
import { characterMappings } from './server-characters'
import { languageOf } from './server-languages'

/**
 * The chains that the server reads words by, in every index under these names. `hw_index` for texts; for queries
 * `hw_search`, without stop words, and `hw_all`, with them; `hw_row` for phrases: parts alone, one after the other;
 * `hw_plain` without stems, for words that are unfinished or misspelt. They find what the library's own reading finds (core/words): a name or number with signs in it as a whole
 * and as its parts in a row, pairs of neighbours where there are no spaces, words by their stem. Built-in analyzers drop
 * stop words, and signs that tell (`C++`).
 */
export const analyzers = { all: 'hw_all', search: 'hw_search', row: 'hw_row', plain: 'hw_plain' } as const

/** No entry has words in it: a query over it matches everything, if nothing is left of the words, and nothing else. */
export const emptyField = 'none'

/** Tokens of one request to analyze: those of some hundred chunks. */
export const mostTokens = 1_000_000

const word = '[\\p{L}\\p{N}]'
const begins = `(?<!${word})`
const ends = `(?!${word})`
const elided =
  'c d j l m n s t qu jusqu lorsqu puisqu quoiqu quelqu presqu all dall dell nell sull coll pell un gl agl dagl degl ' +
  'negl sugl quest quell sant bell'
const vowel = '[aeiouhyàâäéèêëîïôöùûüœæáíóú]'

/** Rewritten before a text is cut, so that the tokenizer keeps together what belongs together. */
const signs = {
  // `don't` is one word, `we'll` is `we`, `l'école` is `école`.
  hw_not: rewritten("(?i)(?<=\\p{L}n)'(?=t(?!\\p{L}))", ''),
  hw_contracted: rewritten(`(?i)(?<=\\p{L})'(?:s|m|d|re|ve|ll)${ends}`, ''),
  hw_elided: rewritten(`(?i)${begins}(?:${elided.split(' ').join('|')})'(?=${vowel})`, ''),
  // A word that goes on in the next line.
  hw_line_end: rewritten('(?<=\\p{L})-[ \\t]*\\r?\\n[ \\t]*(?=\\p{Ll})', '_'),
  // `C++`, `C#`, `.NET`: letters that no text has.
  hw_plus: rewritten(`(?<=\\p{L})\\+\\+${ends}`, '\u1429\u1429'),
  hw_sharp: rewritten(`(?<=\\p{L})#${ends}`, '\u2d4c'),
  hw_dotted: rewritten('(?<![^\\s(\\[{"\'])\\.(?=[A-Za-z])', '\u1427'),
  // What stands between parts of one thing: `2024-05-01`, `12:30`, `user@example.com`, `AT&T`.
  hw_numbers: rewritten('(?<=\\p{N})[-/:](?=\\p{N})', '_'),
  hw_joined: rewritten(`(?<=${word})[@&](?=${word})`, '_'),
} as const

/**
 * `e-mail` is found as itself, as `email` and by its words, `.NET` as itself and as `net`, but `C++` as itself alone. A
 * text gives all that at once, a query asks for each.
 */
const loose = {
  index: { hw_hyphens: rewritten("(?<=\\p{L})['-](?=\\p{L})|(?<=\\p{L})-(?=\\p{N})|(?<=\\p{N})-(?=\\p{L})", '_') },
  query: {
    hw_hyphens_short: rewritten(
      `(?<![\\p{L}\\p{N}_-])(\\p{L}{1,2})['-](\\p{L}{3,40})(?![\\p{L}\\p{N}_'-])`,
      '$1_$2 $2',
    ),
    hw_hyphens_long: rewritten(
      `(?<![\\p{L}\\p{N}_-])(\\p{L}{3,40})['-](\\p{L}{3,40})(?![\\p{L}\\p{N}_'-])`,
      '$1_$2 $1 $2',
    ),
    hw_hyphens_number: rewritten('(?<![\\p{L}\\p{N}_-])(\\p{L}{3,40})-(\\p{N}{1,40})(?![\\p{L}\\p{N}_-])', '$1_$2 $1'),
    hw_signed: rewritten('(?<!\\p{L})(\\p{L}{3,40}?)([\u1429\u2d4c]{1,2})(?!\\p{L})', '$1$2 $1'),
    hw_signed_name: rewritten('\u1427([A-Za-z]{3,40})', '\u1427$1 $1'),
    hw_hyphens_other: rewritten('(?<=\\p{L})-(?=\\p{N})|(?<=\\p{N})-(?=\\p{L})', '_'),
  },
} as const

function rewritten(pattern: string, replacement: string): Record<string, unknown> {
  return { type: 'pattern_replace', pattern, replacement }
}

/** The whole, all parts as one, and the parts in a row. */
const parted = {
  type: 'word_delimiter_graph',
  preserve_original: true,
  catenate_all: true,
  split_on_case_change: false,
  split_on_numerics: false,
  stem_english_possessive: false,
} as const

/** Settings and text fields of an index whose server has the module analysis-common. */
export function serverPlan(language: string, folding: boolean, synonyms: Synonyms | undefined): AnalysisPlan {
  const { before = [], stem, lowercase, latin, parts } = languageOf(language)
  const mappings = characterMappings({ folding, parts: parts === true })
  const stems = stem === undefined ? '' : ['hw_names', 'hw_stem', ...(latin ? ['hw_latin'] : [])].join(', ')
  const forms = formsOf(stems, folding)
  const filter = {
    hw_case: lowercase === undefined ? { type: 'lowercase' } : { type: 'lowercase', language: lowercase },
    hw_stop: { type: 'stop', stopwords: stopWords(language, synonyms), ignore_case: true },
    hw_parts: { ...parted, type_table: ['\u1427', '\u1429', '\u2d4c'].map((sign) => `${sign} => SUBWORD_DELIM`) },
    hw_asked_parts: parted,
    hw_row: { ...parted, preserve_original: false, catenate_all: false },
    // Alone, a character finds what it is part of.
    hw_pairs: { type: 'cjk_bigram', output_unigrams: true },
    hw_asked_pairs: { type: 'cjk_bigram' },
    // Names with signs or digits in them, and what is no word any more, have no stem.
    hw_names: { type: 'keyword_marker', keywords_pattern: '.*[^\\p{L}\\p{M}].*|.{41,}' },
    ...(stem !== undefined && { hw_stem: { type: 'stemmer', language: stem } }),
    ...(latin && { hw_latin: { type: 'stemmer', language: 'english' } }),
    hw_forms: forms.index,
    hw_asked_forms: forms.query,
    ...(synonyms && { hw_synonyms: synonymFilter(synonyms) }),
  }
  const spelling = ['cjk_width', ...(folding ? ['hw_case'] : [])]
  // Synonyms come before whatever makes several of one: after that no server takes them.
  const asked = [...spelling, 'hw_asked_pairs', ...(synonyms ? ['hw_synonyms'] : [])]
  const alike = [...(folding ? ['decimal_digit'] : []), ...before]
  const folded = folding ? ['asciifolding'] : []
  const common = ['hw_characters', ...Object.keys(signs)]
  const analyzer = (hyphenated: object, filters: readonly string[]) => ({
    type: 'custom',
    tokenizer: 'standard',
    char_filter: [...common, ...Object.keys(hyphenated)],
    filter: filters,
  })
  const text = { type: 'text', analyzer: 'hw_index', search_analyzer: analyzers.search }
  return {
    analysis: {
      char_filter: { hw_characters: { type: 'mapping', mappings }, ...signs, ...loose.index, ...loose.query },
      filter,
      analyzer: {
        hw_index: analyzer(loose.index, [...spelling, 'hw_parts', 'hw_pairs', ...alike, 'hw_forms']),
        [analyzers.search]: analyzer(loose.query, [...asked, 'hw_stop', 'hw_asked_parts', ...alike, 'hw_asked_forms']),
        [analyzers.all]: analyzer(loose.index, [...asked, 'hw_asked_parts', ...alike, 'hw_asked_forms']),
        [analyzers.row]: analyzer(loose.index, [...asked, 'hw_row', ...alike, 'hw_asked_forms']),
        [analyzers.plain]: analyzer(loose.index, [
          ...spelling,
          'hw_asked_pairs',
          'hw_asked_parts',
          ...alike,
          ...folded,
        ]),
      },
    },
    fields: { title: text, heading: text, text, [emptyField]: { ...text, norms: false } },
  }
}

/** Those of the library, or of the server where the library has none; but none that stands in a synonym. */
function stopWords(language: string, synonyms: Synonyms | undefined): readonly string[] | string {
  const own = stemmingOf(language).stopWords
  if (own.length === 0) return ['simple', 'cjk'].includes(language) ? [] : `_${language}_`
  if (!synonyms) return own
  if (!('list' in synonyms)) return []
  const rules = new Set(synonyms.list.flatMap((rule) => rule.toLowerCase().split(/[^\p{L}\p{M}\p{N}']+/u)))
  return own.filter((word) => !rules.has(word))
}

/**
 * The forms of a word, each once and all at its place. With folding, the stem of the word as it is written and that of
 * the word without accents, for stemmers know endings by their accents; texts have the word itself, too, for prefixes.
 */
function formsOf(stems: string, folding: boolean): { index: object; query: object } {
  const multiplexer = (filters: string[]) => ({ type: 'multiplexer', preserve_original: false, filters })
  const plain = folding ? 'asciifolding' : 'cjk_width'
  if (stems === '') return { index: multiplexer([plain]), query: multiplexer([plain]) }
  const forms = folding ? [`${stems}, asciifolding`, `asciifolding, ${stems}`] : [stems]
  return { index: multiplexer([plain, ...forms]), query: multiplexer(forms) }
}
