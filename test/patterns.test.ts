import { readdirSync, readFileSync } from 'node:fs'
import vm from 'node:vm'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { readFrontMatter } from '../src/cli/files/front-matter'
import { titleOf } from '../src/cli/files/title'
import { isRead } from '../src/connections/postgres/statement'
import { words } from '../src/core/words/first-words'
import { fold } from '../src/core/words/fold'
import { normalise } from '../src/core/words/letters'
import { occurrencesOf } from '../src/core/words/occurrences'
import { readingOf } from '../src/core/words/reading'
import { fingerprintOf } from '../src/embeddings/fingerprint'
import { parseInstant } from '../src/filter/instant'
import { lexemesOf } from '../src/repositories/bm25/lexemes'
import { leafKeyOf } from '../src/repositories/qdrant/payload-key'
import { leavesOfTokens } from '../src/repositories/qdrant/tokens'
import { WordRanking } from '../src/repositories/word-ranking'
import { classifyElasticsearch } from '../src/resilience/classify-elasticsearch'
import { classifyEmbeddings } from '../src/resilience/classify-embeddings'
import { classifyPostgres } from '../src/resilience/classify-postgres'
import { classifyQdrant } from '../src/resilience/classify-qdrant'
import { classifyRedis } from '../src/resilience/classify-redis'
import { classifyS3 } from '../src/resilience/classify-s3'
import { highlight, highlightDefaults } from '../src/search/highlight'
import { splitterOf } from '../src/splitter/select'
import { ContentSplitterV1 } from '../src/splitter/v1/content-splitter'

/**
 * Every regular expression of src takes a time of its input's length: each is run over strings of repeated parts that
 * were made of its own characters, as who attacks it would. Within a script that ends in time, so that one which does not
 * is told and not waited for.
 */
const size = 16_384
/** A linear one takes 0.1 ms, one that looks at each pair of characters 100. */
const longestMs = 10

interface Pattern {
  readonly where: string
  readonly pattern: RegExp
}

function patternsOf(path: string): Pattern[] {
  const file = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true)
  const found: Pattern[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isRegularExpressionLiteral(node)) {
      const end = node.text.lastIndexOf('/')
      const { line } = file.getLineAndCharacterOfPosition(node.getStart())
      const pattern = new RegExp(node.text.slice(1, end), node.text.slice(end + 1))
      found.push({ where: `${path}:${line + 1} ${node.text}`, pattern })
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
  return found
}

const classes: Readonly<Record<string, string>> = { '\\t': '\t', '\\p': 'é\u0301。', '\\x': '\u0080', '\\u': '\u200b' }

