import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { recordedSplitter } from '../../src/splitter/recorded'
import { type SplitterOptions, splitterOf as select } from '../../src/splitter/select'
import type { ChunkDraft, Splitter, SplitterInput } from '../../src/splitter/splitter'

type Immediate = Omit<Splitter, 'split'> & { split(document: SplitterInput): ChunkDraft[] }
const splitterOf = (option?: SplitterOptions | Splitter): Immediate => select(option) as Immediate

const markdown = (text: string) => ({ title: 'Title', text, contentType: 'text/markdown' })
const plain = (text: string) => ({ title: 'Title', text, contentType: 'text/plain' })
const standard = splitterOf()
const small = splitterOf({ size: 40, max: 64 })
const textsOf = (chunks: ChunkDraft[]): string[] => chunks.map((chunk) => chunk.text)
const sentence = 'The relay claims a job, reads the current state and applies it to every generation. '
const paragraph = (name: string, sentences = 5): string => `${name} ${sentence.repeat(sentences).trim()}`

/** What must hold of every chunking of every text; one `expect` for all of it, since they are slow. */
function checkChunks(text: string, chunks: ChunkDraft[], max: number): void {
  const problems: string[] = []
  let last = 0
  let skipped = ''
  for (const { text: part, start, end } of chunks) {
    if (part !== text.slice(start, end)) problems.push(`${start}: not the slice`)
    if (part === '' || part.trim() !== part) problems.push(`${start}: white space at the ends`)
    if (start < last) problems.push(`${start}: overlaps`)
    if (part.length > max) problems.push(`${start}: ${part.length} long`)
    if (/^[\udc00-\udfff]/.test(part) && /[\ud800-\udbff]/.test(text[start - 1] ?? '')) problems.push(`${start}: half`)
    skipped += text.slice(last, start)
    last = end
  }
  if ((skipped + text.slice(last)).trim() !== '') problems.push('left something out')
  expect(problems).toEqual([])
}

const fragment = fc.oneof(
  fc.constantFrom('# A\n', '## B\n', 'Title\n---\n', '\n\n', '\n', '\r\n', '```\n', '~~~js\n', '- ', '  * ', '12. '),
  fc.constantFrom('| a | b |\n', '> ', '    ', '. ', '? ', '。', 'Word ', 'and more words', '😀', 'e\u0301', '\u3000'),
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.lorem({ maxCount: 12, mode: 'sentences' }),
  fc.string({ maxLength: 4 }).map((part) => part.repeat(40)),
)
const anyText = fc.array(fragment, { maxLength: 60 }).map((parts) => parts.join(''))

