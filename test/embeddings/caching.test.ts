import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Clock } from '../../src/core/clock'
import { embedAll, inputHash } from '../../src/embeddings/caching'
import type { Embedder, EmbedOptions } from '../../src/embeddings/embedder'
import { VectorLru } from '../../src/embeddings/lru'
import type { VectorCache } from '../../src/embeddings/vector-cache'

class MapCache implements VectorCache {
  readonly held = new Map<string, Float32Array>()
  async getMany(hashes: readonly string[]): Promise<Map<string, Float32Array>> {
    return new Map(hashes.flatMap((hash) => (this.held.has(hash) ? [[hash, this.held.get(hash)!] as const] : [])))
  }
  async setMany(entries: readonly { hash: string; vector: Float32Array }[]): Promise<void> {
    for (const { hash, vector } of entries) this.held.set(hash, vector)
  }
}

/** Vector [length of the text, 1]; while `gate` is set, calls wait for it. */
class Counter implements Embedder {
  readonly fingerprint = 'counter'
  readonly dimensions = 2
  readonly maxTokens = 10
  readonly asked: string[] = []
  gate: Promise<void> | undefined
  async embed(texts: readonly string[]): Promise<Float32Array[]> {
    this.asked.push(...texts)
    await this.gate
    return texts.map((text) => Float32Array.of(text.length, 1))
  }
}

const inputsOf = (...texts: string[]) => texts.map((text) => ({ hash: inputHash(text), text }))
const lengths = (vectors: Float32Array[]): number[] => vectors.map((vector) => vector[0]!)
const turns = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await Promise.resolve()
}

function gate(): { wait: Promise<void>; open: () => void } {
  let open = (): void => {}
  const wait = new Promise<void>((resolve) => {
    open = resolve
  })
  return { wait, open }
}

