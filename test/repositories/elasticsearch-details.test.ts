import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ElasticsearchConnection } from '../../src/connections/elasticsearch/connection'
import { loadStemmers } from '../../src/core/words/languages'
import type { Synonyms } from '../../src/repositories/elasticsearch/analysis'
import { indexDefinition } from '../../src/repositories/elasticsearch/index-definition'
import { physicalName } from '../../src/repositories/elasticsearch/names'
import { searchTemplateRequests } from '../../src/repositories/elasticsearch/search-templates'
import { serverPlan } from '../../src/repositories/elasticsearch/server-analysis'
import { ElasticsearchTextRepository } from '../../src/repositories/elasticsearch/texts'
import { firstFormat } from '../../src/repositories/index-format'
import { is } from '../../src/testing/contracts/filters'
import { acme, entryId, globex, textEntry } from '../../src/testing/contracts/rows'
import { codeOf } from '../../src/testing/runner'
import { describeWithElasticsearch } from '../support/elasticsearch'
import { freshPrefix } from '../support/index-prefix'

describe('requests for what the test server lacks', () => {
  beforeAll(loadStemmers)
  const settings = { k1: 1.5, b: 0.5, shards: 2, replicas: 1, analysis: 'server', synonyms: undefined } as const

  it('a language is a chain of its filters, with BM25 and the guards of the index', () => {
    const body = indexDefinition({ name: 'g', language: 'german' }, 'p-g.write', settings, 'server')
    expect(body).toMatchObject({
      aliases: { 'p-g.write': { is_write_index: true } },
      settings: {
        index: {
          number_of_shards: 2,
          number_of_replicas: 1,
          gc_deletes: '1h',
          similarity: { default: { type: 'BM25', k1: 1.5, b: 0.5 } },
        },
        analysis: { filter: { hw_stem: { type: 'stemmer', language: 'german' } } },
      },
      mappings: {
        dynamic: 'strict',
        _routing: { required: true },
        properties: { title: { type: 'text', analyzer: 'hw_index', search_analyzer: 'hw_search' } },
      },
    })
    expect(() => serverPlan('klingon', true, undefined)).toThrowError(/"klingon" is none of simple, arabic/)
  })

  it('an index of 0.1.0 that is made again is made as then: by the analyzer of the server', () => {
    const format = firstFormat
    const made = (language: string, mode: 'server' | 'library', synonyms?: Synonyms) =>
      indexDefinition({ name: 'g', language, format }, 'p-g.write', { ...settings, synonyms }, mode)
    expect(made('german', 'server')).toMatchObject({
      mappings: { _meta: { headwater: 1 }, properties: { title: { type: 'text', analyzer: 'german' } } },
    })
    expect(made('thai', 'server')).toMatchObject({ mappings: { properties: { text: { analyzer: 'thai' } } } })
    expect(made('english', 'library')).toMatchObject({
      mappings: { properties: { text: { analyzer: 'standard' }, stems: { analyzer: 'whitespace' } } },
    })
    expect(made('english', 'server', { list: ['pto, paid time off'] })).toMatchObject({
      settings: {
        analysis: {
          filter: {
            hw_synonyms: { type: 'synonym_graph', synonyms: ['pto, paid time off'] },
            hw_stop: { type: 'stop', stopwords: '_english_' },
            hw_stem: { type: 'stemmer', language: 'english' },
          },
          analyzer: {
            hw_search: { tokenizer: 'standard', filter: ['lowercase', 'hw_synonyms', 'hw_stop', 'hw_stem'] },
          },
        },
      },
      mappings: { properties: { title: { analyzer: 'hw_index', search_analyzer: 'hw_search' } } },
    })
  })

  it('synonyms of a file or a set can be loaded anew; stop words that stand in a rule are none', () => {
    const filtersOf = (synonyms: Synonyms) => serverPlan('english', true, synonyms).analysis!['filter'] as never
    expect(filtersOf({ path: 'syn.txt' })).toMatchObject({
      hw_synonyms: { type: 'synonym_graph', synonyms_path: 'syn.txt', updateable: true },
      hw_stop: { stopwords: [] },
    })
    const { hw_stop } = filtersOf({ list: ['pto, paid time off'] }) as { hw_stop: { stopwords: string[] } }
    expect(hw_stop.stopwords).toContain('the')
    expect(hw_stop.stopwords).not.toContain('off')
  })

  it('search templates are stored scripts that put values in as JSON strings', () => {
    const requests = searchTemplateRequests('p')
    expect(requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'PUT /_scripts/p-words',
      'PUT /_scripts/p-phrase',
      'PUT /_scripts/p-prefix',
      'PUT /_scripts/p-fuzzy',
    ])
    const { script } = requests[1]!.body as { script: { lang: string; source: string } }
    expect(script).toEqual({
      lang: 'mustache',
      source:
        '{"query":{"bool":{"must":[{"multi_match":{"query":"{{query}}","fields":["title","heading","text"],' +
        '"type":"phrase","slop":0,"analyzer":"hw_row"}}],"filter":[{"term":{"tenant":"{{tenant}}"}}]}},' +
        '"size":{{size}}{{^size}}10{{/size}},"_source":["id","document","title","heading","text"]}',
    })
  })

  it('names that the server would refuse are hashed, and none is shared', () => {
    const names = ['a', 'A', 'a b', 'a_b', 'ä', 'a.write', 'x'.repeat(300), '..', '東京']
    const physical = names.map((name) => physicalName('p', name))
    expect(new Set(physical).size).toBe(names.length)
    for (const name of physical) expect(name).toMatch(/^p-[a-z0-9._-]{1,150}$/)
  })
})

