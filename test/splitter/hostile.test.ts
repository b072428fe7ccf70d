import { describe, expect, it } from 'vitest'
import { splitterOf } from '../../src/splitter/select'
import type { ChunkDraft } from '../../src/splitter/splitter'

const size = 10 * 1024 * 1024
const fill = (part: string): string =>
  part
    .repeat(Math.ceil(size / part.length))
    .slice(0, size)
    .toWellFormed()
const prose = fill(`${'The quick brown fox jumps over the lazy dog. '.repeat(20)}\n\n`)

/** The hash by which boundaries are chosen: anybody can sort paragraphs by it. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < Math.min(text.length, 48); i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  return (hash ^ (hash >>> 13)) >>> 0
}

const shapes: Readonly<Record<string, () => string>> = {
  'no spaces': () => fill('a'),
  'newlines alone': () => `a${fill('\n')}b`,
  'paragraphs of a letter': () => fill('a\n\n'),
  'paragraphs sorted by their hash': () =>
    Array.from({ length: size / 8 }, (_, i) => i.toString(36).padStart(6, '0'))
      .map((text) => [hashOf(text), text] as const)
      .sort(([a], [b]) => a - b)
      .map(([, text]) => text)
      .join('\n\n'),
  'headings alone': () => fill('# a\n'),
  'an endless heading': () => `# ${fill('h').slice(size / 2)}\n\n${prose.slice(size / 2)}`,
  'one line of a table': () => fill('| a '),
  'rows of a table': () => `| a | b |\n|---|---|\n${fill('| a | b |\n')}`,
  fences: () => fill('```\n'),
  'fences within fences': () => fill('```\n`'),
  'list items': () => fill('- a\n'),
  'combining marks': () => `a${fill('\u0301')}`,
  'spaces with marks': () => fill(' \u0301'),
  'joined emoji': () => fill('👩\u200d'),
  flags: () => fill('🇫🇷'),
  'parts of syllables': () => fill('\u1100'),
  conjuncts: () => fill('क्ष'),
  'hard spaces': () => fill('\n\u00a0x'),
  'full stops': () => fill('. '),
  'white space': () => `a${fill(' ')}b`,
}

/** Of this process, ms: what else runs on the machine does not count. */
function cpuOf(work: () => void): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000
}

describe('10 MiB of hostile text', () => {
  const splitter = splitterOf({}, 'splitter', { fingerprint: 'a-model', maxTokens: 256 })
  const split = (text: string): number => {
    const chunks = splitter.split({ title: 'Title', text, contentType: 'text/markdown' }) as ChunkDraft[]
    return Math.max(...chunks.slice(0, 50_000).map((chunk) => chunk.text.length))
  }
  let plain = 0

  it.each(Object.keys(shapes))('%s: within ten times of prose', { timeout: 120_000 }, (name) => {
    // Once to warm up.
    if (plain === 0) for (let i = 0; i < 2; i++) plain = cpuOf(() => split(prose))
    const text = shapes[name]!()
    let longest = 0
    const took = cpuOf(() => {
      longest = split(text)
    })
    expect(took).toBeLessThan(10 * plain)
    expect(longest).toBeLessThanOrEqual(1_600)
  })
})