describe('the default splitter', () => {
  it('puts every visible character in exactly one chunk, in order, within the maximum', () => {
    fc.assert(
      fc.property(anyText, fc.constantFrom(20, 40, 300), fc.boolean(), (text, size, isMarkdown) => {
        const splitter = splitterOf({ size })
        const document = isMarkdown ? markdown(text) : plain(text)
        const chunks = splitter.split(document)
        checkChunks(text, chunks, Math.round(size * 1.6))
        expect(splitter.split(document)).toEqual(chunks)
      }),
      { numRuns: 3_000 },
    )
  })

  it('keeps to the maximum in tokens when it is given a counter', () => {
    const countTokens = (text: string): number => text.match(/\S+/g)?.length ?? 0
    const splitter = splitterOf({ size: 20, max: 30, countTokens })
    fc.assert(
      fc.property(anyText, (text) => {
        const chunks = splitter.split(markdown(text))
        checkChunks(text, chunks, Number.POSITIVE_INFINITY)
        expect(Math.max(0, ...chunks.map((chunk) => countTokens(chunk.text)))).toBeLessThanOrEqual(30)
      }),
      { numRuns: 1_000 },
    )
    const heavy = splitterOf({ size: 20, max: 30, countTokens: (text) => text.length * 7 })
    checkChunks('😀'.repeat(50), heavy.split(plain('😀'.repeat(50))), 4)
  })

  it('gives nothing for nothing and one chunk for little', () => {
    expect(standard.split(markdown(''))).toEqual([])
    expect(standard.split(markdown(' \n\n\t\u3000 '))).toEqual([])
    expect(standard.split(markdown('\n\nHello.\n'))).toEqual([{ text: 'Hello.', start: 2, end: 8 }])
  })

  it('cuts before headings, names them, and leaves none behind at the end of a chunk', () => {
    const text = ['# Guide', paragraph('One', 7), '## Install', paragraph('Two', 7), '### Rare', paragraph('Three', 7)]
    const chunks = standard.split(markdown(text.join('\n\n')))
    expect(textsOf(chunks)).toEqual([
      `${text[0]}\n\n${text[1]}`,
      `${text[2]}\n\n${text[3]}`,
      `${text[4]}\n\n${text[5]}`,
    ])
    expect(chunks.map((chunk) => chunk.heading)).toEqual(['Guide', 'Install', 'Rare'])
    const under = standard.split(markdown(`Setext\n===\n\n${paragraph('One', 40)}`))
    expect(under.length).toBeGreaterThan(2)
    expect(under.every((chunk) => chunk.heading === 'Setext')).toBe(true)
    expect(under[0]!.text.length).toBeGreaterThan(200)
  })

  it('reads headings in Markdown only, and none inside a code fence', () => {
    const text = `# Guide\n\n\`\`\`sh\n# comment\n\`\`\`\n\n${paragraph('Text', 20)}`
    expect(new Set(standard.split(markdown(text)).map((chunk) => chunk.heading))).toEqual(new Set(['Guide']))
    expect(standard.split(plain(text)).every((chunk) => chunk.heading === undefined)).toBe(true)
  })

  it('keeps a code fence whole when it fits, and else cuts between its lines', () => {
    const code = (lines: number): string => `\`\`\`ts\n${'  const value = compute()\n\n'.repeat(lines)}\`\`\``
    const text = `${paragraph('Before', 3)}\n\n${code(55)}\n\n${paragraph('After', 3)}`
    expect(textsOf(standard.split(markdown(text)))).toContain(code(55))
    const cut = standard.split(markdown(code(200)))
    expect(cut.length).toBeGreaterThan(3)
    for (const chunk of cut)
      expect(chunk.text).toMatch(/^(```ts\n {2})?const value = compute\(\)[\s\S]*(compute\(\)|```)$/)
  })

  it('prefers list items to sentences, sentences to words, and words to characters', () => {
    const items = Array.from({ length: 30 }, (_, i) => `- item ${i}: ${sentence.trim()}`)
    for (const chunk of standard.split(markdown(items.join('\n')))) expect(chunk.text).toMatch(/^- item [\s\S]*\.$/)
    for (const chunk of standard.split(plain(paragraph('Long', 80))))
      expect(chunk.text).toMatch(/^(Long )?The [\s\S]*\.$/)
    const words = standard.split(plain('word '.repeat(2_000)))
    expect(words.length).toBeGreaterThan(5)
    for (const chunk of words) expect(chunk.text).toMatch(/^word[\s\S]*word$/)
    expect(standard.split(plain('文は短い。'.repeat(1_000))).every((chunk) => chunk.text.endsWith('。'))).toBe(true)
  })

  it('stays linear on hostile input', () => {
    const count = 1 << 18
    for (const part of [
      'a',
      '\n',
      '#',
      '# a\n',
      '```',
      '```\n',
      '. ',
      '- a\n',
      'a\n\n',
      '|\n',
      ' ',
      '😀',
      '`',
      '```\n`',
    ]) {
      const text = part.repeat(count)
      const chunks = standard.split(markdown(text))
      expect(chunks.reduce((most, chunk) => Math.max(most, chunk.text.length), 0)).toBeLessThanOrEqual(1_600)
    }
  })
})

