import { parseFilter } from '../../filter/parse'
import type { TextEntry, TextIndex, TextQuery, TextRepository } from '../../repositories/texts'
import { codeOf, type Fixture, fixtureTest, type TestRunner } from '../runner'
import { filterCases, filterSubjects } from './filters'
import { indexMarkerContract } from './index-marker'
import { indexScanContract } from './index-scan'
import { acme, entryId, globex, hostileStrings, payload, textEntry } from './rows'

export interface TextFixture extends Fixture {
  readonly texts: TextRepository
}

const index: TextIndex = { name: 'contract_text_1', language: 'english' }
const second: TextIndex = { ...index, name: 'contract_text_2' }
const plain: TextIndex = { name: 'contract_text_3', language: 'simple' }

/** What every `TextRepository` promises. `make` gives an empty one; the suite creates its own indexes. */
export function textRepositoryContract(runner: TestRunner, make: () => Promise<TextFixture>): void {
  const { expect } = runner
  const test = fixtureTest(runner, async () => {
    const fixture = await make()
    await fixture.texts.create(index)
    return fixture
  })
  const held = async (texts: TextRepository, name: string): Promise<TextEntry | undefined> =>
    (await texts.read(index, [entryId(name)]))[0]
  const found = async (texts: TextRepository, query: string, limit = 10): Promise<string[]> => {
    await texts.refresh(index)
    return (await texts.search(index, { tenant: acme, query, limit })).map((hit) => hit.document)
  }

  runner.describe('TextRepository', () => {
    test('creates an index once, keeps what it holds, and drops it', async ({ texts }) => {
      expect(await texts.exists(second)).toBe(false)
      await texts.create(second)
      await texts.upsert(second, [textEntry('a', 1, 'one')])
      await texts.create(second)
      expect(await texts.exists(second)).toBe(true)
      expect(await texts.count(second)).toBe(1)
      await texts.drop(second)
      expect(await texts.exists(second)).toBe(false)
      await texts.drop(second)
    })

    indexMarkerContract(runner, test, ({ texts }) => texts, index, second)

    test('a missing index is HW_GENERATION_MISSING', async ({ texts }) => {
      expect(await codeOf(texts.upsert(second, [textEntry('a', 1, 'one')]))).toBe('HW_GENERATION_MISSING')
      const query = { tenant: acme, query: 'one', limit: 1 }
      expect(await codeOf(texts.search(second, query))).toBe('HW_GENERATION_MISSING')
    })

    test('keeps what was written, hostile strings and all', async ({ texts }) => {
      const entries = hostileStrings.map((text, i) =>
        textEntry(`h${i}`, i + 1, text, { source: null, leaves: { 's:t': [text], 'n:n': [i / 2] } }, text),
      )
      await texts.upsert(index, entries)
      for (const [i, entry] of entries.entries()) expect(await held(texts, `h${i}`)).toEqual(entry)
    })

    test('a write below the stored fence is left alone; at it or above, it replaces', async ({ texts }) => {
      await texts.upsert(index, [textEntry('a', 5, 'alpha')])
      await texts.upsert(index, [textEntry('a', 4, 'bravo')])
      expect((await held(texts, 'a'))?.text).toBe('alpha')
      expect(await found(texts, 'bravo')).toEqual([])
      expect(await found(texts, 'alpha')).toEqual(['a'])
      await texts.upsert(index, [textEntry('a', 5, 'charlie')])
      expect(await found(texts, 'alpha')).toEqual([])
      expect(await found(texts, 'charlie')).toEqual(['a'])
      await texts.upsert(index, [textEntry('a', 6, 'delta', { version: 2 })])
      expect((await held(texts, 'a'))?.payload.version).toBe(2)
      expect(await found(texts, 'delta')).toEqual(['a'])
      expect(await texts.count(index)).toBe(1)
    })

    test('fences near 2^53 compare exactly', async ({ texts }) => {
      const top = 2 ** 53 - 2
      await texts.upsert(index, [textEntry('a', top, 'alpha')])
      await texts.upsert(index, [textEntry('a', top - 1, 'bravo')])
      expect((await held(texts, 'a'))?.fence).toBe(top)
      expect((await held(texts, 'a'))?.text).toBe('alpha')
    })

    test('one stale entry in a batch does not keep the others out', async ({ texts }) => {
      await texts.upsert(index, [textEntry('a', 5, 'alpha')])
      await texts.upsert(index, [textEntry('a', 4, 'bravo'), textEntry('b', 4, 'bravo')])
      expect(await found(texts, 'bravo')).toEqual(['b'])
    })

    test('counts the values of paths among the entries that match, of one tenant', async ({ texts }) => {
      const long = 'x'.repeat(513)
      const entry = (id: string, words: string, tags: string[], more: Partial<TextEntry['payload']> = {}) =>
        textEntry(id, 1, words, {
          source: null,
          leaves: { 's:tags': tags, 'n:year': [id.length], 'b:ok': [true] },
          ...more,
        })
      await texts.upsert(index, [
        entry('a', 'parental leave', ['x', 'y']),
        entry('bb', 'parental matters', ['x', long]),
        entry('ccc', 'something else', ['z', ...hostileStrings], { source: 'wiki' }),
        entry('other', 'parental leave', ['theirs'], { tenant: globex }),
      ])
      await texts.refresh(index)
      const paths = ['tags', 'year', 'ok', '$source', 'absent']
      const words = await texts.facets(index, { tenant: acme, query: 'parental', paths })
      expect(words).toEqual([
        {
          path: 'tags',
          values: [
            { value: 'x', count: 2 },
            { value: 'y', count: 1 },
          ],
          approximate: true,
        },
        {
          path: 'year',
          values: [
            { value: 1, count: 1 },
            { value: 2, count: 1 },
          ],
          approximate: true,
        },
        { path: 'ok', values: [{ value: true, count: 2 }], approximate: true },
        { path: '$source', values: [], approximate: true },
        { path: 'absent', values: [], approximate: true },
      ])
      const [filtered] = await texts.facets(index, {
        tenant: acme,
        paths: ['$source'],
        filter: parseFilter({ year: 3 }),
      })
      expect(filtered!.values).toEqual([{ value: 'wiki', count: 1 }])
      const [all] = await texts.facets(index, { tenant: acme, paths: ['tags'], limit: 100 })
      expect(all!.values.map(({ value }) => value).sort()).toEqual(['x', 'y', 'z', ...hostileStrings].sort())
      expect((await texts.facets(index, { tenant: acme, paths: ['tags'], limit: 1 }))[0]!.values.length).toBe(1)
      expect((await texts.facets(index, { tenant: acme, query: 'the of', paths: ['tags'] }))[0]!.values).toEqual([])
      expect(await codeOf(texts.facets(second, { tenant: acme, paths: ['tags'] }))).toBe('HW_GENERATION_MISSING')
    })

    test('what is removed is not found', async ({ texts }) => {
      await texts.upsert(index, [textEntry('a', 5, 'alpha'), textEntry('b', 5, 'alpha')])
      await texts.remove(index, [{ id: entryId('a'), tenant: acme, fence: 5, when: 'atMost' }])
      expect(await found(texts, 'alpha')).toEqual(['b'])
      expect(await held(texts, 'a')).toBe(undefined)
    })

    test('a rarer word ranks higher', async ({ texts }) => {
      await texts.upsert(index, [
        ...Array.from({ length: 8 }, (_, i) => textEntry(`common${i}`, 1, 'holiday rules in general')),
        textEntry('rare', 1, 'sabbatical rules in general'),
      ])
      expect((await found(texts, 'holiday sabbatical', 20))[0]).toBe('rare')
      expect((await found(texts, 'holiday sabbatical', 20)).length).toBe(9)
    })

    test('a shorter text ranks higher at equal counts', async ({ texts }) => {
      await texts.upsert(index, [
        textEntry('long', 1, `parental leave ${'and several other quite unrelated matters '.repeat(10)}`),
        textEntry('short', 1, 'parental leave rules'),
        textEntry('noise', 1, 'nothing of the kind'),
      ])
      await texts.refresh(index)
      const hits = await texts.search(index, { tenant: acme, query: 'parental leave', limit: 10 })
      expect(hits.map((hit) => hit.document)).toEqual(['short', 'long'])
      expect(hits[0]!.score).toBeGreaterThan(hits[1]!.score)
    })

    test('a word counts more the more often it occurs, but less each time', async ({ texts }) => {
      const filler = (count: number): string => Array.from({ length: count }, (_, i) => `filler${i}`).join(' ')
      await texts.upsert(index, [
        textEntry('once', 1, `leave ${filler(31)}`),
        textEntry('twice', 1, `leave leave ${filler(30)}`),
        textEntry('often', 1, `${'leave '.repeat(16)} ${filler(16)}`),
        textEntry('none', 1, filler(32)),
      ])
      await texts.refresh(index)
      const hits = await texts.search(index, { tenant: acme, query: 'leave', limit: 10 })
      expect(hits.map((hit) => hit.document)).toEqual(['often', 'twice', 'once'])
      const [often, twice, once] = hits.map((hit) => hit.score)
      expect(once!).toBeGreaterThan(0)
      expect(often! / once!).toBeLessThan(4)
      expect((often! - twice!) / 14).toBeLessThan(twice! - once!)
    })

    test('the title counts', async ({ texts }) => {
      await texts.upsert(index, [
        textEntry('titled', 1, 'what to do when somebody is ill', {}, 'Sickness'),
        textEntry('other', 1, 'what to do when somebody is away', {}, 'Absence'),
      ])
      expect(await found(texts, 'sickness')).toEqual(['titled'])
      await texts.upsert(index, [textEntry('titled', 2, 'what to do when somebody is ill', {}, 'Illness')])
      expect(await found(texts, 'sickness')).toEqual([])
    })

    test('words count by the field that they are in', async ({ texts }) => {
      await texts.upsert(index, [
        textEntry('title', 1, 'nothing else here', {}, 'leave'),
        { ...textEntry('heading', 1, 'nothing else here', {}, 'other'), heading: 'leave' },
        textEntry('text', 1, 'leave nothing here', {}, 'other'),
      ])
      expect((await held(texts, 'heading'))?.heading).toBe('leave')
      await texts.refresh(index)
      for (const match of ['words', 'phrase', 'prefix'] as const) {
        const weighed = async (fields: TextQuery['fields']): Promise<string[]> =>
          (await texts.search(index, { tenant: acme, query: 'leave', match, fields, limit: 9 })).map(
            (hit) => hit.document,
          )
        expect((await weighed(undefined)).sort()).toEqual(['heading', 'text', 'title'])
        expect((await weighed({ title: 5, heading: 0.2 }))[0]).toBe('title')
        expect((await weighed({ heading: 50, title: 0.5 }))[0]).toBe('heading')
        expect(await weighed({ title: 0, heading: 0 })).toEqual(['text'])
        expect(await weighed({ title: 0, heading: 0, text: 0 })).toEqual([])
      }
    })

    test('a phrase is in a row in one field, and the beginning of a word is that of the last', async ({ texts }) => {
      await texts.upsert(index, [
        textEntry('row', 1, 'the rules of parental leave in detail'),
        textEntry('turned', 1, 'leave parental rules alone'),
        textEntry('across', 1, 'leave of absence', {}, 'parental'),
      ])
      await texts.refresh(index)
      const matched = async (query: string, match: TextQuery['match']): Promise<string[]> =>
        (await texts.search(index, { tenant: acme, query, match, limit: 9 })).map((hit) => hit.document).sort()
      expect(await matched('parental leave', 'phrase')).toEqual(['row'])
      expect(await matched('the rules of parental', 'phrase')).toEqual(['row'])
      expect(await matched('rules parental', 'phrase')).toEqual([])
      expect(await matched('paren', 'prefix')).toEqual(['across', 'row', 'turned'])
      expect(await matched('absence det', 'prefix')).toEqual(['across', 'row'])
      expect(await matched('det absence', 'prefix')).toEqual(['across'])
      expect(await matched('of', 'words')).toEqual(['across', 'row'])
      expect(await matched('of detail', 'words')).toEqual(['row'])
    })

    test('words are folded by case and, in English, stemmed; other languages as they are', async ({ texts }) => {
      await texts.create(plain)
      const entries = [textEntry('a', 1, 'Running THROUGH the Forests'), textEntry('b', 1, 'Überall Straße 東京')]
      await texts.upsert(index, entries)
      await texts.upsert(plain, entries)
      expect(await found(texts, 'forest run')).toEqual(['a'])
      expect(await found(texts, 'überall')).toEqual(['b'])
      expect(await found(texts, '東京')).toEqual(['b'])
      await texts.refresh(plain)
      const simple = async (query: string): Promise<string[]> =>
        (await texts.search(plain, { tenant: acme, query, limit: 10 })).map((hit) => hit.document)
      expect(await simple('forest')).toEqual([])
      expect(await simple('FORESTS')).toEqual(['a'])
      expect(await simple('the')).toEqual(['a'])
    })

    test('equal scores come in the order of ids', async ({ texts }) => {
      const names = ['t1', 't2', 't3', 't4']
      await texts.upsert(
        index,
        names.map((name) => textEntry(name, 1, 'the very same words')),
      )
      const expected = names.toSorted((a, b) => (entryId(a) < entryId(b) ? -1 : 1))
      expect(await found(texts, 'words')).toEqual(expected)
      expect(await found(texts, 'words', 2)).toEqual(expected.slice(0, 2))
    })

    test('a search sees its own tenant alone', async ({ texts }) => {
      await texts.upsert(index, [
        textEntry('mine', 1, 'shared words'),
        textEntry('theirs', 1, 'shared words', { tenant: globex }),
      ])
      expect(await found(texts, 'shared')).toEqual(['mine'])
      const theirs = await texts.search(index, { tenant: globex, query: 'shared', limit: 10 })
      expect(theirs.map((hit) => hit.id)).toEqual([entryId('theirs')])
      expect(await texts.count(index, acme)).toBe(1)
      expect(await texts.count(index)).toBe(2)
    })

    test('indexes are apart', async ({ texts }) => {
      await texts.create(second)
      await texts.upsert(index, [textEntry('a', 5, 'alpha')])
      await texts.upsert(second, [textEntry('a', 4, 'bravo'), textEntry('b', 4, 'bravo')])
      expect(await found(texts, 'bravo')).toEqual([])
      await texts.drop(second)
      expect(await found(texts, 'alpha')).toEqual(['a'])
    })

    test('filters are pushed down, before the limit', async ({ texts }) => {
      await texts.upsert(
        index,
        filterSubjects.map(({ id, ...rest }) => textEntry(id, 1, 'same words', rest)),
      )
      await texts.refresh(index)
      for (const { name, filter, ids } of filterCases) {
        const hits = await texts.search(index, { tenant: acme, query: 'words', filter, limit: 10 })
        expect([name, ...hits.map((hit) => hit.document).sort()]).toEqual([name, ...ids])
        const limited = await texts.search(index, { tenant: acme, query: 'words', filter, limit: 1 })
        expect([name, limited.length]).toEqual([name, Math.min(1, ids.length)])
      }
    })

    test('a query is plain words: no syntax, no injection, and no words find nothing', async ({ texts }) => {
      await texts.upsert(index, [textEntry('a', 1, 'alpha beta'), textEntry('b', 1, 'gamma')])
      for (const query of ['', '   ', '!!!', '&|!:*()<->', "'", '"', '\\', '%', '\u{1F600}']) {
        expect([query, await found(texts, query)]).toEqual([query, []])
      }
      for (const query of ['alpha & !beta', 'alpha:*', '-alpha', '"alpha', "alpha'", '(alpha', 'alpha AND zeta']) {
        expect([query, await found(texts, query)]).toEqual([query, ['a']])
      }
      for (const query of hostileStrings) await found(texts, query)
      expect(await texts.count(index)).toBe(2)
    })

    test('empty lists are no-ops, an empty text is kept', async ({ texts }) => {
      await texts.upsert(index, [])
      await texts.remove(index, [])
      expect(await texts.read(index, [])).toEqual([])
      expect(await found(texts, 'anything')).toEqual([])
      await texts.upsert(index, [textEntry('empty', 1, ''), textEntry('full', 1, 'alpha')])
      expect(await found(texts, 'alpha')).toEqual(['full'])
      expect(await texts.count(index)).toBe(2)
    })

    test('takes batches of 600', async ({ texts }) => {
      const batch = Array.from({ length: 600 }, (_, i) => textEntry(`p${i}`, 1, `number${i} of many`))
      await texts.upsert(index, batch)
      expect(await texts.count(index)).toBe(600)
      expect(await found(texts, 'number599')).toEqual(['p599'])
      expect((await found(texts, 'many', 1000)).length).toBe(600)
      const ids = batch.map(({ id }) => id)
      expect((await texts.read(index, ids)).length).toBe(600)
      await texts.remove(
        index,
        ids.map((id) => ({ id, tenant: acme, fence: 1, when: 'atMost' as const })),
      )
      expect(await found(texts, 'many')).toEqual([])
    })

    test('does not share memory with the caller', async ({ texts }) => {
      const mine = textEntry('a', 1, 'alpha')
      await texts.upsert(index, [mine])
      mine.payload.leaves['s:section']?.push('changed')
      const read = await held(texts, 'a')
      expect(read!.payload.leaves).toEqual(payload('a').leaves)
      read!.payload.leaves['s:other'] = ['x']
      expect((await held(texts, 'a'))!.payload.leaves).toEqual(payload('a').leaves)
    })

    test('a call under an aborted signal is HW_ABORTED and does nothing', async ({ texts }) => {
      const call = { signal: AbortSignal.abort() }
      expect(await codeOf(texts.upsert(index, [textEntry('a', 1, 'alpha')], call))).toBe('HW_ABORTED')
      expect(await codeOf(texts.search(index, { tenant: acme, query: 'alpha', limit: 1 }, call))).toBe('HW_ABORTED')
      expect(await texts.count(index)).toBe(0)
    })

    indexScanContract(runner, {
      test,
      index,
      repository: ({ texts }) => texts,
      entry: (name, fence, changes) => textEntry(name, fence, 'some text', changes),
    })
  })
}
