import { describe, expect, it } from 'vitest'
import { Bulkhead } from '../../src/resilience/bulkhead'

const never = new AbortController().signal

describe('bulkhead', () => {
  it('runs so many at once, queues so many, and rejects the next', async () => {
    const bulkhead = new Bulkhead('postgres', { concurrency: 2, queue: 1 })
    const first = await bulkhead.enter(never)
    await bulkhead.enter(never)
    let third = false
    const waiting = bulkhead.enter(never).then((leave) => {
      third = true
      return leave
    })
    await expect(bulkhead.enter(never)).rejects.toMatchObject({ code: 'HW_OVERLOADED' })
    expect(third).toBe(false)
    first()
    first()
    await waiting
    expect([bulkhead.active, bulkhead.waiting]).toEqual([2, 0])
  })

  it('an aborted caller leaves the queue at once and frees its place', async () => {
    const bulkhead = new Bulkhead('postgres', { concurrency: 1, queue: 1 })
    const leave = await bulkhead.enter(never)
    const controller = new AbortController()
    const aborted = bulkhead.enter(controller.signal)
    controller.abort()
    await expect(aborted).rejects.toMatchObject({ code: 'HW_ABORTED' })
    expect(bulkhead.waiting).toBe(0)
    const next = bulkhead.enter(never)
    leave()
    ;(await next)()
    expect(bulkhead.active).toBe(0)
  })

  it('serves in the order of asking; a newcomer does not overtake', async () => {
    const bulkhead = new Bulkhead('postgres', { concurrency: 1, queue: 10 })
    const order: number[] = []
    const leave = await bulkhead.enter(never)
    const visit = async (n: number): Promise<void> => {
      const done = await bulkhead.enter(never)
      order.push(n)
      done()
    }
    const visits = [visit(1), visit(2)]
    leave()
    visits.push(visit(3))
    await Promise.all(visits)
    expect(order).toEqual([1, 2, 3])
  })
})