describe('an edit', () => {
  /** Paragraphs, headings, lists and fences out of made-up words, seeded. */
  function documentOf(
    seed: number,
    length: number,
  ): { blocks: string[]; block: () => string; int: (to: number) => number } {
    let state = seed
    const int = (to: number): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      return Math.floor((state / 2 ** 32) * to)
    }
    const word = (): string => `w${int(3_000).toString(36)}${'abcdefgh'.slice(0, int(8))}`
    const phrase = (count: number): string => Array.from({ length: count }, word).join(' ')
    const sentences = (count: number): string =>
      Array.from({ length: count }, () => `W${phrase(4 + int(14))}.`).join(' ')
    const block = (): string => {
      const kind = int(100)
      if (kind < 12) return `${'#'.repeat(2 + int(3))} ${phrase(2)}`
      if (kind < 22) return Array.from({ length: 2 + int(6) }, () => `- ${sentences(1)}`).join('\n')
      if (kind < 28) return `\`\`\`\n${Array.from({ length: 1 + int(20) }, () => phrase(3)).join('\n')}\n\`\`\``
      return sentences(1 + int(9))
    }
    const blocks: string[] = []
    for (let held = 0; held < length; held += blocks.at(-1)!.length + 2) blocks.push(block())
    return { blocks, block, int }
  }

  const chunksOf = (splitter: Immediate, blocks: string[]): string[] =>
    textsOf(splitter.split(markdown(blocks.join('\n\n'))))

  /** How many chunks of the new text were not in the old one. */
  function changed(before: string[], after: string[]): number {
    const held = new Map<string, number>()
    for (const text of before) held.set(text, (held.get(text) ?? 0) + 1)
    let count = 0
    for (const text of after) {
      const left = held.get(text) ?? 0
      if (left > 0) held.set(text, left - 1)
      else count++
    }
    return count
  }

  function trial(
    edit: (blocks: string[], at: number, block: () => string, int: (to: number) => number) => void,
  ): number[] {
    const counts: number[] = []
    for (let seed = 1; seed <= 8; seed++) {
      const { blocks, block, int } = documentOf(seed, 185_000)
      const before = chunksOf(standard, blocks)
      expect(before.length).toBeGreaterThan(180)
      for (let i = 0; i < 40; i++) {
        const edited = [...blocks]
        edit(edited, int(blocks.length), block, int)
        counts.push(changed(before, chunksOf(standard, edited)))
      }
    }
    return counts
  }

  const share = (counts: number[], holds: (count: number) => boolean): number =>
    counts.filter(holds).length / counts.length

  it('by inserting, deleting or replacing a paragraph touches its neighbours at most', () => {
    const inserted = trial((blocks, at, block) => blocks.splice(at, 0, block()))
    const deleted = trial((blocks, at) => blocks.splice(at, 1))
    const replaced = trial((blocks, at, block) => blocks.splice(at, 1, block()))
    for (const counts of [inserted, deleted, replaced]) {
      expect(share(counts, (count) => count <= 3)).toBeGreaterThan(0.98)
      expect(Math.max(...counts)).toBeLessThanOrEqual(5)
      expect(share(counts, (count) => count <= 2)).toBeGreaterThan(0.9)
    }
  })

  it('of one word usually touches one chunk', () => {
    const counts = trial((blocks, at, _, int) => {
      const words = blocks[at]!.split(' ')
      const i = int(words.length)
      if (/^\w+$/.test(words[i]!)) words[i] = 'edited'
      else words.splice(1, 0, 'edited')
      blocks[at] = words.join(' ')
    })
    expect(share(counts, (count) => count === 1)).toBeGreaterThan(0.9)
    expect(Math.max(...counts)).toBeLessThanOrEqual(4)
  })

  it('inside one huge paragraph moves no distant cut', () => {
    const { int } = documentOf(3, 10)
    const sentences = Array.from(
      { length: 800 },
      (_, i) => `Sentence ${i} says ${int(1e6).toString(36)} about ${int(1e6)}.`,
    )
    const before = textsOf(small.split(plain(sentences.join(' '))))
    sentences.splice(400, 0, 'A new sentence came in between.')
    expect(changed(before, textsOf(small.split(plain(sentences.join(' ')))))).toBeLessThanOrEqual(3)
  })
})

describe('recordedSplitter', () => {
  it('knows the default splitters by their ids, and no other', () => {
    const long = plain(paragraph('Long', 80))
    expect(recordedSplitter('md-v1-500-800', [])!.split(long)).toEqual(splitterOf({ size: 500 }).split(long))
    expect(recordedSplitter('md-v2-500-800', [])!.split(long)).toEqual(splitterOf({ size: 500 }).split(long))
    expect(recordedSplitter('md-v1-160-256-tokens', [])).toBeUndefined()
    expect(recordedSplitter('mine', [])).toBeUndefined()
  })
})

describe('splitterOf', () => {
  it('names algorithm and parameters, and passes a splitter through', () => {
    expect(standard.id).toBe('md-v2-1000-1600')
    expect(splitterOf({ size: 500 }).id).toBe('md-v2-500-800')
    expect(splitterOf({ countTokens: () => 1 }).id).toBe('md-v2-160-256-tokens')
    expect(splitterOf(standard)).toBe(standard)
  })

  it.each([
    [{ size: 0 }, 'splitter.size'],
    [{ size: 100.5 }, 'splitter.size'],
    [{ size: 100, max: 99 }, 'splitter.max'],
    [{ countTokens: 5 }, 'splitter.countTokens'],
    [{ id: 'no spaces', split: () => [] }, 'splitter.id'],
    [{ id: 'x', split: 5 }, 'splitter.split'],
    ['md', 'splitter'],
  ])('refuses %j and names the option', (option, path) => {
    expect(() => splitterOf(option as never)).toThrow(expect.objectContaining({ code: 'HW_INVALID_OPTIONS', path }))
  })
})