describeWithElasticsearch('texts on Elasticsearch, in detail', (url) => {
  const connection = new ElasticsearchConnection({ url })
  const { prefix, dispose } = freshPrefix(connection)
  const options = { prefix, analysis: 'library' } as const
  const texts = new ElasticsearchTextRepository(connection, options)
  const index = { name: 'details', language: 'english' }
  const call = { idempotent: true }
  beforeAll(() => texts.create(index))
  afterAll(async () => {
    await dispose()
    await connection.close()
  })

  it('a language that neither the server nor the library reads is an error that says what to install', async () => {
    const server = new ElasticsearchTextRepository(connection, { prefix })
    const error: unknown = await server
      .create({ name: 'basque', language: 'basque' })
      .catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: 'HW_INVALID_OPTIONS', path: 'language' })
    expect(String(error)).toMatch(/lacks the .* that language "basque" needs: install the module analysis-common/)
    expect(await codeOf(server.create({ name: 'klingon', language: 'klingon' }))).toBe('HW_INVALID_OPTIONS')
    const strict = new ElasticsearchTextRepository(connection, { prefix, analysis: 'server' })
    expect(await codeOf(strict.create({ name: 'english', language: 'english' }))).toBe('HW_INVALID_OPTIONS')
    const synonyms = new ElasticsearchTextRepository(connection, { prefix, synonyms: { list: ['a, b'] } })
    expect(await codeOf(synonyms.create({ name: 'english', language: 'english' }))).toBe('HW_INVALID_OPTIONS')
  })

  it.each(['german', 'simple', 'cjk', 'thai', 'persian', 'nepali'])('the library reads %s', async (language) => {
    const own = { name: language, language }
    const library = new ElasticsearchTextRepository(connection, { prefix })
    await library.create(own)
    await library.upsert(own, [textEntry('words', 1, 'Büro 東京都 ประเทศไทย کتاب C++ پرونده')])
    await library.refresh(own)
    for (const query of ['buro', '京都', 'ประเทศ', 'کتاب', 'c++']) {
      expect((await library.search(own, { tenant: acme, query, limit: 5 })).length, query).toBe(1)
    }
  })

  it('English needs no analyzer of the server, and another process sees how the index was made', async () => {
    const own = { name: 'own', language: 'english' }
    const makes = new ElasticsearchTextRepository(connection, { prefix })
    await makes.create(own)
    await makes.create(own)
    const entry = textEntry('stems', 1, 'Walking the dogs')
    const [writes, reads] = [1, 2].map(() => new ElasticsearchTextRepository(connection, { prefix }))
    await writes!.upsert(own, [entry])
    await writes!.refresh(own)
    expect(await reads!.search(own, { tenant: acme, query: 'dog walks', limit: 5 })).toMatchObject([{ id: entry.id }])
  })

  it('an index of 0.1.0 that the library read is fed and asked as then', async () => {
    const old = { name: 'old', language: 'english', format: firstFormat }
    await texts.create(old)
    await texts.upsert(old, [textEntry('o1', 1, 'Walking the dogs by C++'), textEntry('o2', 1, 'nothing', {}, 'Dogs')])
    await texts.refresh(old)
    const found = async (query: string, match?: 'phrase') =>
      (await texts.search(old, { tenant: acme, query, match, limit: 5 })).map(({ document }) => document).sort()
    expect(await found('dog walks')).toEqual(['o1', 'o2'])
    expect(await found('walks dog', 'phrase')).toEqual(['o1'])
    expect(await found('the')).toEqual([])
    expect((await texts.read(old, [entryId('o2')]))[0]).toMatchObject({ title: 'Dogs', text: 'nothing' })
    const [hit] = await texts.searchHighlighted(old, { tenant: acme, query: 'nothing', limit: 1 })
    expect(hit!.highlights.text).toEqual(['<em>nothing</em>'])
    expect(await texts.analyze(old, ['dog', 'dogs'])).toBeUndefined()
  })

  it('a removal for an index that is not made yet makes none, also where this process has made none', async () => {
    const fresh = freshPrefix(connection)
    const unmade = new ElasticsearchTextRepository(connection, { prefix: fresh.prefix })
    const removal = { id: entryId('a'), tenant: acme, fence: 1, when: 'atMost' } as const
    expect(await codeOf(unmade.remove(index, [removal]))).toBe('HW_GENERATION_MISSING')
    await unmade.create(index)
    expect(await unmade.count(index)).toBe(0)
    await fresh.dispose()
  })

  it('an index made for another language or analysis is refused', async () => {
    expect(await codeOf(texts.create({ ...index, language: 'simple' }))).toBe('HW_TOPOLOGY_MISMATCH')
    const unfolded = { ...index, format: { ...texts.format, folding: false } }
    expect(await codeOf(texts.create(unfolded))).toBe('HW_TOPOLOGY_MISMATCH')
    expect(await codeOf(texts.create({ ...index, format: firstFormat }))).toBe('HW_TOPOLOGY_MISMATCH')
  })

  it('health says version and colour within 200 ms', async () => {
    await connection.health()
    const health = await connection.health()
    expect(health).toMatchObject({ status: 'up', serverVersion: expect.stringMatching(/^[89]\./), breaker: 'closed' })
    expect(health.latencyMs).toBeLessThan(200)
  })

  it('writes and deletes that come late to a dropped index make no new one', async () => {
    const gone = { name: 'gone', language: 'english' }
    await texts.create(gone)
    await texts.drop(gone)
    const removal = { id: entryId('a'), tenant: acme, fence: 5, when: 'atMost' as const }
    expect(await codeOf(texts.remove(gone, [removal]))).toBe('HW_GENERATION_MISSING')
    expect(await codeOf(texts.remove(gone, [{ ...removal, when: 'exactly' }]))).toBe('HW_GENERATION_MISSING')
    expect(await codeOf(texts.upsert(gone, [textEntry('a', 5, 'x')]))).toBe('HW_GENERATION_MISSING')
    expect(await texts.exists(gone)).toBe(false)
    const indices = { method: 'GET', path: `/_cat/indices/${prefix}-gone*`, querystring: { format: 'json' } }
    expect(await connection.request(indices, call)).toEqual([])
  })

  it('a write that comes later than the delete of what is newer stays out', async () => {
    await texts.upsert(index, [textEntry('late', 4, 'late')])
    await texts.remove(index, [{ id: entryId('late'), tenant: acme, fence: 6, when: 'atMost' }])
    await texts.upsert(index, [textEntry('late', 5, 'late')])
    expect(await texts.read(index, [entryId('late')])).toEqual([])
    await texts.upsert(index, [textEntry('late', 7, 'late')])
    expect(await texts.read(index, [entryId('late')])).toMatchObject([{ fence: 7 }])
  })

  it('one poison entry among 500 keeps no other out', async () => {
    const batch = Array.from({ length: 500 }, (_, i) =>
      textEntry(`m${i}`, 1, 'multitude', i === 250 ? { document: 'x'.repeat(40_000) } : {}),
    )
    const error: unknown = await texts.upsert(index, batch).catch((caught: unknown) => caught)
    expect(error).toMatchObject({
      code: 'HW_DATABASE',
      retryable: false,
      details: { ids: [entryId('m250')], status: 400 },
    })
    await texts.refresh(index)
    const hits = await texts.search(index, { tenant: acme, query: 'multitudes', limit: 1_000 })
    expect(hits.length).toBe(499)
  })

  it('a key of two types and a thousand keys are just more terms', async () => {
    const leaves = Object.fromEntries(Array.from({ length: 1_200 }, (_, i) => [`s:key${i}`, ['v']]))
    await texts.upsert(index, [
      textEntry('t1', 1, 'typed', { leaves: { 's:k': ['7'] } }),
      textEntry('t2', 1, 'typed', { leaves: { 'n:k': [7] } }),
      textEntry('t3', 1, 'typed', { leaves }),
    ])
    await texts.refresh(index)
    const found = async (filter: Parameters<typeof texts.search>[1]['filter']) =>
      (await texts.search(index, { tenant: acme, query: 'typed', filter, limit: 9 })).map(({ document }) => document)
    expect(await found(is('k', 's', '7'))).toEqual(['t1'])
    expect(await found(is('k', 'n', 7))).toEqual(['t2'])
    expect(await found(is('key1199', 's', 'v'))).toEqual(['t3'])
  })

  it('takes an id of another tenant for another entry', async () => {
    await texts.upsert(index, [textEntry('same', 5, 'mine')])
    await texts.upsert(index, [textEntry('same', 9, 'theirs', { tenant: globex })])
    await texts.remove(index, [{ id: entryId('same'), tenant: globex, fence: 9, when: 'atMost' }])
    await texts.refresh(index)
    expect((await texts.search(index, { tenant: acme, query: 'mine theirs', limit: 5 })).length).toBe(1)
    expect(await texts.search(index, { tenant: globex, query: 'mine theirs', limit: 5 })).toEqual([])
  })

  it('phrases, prefixes and misspelt words, without any syntax', async () => {
    await texts.upsert(index, [
      textEntry('p1', 1, 'The handbook explains parental leaves in detail'),
      textEntry('p2', 1, 'Leave your parental home, says the handbook'),
      textEntry('p3', 1, 'nothing to see'),
    ])
    await texts.refresh(index)
    const found = async (query: string, match: 'words' | 'phrase' | 'prefix' | 'fuzzy', slop?: number) =>
      (await texts.search(index, { tenant: acme, query, match, slop, limit: 9 })).map(({ document }) => document).sort()
    expect(await found('parental leave', 'words')).toEqual(['p1', 'p2'])
    expect(await found('parental leave', 'phrase')).toEqual(['p1'])
    expect(await found('leave home', 'phrase')).toEqual([])
    expect(await found('leave home', 'phrase', 2)).toEqual(['p2'])
    expect(await found('pare', 'prefix')).toEqual(['p1', 'p2'])
    expect(await found('handbok', 'words')).toEqual([])
    expect(await found('handbok', 'fuzzy')).toEqual(['p1', 'p2'])
    for (const match of ['words', 'phrase', 'prefix', 'fuzzy'] as const) {
      for (const query of ['"parental', '(x OR *', 'text:/.*/', '~', '']) await found(query, match)
      expect(await found('*', match)).toEqual([])
    }
    const wrong = { tenant: acme, query: 'x', match: 'regexp' as 'words', limit: 1 }
    expect(await codeOf(texts.search(index, wrong))).toBe('HW_INVALID_ARGUMENT')
  })

  it('highlights what matched, with HTML escaped', async () => {
    await texts.upsert(index, [textEntry('h', 1, 'a <b>glimpse</b> of it', {}, 'Glimpse')])
    await texts.refresh(index)
    const [hit] = await texts.searchHighlighted(index, { tenant: acme, query: 'glimpse', limit: 1 })
    expect(hit).toMatchObject({
      id: entryId('h'),
      highlights: { title: ['<em>Glimpse</em>'], text: ['a &lt;b&gt;<em>glimpse</em>&lt;&#x2F;b&gt; of it'] },
    })
  })

  it('counts the values of metadata paths, within tenant and filter', async () => {
    const facets = { name: 'facets', language: 'english' }
    await texts.create(facets)
    await texts.upsert(facets, [
      textEntry('f1', 1, 'one', { leaves: { 's:a.b': ['x', 'y'], 'n:n': [-1.5] } }),
      textEntry('f2', 1, 'two', { leaves: { 's:a.b': ['x'], 'b:n': [true], 's:a.bc': ['no'] } }),
      textEntry('f3', 1, 'one', { tenant: globex, leaves: { 's:a.b': ['z'] } }),
    ])
    await texts.refresh(facets)
    const paths = ['a.b', 'n', '$source', 'absent']
    const found = await texts.facets(facets, { tenant: acme, paths })
    expect(found.map(({ values }) => values)).toEqual([
      [
        { value: 'x', count: 2 },
        { value: 'y', count: 1 },
      ],
      [
        { value: true, count: 1 },
        { value: -1.5, count: 1 },
      ],
      [{ value: 'wiki', count: 2 }],
      [],
    ])
    const [one] = await texts.facets(facets, {
      tenant: acme,
      query: 'two',
      filter: is('a.b', 's', 'x'),
      paths: ['a.b'],
    })
    expect(one).toEqual({ path: 'a.b', values: [{ value: 'x', count: 1 }], approximate: true })
  })
})
