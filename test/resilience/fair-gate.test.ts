import { describe, expect, it } from 'vitest'
import { sleep, systemClock } from '../../src/core/clock'
import { FairGate } from '../../src/resilience/fair-gate'
import { createTestStore } from '../../src/testing/test-store'

const { signal } = new AbortController()
const settle = () => sleep(systemClock, 1)

/** Notes in which order parties get in. */
function entrants(gate: FairGate) {
  const order: string[] = []
  const refused: string[] = []
  const leaves: (() => void)[] = []
  const enter = (name: string, by = signal): void => {
    gate.enter(name[0]!, by).then(
      (leave) => {
        order.push(name)
        leaves.push(leave)
      },
      (error: { code: string }) => refused.push(`${name} ${error.code}`),
    )
  }
  const leaveAll = async (): Promise<void> => {
    while (leaves.length > 0) {
      leaves.shift()!()
      await settle()
    }
  }
  return { order, refused, enter, leaveAll }
}

describe('a gate of whole calls', () => {
  it('serves parties in turn, and in each who came first', async () => {
    const gate = new FairGate('searches', { concurrency: 1, queue: 10 })
    const { order, enter, leaveAll } = entrants(gate)
    for (const name of ['a1', 'a2', 'a3', 'a4', 'b1', 'c1', 'b2']) enter(name)
    await settle()
    expect([gate.active, gate.waiting]).toEqual([1, 6])
    await leaveAll()
    expect(order).toEqual(['a1', 'a2', 'b1', 'c1', 'a3', 'b2', 'a4'])
    expect([gate.active, gate.waiting]).toEqual([0, 0])
  })

  it('refuses whole calls beyond the queue, those of whoever has the most', async () => {
    const gate = new FairGate('searches', { concurrency: 1, queue: 3 })
    const { order, refused, enter, leaveAll } = entrants(gate)
    for (const name of ['a1', 'a2', 'a3', 'a4', 'a5', 'b1', 'b2']) enter(name)
    await settle()
    expect(refused.sort()).toEqual(['a4 HW_OVERLOADED', 'a5 HW_OVERLOADED', 'b2 HW_OVERLOADED'])
    await leaveAll()
    expect(order).toEqual(['a1', 'a2', 'b1', 'a3'])
  })

  it('an abort frees the place in the queue, and a place given back twice is one', async () => {
    const gate = new FairGate('searches', { concurrency: 1, queue: 1 })
    const { order, refused, enter } = entrants(gate)
    const leave = await gate.enter('x', signal)
    const controller = new AbortController()
    enter('a1', controller.signal)
    await settle()
    controller.abort()
    enter('a2')
    await settle()
    leave()
    leave()
    await settle()
    expect(refused).toEqual(['a1 HW_ABORTED'])
    expect(order).toEqual(['a2'])
    expect([gate.active, gate.waiting]).toEqual([1, 0])
  })
})

it('a store answers a thousand searches at once, refuses the rest whole, and another tenant gets its turn', async () => {
  let asked = 0
  const store = await createTestStore({
    embedder: {
      fingerprint: 'mine',
      dimensions: 2,
      maxTokens: 100,
      embed: async (texts) => {
        asked += texts.filter((text) => text.startsWith('query')).length
        await settle()
        return texts.map(() => Float32Array.of(1, 0))
      },
    },
  })
  const [acme, globex] = [store.forTenant('acme'), store.forTenant('globex')]
  await acme.documents.put({ id: 'a', text: 'words' })
  await globex.documents.put({ id: 'b', text: 'words' })
  const finished: string[] = []
  const search = (of: typeof acme, name: string) =>
    of.search({ query: `query words ${name}` }).then(
      () => void finished.push(name),
      (error: { code: string }) => void finished.push(error.code),
    )
  const crowd = Array.from({ length: 1_500 }, (_, at) => search(acme, `a${at}`))
  await search(globex, 'b')
  const at = finished.filter((name) => name.startsWith('a')).length
  expect(at).toBeLessThan(400)
  await Promise.all(crowd)
  const refused = finished.filter((name) => name === 'HW_OVERLOADED').length
  expect(refused).toBeGreaterThan(400)
  expect(refused).toBeLessThan(438)
  // Nothing was paid for what was refused.
  expect(asked).toBe(1_501 - refused)
  await store.close()
}, 60_000)