/** Its own signs, one of each class, and the words that stand in it. */
function signsOf({ source }: RegExp): string[] {
  const signs = new Set(['a', ' ', '1', '\n'])
  const rest = source.replace(/\\p\{[^}]*\}|\\u\{?[0-9a-f]+\}?|\\x[0-9a-f]{2}|\\[a-z]/gi, (one) => {
    for (const sign of classes[one.slice(0, 2)] ?? '') signs.add(sign)
    return ''
  })
  for (const sign of rest.replace(/\\(.)/g, '$1')) if (/[^\p{L}\p{N}]/u.test(sign)) signs.add(sign)
  const words = [...source.matchAll(/(?:[\w<>!"'=:~`#-]|\\[[\]()/.|])+/g)].map(([word]) => word.replace(/\\(.)/g, '$1'))
  return [...[...signs].slice(0, 12), ...words.filter((word) => word.length > 1).slice(0, 3)]
}

/** These, and each with each. */
function partsOf(pattern: RegExp): string[] {
  const parts = signsOf(pattern)
  return [...parts, ...parts.flatMap((one) => parts.filter((other) => other !== one).map((other) => one + other))]
}

const context = vm.createContext({})
const script = new vm.Script('pattern.lastIndex = 0; pattern.test(text)')
function took(pattern: RegExp, text: string): number {
  Object.assign(context, { pattern, text })
  const { user } = process.cpuUsage()
  try {
    script.runInContext(context, { timeout: 300 })
  } catch {
    return Number.POSITIVE_INFINITY
  }
  return (process.cpuUsage().user - user) / 1_000
}

/** The repeated part that takes longest, or undefined: looked at again, because other things run in a process too. */
function weakness(pattern: RegExp): string | undefined {
  for (const part of partsOf(pattern)) {
    const text = part.repeat(size / part.length)
    for (const hostile of [text, `${text}\0`]) {
      const slow = (): boolean => took(pattern, hostile) > longestMs
      if (slow() && slow() && slow()) return JSON.stringify(part)
    }
  }
  return undefined
}

const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'))
const patterns = files.sort().flatMap((path) => patternsOf(`src/${path}`))

describe('regular expressions', () => {
  it('that look at each pair of characters are told', () => {
    expect(weakness(/\s+$/)).toBe('" "')
    expect(weakness(/\[([^\]]*)\]\(/)).toBe('"["')
    expect(weakness(/^(a|a1?)+$/)).toBeDefined()
  })

  it(`of src (${patterns.length}) take a time of their input`, { timeout: 120_000 }, () => {
    expect(patterns.length).toBeGreaterThan(150)
    const weak = patterns.map(({ where, pattern }) => [where, weakness(pattern)] as const)
    expect(weak.filter(([, part]) => part !== undefined)).toEqual([])
  })
})

const mebibyte = 1_048_576
/** How much longer the double may take, and what is too short to be judged, ms. */
const mostRatio = 2.5
const shortest = 50

const reading = readingOf('english')
const [second, first] = [splitterOf({}), new ContentSplitterV1({ size: 1_000, max: 1_600 })]
const split = (contentType: string) => (text: string) => {
  second.split({ title: '', text, contentType })
  first.split({ title: '', text, contentType })
}
const refused = (message: string) => new Error(message)

/** What reads texts of users and answers of servers, with the folder or file whose patterns are to attack it. */
const readers: readonly (readonly [name: string, patterns: string, read: (text: string) => unknown])[] = [
  ['titles of Markdown', 'cli/files/title', (text) => titleOf(`# ${text}`, 'text/markdown')],
  ['titles line by line', 'cli/files/title', (text) => titleOf(text.replaceAll('1', '\n'), 'text/markdown')],
  ['titles of reStructuredText', 'cli/files/title', (text) => titleOf(`${text}\n===`, 'text/x-rst')],
  ['front matter', 'cli/files/front-matter', (text) => readFrontMatter(`---\na: ${text}\n---\n`)],
  ['front matter of TOML', 'cli/files/front-matter', (text) => readFrontMatter(`+++\na = ${text}\n+++\n`)],
  ['words of a text', 'core/words/', (text) => reading.read(text, 0, () => {})],
  ['words of 0.1.0', 'core/words/', (text) => words(text)],
  ['folding', 'core/words/fold', (text) => fold(normalise(text))],
  [
    'highlights',
    'search/highlight',
    // Queries are 8 KiB at most.
    (text) =>
      highlight(text, occurrencesOf(reading.terms(text), reading.query(text.slice(0, 8_192))), highlightDefaults),
  ],
  ['splitting of Markdown', 'splitter/', split('text/markdown')],
  ['splitting of rows', 'splitter/', split('text/csv')],
  ['splitting of tables', 'splitter/', (text) => split('text/markdown')(`| a |\n${text}\n| b |\n`)],
  [
    'fingerprints',
    'embeddings/fingerprint',
    (model) => fingerprintOf({ provider: 'a', model, revision: '1', dimensions: 1, normalized: true }),
  ],
  ['times', 'filter/instant', parseInstant],
  ['statements', 'connections/postgres/statement', isRead],
  ['lexemes', 'repositories/bm25/lexemes', lexemesOf],
  ['payload keys', 'repositories/qdrant/payload-key', leafKeyOf],
  ['tokens', 'repositories/qdrant/tokens', (text) => leavesOfTokens([text])],
  ['the last resort', 'repositories/word-ranking', (text) => new WordRanking(['a', '[', '1']).add({} as never, text)],
  ['errors of Elasticsearch', 'classify-elasticsearch', (text) => classifyElasticsearch(refused(text), '', 0)],
  [
    'errors of embedders',
    'classify-embeddings',
    (text) => classifyEmbeddings({ status: 400, text, headers: {} }, '', '', 0),
  ],
  ['errors of Postgres', 'classify-postgres', (text) => classifyPostgres(refused(text), '')],
  [
    'errors of Qdrant',
    'classify-qdrant',
    (text) => classifyQdrant({ status: 404, data: refused(text), retryAfter: text }, '', 0),
  ],
  ['errors of Redis', 'classify-redis', (text) => classifyRedis(refused(text), '')],
  ['errors of S3', 'classify-s3', (text) => classifyS3(refused(text), '')],
]

/** Of this process, ms: what else runs on the machine does not count. */
function cpuOf(work: () => unknown): number {
  const { user } = process.cpuUsage()
  work()
  return (process.cpuUsage().user - user) / 1_000
}

/** In steps of four up to a mebibyte, so that what is quadratic is told before it takes for ever. */
function growthOf(read: (text: string) => unknown, part: string): number {
  const time = (length: number): number => {
    const text = part.repeat(length / part.length).toWellFormed()
    return cpuOf(() => read(text))
  }
  let before = time(mebibyte / 16)
  for (let length = mebibyte / 4; length <= mebibyte; length *= 4) {
    let now = time(length)
    const grew = (): boolean => now > shortest && now > mostRatio ** 2 * before
    for (let again = 0; again < 4 && grew(); again++) {
      before = Math.max(before, time(length / 4))
      now = Math.min(now, time(length))
    }
    if (grew()) return Math.sqrt(now / before)
    before = now
  }
  return 1
}

describe('up to a MiB of what attacks its patterns', () => {
  it.each(readers)(
    '%s: twice the text takes at most two and a half times as long',
    { timeout: 240_000 },
    (...reader) => {
      const [, from, read] = reader
      const own = patterns.filter(({ where }) => where.includes(from))
      expect(own.length).toBeGreaterThan(0)
      const parts = [...new Set(own.flatMap(({ pattern }) => signsOf(pattern)))]
      for (let i = 0; i < 3; i++) read(parts.join(' ').repeat(500))
      const grown = parts.map((part) => [part, growthOf(read, part)] as const)
      expect(grown.filter(([, ratio]) => ratio > 1)).toEqual([])
    },
  )
})
