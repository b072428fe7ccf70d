import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { OnnxEmbedder } from '../../src/embeddings/onnx/onnx-embedder'
import { inputText } from '../../src/splitter/input-text'
import { recordedSplitter } from '../../src/splitter/recorded'
import { splitterOf } from '../../src/splitter/select'
import type { ChunkDraft, Splitter } from '../../src/splitter/splitter'
import { hasModel, modelFolder } from '../embeddings/model'

const plain = (text: string, title = 'A title of some words') => ({ title, text, contentType: 'text/plain' })
const markdown = (text: string) => ({ title: 'A title of some words', text, contentType: 'text/markdown' })
const inputOf = (title: string, { text, heading = '', tableHeader = '' }: ChunkDraft): string =>
  inputText(title, { heading, tableHeader, text })

const english = Array.from(
  { length: 60 },
  (_, i) =>
    `Paragraph ${i} says what a relay does: it claims a job, reads the current state and applies it to every generation, ` +
    'whichever process wrote it. Nothing is lost when it dies half-way, since the lease runs out and another takes over. '.repeat(
      1 + (i % 6),
    ),
).join('\n\n')
const korean = Array.from(
  { length: 60 },
  (_, i) =>
    `문단 ${i}은 한국어로 쓰인 글입니다. 데이터베이스는 진실의 원천이고, 색인은 그것을 따라갑니다. `.repeat(
      1 + (i % 5),
    ) + '검색 결과는 언제나 최신 상태를 보여 줍니다.',
).join('\n\n')
const many: Readonly<Record<string, string>> = {
  english,
  korean,
  chinese: '这里是一些关于天气和旅行的普通文字，没有什么特别的内容。'.repeat(300),
  japanese: 'これは検索のための文章です。カタカナもひらがなもあります。'.repeat(200),
  thai: 'ข้อความนี้เขียนเป็นภาษาไทยเพื่อทดสอบการตัดคำ ไม่มีจุดจบประโยค '.repeat(150),
  russian: 'Это обычный текст о погоде и путешествиях, в нём нет ничего особенного. '.repeat(150),
  code: `\`\`\`ts\n${'export const value = compute(first, second) ?? defaults["x-y"] // 0xfe12\n\n'.repeat(120)}\`\`\``,
  hex: Array.from({ length: 2_000 }, (_, i) => (i * 2_654_435_761).toString(16)).join(' '),
  emoji: '👩‍👩‍👧‍👦🏳️‍🌈👍🏽 '.repeat(800),
  table: `| name | what it is for |\n| --- | --- |\n${Array.from({ length: 400 }, (_, i) => `| option${i} | sets the ${i}th limit of the relay |`).join('\n')}`,
}

if (!hasModel) console.warn(`\n  SKIPPED: test/splitter/tokens.test.ts needs the model in ${modelFolder}\n`)

describe.skipIf(!hasModel)('chunks for a model of 256 tokens', () => {
  let embedder: OnnxEmbedder
  let splitter: Splitter
  beforeAll(async () => {
    embedder = await OnnxEmbedder.open({ path: modelFolder, threads: 1 })
    splitter = splitterOf({}, 'splitter', embedder)
  })
  afterAll(() => embedder.close())

  it.each(Object.keys(many))('none of %s is longer than the model reads', async (name) => {
    const document = name === 'table' || name === 'code' ? markdown(many[name]!) : plain(many[name]!)
    const chunks = await splitter.split(document)
    const counts = await embedder.countTokens(chunks.map((chunk) => inputOf(document.title, chunk)))
    expect(Math.max(...counts)).toBeLessThanOrEqual(256)
    // And they are no crumbs: the room is used, but where the model takes a word of Thai or an emoji for one token.
    if (name !== 'emoji' && name !== 'thai')
      expect(counts.reduce((sum, count) => sum + count, 0) / counts.length).toBeGreaterThan(96)
    let at = 0
    for (const { text, start, end } of chunks) {
      expect(text).toBe(document.text.slice(start, end))
      expect(document.text.slice(at, start).trim()).toBe('')
      at = end
    }
    expect(document.text.slice(at).trim()).toBe('')
  })

  it('whatever the text is, nothing of it is cut off', async () => {
    const fragment = fc.oneof(
      fc.constantFrom('# A heading\n', '## B\n', '\n\n', '\n', '| a | b |\n', '|---|---|\n', '```\n', '- ', '. ', '। '),
      fc.constantFrom(...Object.values(many).map((text) => text.slice(0, 700))),
      fc.string({ unit: 'grapheme', maxLength: 200 }),
      fc.lorem({ maxCount: 40, mode: 'sentences' }),
    )
    const anyText = fc.array(fragment, { maxLength: 12 }).map((parts) => parts.join(''))
    await fc.assert(
      fc.asyncProperty(anyText, fc.lorem({ maxCount: 5 }), async (text, title) => {
        const chunks = await splitter.split({ title, text, contentType: 'text/markdown' })
        const counts = await embedder.countTokens(chunks.map((chunk) => inputOf(title, chunk)))
        expect(Math.max(0, ...counts)).toBeLessThanOrEqual(256)
      }),
      { numRuns: 150 },
    )
  })

  it('are cut the same under the id that is recorded, as long as the model is at hand', async () => {
    expect(splitter.id).toMatch(/^md-v2-1000-1600-256-[0-9a-f]{8}$/)
    const recorded = recordedSplitter(splitter.id, [embedder])!
    expect(recorded.id).toBe(splitter.id)
    expect(await recorded.split(plain(korean))).toEqual(await splitter.split(plain(korean)))
    // Without it sizes are estimated: to whole chunks all the same, of another size.
    const estimated = await recordedSplitter(splitter.id, [])!.split(plain(korean))
    expect(estimated.map(({ text }) => text).join(' ')).toBe(korean.replaceAll(/\s+/g, ' '))
  })

  it('a title that leaves no room is no reason to cut into crumbs', async () => {
    const chunks = await splitter.split(plain(english, 'endless words of a title '.repeat(60)))
    expect(chunks.length).toBeLessThan(english.length / 100)
  })
})
