import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ElasticsearchConnection } from '../../src/connections/elasticsearch/connection'
import type { Synonyms } from '../../src/repositories/elasticsearch/analysis'
import type { ElasticsearchTextMatch } from '../../src/repositories/elasticsearch/text-query'
import { ElasticsearchTextRepository } from '../../src/repositories/elasticsearch/texts'
import { firstFormat } from '../../src/repositories/index-format'
import type { TextIndex } from '../../src/repositories/texts'
import { acme, textEntry } from '../../src/testing/contracts/rows'
import { textRepositoryContract } from '../../src/testing/contracts/texts'
import { codeOf } from '../../src/testing/runner'
import { describeWithAnalyzers } from '../support/analyzers'
import { freshPrefix } from '../support/index-prefix'

const runner = { describe, it, expect }
const languages =
  'simple arabic armenian basque bengali brazilian bulgarian catalan cjk czech danish dutch english estonian finnish ' +
  'french galician german greek hindi hungarian indonesian irish italian latvian lithuanian norwegian persian ' +
  'portuguese romanian russian serbian sorani spanish swedish thai turkish'

describeWithAnalyzers('texts by the analyzers of a server', (url) => {
  const connection = new ElasticsearchConnection({ url })
  const { prefix, dispose } = freshPrefix(connection)
  afterAll(async () => {
    await dispose()
    await connection.close()
  })

  textRepositoryContract(runner, async () => {
    const fresh = freshPrefix(connection)
    const texts = new ElasticsearchTextRepository(connection, { prefix: fresh.prefix, analysis: 'server' })
    return { texts, dispose: fresh.dispose }
  })

  /** An index with these texts, asked for the places of what a query finds. */
  async function filled(index: TextIndex, texts: readonly string[], synonyms?: Synonyms) {
    const repository = new ElasticsearchTextRepository(connection, { prefix, synonyms })
    await repository.create(index)
    const entries = texts.map((text, at) => textEntry(`${at}`, 1, text, { document: `${at}` }, ''))
    await repository.upsert(index, entries)
    await repository.refresh(index)
    const found = async (query: string, match?: ElasticsearchTextMatch): Promise<number[]> => {
      const hits = await repository.search(index, { tenant: acme, query, match, limit: 20 })
      return hits.map(({ document }) => Number(document)).sort((one, other) => one - other)
    }
    return { repository, found }
  }

  describe('one index of many kinds of words', () => {
    const texts = [
      '한국어 문서를 검색합니다',
      '東京都に住んでいます',
      'ฉันรักประเทศไทย',
      'café naïve résumé',
      'C++ and more on node.js at AT&T',
      'foo_bar_baz user@example.com 192.168.1.1',
      'The quick-brown fox',
      "l'école d'été",
      'straße STRASSE',
      'ＡＢＣ fullwidth',
      "don’t can't",
      'C# und .NET 10 €',
      'so\u00adft ze\u200bro 👍',
      'version v1.2.3 of 2024-05-01',
      "e-mail covid-19 o'reilly",
      'the who',
      'running parental matters',
      'Ελληνική γλώσσα',
      'ёлка зелёная',
      'the of and',
    ]
    let found: (query: string, match?: ElasticsearchTextMatch) => Promise<number[]>
    beforeAll(async () => {
      found = (await filled({ name: 'many', language: 'english' }, texts)).found
    })

    it.each<[string, ...number[]]>([
      ['한국어', 0],
      ['문서', 0],
      ['東京', 1],
      ['京都', 1],
      ['都京'],
      ['京', 1],
      ['ประเทศ', 2],
      ['cafe', 3],
      ['CAFÉ', 3],
      ['resumes', 3],
      ['résumés', 3],
      ['node.js', 4],
      ['AT&T', 4],
      ['C++', 4],
      ['C#', 11],
      ['.NET', 11],
      ['net', 11],
      ['€', 11],
      ['foo_bar_baz', 5],
      ['bar', 5],
      ['user@example.com', 5],
      ['example.com', 5],
      ['192.168.1.1', 5],
      ['192.168.1.2'],
      ['quick-brown', 6],
      ['quickbrown', 6],
      ['école', 7],
      ['l’ecole', 7],
      ['straße', 8],
      ['abc', 9],
      ["don't", 10],
      ['can’t', 10],
      ['soft zero', 12],
      ['👍', 12],
      ['v1.2.3', 13],
      ['2024-05-01', 13],
      ['2024-01-05'],
      ['email', 14],
      ['e-mail', 14],
      ['covid', 14],
      ["o'reilly", 14],
      ['how do I run', 16],
      ['ελληνικη', 17],
      ['елка', 18],
      ['???'],
    ])('%s', async (query, ...places) => {
      expect(await found(query)).toEqual(places)
    })

    it('stop words are looked for when nothing else is', async () => {
      expect(await found('the fox')).toEqual([6])
      expect(await found('the')).toEqual([6, 15, 19])
      expect(await found('of the')).toEqual([6, 13, 15, 19])
    })

    it('a phrase is in a row, stop words and all; a beginning is that of the last word alone', async () => {
      expect(await found('parental matters', 'phrase')).toEqual([16])
      expect(await found('matters parental', 'phrase')).toEqual([])
      expect(await found('of and', 'phrase')).toEqual([19])
      expect(await found('on node.js at', 'phrase')).toEqual([4])
      expect(await found('京都に', 'phrase')).toEqual([1])
      expect(await found('paren', 'prefix')).toEqual([16])
      expect(await found('runnin', 'prefix')).toEqual([16])
      expect(await found('what of the fullw', 'prefix')).toEqual([9])
      expect(await found('paren matters', 'prefix')).toEqual([16])
      expect(await found('parentel', 'fuzzy')).toEqual([16])
    })

    it('a query is data, and no length of it is too much', async () => {
      for (const query of ['"(x OR *', 'title:/.*/ AND {a TO z]', '{{query}}', '\\', 'a'.repeat(5_000)]) {
        expect(await found(query)).toEqual([])
      }
      const long = Array.from({ length: 1_500 }, (_, at) => String.fromCodePoint(0x4e00 + at)).join('')
      expect(await found(`fox ${long}`)).toEqual([6])
      expect(await found(`${'fox '.repeat(400)}`)).toEqual([6])
    })
  })

  it('without folding, case and accents tell', async () => {
    const format = { words: 2, payload: 1, folding: false }
    // Of an accent at the end the stem knows nothing: café and cafe are one word in French, as aimé and aime are.
    const texts = ['Côte salée', 'cote salee', 'co\u0302te now']
    const { found } = await filled({ name: 'unfolded', language: 'french', format }, texts)
    expect(await found('côte')).toEqual([2])
    expect(await found('cote')).toEqual([1])
    expect(await found('Côte')).toEqual([0])
  })

  it.each(languages.split(' '))('%s is a chain that the server knows', async (language) => {
    const { found } = await filled({ name: `made_${language}`, language }, ['Büro, C++ 東京都 ประเทศไทย'])
    for (const query of ['buro', 'C++', '京都', 'ประเทศ']) expect(await found(query), query).toEqual([0])
    expect(await found('C#')).toEqual([])
  })

  it.each<[string, string, string[], Record<string, number[]>]>([
    ['english', 'pto, paid time off', ['Paid time off', 'PTO rules', 'off'], { pto: [0, 1], 'paid time off': [0, 1] }],
    ['german', 'auto, wagen', ['Auto', 'der Wagen', 'Rad'], { Auto: [0, 1], Wagen: [0, 1] }],
    ['cjk', '東京都, 首都', ['東京都庁', '首都高', '京都'], { 東京都: [0, 1], 首都: [0, 1] }],
    ['thai', 'ประเทศ, ชาติ', ['ประเทศไทย', 'ชาติไทย', 'x'], { ประเทศ: [0, 1], ชาติ: [0, 1] }],
    ['persian', 'کتاب, نامه', ['کتاب خوب', 'نامه', 'x'], { کتاب: [0, 1], نامه: [0, 1] }],
  ])('synonyms in %s', async (language, rule, texts, asked) => {
    const { found } = await filled({ name: `synonyms_${language}`, language }, texts, { list: [rule] })
    for (const [query, places] of Object.entries(asked)) expect(await found(query), query).toEqual(places)
  })

  it('says how it read a query and texts, for marking what was found', async () => {
    const index = { name: 'analyzed', language: 'english' }
    const texts = ['My C++ is café’s', '👍 ＡＢＣ\nnode.js', '', '東京都', 'x '.repeat(120_000), 'running']
    const { repository } = await filled(index, texts)
    const read = (await repository.analyze(index, ['the C++ runner of cafés in 東京', ...texts]))!
    expect(read.length).toBe(texts.length + 1)
    expect(read[0]!.some(({ start, end }) => start === 0 && end === 3)).toBe(false)
    const wanted = new Set(read[0]!.map(({ term }) => term))
    const marked = texts.map((text, at) => [
      ...new Set(read[at + 1]!.filter(({ term }) => wanted.has(term)).map(({ start, end }) => text.slice(start, end))),
    ])
    expect(marked).toEqual([['C++', 'café’s'], [], [], ['東京'], [], []])
    const [, first] = (await repository.analyze(index, ['the', 'the of']))!
    expect(first!.map(({ start, end }) => [start, end])).toEqual([
      [0, 3],
      [4, 6],
    ])
    const [hit] = await repository.searchHighlighted(index, { tenant: acme, query: 'CAFÉ', limit: 1 })
    expect(hit!.highlights.text).toEqual(['My C++ is <em>café’s</em>'])
  })

  it('an index of 0.1.0 is asked as then, and so it is fed', async () => {
    const { repository, found } = await filled({ name: 'old', language: 'german', format: firstFormat }, [
      'Die Häuser am Fluss',
      'node.js',
    ])
    expect(await found('Haus')).toEqual([0])
    expect(await found('die')).toEqual([])
    expect(await found('node.js')).toEqual([])
    const index = { name: 'old', language: 'german' }
    expect(await codeOf(repository.create(index))).toBe('HW_TOPOLOGY_MISMATCH')
    const [query, text] = (await repository.analyze({ ...index, format: firstFormat }, ['Haus', 'die Häuser']))!
    expect(text!.map(({ term }) => term)).toEqual([query![0]!.term])
  })

  it('stored templates give other readers the same shapes', async () => {
    const { repository } = await filled({ name: 'templates', language: 'english' }, ['a "quick" fox', 'the end'])
    await repository.putSearchTemplates()
    const ask = async (shape: string, query: string) => {
      const body = { id: `${prefix}-${shape}`, params: { tenant: acme, query, size: 5 } }
      const path = `/${prefix}-templates/_search/template`
      const answer = await connection.request({ method: 'POST', path, body }, { idempotent: true })
      return (answer as { hits: { hits: { _source: { document: string } }[] } }).hits.hits.map(
        (hit) => hit._source.document,
      )
    }
    expect(await ask('words', 'foxes')).toEqual(['0'])
    expect(await ask('words', 'the')).toEqual(['1'])
    expect(await ask('phrase', '"quick" fox')).toEqual(['0'])
    expect(await ask('prefix', 'qui')).toEqual(['0'])
    expect(await ask('fuzzy', 'quikc')).toEqual(['0'])
  })
})
