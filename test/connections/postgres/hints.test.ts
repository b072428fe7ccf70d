import pg from 'pg'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { PostgresConnection } from '../../../src/connections/postgres/connection'
import type { PostgresOptions } from '../../../src/connections/postgres/options'
import { sleep, systemClock } from '../../../src/core/clock'
import { sha256 } from '../../../src/core/ids'
import { useDatabase } from '../../support/postgres'
import { TcpProxy } from '../../support/tcp-proxy'

const patience = { timeout: 30_000, interval: 20 }

describe('hints', () => {
  const database = useDatabase()
  const stops: (() => Promise<unknown>)[] = []
  afterEach(async () => {
    for (const stop of stops.splice(0).reverse()) await stop()
  })

  function connect(options: PostgresOptions): PostgresConnection {
    const connection = new PostgresConnection(options)
    stops.push(() => connection.close())
    return connection
  }

  /** Listens from now on; counts what is heard, the beginning of each connection included. */
  function listener(options: PostgresOptions, of = 'a') {
    const heard = vi.fn()
    const stop = new AbortController()
    const listening = connect(options).hints(of)!.listen(heard, stop.signal)
    const end = (): Promise<void> => {
      stop.abort()
      return listening
    }
    stops.push(end)
    return { heard, end }
  }

  it('reach who listens, of the same installation alone', async () => {
    const { url } = database()
    const [a, b] = [listener({ url }, 'a'), listener({ url }, 'b')]
    await vi.waitFor(() => expect(a.heard.mock.calls.length + b.heard.mock.calls.length).toBe(2), patience)
    connect({ url }).hints('a')!.send()
    await vi.waitFor(() => expect(a.heard).toHaveBeenCalledTimes(2), patience)
    expect(b.heard).toHaveBeenCalledTimes(1)
  })

  it('are few, however many are sent', async () => {
    const { url } = database()
    const { heard } = listener({ url })
    await vi.waitFor(() => expect(heard).toHaveBeenCalledTimes(1), patience)
    const connection = connect({ url })
    const hints = connection.hints('a')!
    const query = vi.spyOn(connection, 'session')
    for (let at = 0; at < 1_000; at++) hints.send()
    await vi.waitFor(() => expect(heard).toHaveBeenCalledTimes(3), patience)
    expect(query).toHaveBeenCalledTimes(2)
  })

  it('wake a worker seldom, however many somebody else sends, and the last one too', async () => {
    const { url } = database()
    const of = 'a'
    const { heard } = listener({ url }, of)
    await vi.waitFor(() => expect(heard).toHaveBeenCalledTimes(1), patience)
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    stops.push(() => client.end())
    const channel = `headwater_${sha256(of).slice(0, 16)}`
    const startedAt = performance.now()
    for (let at = 0; at < 500; at++) await client.query(`NOTIFY ${channel}`)
    const tookMs = performance.now() - startedAt
    const before = heard.mock.calls.length
    expect(before).toBeLessThan(3 + tookMs / 50)
    await sleep(systemClock, 120)
    const after = heard.mock.calls.length
    expect(after - before).toBeLessThan(3)
    await client.query(`NOTIFY ${channel}`)
    await vi.waitFor(() => expect(heard).toHaveBeenCalledTimes(after + 1), patience)
  })

  it('that cannot be sent are no failure', async () => {
    const connection = connect({ url: 'postgres://nobody@127.0.0.1:9/none', retry: { maxAttempts: 1 } })
    connection.hints('a')!.send()
    await expect(connection.session({ worker: true }).query('SELECT 1')).rejects.toMatchObject({
      code: 'HW_UNAVAILABLE',
    })
  })

  it('a connection that is cut is replaced, and what may have been missed is told', async () => {
    const proxy = await TcpProxy.to(database().url)
    onTestFinished(() => proxy.close())
    const { heard } = listener({ url: proxy.url })
    await vi.waitFor(() => expect(heard).toHaveBeenCalledTimes(1), patience)
    proxy.cut()
    await vi.waitFor(() => expect(heard).toHaveBeenCalledTimes(2), patience)
  })

  it('a connection that is half open is noticed by its heartbeat and replaced', async () => {
    const proxy = await TcpProxy.to(database().url)
    onTestFinished(() => proxy.close())
    const { heard, end } = listener({ url: proxy.url, hintHeartbeatMs: 1_000 })
    await vi.waitFor(() => expect(heard).toHaveBeenCalledTimes(1), patience)
    proxy.stall()
    await vi.waitFor(() => expect(proxy.accepted).toBeGreaterThan(1), patience)
    proxy.resume()
    await vi.waitFor(() => expect(heard).toHaveBeenCalledTimes(2), patience)
    connect({ url: database().url }).hints('a')!.send()
    await vi.waitFor(() => expect(heard).toHaveBeenCalledTimes(3), patience)
    await end()
    await vi.waitFor(() => expect(proxy.open).toBe(0), patience)
  })

  it('one that lets no notification through, as a pooler of transactions, is not taken for sound', async () => {
    const proxy = await TcpProxy.to(database().url)
    onTestFinished(() => proxy.close())
    // NotificationResponse begins with A; the answers to the statements themselves arrive.
    proxy.onResponse = (bytes) => (bytes.includes('headwater_') ? 'swallow' : 'pass')
    listener({ url: proxy.url, hintHeartbeatMs: 500 })
    await vi.waitFor(() => expect(proxy.accepted).toBeGreaterThan(2), patience)
  })

  describe('over a pool of the user’s', () => {
    /** Options as users give them: a URL, or its parts, of which pg hides the password. */
    function poolOf(options: pg.PoolConfig): pg.Pool {
      const pool = new pg.Pool(options)
      pool.on('error', () => {})
      stops.push(async () => void (pool.ended || (await pool.end())))
      return pool
    }
    const parts = (): pg.PoolConfig => {
      const { hostname, port, username, password, pathname } = new URL(database().url)
      return { host: hostname, port: Number(port), user: username, password, database: pathname.slice(1) }
    }

    it.each([
      ['by a URL', () => ({ connectionString: database().url, max: 3 })],
      ['by its parts', parts],
    ])('%s: are heard beside it, and none of its connections is held', async (_, options) => {
      const pool = poolOf(options())
      const { heard } = listener({ pool })
      await vi.waitFor(() => expect(heard).toHaveBeenCalledTimes(1), patience)
      expect(pool.totalCount).toBe(0)
      connect({ pool }).hints('a')!.send()
      await vi.waitFor(() => expect(heard).toHaveBeenCalledTimes(2), patience)
      await vi.waitFor(() => expect(pool.idleCount).toBe(pool.totalCount), patience)
      // The worker still listens.
      await pool.end()
    })

    it('a connection that is half open is noticed and replaced here, too, and closed at the end', async () => {
      const proxy = await TcpProxy.to(database().url)
      onTestFinished(() => proxy.close())
      const { heard, end } = listener({ pool: poolOf({ connectionString: proxy.url }), hintHeartbeatMs: 1_000 })
      await vi.waitFor(() => expect(heard).toHaveBeenCalledTimes(1), patience)
      proxy.stall()
      await vi.waitFor(() => expect(proxy.accepted).toBeGreaterThan(1), patience)
      proxy.resume()
      await vi.waitFor(() => expect(heard).toHaveBeenCalledTimes(2), patience)
      await end()
      await vi.waitFor(() => expect(proxy.open).toBe(0), patience)
    })

    it('a small pool, and one that does not say how it connects, is polled', async () => {
      const small = poolOf({ connectionString: database().url, max: 2 })
      const { connect: take, totalCount, idleCount, waitingCount } = small
      const other = { connect: take.bind(small) as never, end: () => small.end(), totalCount, idleCount, waitingCount }
      for (const pool of [small, other]) {
        const heard = vi.fn()
        await connect({ pool }).hints('a')!.listen(heard, new AbortController().signal)
        expect(heard).not.toHaveBeenCalled()
      }
    })
  })

  it('are neither sent nor heard where they are switched off, or in process', () => {
    expect(connect({ url: database().url, hints: false }).hints('a')).toBeUndefined()
    expect(connect({ embedded: { path: ':memory:' } }).hints('a')).toBeUndefined()
  })
})
