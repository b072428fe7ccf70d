import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { useDatabase } from '../../support/postgres'
import { TcpProxy } from '../../support/tcp-proxy'
import { acme, rejection, useConnections, worker } from './backends'

const connectTo = useConnections()
const database = useDatabase()
const fast = { baseMs: 1, maxMs: 5 }
const backend = "SELECT pg_backend_pid() AS pid, current_setting('application_name') AS name"

describe('a backend that is killed', () => {
  it('in the middle of a transaction: HW_UNAVAILABLE, nothing stays, the next call works', async () => {
    const connection = connectTo({ url: database().url, max: 2 })
    await database().admin('CREATE TABLE public.killed (id int)')
    const error = await rejection(
      connection.transaction(acme, async (tx) => {
        const { rows } = await tx.query<{ pid: number; name: string }>(backend)
        expect(rows[0]?.name).toBe('headwater')
        await tx.query('INSERT INTO public.killed VALUES (1)')
        await database().admin('SELECT pg_terminate_backend($1)', [rows[0]?.pid])
        await tx.query('INSERT INTO public.killed VALUES (2)')
      }),
    )
    expect(error).toMatchObject({ code: 'HW_UNAVAILABLE', retryable: true })
    const { rows } = await connection.session(acme).query('SELECT count(*) AS n FROM public.killed')
    expect(rows).toEqual([{ n: 0 }])
  })

  it('runs again when that is allowed', async () => {
    const connection = connectTo({ url: database().url, max: 2, retry: fast })
    let runs = 0
    const pid = await connection.transaction(
      acme,
      async (tx) => {
        const { rows } = await tx.query<{ pid: number }>(backend)
        if (++runs === 1) await database().admin('SELECT pg_terminate_backend($1)', [rows[0]?.pid])
        await tx.query('SELECT 1')
        return rows[0]?.pid
      },
      { retries: 2 },
    )
    expect(pid).toBeGreaterThan(0)
    expect(runs).toBe(2)
  })

  it('while its connection is idle: the next call does not notice', async () => {
    const connection = connectTo({ url: database().url, max: 1, retry: fast })
    const { rows } = await connection.session(worker).query<{ pid: number }>(backend)
    await database().admin('SELECT pg_terminate_backend($1)', [rows[0]?.pid])
    await expect(connection.session(worker).query('SELECT 1 AS n')).resolves.toMatchObject({ rows: [{ n: 1 }] })
  })
})

