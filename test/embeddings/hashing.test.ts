import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { isHeadwaterError } from '../../src/core/errors'
import { HashingEmbedder } from '../../src/embeddings/hashing'
import { embedderOf } from '../../src/embeddings/select'

const cosine = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, i) => sum + value * b[i]!, 0)
const embedder = new HashingEmbedder()
const vectorOf = async (text: string): Promise<Float32Array> => (await embedder.embed([text], { kind: 'passage' }))[0]!

describe('HashingEmbedder', () => {
  it('gives unit vectors of its dimensions, whatever the text', async () => {
    for (const text of ['', '   ', '?!', 'to be or not to be', 'word', '日本語', 'x '.repeat(10_000)]) {
      const vector = await vectorOf(text)
      expect(vector.length).toBe(384)
      expect(cosine(vector, vector)).toBeCloseTo(1, 5)
    }
  })

  it('puts texts that share words, inflected or misspelt, nearer than others', async () => {
    const query = await vectorOf('parental leave')
    const near = await vectorOf('Leaves for parents: how many weeks of parental leave an employee may take')
    const typo = await vectorOf('parentel leave')
    const far = await vectorOf('The compiler reports unused imports as warnings')
    expect(cosine(query, near)).toBeGreaterThan(cosine(query, far) + 0.2)
    expect(cosine(query, typo)).toBeGreaterThan(0.6)
    expect(cosine(await vectorOf('dog bites man'), await vectorOf('man bites dog'))).toBeLessThan(0.999)
  })

  it('dampens repetition', async () => {
    const once = await vectorOf('queue relay')
    const often = await vectorOf(`${'queue '.repeat(50)} relay`)
    expect(cosine(once, often)).toBeGreaterThan(0.7)
  })

  it('makes the very same bytes everywhere, or its revision must change', async () => {
    const vector = await vectorOf('Headwater keeps one Postgres and many indexes without drift. 東京 café')
    const rounded = Array.from(vector, (value) => Math.round(value * 1e5))
    const digest = createHash('sha256').update(JSON.stringify(rounded)).digest('hex').slice(0, 16)
    expect({ fingerprint: embedder.fingerprint, digest }).toEqual({
      fingerprint: 'hashing-v1-384-aa48f128',
      digest: '4fd3a3e17db93fab',
    })
  })

  it('reads words of revision 1 as 0.1.0 did, in a space of its own', async () => {
    const first = new HashingEmbedder({ revision: 1 })
    const text = 'Headwater keeps one Postgres and many indexes without drift. 東京 café'
    const [vector] = await first.embed([text])
    const rounded = Array.from(vector!, (value) => Math.round(value * 1e5))
    const digest = createHash('sha256').update(JSON.stringify(rounded)).digest('hex').slice(0, 16)
    expect({ fingerprint: first.fingerprint, digest }).toEqual({
      fingerprint: 'hashing-v1-384-4ab139e6',
      digest: '5168bfb73ebbd3d4',
    })
    expect(embedder.earlier(first.fingerprint)?.fingerprint).toBe(first.fingerprint)
    expect(embedder.earlier(embedder.fingerprint)).toBe(undefined)
  })

  it('a text without words is like no other, an emoji is a word', async () => {
    expect(cosine(await vectorOf('!!!'), await vectorOf('parental leave'))).toBe(0)
    expect(cosine(await vectorOf('🎉'), await vectorOf('the 🎉 begins'))).toBeGreaterThan(0.3)
  })

  it('does not mix texts of one call', async () => {
    const texts = ['alpha beta', '', 'gamma']
    const together = await embedder.embed(texts, { kind: 'passage' })
    for (const [i, text] of texts.entries()) expect(together[i]).toEqual(await vectorOf(text))
  })

  it('rejects when aborted', async () => {
    const signal = AbortSignal.abort()
    await expect(embedder.embed(['a'], { kind: 'query', signal })).rejects.toMatchObject({ code: 'HW_ABORTED' })
  })
})

describe('embedderOf', () => {
  it('makes a hashing embedder of the dimensions given', () => {
    expect(embedderOf({ hashing: {} }).dimensions).toBe(384)
    const small = embedderOf({ hashing: { dimensions: 64 } })
    expect(small.dimensions).toBe(64)
    expect(small.fingerprint).not.toBe(embedderOf({ hashing: {} }).fingerprint)
    expect(embedderOf(small)).toBe(small)
  })

  it.each([
    [{ hashing: { dimensions: 3 } }, 'embedders.plain.hashing.dimensions'],
    ['hashing', 'embedders.plain'],
    [null, 'embedders.plain'],
    [{}, 'embedders.plain'],
    [{ embed: async () => [], fingerprint: 'no spaces', dimensions: 3, maxTokens: 1 }, 'embedders.plain.fingerprint'],
    [{ embed: async () => [], fingerprint: 'f', dimensions: 0.5, maxTokens: 1 }, 'embedders.plain.dimensions'],
    [{ embed: async () => [], fingerprint: 'f', dimensions: 3, maxTokens: 0 }, 'embedders.plain.maxTokens'],
  ])('refuses %j and names the option', (option, path) => {
    try {
      embedderOf(option as never, 'embedders.plain')
      expect.unreachable()
    } catch (error) {
      expect(isHeadwaterError(error, 'HW_INVALID_OPTIONS')).toBe(true)
      expect(error).toMatchObject({ path })
    }
  })
})