describe('embedAll', () => {
  it('asks only for what is missing, once a hash, and puts every vector in its own place', async () => {
    const embedder = new Counter()
    const store = new MapCache()
    store.held.set(inputHash('bb'), Float32Array.of(99, 1))
    const vectors = await embedAll(embedder, store, inputsOf('a', 'bb', 'ccc', 'a', 'dddd', 'ccc'))
    expect(lengths(vectors)).toEqual([1, 99, 3, 1, 4, 3])
    expect(embedder.asked).toEqual(['a', 'ccc', 'dddd'])
    expect(store.held.size).toBe(4)
    await embedAll(embedder, store, inputsOf('dddd', 'a'))
    expect(embedder.asked.length).toBe(3)
    expect(await embedAll(embedder, store, [])).toEqual([])
  })

  it('shares one call among concurrent callers and fills the store of each', async () => {
    const embedder = new Counter()
    const door = gate()
    embedder.gate = door.wait
    const [one, two] = [new MapCache(), new MapCache()]
    const first = embedAll(embedder, one, inputsOf('a', 'bb'))
    const second = embedAll(embedder, two, inputsOf('bb', 'ccc'))
    await turns()
    expect(embedder.asked).toEqual(['a', 'bb', 'ccc'])
    door.open()
    expect(lengths(await first)).toEqual([1, 2])
    expect(lengths(await second)).toEqual([2, 3])
    expect([...two.held.keys()].sort()).toEqual([inputHash('bb'), inputHash('ccc')].sort())
  })

  it('keeps queries and passages apart', async () => {
    const embedder = new Counter()
    const door = gate()
    embedder.gate = door.wait
    const works = [
      embedAll(embedder, new MapCache(), inputsOf('a'), { kind: 'query' }),
      embedAll(embedder, new MapCache(), inputsOf('a'), { kind: 'passage' }),
    ]
    await turns()
    expect(embedder.asked).toEqual(['a', 'a'])
    door.open()
    await Promise.all(works)
  })

  it('goes on for the others when the caller that asked first gives up', async () => {
    const embedder = new Counter()
    const door = gate()
    embedder.gate = door.wait
    const controller = new AbortController()
    const first = embedAll(embedder, new MapCache(), inputsOf('a'), { kind: 'passage', signal: controller.signal })
    await turns()
    const second = embedAll(embedder, new MapCache(), inputsOf('a'))
    await turns()
    expect(embedder.asked).toEqual(['a'])
    controller.abort()
    await expect(first).rejects.toMatchObject({ code: 'HW_ABORTED' })
    door.open()
    expect(lengths(await second)).toEqual([1])
    expect(embedder.asked).toEqual(['a'])
  })

  it('ends the call when the last of its callers has given up, and begins anew for the next', async () => {
    const embedder = new Counter()
    const signals: (AbortSignal | undefined)[] = []
    const embed = embedder.embed.bind(embedder)
    embedder.embed = (texts, options?: EmbedOptions) => {
      signals.push(options?.signal)
      return embed(texts)
    }
    const door = gate()
    embedder.gate = door.wait
    const controllers = [new AbortController(), new AbortController()]
    const works = controllers.map(({ signal }) =>
      embedAll(embedder, new MapCache(), inputsOf('a'), { kind: 'passage', signal }),
    )
    await turns()
    controllers[0]!.abort()
    await expect(works[0]).rejects.toMatchObject({ code: 'HW_ABORTED' })
    expect(signals.map((signal) => signal?.aborted)).toEqual([false])
    controllers[1]!.abort()
    const third = embedAll(embedder, new MapCache(), inputsOf('a'))
    await expect(works[1]).rejects.toMatchObject({ code: 'HW_ABORTED' })
    await turns()
    expect(signals.map((signal) => signal?.aborted)).toEqual([true, false])
    door.open()
    expect(lengths(await third)).toEqual([1])
  })

  it('keeps what came before a batch failed', async () => {
    const embedder = new Counter()
    const embed = embedder.embed.bind(embedder)
    embedder.embed = async (texts) => {
      if (texts.includes('bad')) throw new TypeError('refused')
      return embed(texts)
    }
    const store = new MapCache()
    const options = { kind: 'passage', batchSize: 1, concurrency: 1 } as const
    await expect(embedAll(embedder, store, inputsOf('a', 'bb', 'bad', 'dddd'), options)).rejects.toMatchObject({
      code: 'HW_EMBEDDER_FAILED',
    })
    expect([...store.held.keys()]).toEqual([inputHash('a'), inputHash('bb')])
  })

  it('gives every caller his own vectors, whoever else asks, fails or gives up', async () => {
    const text = fc.integer({ min: 0, max: 7 })
    const caller = fc.record({
      texts: fc.array(text, { minLength: 1, maxLength: 8 }),
      startsAfter: fc.nat(12),
      abortsAfter: fc.option(fc.nat(25), { nil: undefined }),
      kind: fc.constantFrom('query' as const, 'passage' as const),
      batchSize: fc.integer({ min: 1, max: 4 }),
    })
    const scenario = fc.record({
      callers: fc.array(caller, { minLength: 1, maxLength: 6 }),
      bad: fc.array(text, { maxLength: 2 }),
      stored: fc.array(text, { maxLength: 3 }),
      latencies: fc.array(fc.nat(15), { minLength: 1, maxLength: 6 }),
      sharedStore: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(scenario, async ({ callers, bad, stored, latencies, sharedStore }) => {
        const nameOf = (n: number): string => `text ${n}`
        const vectorOf = (name: string): Float32Array => Float32Array.of(Number(name.slice(5)), 1)
        const held = (): MapCache => {
          const cache = new MapCache()
          for (const n of stored) cache.held.set(inputHash(nameOf(n)), vectorOf(nameOf(n)))
          return cache
        }
        const common = held()
        const asked: string[] = []
        let calls = 0
        const embedder: Embedder = {
          fingerprint: 'slow',
          dimensions: 2,
          maxTokens: 10,
          async embed(texts, { kind }) {
            asked.push(...texts.map((name) => `${kind} ${name}`))
            for (let i = latencies[calls++ % latencies.length]!; i > 0; i--) await Promise.resolve()
            if (texts.some((name) => bad.map(nameOf).includes(name))) throw new TypeError('refused')
            return texts.map(vectorOf)
          },
        }
        const outcomes = await Promise.allSettled(
          callers.map(async ({ texts, startsAfter, abortsAfter, kind, batchSize }) => {
            for (let i = 0; i < startsAfter; i++) await Promise.resolve()
            const controller = new AbortController()
            const store = sharedStore ? common : held()
            const options = { kind, batchSize, signal: controller.signal }
            const work = embedAll(embedder, store, inputsOf(...texts.map(nameOf)), options)
            work.catch(() => undefined)
            for (let i = 0; i < (abortsAfter ?? 0); i++) await Promise.resolve()
            if (abortsAfter !== undefined) controller.abort()
            return work
          }),
        )
        for (const [at, outcome] of outcomes.entries()) {
          const { texts, abortsAfter } = callers[at]!
          const refused = texts.some((n) => bad.includes(n) && !stored.includes(n))
          if (outcome.status === 'fulfilled') {
            expect(refused).toBe(false)
            expect(lengths(outcome.value)).toEqual(texts)
          } else {
            const { code } = outcome.reason as { code: string }
            if (code === 'HW_ABORTED') expect(abortsAfter).toBeDefined()
            else expect([code, refused]).toEqual(['HW_EMBEDDER_FAILED', true])
          }
        }
        expect(asked.filter((name) => stored.map(nameOf).some((one) => name.endsWith(one)))).toEqual([])
        const calm = bad.length === 0 && callers.every(({ abortsAfter }) => abortsAfter === undefined)
        const oneKind = new Set(callers.map(({ kind }) => kind)).size === 1
        if (calm && oneKind && sharedStore) expect(new Set(asked).size).toBe(asked.length)
      }),
      { numRuns: 500 },
    )
  })

  it('hands a failure to all who wait, and forgets it', async () => {
    const embedder = new Counter()
    const door = gate()
    embedder.gate = door.wait.then(() => {
      throw new TypeError('down')
    })
    const works = [1, 2].map(() => embedAll(embedder, new MapCache(), inputsOf('a')))
    await turns()
    door.open()
    for (const result of await Promise.allSettled(works)) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'HW_EMBEDDER_FAILED' } })
    }
    embedder.gate = undefined
    expect(lengths(await embedAll(embedder, new MapCache(), inputsOf('a')))).toEqual([1])
  })

  it('refuses a stored vector of another space', async () => {
    const store = new MapCache()
    store.held.set(inputHash('a'), Float32Array.of(1, 2, 3))
    await expect(embedAll(new Counter(), store, inputsOf('a'))).rejects.toMatchObject({ code: 'HW_INVALID_VECTOR' })
  })
})

