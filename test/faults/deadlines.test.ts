import { afterAll, describe, expect, it } from 'vitest'
import { isHeadwaterError } from '../../src/core/errors'
import { TcpProxy } from '../support/tcp-proxy'
import { type AnyConnection, describeClients } from './clients'
import { leftovers, noneLeft } from './leftovers'
import { networkFaults } from './network-faults'

const calls = 40

interface Lateness {
  /** Beyond its deadline, ms; nothing for a call that ended before. */
  readonly call: number
  /** Of a plain timer of the same length: what the machine itself was late. */
  readonly timer: number
}

/** Calls that would go on for ever under a fault come back by their deadline, however many there are. */
describeClients('deadlines', (client) => {
  const rows: string[] = []
  afterAll(() => console.info(rows.join('\n')))

  describe.each(networkFaults)('that $how', ({ how, begin }) => {
    it('hold to 100 ms', async () => {
      const proxy = await TcpProxy.to(client.url())
      const before = leftovers()
      const connection = client.open({
        url: proxy.url,
        maxConnections: 8,
        // As long as the deadline allows: no breaker and no budget ends a call before.
        retry: { maxAttempts: 1_000, baseMs: 5, maxMs: 20 },
        budget: { ratio: 1, minimumPerSecond: 100_000, capacity: 100_000 },
        breaker: { minimumCalls: 1_000_000, window: 1_000_000 },
      })
      try {
        await connection.read()
        begin(proxy)
        const timeouts = Array.from({ length: calls }, (_, at) => 80 + at)
        const late = await Promise.all(timeouts.map((timeoutMs) => lateness(connection, timeoutMs)))
        await connection.destroy()
        await noneLeft(before, () => proxy.open)
        const overshoot = quantiles(late.map(({ call }) => call))
        const timers = quantiles(late.map(({ timer }) => timer))
        const beyond = overshoot.p99 - timers.p99
        rows.push(
          `overshoot of ${late.length} deadlines, ms: ${client.name} ${how}: ${shown(overshoot)}` +
            ` (a plain timer: ${shown(timers)}; p99 beyond it ${beyond.toFixed(1)}); sockets left 0, timers left 0`,
        )
        // Others load this machine, and a plain timer is late then, too.
        expect(beyond).toBeLessThan(100)
      } finally {
        await connection.destroy()
        await proxy.close()
      }
    })
  })
})

async function lateness(connection: AnyConnection, timeoutMs: number): Promise<Lateness> {
  const startedAt = performance.now()
  const timer = new Promise<number>((resolve) =>
    setTimeout(() => resolve(performance.now() - startedAt - timeoutMs), timeoutMs),
  )
  const call = connection.read({ timeoutMs }).then(
    () => expect.fail('answered'),
    (error: unknown) => {
      expect(isHeadwaterError(error) && error.code).toMatch(/^HW_(TIMEOUT|UNAVAILABLE)$/)
      return Math.max(0, performance.now() - startedAt - timeoutMs)
    },
  )
  return { call: await call, timer: await timer }
}

function quantiles(values: readonly number[]) {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
  return { p50: at(0.5), p99: at(0.99), max: at(1) }
}

function shown({ p50, p99, max }: ReturnType<typeof quantiles>): string {
  return `p50 ${p50.toFixed(1)}, p99 ${p99.toFixed(1)}, max ${max.toFixed(1)}`
}
