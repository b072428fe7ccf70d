import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Clock, systemClock } from '../../src/core/clock'
import { isHeadwaterError } from '../../src/core/errors'
import { TcpProxy } from '../support/tcp-proxy'
import { type AnyConnection, type ClientOptions, describeClients } from './clients'
import { leftovers, noneLeft, settled } from './leftovers'
import { networkFaults } from './network-faults'

/** The system's clock, which can run faster for a while, and be put forward for those who measure time by it. */
function quickClock(): Clock & { skip(ms: number): void; run(rate: number): void } {
  let rate = 1
  let since = systemClock.monotonic()
  let before = since
  const monotonic = (): number => before + (systemClock.monotonic() - since) * rate
  return {
    ...systemClock,
    monotonic,
    timer: (ms, fire, options) => systemClock.timer(ms / rate, fire, options),
    skip(ms) {
      before += ms
    },
    run(times) {
      before = monotonic()
      since = systemClock.monotonic()
      rate = times
    },
  }
}

describeClients('a network that fails', (client) => {
  let proxy: TcpProxy
  const open: AnyConnection[] = []
  const through = (options: Omit<ClientOptions, 'url'>) => {
    const connection = client.open({ url: proxy.url, ...options })
    open.push(connection)
    return connection
  }
  beforeEach(async () => {
    proxy = await TcpProxy.to(client.url())
  })
  afterEach(async () => {
    await Promise.all(open.splice(0).map((connection) => connection.destroy()))
    await proxy.close()
  })

  describe.each(networkFaults)('that $how', ({ begin, code }) => {
    it('errors are typed, the circuit opens and closes again, and nothing is left open', async () => {
      const before = leftovers()
      const clock = quickClock()
      const openMs = 60_000
      const connection = through({
        clock,
        timeoutMs: 1_020,
        retry: { maxAttempts: 1 },
        breaker: { minimumCalls: 3, openMs, maxOpenMs: openMs },
      })
      await connection.read()
      begin(proxy)
      // What ends by its timeout need not be waited for; what ends by itself is given its time.
      if (code === 'HW_TIMEOUT') clock.run(10)
      // Longer than a second: a shorter timeout is taken for the caller's haste.
      const call = { timeoutMs: 1_040 }
      const reads = await Promise.allSettled([1, 2, 3, 4].map(() => connection.read(call)))
      for (const read of reads) {
        expect(read).toMatchObject({ status: 'rejected', reason: { code, retryable: true } })
        if (read.status === 'rejected') expect(read.reason.cause ?? code).not.toBe(undefined)
      }
      expect(await connection.health({ timeoutMs: 100 })).toMatchObject({ status: 'down', breaker: 'open' })
      expect(await refusal(connection.read(call))).toBe('HW_CIRCUIT_OPEN')
      clock.run(1)
      proxy.resume()
      expect(await refusal(connection.read(call))).toBe('HW_CIRCUIT_OPEN')
      await settled(async () => {
        clock.skip(openMs)
        expect(await refusal(connection.read())).toBe(undefined)
      })
      expect((await connection.health()).breaker).toBe('closed')
      await connection.close()
      await noneLeft(before, () => proxy.open)
    })

    it('destroy ends what runs, and nothing is left open', async () => {
      const before = leftovers()
      const connection = through({ timeoutMs: 30_000 })
      await connection.read()
      begin(proxy)
      const reading = refusal(connection.read())
      await connection.destroy()
      expect(await reading).toMatch(/^HW_(CLOSED|UNAVAILABLE|ABORTED)$/)
      await noneLeft(before, () => proxy.open)
    })
  })
})

/** The code of a rejection, or undefined. */
function refusal(call: Promise<unknown>): Promise<string | undefined> {
  return call.then(
    () => undefined,
    (error: unknown) => {
      if (isHeadwaterError(error)) return error.code
      throw error
    },
  )
}