describe('a server that ends a session in the breath that it begins in', () => {
  it('is HW_UNAVAILABLE, and no event that nobody hears', async () => {
    const message = (type: string, body: string): Buffer => {
      const length = Buffer.alloc(4)
      length.writeInt32BE(4 + body.length)
      return Buffer.concat([Buffer.from(type), length, Buffer.from(body)])
    }
    const ended = 'SFATAL\0C57P01\0Mterminating connection due to administrator command\0\0'
    const answer = [message('R', '\0\0\0\0'), message('Z', 'I'), message('E', ended)]
    const server = createServer((socket) => {
      socket.on('error', () => {}).once('data', () => socket.end(Buffer.concat(answer)))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const connection = connectTo({ url: `postgres://me@127.0.0.1:${port}/none`, retry: { maxAttempts: 1 } })
    const heard: unknown[] = []
    const hear = (error: unknown): void => void heard.push(error)
    process.on('uncaughtExceptionMonitor', hear)
    expect(await rejection(connection.session(acme).query('SELECT 1'))).toMatchObject({ code: 'HW_UNAVAILABLE' })
    process.off('uncaughtExceptionMonitor', hear)
    expect(heard).toEqual([])
    server.close()
  })
})

describe('conflicts', () => {
  it('a serialization failure runs the whole transaction again', async () => {
    const connection = connectTo({ url: database().url, max: 3, retry: fast })
    await database().admin('CREATE TABLE public.counted (n int); INSERT INTO public.counted VALUES (0)')
    let runs = 0
    await connection.transaction(
      acme,
      async (tx) => {
        await tx.query('SELECT n FROM public.counted')
        if (++runs === 1) await connection.session(worker).query('UPDATE public.counted SET n = n + 10')
        await tx.query('UPDATE public.counted SET n = n + 1')
      },
      { isolation: 'repeatable read', retries: 2 },
    )
    expect(runs).toBe(2)
    expect((await connection.session(worker).query('SELECT n FROM public.counted')).rows).toEqual([{ n: 11 }])
  })

  it('a lock that is not given in time is HW_CONFLICT; a slow statement is stopped by the server', async () => {
    const connection = connectTo({ url: database().url, max: 3, lockTimeoutMs: 50, statementTimeoutMs: 300 })
    await database().admin('CREATE TABLE public.locked (n int); INSERT INTO public.locked VALUES (0)')
    await connection.transaction(acme, async (tx) => {
      await tx.query('UPDATE public.locked SET n = 1')
      const other = connection.transaction(acme, (second) => second.query('UPDATE public.locked SET n = 2'))
      expect(await rejection(other)).toMatchObject({ code: 'HW_CONFLICT', details: { sqlState: '55P03' } })
    })
    const slow = await rejection(connection.session(acme).query('SELECT pg_sleep(5)'))
    expect(slow).toMatchObject({ code: 'HW_TIMEOUT', details: { sqlState: '57014' } })
    expect(connection.stats.total).toBeGreaterThan(0)
    const longer = connection.session(acme).query('SELECT pg_sleep(0.5)', [], { timeoutMs: 5_000 })
    await expect(longer).resolves.toMatchObject({ rowCount: 1 })
  })
})

describe('through a network that fails', () => {
  let proxy: TcpProxy
  beforeEach(async () => {
    proxy = await TcpProxy.to(database().url)
  })
  afterEach(() => proxy.close())
  const atCommit = (verdict: 'cut-before' | 'cut-after') => {
    proxy.onRequest = (bytes) => (bytes.includes('COMMIT') ? verdict : 'pass')
  }

  it.each(['cut-before', 'cut-after'] as const)(
    'COMMIT %s reaching the server is HW_COMMIT_UNKNOWN',
    async (verdict) => {
      const connection = connectTo({ url: proxy.url, max: 2, retry: fast })
      await database().admin('CREATE TABLE IF NOT EXISTS public.unsure (what text)')
      let runs = 0
      const error = await rejection(
        connection.transaction(
          acme,
          async (tx) => {
            runs++
            await tx.query('INSERT INTO public.unsure VALUES ($1)', [verdict])
            atCommit(verdict)
          },
          { retries: 3 },
        ),
      )
      expect(error).toMatchObject({ code: 'HW_COMMIT_UNKNOWN', retryable: false, cause: { code: 'HW_UNAVAILABLE' } })
      expect(runs).toBe(1)
      proxy.resume()
      // Both truths are behind the same error, which is why it says unknown.
      const count = async () =>
        (await database().admin('SELECT count(*)::int AS n FROM public.unsure WHERE what = $1', [verdict])).rows[0]?.n
      await expect.poll(count).toBe(verdict === 'cut-after' ? 1 : 0)
    },
  )

  it('a single change whose answer is lost is HW_COMMIT_UNKNOWN, a read is repeated', async () => {
    const connection = connectTo({ url: proxy.url, max: 2, retry: fast })
    await database().admin('CREATE TABLE public.single (n int)')
    await connection.session(acme).query('SELECT 1')
    proxy.onRequest = (bytes) => (bytes.includes('single') ? 'cut-after' : 'pass')
    const error = await rejection(connection.session(acme).query('INSERT INTO public.single VALUES (1)'))
    expect(error).toMatchObject({ code: 'HW_COMMIT_UNKNOWN' })
    let cuts = 0
    proxy.onRequest = (bytes) => (bytes.includes('single') && cuts++ === 0 ? 'cut-before' : 'pass')
    const { rows } = await connection.session(acme).query('SELECT count(*) AS n FROM public.single')
    expect(rows).toEqual([{ n: 1 }])
    expect(cuts).toBe(2)
  })

  it('an answer cut in the middle is no answer', async () => {
    const connection = connectTo({ url: proxy.url, max: 1, retry: { maxAttempts: 1 } })
    await connection.session(acme).query('SELECT 1')
    proxy.truncateAfter(20_000)
    const error = await rejection(connection.session(acme).query("SELECT repeat('x', 100000) AS long"))
    expect(error).toMatchObject({ code: 'HW_UNAVAILABLE' })
    proxy.resume()
    await expect(connection.session(acme).query('SELECT 1 AS n')).resolves.toMatchObject({ rows: [{ n: 1 }] })
  })

  it('a stalled network ends at the deadline: statement, COMMIT and connecting alike', async () => {
    const connection = connectTo({ url: proxy.url, max: 2, retry: fast })
    await database().admin('CREATE TABLE public.stalled (n int)')
    await connection.session(acme).query('SELECT 1')
    proxy.stall()
    const options = { timeoutMs: 150 }
    const startedAt = performance.now()
    const statement = await rejection(connection.session(acme).query('SELECT 1', [], options))
    expect(statement).toMatchObject({ code: 'HW_TIMEOUT', details: { phase: 'statement' } })
    const connecting = await rejection(connection.session(acme).query('SELECT 1', [], options))
    expect(connecting).toMatchObject({ code: 'HW_TIMEOUT', details: { phase: 'connect', busy: false } })
    proxy.resume()
    const commit = await rejection(
      connection.transaction(
        acme,
        async (tx) => {
          await tx.query('INSERT INTO public.stalled VALUES (1)')
          proxy.stall()
        },
        { timeoutMs: 1_000 },
      ),
    )
    expect(commit).toMatchObject({ code: 'HW_COMMIT_UNKNOWN', cause: { code: 'HW_TIMEOUT' } })
    expect(performance.now() - startedAt).toBeLessThan(5_000)
  })

  it('an unreachable server says what was tried, opens the circuit, and is found again', async () => {
    const connection = connectTo({ url: proxy.url, max: 2, retry: { maxAttempts: 1 }, breaker: { openMs: 1 } })
    proxy.refuse()
    const error = await rejection(connection.session(acme).query('SELECT 1'))
    expect(error).toMatchObject({ code: 'HW_UNAVAILABLE', details: { phase: 'connect' } })
    expect(error.message).toContain(`Cannot connect to Postgres at ${new URL(proxy.url).host}/`)
    expect(error.message).not.toContain('headwater:')
    for (let n = 0; n < 5; n++) await rejection(connection.session(acme).query('SELECT 1'))
    expect(await connection.health()).toMatchObject({ status: 'down', breaker: 'open' })
    proxy.resume()
    await expect
      .poll(async () => (await connection.session(acme).query('SELECT 1')).rowCount, { timeout: 5_000 })
      .toBe(1)
    expect(await connection.health()).toMatchObject({ status: 'up', breaker: 'closed' })
  })

  it('a server that is not there at all: the port is in the message', async () => {
    await proxy.close()
    const connection = connectTo({ url: proxy.url, retry: { maxAttempts: 1 } })
    const error = await rejection(connection.session(acme).query('SELECT 1'))
    expect(error).toMatchObject({ code: 'HW_UNAVAILABLE', details: { network: 'ECONNREFUSED' } })
    expect(error.message).toContain(new URL(proxy.url).port)
  })

  it('destroy cuts off a connection that is still being made in the pool of before a demotion', async () => {
    const connection = connectTo({ url: proxy.url, max: 3 })
    let making: Promise<unknown> | undefined
    const demoted = rejection(
      connection.transaction(acme, async (tx) => {
        await tx.query('SELECT 1')
        // Startup packets of new connections arrive nowhere.
        proxy.onRequest = (bytes) => (bytes.includes('user\0') ? 'swallow' : 'pass')
        making = rejection(connection.session(acme).query('SELECT 2'))
        await expect.poll(() => proxy.open).toBe(2)
        await tx.query("DO $$ BEGIN RAISE SQLSTATE '25006'; END $$")
      }),
    )
    expect((await demoted).code).toBe('HW_UNAVAILABLE')
    proxy.resume()
    await connection.session(acme).query('SELECT 3')
    await connection.destroy()
    expect(await making).toMatchObject({ name: 'HeadwaterError' })
    await expect.poll(() => proxy.open).toBe(0)
  })
})

describe('a pool that is used up', () => {
  it('the wait for a connection ends at the deadline, or at an abort, and leaves nothing behind', async () => {
    const connection = connectTo({ url: database().url, max: 1 })
    await connection.transaction(acme, async () => {
      const timeout = await rejection(connection.session(acme).query('SELECT 1', [], { timeoutMs: 50 }))
      expect(timeout).toMatchObject({ code: 'HW_TIMEOUT', details: { busy: true, leased: 1, max: 1 } })
      const controller = new AbortController()
      const aborted = rejection(connection.session(acme).query('SELECT 1', [], { signal: controller.signal }))
      controller.abort()
      expect(await aborted).toMatchObject({ code: 'HW_ABORTED' })
    })
  })

  it('more waiting than allowed is HW_OVERLOADED', async () => {
    const connection = connectTo({ url: database().url, max: 1, maxQueue: 1 })
    await connection.session(acme).query('SELECT 1')
    const results = await Promise.allSettled(
      [1, 2, 3].map(() => connection.session(acme).query('SELECT pg_sleep(0.05)')),
    )
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'fulfilled', 'rejected'])
    expect(results[2]).toMatchObject({ reason: { code: 'HW_OVERLOADED' } })
  })

  it('destroy cuts off what runs; close waits for it', async () => {
    const connection = connectTo({ url: database().url, max: 2 })
    await connection.session(acme).query('SELECT 1')
    const slow = rejection(connection.session(acme).query('SELECT pg_sleep(20)'))
    await expect.poll(() => connection.stats.leased).toBe(1)
    await connection.destroy()
    expect(['HW_UNAVAILABLE', 'HW_CLOSED']).toContain((await slow).code)
  })
})
