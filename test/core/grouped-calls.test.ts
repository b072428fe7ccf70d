import { describe, expect, it } from 'vitest'
import { GroupedCalls } from '../../src/core/grouped-calls'

interface Item {
  readonly of: string
  readonly bytes?: number
}

function stage() {
  const calls: { readonly items: string[]; end(result?: unknown): void }[] = []
  const together = new GroupedCalls<Item, string>(
    (items) =>
      new Promise((resolve, reject) => {
        const names = items.map(({ of }) => of)
        const end = (error?: unknown) => (error ? reject(error) : resolve(names.map((name) => `done ${name}`)))
        calls.push({ items: names, end })
      }),
    { count: 3, bytes: 100, atOnce: 2 },
    ({ of, bytes = 0 }) => ({ names: [of], bytes }),
  )
  const ask = (of: string, { bytes = 0, key = 'k', signal = new AbortController().signal } = {}) => {
    const asked = together.ask(key, { of, bytes }, signal)
    asked.catch(() => undefined)
    return asked
  }
  const under = async () => {
    await new Promise((resolve) => setImmediate(resolve))
    return calls.map(({ items }) => items)
  }
  return { calls, ask, under }
}

describe('GroupedCalls', () => {
  it('asks at once for those of one turn, two calls at a time, and then for all that came meanwhile', async () => {
    const { calls, ask, under } = stage()
    const first = [ask('a'), ask('b')]
    expect(await under()).toEqual([['a', 'b']])
    ask('c')
    expect(await under()).toEqual([['a', 'b'], ['c']])
    const last = [ask('d'), ask('e'), ask('f'), ask('g')]
    ask('other', { key: 'another' })
    expect(await under()).toEqual([['a', 'b'], ['c'], ['other']])
    calls[0]!.end()
    expect(await Promise.all(first)).toEqual(['done a', 'done b'])
    expect((await under()).slice(3)).toEqual([['d', 'e', 'f']])
    calls[1]!.end()
    expect((await under()).slice(4)).toEqual([['g']])
    for (const { end } of calls) end()
    expect(await Promise.all(last)).toEqual(['done d', 'done e', 'done f', 'done g'])
  })

  it('has no two of a name in a call, nor more bytes than it may, but for one alone', async () => {
    const { ask, under } = stage()
    for (const of of ['a', 'a', 'b']) ask(of)
    expect(await under()).toEqual([['a', 'b'], ['a']])
    const other = stage()
    for (const [of, bytes] of [
      ['c', 500],
      ['d', 60],
      ['e', 60],
    ] as const)
      other.ask(of, { bytes })
    expect(await other.under()).toEqual([['c'], ['d']])
  })

  it('fails for all of a call, and for no other', async () => {
    const { calls, ask, under } = stage()
    const [a, b] = [ask('a'), ask('b')]
    await under()
    const c = ask('c')
    await under()
    calls[0]!.end(new Error('no'))
    await expect(a).rejects.toThrow('no')
    await expect(b).rejects.toThrow('no')
    calls[1]!.end()
    expect(await c).toBe('done c')
  })

  it('leaves out who goes while he waits; who is in a call is told how it ends', async () => {
    const { calls, ask, under } = stage()
    const abort = new AbortController()
    const a = ask('a', { signal: abort.signal })
    await under()
    ask('b')
    await under()
    const c = ask('c', { signal: abort.signal })
    const d = ask('d')
    abort.abort()
    await expect(c).rejects.toMatchObject({ code: 'HW_ABORTED' })
    for (const { end } of calls) end()
    expect(await a).toBe('done a')
    expect((await under()).slice(2)).toEqual([['d']])
    calls[2]!.end()
    expect(await d).toBe('done d')
    await expect(Promise.resolve().then(() => ask('e', { signal: abort.signal }))).rejects.toMatchObject({
      code: 'HW_ABORTED',
    })
  })
})
