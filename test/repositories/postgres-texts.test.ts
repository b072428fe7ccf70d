import { describe, expect, it } from 'vitest'
import { PostgresTextRepository } from '../../src/repositories/bm25/texts'
import { is } from '../../src/testing/contracts/filters'
import { acme, entryId, globex, textEntry } from '../../src/testing/contracts/rows'
import { textRepositoryContract } from '../../src/testing/contracts/texts'
import { describeWithPgvector } from '../support/postgres'
import { type IndexBackend, usePglite, usePgvectorServer, worker } from './index-backends'

const runner = { describe, it, expect }
const index = { name: 'texts "of" 東京', language: 'english' }

function suite(backend: () => IndexBackend): void {
  textRepositoryContract(runner, async () => {
    const { schema, dispose } = await backend().schema()
    return { texts: new PostgresTextRepository(backend().connection, { schema }), dispose }
  })

  async function withTexts(
    work: (texts: PostgresTextRepository, table: (suffix: string) => string) => Promise<void>,
    options: { k1?: number; b?: number } = {},
  ) {
    const { schema, dispose } = await backend().schema()
    try {
      const texts = new PostgresTextRepository(backend().connection, { schema, ...options })
      await texts.create(index)
      const names = await backend()
        .connection.session(worker)
        .query<{ name: string }>(
          `SELECT tablename AS name FROM pg_tables WHERE schemaname = $1 AND tablename ~ '^texts' AND tablename !~ '_(segments|postings)$'`,
          [schema],
        )
      await work(texts, (suffix) => `${schema}."${names.rows[0]!.name}${suffix}"`)
    } finally {
      await dispose()
    }
  }
  const rows = async <R>(text: string): Promise<R[]> => (await backend().connection.session(worker).query<R>(text)).rows

  it('scores as BM25 computed by hand', () =>
    withTexts(async (texts) => {
      // Terms: [cat sat mat] 3, [cat cat dog] 3, [dog ran] 2, [bird] 1, so 9 in 4 entries.
      await texts.upsert(index, [
        textEntry('d1', 1, 'the cat sat on the mat'),
        textEntry('d2', 1, 'cats, cat and a dog'),
        textEntry('d3', 1, 'Dogs ran'),
        textEntry('d4', 1, 'bird'),
      ])
      const hits = await texts.search(index, { tenant: acme, query: 'cat dogs', limit: 10 })
      const idf = Math.log(1 + (4 - 2 + 0.5) / (2 + 0.5))
      const weight = (tf: number, length: number) => (tf * 2.2) / (tf + 1.2 * (0.25 + (0.75 * length) / (9 / 4)))
      const expected = {
        d2: idf * weight(2, 3) + idf * weight(1, 3),
        d3: idf * weight(1, 2),
        d1: idf * weight(1, 3),
      }
      expect(hits.map(({ document }) => document)).toEqual(Object.keys(expected))
      for (const { document, score } of hits) {
        expect(score).toBeCloseTo(expected[document as keyof typeof expected], 12)
      }
    }))

  it('k1 and b are options', () =>
    withTexts(
      async (texts) => {
        await texts.upsert(index, [textEntry('a', 1, 'cat cat cat'), textEntry('b', 1, 'cat and many other words')])
        const [first, second] = await texts.search(index, { tenant: acme, query: 'cat', limit: 10 })
        expect(first!.score).toBe(second!.score)
      },
      { k1: 0, b: 0 },
    ))

  it('many small writes stay few segments, all found, with deaths forgotten', () =>
    withTexts(async (texts, table) => {
      const name = (i: number) => `${i}`
      for (let i = 0; i < 70; i++) await texts.upsert(index, [textEntry(name(i), 1, `shared own${i}`)])
      const segments = await rows<{ entries: number; dead: number }>(`SELECT * FROM ${table('_segments')}`)
      expect(segments.length).toBeLessThan(20)
      expect(segments.reduce((sum, { entries }) => sum + entries, 0)).toBe(70)
      for (const i of [0, 8, 33, 69]) {
        const hits = await texts.search(index, { tenant: acme, query: `own${i}`, limit: 5 })
        expect(hits.map(({ document }) => document)).toEqual([name(i)])
      }
      expect((await texts.search(index, { tenant: acme, query: 'shared', limit: 100 })).length).toBe(70)

      for (let round = 2; round < 12; round++) {
        await texts.upsert(
          index,
          Array.from({ length: 70 }, (_, i) => textEntry(name(i), round, `shared round${round} own${i}`)),
        )
      }
      const [sums] = await rows<{ entries: number; dead: number }>(
        `SELECT sum(entries)::bigint AS entries, sum(dead)::bigint AS dead FROM ${table('_segments')}`,
      )
      expect(sums!.entries - sums!.dead).toBe(70)
      expect(sums!.dead).toBeLessThan(600)
      expect((await texts.search(index, { tenant: acme, query: 'shared', limit: 100 })).length).toBe(70)
      expect(await texts.search(index, { tenant: acme, query: 'round5', limit: 100 })).toEqual([])
    }))

  it('an index of 0.1.0 is fed, merged and asked in its own way', () =>
    withTexts(async (texts, table) => {
      const old = { name: 'of 0.1.0', language: 'english', format: { words: 1, payload: 1 } }
      await texts.create(old)
      for (let i = 0; i < 20; i++) {
        await texts.upsert(old, [
          { ...textEntry(`${i}`, 1, `call get_user_by_id${i} of the café`), heading: 'Heading' },
        ])
      }
      const ask = async (query: string, more = {}) =>
        (await texts.search(old, { tenant: acme, query, limit: 50, ...more })).map(({ document }) => document)
      expect((await ask('café')).length).toBe(20)
      // Nothing was folded, stop words were not indexed, phrases and beginnings are not known, headings were not there.
      expect([
        await ask('cafe'),
        await ask('the of'),
        await ask('heading'),
        await ask('caf', { match: 'prefix' }),
      ]).toEqual([[], [], [], []])
      expect(await ask('get_user_by_id7')).toContain('7')
      expect((await texts.read(old, [entryId('7')]))[0]).toEqual(textEntry('7', 1, 'call get_user_by_id7 of the café'))
      await texts.upsert(old, [textEntry('7', 2, 'another')])
      expect((await ask('café')).length).toBe(19)
      await expect(texts.create({ ...old, format: undefined })).rejects.toMatchObject({ code: 'HW_INVALID_ARGUMENT' })
      expect(table('')).not.toBe('')
    }))

  it('weights of fields decide what a word in title, heading and text counts', () =>
    withTexts(async (texts) => {
      await texts.upsert(index, [
        textEntry('titled', 1, 'something about work', {}, 'Leave'),
        { ...textEntry('headed', 1, 'something about work', {}, 'Rules'), heading: 'Leave' },
        textEntry('told', 1, 'leave about work', {}, 'Rules'),
      ])
      const ask = async (fields: object) =>
        (await texts.search(index, { tenant: acme, query: 'leave', fields, limit: 5 })).map(({ document }) => document)
      expect((await ask({ title: 5 }))[0]).toBe('titled')
      expect((await ask({ heading: 5 }))[0]).toBe('headed')
      expect((await ask({ text: 5 }))[0]).toBe('told')
      expect(await ask({ title: 0, text: 0 })).toEqual(['headed'])
      const phrase = await texts.search(index, { tenant: acme, query: 'rules leave', match: 'phrase', limit: 5 })
      expect(phrase).toEqual([])
    }))

  it('finds beginnings among more terms than a row holds', () =>
    withTexts(async (texts) => {
      const words = (i: number) => Array.from({ length: 60 }, (_, at) => `w${(i * 60 + at) % 9_000}x`).join(' ')
      await texts.upsert(
        index,
        Array.from({ length: 250 }, (_, i) => textEntry(`p${i}`, 1, `${words(i)} ${i === 77 ? 'zebrafish' : ''}`)),
      )
      const hits = await texts.search(index, { tenant: acme, query: 'zebr', match: 'prefix', limit: 5 })
      expect(hits.map(({ document }) => document)).toEqual(['p77'])
    }))

  it('a write that leaves title and text alone writes no postings', () =>
    withTexts(async (texts, table) => {
      const entry = textEntry('a', 1, 'alpha beta', { leaves: {} }, 'gamma')
      await texts.upsert(index, [entry])
      const postings = () => rows(`SELECT * FROM ${table('_postings')} ORDER BY tenant, bucket, segment`)
      const before = await postings()
      expect(before.length).toBeGreaterThan(0)
      await texts.upsert(index, [{ ...entry, fence: 2, stamp: 'new', payload: { ...entry.payload, version: 7 } }])
      expect(await postings()).toEqual(before)
      const filter = { kind: 'all', of: [is('section', 's', 'it')] } as const
      const changed = textEntry('a', 3, 'alpha beta', { leaves: { 's:section': ['it'] } }, 'gamma')
      await texts.upsert(index, [changed])
      const hits = await texts.search(index, { tenant: acme, query: 'gamma', filter, limit: 5 })
      expect(hits).toMatchObject([{ id: entryId('a'), fence: 3 }])
      expect(await postings()).toEqual(before)
    }))

  it('goes as far down the ranking as a selective filter needs', () =>
    withTexts(async (texts) => {
      await texts.upsert(
        index,
        Array.from({ length: 400 }, (_, i) =>
          textEntry(`p${i}`, 1, `word ${'filler '.repeat(i % 50)}`, {
            leaves: i % 50 === 49 ? { 's:section': ['hr'] } : {},
          }),
        ),
      )
      const filter = is('section', 's', 'hr')
      expect((await texts.search(index, { tenant: acme, query: 'word', filter, limit: 5 })).length).toBe(5)
      expect((await texts.search(index, { tenant: acme, query: 'word', filter, limit: 50 })).length).toBe(8)
    }))

  it('an id of another tenant is neither overwritten nor removed', () =>
    withTexts(async (texts) => {
      await texts.upsert(index, [textEntry('a', 5, 'mine')])
      await texts.upsert(index, [textEntry('a', 9, 'theirs', { tenant: globex })])
      await texts.remove(index, [{ id: entryId('a'), tenant: globex, fence: 9, when: 'atMost' }])
      expect(await texts.read(index, [entryId('a')])).toMatchObject([{ text: 'mine', fence: 5 }])
      expect(await texts.search(index, { tenant: globex, query: 'mine theirs', limit: 5 })).toEqual([])
    }))

  it('writers of the same entries in opposite order leave each word once', () =>
    withTexts(async (texts) => {
      const entries = Array.from({ length: 120 }, (_, i) => textEntry(`p${i}`, 1, `word text${i}`))
      await Promise.all(
        [1, 2, 3, 4, 5, 6].map((fence) => {
          const mine = entries.map((entry) => ({ ...entry, fence, text: `${entry.text} by${fence % 2}` }))
          return texts.upsert(index, fence % 2 ? mine : mine.reverse())
        }),
      )
      expect((await texts.scan(index, { limit: 1000 })).map(({ fence }) => fence)).toEqual(entries.map(() => 6))
      const hits = await texts.search(index, { tenant: acme, query: 'word', limit: 1000 })
      expect(new Set(hits.map(({ id }) => id)).size).toBe(120)
      expect(new Set(hits.map(({ score }) => score)).size).toBe(1)
      expect(await texts.search(index, { tenant: acme, query: 'by1', limit: 1000 })).toEqual([])
    }))

  it('finds words of a long text to its very end', () =>
    withTexts(async (texts) => {
      const text = `${Array.from({ length: 60_000 }, (_, i) => `w${i % 5_000}`).join(' ')} lastword`
      await texts.upsert(index, [textEntry('long', 1, text), textEntry('short', 1, 'firstword')])
      const hits = await texts.search(index, { tenant: acme, query: 'lastword\0 firstword', limit: 5 })
      expect(hits.map(({ document }) => document)).toEqual(['short', 'long'])
      expect((await texts.search(index, { tenant: acme, query: text.slice(0, 8_192), limit: 5 })).length).toBe(1)
    }))

  it('a language that the server lacks is an error that names it', async () => {
    const { schema, dispose } = await backend().schema()
    const texts = new PostgresTextRepository(backend().connection, { schema })
    await expect(texts.create({ name: 'x', language: 'klingon' })).rejects.toMatchObject({
      code: 'HW_INVALID_OPTIONS',
      path: 'language',
      message: expect.stringContaining('"klingon"'),
    })
    await texts.create({ name: 'x', language: 'german' })
    await texts.upsert({ name: 'x', language: 'german' }, [textEntry('a', 1, 'Die Häuser der Stadt')])
    const hits = await texts.search({ name: 'x', language: 'german' }, { tenant: acme, query: 'haus', limit: 5 })
    expect(hits.length).toBe(1)
    await dispose()
  })
}

describe('texts on PGlite', () => {
  suite(usePglite())
})

describeWithPgvector('texts on a server', () => {
  suite(usePgvectorServer())
})
