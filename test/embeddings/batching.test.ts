import { describe, expect, it } from 'vitest'
import { embedInBatches } from '../../src/embeddings/batching'
import type { Embedder } from '../../src/embeddings/embedder'

/** Vector [number in the text, 1], answered when `open` is called, or at once. */
class Recorder implements Embedder {
  readonly fingerprint = 'recorder'
  readonly dimensions = 2
  readonly maxTokens = 10
  readonly calls: string[][] = []
  under = 0
  most = 0
  answer: (texts: readonly string[], signal: AbortSignal | undefined) => Promise<Float32Array[]> = async (texts) =>
    texts.map((text) => Float32Array.of(Number(text), 1))

  async embed(texts: readonly string[], options: { signal?: AbortSignal | undefined }): Promise<Float32Array[]> {
    this.calls.push([...texts])
    this.under++
    this.most = Math.max(this.most, this.under)
    try {
      await Promise.resolve()
      return await this.answer(texts, options.signal)
    } finally {
      this.under--
    }
  }
}

const numbers = (count: number): string[] => Array.from({ length: count }, (_, i) => String(i))

describe('embedInBatches', () => {
  it('splits by count and keeps the order', async () => {
    const embedder = new Recorder()
    const vectors = await embedInBatches(embedder, numbers(150), { kind: 'passage' })
    expect(embedder.calls.map((call) => call.length)).toEqual([64, 64, 22])
    expect(vectors.map((vector) => vector[0])).toEqual(numbers(150).map(Number))
    expect(await embedInBatches(embedder, [], { kind: 'passage' })).toEqual([])
    expect(embedder.calls.length).toBe(3)
  })

  it('splits by characters; a text over the limit goes alone', async () => {
    const embedder = new Recorder()
    await embedInBatches(embedder, ['1', '22', '333333', '4', '5'], { kind: 'query', batchCharacters: 3 })
    expect(embedder.calls).toEqual([['1', '22'], ['333333'], ['4', '5']])
  })

  it('has at most `concurrency` calls under way, and uses them', async () => {
    const embedder = new Recorder()
    await embedInBatches(embedder, numbers(20), { kind: 'passage', batchSize: 1, concurrency: 3 })
    expect(embedder.most).toBe(3)
    expect(embedder.calls.length).toBe(20)
  })

  it.each([
    ['too few', 'HW_EMBEDDER_FAILED', async () => []],
    ['no list', 'HW_EMBEDDER_FAILED', async () => undefined as never],
    ['wrong dimensions', 'HW_INVALID_VECTOR', async () => [Float32Array.of(1)]],
    ['NaN', 'HW_INVALID_VECTOR', async () => [Float32Array.of(1, Number.NaN)]],
    ['no vector', 'HW_INVALID_VECTOR', async () => [undefined as never]],
  ] as const)('refuses an answer with %s', async (_, code, answer) => {
    const embedder = new Recorder()
    embedder.answer = answer as () => Promise<Float32Array[]>
    await expect(embedInBatches(embedder, ['1'], { kind: 'passage' })).rejects.toMatchObject({ code })
  })

  it('wraps the failure of an embedder and ends the other calls', async () => {
    const embedder = new Recorder()
    const signals: AbortSignal[] = []
    embedder.answer = async (texts, signal) => {
      signals.push(signal!)
      if (texts[0] === '1') throw new TypeError('boom')
      return new Promise<Float32Array[]>(() => {})
    }
    const work = embedInBatches(embedder, numbers(9), { kind: 'passage', batchSize: 1, concurrency: 2 })
    await expect(work).rejects.toMatchObject({
      code: 'HW_EMBEDDER_FAILED',
      retryable: true,
      cause: expect.any(TypeError),
    })
    expect(signals.every((signal) => signal.aborted)).toBe(true)
    expect(embedder.calls.length).toBe(2)
  })

  it('rejects as soon as the caller aborts, even if the embedder does not listen', async () => {
    const embedder = new Recorder()
    embedder.answer = () => new Promise(() => {})
    const controller = new AbortController()
    const work = embedInBatches(embedder, ['1'], { kind: 'passage', signal: controller.signal })
    controller.abort()
    await expect(work).rejects.toMatchObject({ code: 'HW_ABORTED' })
    await expect(embedInBatches(embedder, ['1'], { kind: 'passage', signal: controller.signal })).rejects.toMatchObject(
      { code: 'HW_ABORTED' },
    )
    expect(embedder.calls.length).toBe(1)
  })

  it('names an option that makes no sense', async () => {
    await expect(embedInBatches(new Recorder(), ['1'], { kind: 'passage', batchSize: 0 })).rejects.toMatchObject({
      code: 'HW_INVALID_OPTIONS',
      path: 'batchSize',
    })
  })
})
