import { getEventListeners } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import { abortable, offAbort, onAbort } from '../../src/core/abort'
import { sleep, systemClock } from '../../src/core/clock'
import { Deadline, withDeadline } from '../../src/core/deadline'
import { createTestStore } from '../../src/testing/test-store'

const countOf = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length

describe("a caller's signal", () => {
  it('carries one listener of ours however many calls run under it, and none after them', async () => {
    const warnings: Error[] = []
    const warned = (warning: Error): void => void warnings.push(warning)
    process.on('warning', warned)
    const { signal } = new AbortController()
    const store = await createTestStore()
    const acme = store.forTenant('acme')
    const calls = Array.from({ length: 60 }, async (_, at) => {
      await acme.documents.put({ id: `d${at}`, text: 'a fox' }, { signal })
      await acme.documents.get(`d${at}`, { signal })
      return acme.search({ query: 'fox' }, { signal })
    })
    expect(countOf(signal)).toBeLessThanOrEqual(1)
    await Promise.all(calls)
    expect(countOf(signal)).toBe(0)
    await store.close()
    await sleep(systemClock, 1)
    process.off('warning', warned)
    expect(warnings.filter(({ name }) => name === 'MaxListenersExceededWarning')).toEqual([])
  })

  it('ends everything that waits for it, each once', async () => {
    const controller = new AbortController()
    const { signal } = controller
    const never = new Promise(() => undefined)
    const waits = Promise.allSettled([
      abortable(never, signal),
      sleep(systemClock, 60_000, signal),
      withDeadline(systemClock, { signal }, undefined, (deadline) => abortable(never, deadline)),
    ])
    const gone = vi.fn()
    onAbort(signal, gone)
    offAbort(signal, gone)
    const told = vi.fn()
    onAbort(signal, told)
    controller.abort()
    for (const outcome of await waits) expect(outcome).toMatchObject({ reason: { code: 'HW_ABORTED' } })
    expect(told).toHaveBeenCalledTimes(1)
    expect(gone).not.toHaveBeenCalled()
    expect(countOf(signal)).toBe(0)
    expect(() => new Deadline(systemClock, { signal })).toThrow(expect.objectContaining({ code: 'HW_ABORTED' }))
  })
})