describe('VectorLru', () => {
  let time = 0
  const clock: Clock = { now: () => time, monotonic: () => time, timer: () => () => {} }
  const entry = (hash: string, value: number) => [{ hash, vector: Float32Array.of(value) }]

  it('keeps scopes apart and reads through', async () => {
    const lru = new VectorLru({ clock })
    const behind = new MapCache()
    behind.held.set('h', Float32Array.of(7))
    const acme = lru.scoped(['acme', 'f'], behind)
    expect((await acme.getMany(['h', 'x'])).get('h')).toEqual(Float32Array.of(7))
    behind.held.clear()
    expect((await acme.getMany(['h'])).size).toBe(1)
    expect((await lru.scoped(['acm', 'ef']).getMany(['h'])).size).toBe(0)
    await acme.setMany(entry('i', 8))
    expect(behind.held.has('i')).toBe(true)
    expect(lru.size).toBe(2)
  })

  it('forgets by age on our clock, from time 0 on, and by count', async () => {
    time = 0
    const cache = new VectorLru({ clock, max: 2, ttlMs: 1_000 })
    const view = cache.scoped([])
    await view.setMany(entry('a', 1))
    time = 1_000
    expect((await view.getMany(['a'])).size).toBe(1)
    time = 1_001
    expect((await view.getMany(['a'])).size).toBe(0)
    for (const hash of ['a', 'b', 'c']) await view.setMany(entry(hash, 1))
    expect([...(await view.getMany(['a', 'b', 'c'])).keys()]).toEqual(['b', 'c'])
  })
})
