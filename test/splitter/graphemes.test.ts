import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isBorder, shortened } from '../../src/splitter/graphemes'
import { splitterOf } from '../../src/splitter/select'
import type { ChunkDraft } from '../../src/splitter/splitter'

const segmenter = new Intl.Segmenter('und', { granularity: 'grapheme' })
const placesIn = (text: string): number[] => Array.from({ length: text.length }, (_, at) => at)
const bordersOf = (text: string): Set<number> => new Set([...segmenter.segment(text)].map(({ index }) => index))

/** Texts in which characters are made of several code points. */
const grapheme = fc.oneof(
  fc.constantFrom('e\u0301', 'ก็', 'กำ', 'क्ष', 'नि', 'க்க', 'မြန်', 'ខ្ញុំ', '각', '\u1100\u1161\u11a8', 'か\u3099', 'ｶﾞ'),
  fc.constantFrom(
    '👩‍👩‍👧‍👦',
    '🏳️‍🌈',
    '👍🏽',
    '🇫🇷',
    '🇩🇪',
    '☺️',
    '1️⃣',
    '🏴󠁧󠁢󠁥󠁮󠁧󠁿',
    '\u0600٣',
    '𝒳',
    '\r\n',
    'שׁ',
    'ض',
    '\u200d',
    '\u200b',
  ),
  fc.constantFrom(' ', '\n', '\n\n', '\u00a0', '\u3000', '. ', '। ', '؟ ', '\u0301', 'word', '|', '# ', '```\n'),
  fc.string({ unit: 'grapheme', maxLength: 6 }),
  fc.string({ unit: 'binary', maxLength: 6 }),
)
const anyText = fc.array(grapheme, { maxLength: 120 }).map((parts) => parts.join('').toWellFormed())

describe('borders of characters', () => {
  it('are never seen where the segmenter sees none', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const borders = bordersOf(text)
        const wrong = placesIn(text).filter((at) => at > 0 && isBorder(text, at) && !borders.has(at))
        expect(wrong.map((at) => [at, text.slice(Math.max(0, at - 4), at + 3)])).toEqual([])
      }),
      { numRuns: 2_000 },
    )
  })

  it('are seen where words of ordinary scripts have them', () => {
    for (const text of [
      'the quick fox',
      'быстрая лиса',
      '快速的狐狸',
      'すばやいきつね',
      '빠른 여우',
      'ثعلب سريع',
      'สุนัขจิ้งจอก',
    ])
      expect(new Set(placesIn(text).filter((at) => isBorder(text, at)))).toEqual(bordersOf(text))
    expect(shortened('e\u0301'.repeat(10), 5)).toBe('e\u0301e\u0301')
    expect(shortened('short', 10)).toBe('short')
  })

  it('are where the splitter cuts, whatever the text is and however little is read', () => {
    const splitters = [
      splitterOf({ size: 20 }),
      splitterOf({ size: 40 }),
      splitterOf({ size: 300 }, 'splitter', { fingerprint: 'x', maxTokens: 24 }),
    ]
    fc.assert(
      fc.property(anyText, fc.constantFrom(...splitters), fc.boolean(), (text, splitter, markdown) => {
        const contentType = markdown ? 'text/markdown' : 'text/plain'
        const chunks = splitter.split({ title: '', text, contentType }) as ChunkDraft[]
        const borders = bordersOf(text)
        const cut = chunks.flatMap(({ start, end }, i) => [
          ...(i > 0 ? [start] : []),
          ...(i < chunks.length - 1 ? [end] : []),
        ])
        expect(cut.filter((at) => !borders.has(at) && at < text.length)).toEqual([])
        let at = 0
        for (const { text: part, start, end } of chunks) {
          expect([part, text.slice(at, start).trim()]).toEqual([text.slice(start, end), ''])
          at = end
        }
        expect(text.slice(at).trim()).toBe('')
      }),
      { numRuns: 2_000 },
    )
  })
})
