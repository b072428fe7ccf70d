import { afterEach, describe, expect, it } from 'vitest'
import { type HeadwaterError, isHeadwaterError, type Json, type Store, type StoreErrand } from '../../index'
import type { WriterOptions } from '../../src/writer/ports'

export interface SuiteOptions {
  readonly onError?: () => undefined
  readonly relay?: 'background' | 'external'
  readonly writer?: Partial<WriterOptions>
}

const quick = { backoffMs: 1, backoffMaxMs: 5 } as const
const writer = { pollMs: 20 }

/** Resolves once it is so; the test's own time is the limit. */
export async function until(is: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await is())) await new Promise((resolve) => setTimeout(resolve, 5))
}

async function refusal(work: Promise<unknown> | (() => unknown)): Promise<HeadwaterError> {
  try {
    await (typeof work === 'function' ? work() : work)
  } catch (error) {
    if (isHeadwaterError(error)) return error
    throw error
  }
  return expect.fail('resolved')
}

/** What a store promises of errands, wherever its truth is. Each test has names of its own. */
export function errandSuite(place: string, open: (options: SuiteOptions) => Promise<Store>): void {
  describe(`errands in ${place}`, () => {
    const opened: Store[] = []
    const start = async (options: SuiteOptions = {}): Promise<Store> => {
      const store = await open({ ...options, onError: () => undefined, writer: { ...writer, ...options.writer } })
      opened.push(store)
      return store
    }
    afterEach(async () => {
      for (const store of opened.splice(0)) await store.close()
    })
    const send = async (store: Store, name: string, ...payloads: Json[]): Promise<string[]> => {
      const { value } = await store.forTenant('acme').transaction(async (tx) => {
        const ids: string[] = []
        for (const payload of payloads) ids.push((await tx.afterCommit(name, payload)).id)
        return ids
      })
      return value
    }

    it('are handled once their transaction has committed, with the handle of their tenant', async () => {
      const store = await start()
      const seen: StoreErrand[] = []
      store.on('index-mail', async (errand) => {
        seen.push(errand)
        await errand.handle.documents.put({ id: 'sent', text: `mail ${JSON.stringify(errand.payload)}` })
      })
      const acme = store.forTenant('acme')
      const { value: id } = await acme.transaction(async (tx) => {
        await tx.documents.put({ id: 'order', text: 'an order' })
        const { id } = await tx.afterCommit('index-mail', { to: 'a@example.org', lines: [1, null] })
        await new Promise((resolve) => setTimeout(resolve, 60))
        expect(seen).toEqual([])
        return id
      })
      await until(async () => (await store.errands.backlog()).every(({ name }) => name !== 'index-mail'))
      const [{ signal, createdAt, handle, ...rest }] = seen as [StoreErrand]
      const payload = { to: 'a@example.org', lines: [1, null] }
      expect(rest).toEqual({ id, tenant: 'acme', name: 'index-mail', payload, attempt: 1 })
      expect([signal.aborted, handle.tenant, createdAt instanceof Date]).toEqual([false, 'acme', true])
      expect((await acme.documents.get('sent'))?.text).toContain('a@example.org')
      expect(seen).toHaveLength(1)
    })

    it('never happen when it rolls back', async () => {
      const store = await start()
      const seen: Json[] = []
      store.on('undone', ({ payload }) => seen.push(payload))
      const acme = store.forTenant('acme')
      const undone = acme.transaction(async (tx) => {
        await tx.afterCommit('undone', 'never')
        throw new RangeError('the caller regrets')
      })
      await expect(undone).rejects.toThrow('the caller regrets')
      await send(store, 'undone', 'later')
      await until(() => seen.length > 0)
      await store.relay.drain()
      expect(seen).toEqual(['later'])
    })

    it('are each done, however equal they are', async () => {
      const store = await start()
      const seen: string[] = []
      store.on('same', ({ id }) => void seen.push(id))
      const ids = await send(store, 'same', 'x', 'x', 'x')
      await until(() => seen.length === 3)
      expect([...seen].sort()).toEqual([...ids].sort())
    })

    it('are tried again when their handler throws, and parked after the last attempt, until a redrive', async () => {
      const store = await start()
      const tried: [Json, number][] = []
      let mended = false
      store.on(
        'moody',
        ({ payload, attempt }) => {
          tried.push([payload, attempt])
          if (payload === 'poison' && !mended) throw new RangeError('no such address')
          if (attempt < 3 && !mended) throw 'not yet'
        },
        { ...quick, maxAttempts: 3, concurrency: 1 },
      )
      const [, poison] = await send(store, 'moody', 'slow', 'poison', 'slow')
      await until(async () => (await store.errands.parked({ name: 'moody' })).length === 1)
      await store.relay.drain()
      expect(tried.filter(([payload]) => payload === 'poison').map(([, attempt]) => attempt)).toEqual([1, 2, 3])
      expect(
        tried
          .filter(([payload]) => payload === 'slow')
          .map(([, attempt]) => attempt)
          .sort(),
      ).toEqual([1, 1, 2, 2, 3, 3])
      const [parked] = await store.errands.parked({ tenant: 'acme', name: 'moody' })
      expect(parked).toMatchObject({
        id: poison,
        payload: 'poison',
        attempts: 3,
        reason: 'RangeError: no such address',
      })
      const health = await store.health()
      expect(health.errands).toMatchObject({ parked: 1, unhandled: [] })
      expect(health.degraded.map(({ what }) => what)).toContain('errands')
      expect(await store.errands.redrive({ name: 'other' })).toBe(0)
      mended = true
      expect(await store.errands.redrive({ tenant: 'acme', name: 'moody' })).toBe(1)
      await until(async () => (await store.errands.backlog()).every(({ name }) => name !== 'moody'))
      expect(tried.at(-1)).toEqual(['poison', 1])
    })

    it('of a name that nobody handles wait, and health names it', async () => {
      const store = await start()
      store.on('handled', () => undefined)
      await send(store, 'nobody', 1)
      await until(async () => (await store.health()).workers > 0)
      const { errands, degraded } = await store.health()
      expect(errands).toMatchObject({ waiting: 1, claimed: 0, parked: 0, unhandled: ['nobody'] })
      expect(degraded.find(({ what }) => what === 'errands')?.meaning).toContain('nobody')
      const seen: Json[] = []
      store.on('nobody', ({ payload }) => void seen.push(payload))
      await until(() => seen.length === 1)
      await until(async () => (await store.health()).errands?.unhandled.length === 0)
    })

    it('run as many at once as their name allows, and no more', async () => {
      const store = await start()
      let [running, most] = [0, 0]
      const done: Json[] = []
      store.on(
        'crowd',
        async ({ payload }) => {
          most = Math.max(most, ++running)
          await new Promise((resolve) => setTimeout(resolve, 5))
          running--
          done.push(payload)
        },
        { concurrency: 3 },
      )
      await send(store, 'crowd', ...Array.from({ length: 20 }, (_, at) => at))
      await store.relay.drain()
      expect(done).toHaveLength(20)
      expect(most).toBe(3)
    })

    it('are drained where a worker is only called now and then', async () => {
      const store = await start({ relay: 'external' })
      const seen: Json[] = []
      store.on(
        'cron',
        ({ payload, attempt }) => {
          if (attempt === 1) throw new Error('at first')
          seen.push(payload)
        },
        quick,
      )
      await send(store, 'cron', 1, 2)
      await new Promise((resolve) => setTimeout(resolve, 60))
      expect(seen).toEqual([])
      expect(await store.relay.drain()).toEqual({ applied: 2, parked: 0, remaining: 0 })
      expect([...seen].sort()).toEqual([1, 2])
      await send(store, 'left', 1)
      expect((await store.relay.drain()).remaining).toBe(0)
    })

    it('are told to stop with their worker, and what they give up was not tried', async () => {
      const store = await start({ relay: 'external' })
      const seen: string[] = []
      const stop = new AbortController()
      store.on('long', async ({ payload, attempt, signal }) => {
        seen.push(`${payload} ${attempt}`)
        if (payload === 'heeds')
          await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
        else await new Promise<void>((resolve) => signal.addEventListener('abort', () => setTimeout(resolve, 30)))
        seen.push(`${payload} ends`)
      })
      await send(store, 'long', 'heeds', 'finishes')
      const running = store.relay.run({ signal: stop.signal })
      await until(() => seen.length === 2)
      stop.abort()
      await running
      expect(seen.sort()).toEqual(['finishes 1', 'finishes ends', 'heeds 1'])
      expect(await store.errands.backlog()).toMatchObject([{ name: 'long', waiting: 1, claimed: 0, parked: 0 }])
      const again = new AbortController()
      const second = store.relay.run({ signal: again.signal })
      await until(() => seen.length === 4)
      expect(seen[3]).toBe('heeds 1')
      again.abort()
      await second
    })

    it('may still use their handle while the store closes', async () => {
      const store = await start()
      const seen: unknown[] = []
      store.on('closing', async ({ handle, signal }) => {
        seen.push('began')
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
        seen.push(await handle.documents.count().catch(String))
        seen.push(await refusal(() => store.forTenant('acme').documents.count()).then(({ code }) => code))
      })
      await send(store, 'closing', 1)
      await until(() => seen.length === 1)
      await store.close()
      expect(seen).toEqual(['began', expect.any(Number), 'HW_CLOSED'])
    })

    it('have so long and no longer', async () => {
      const store = await start()
      const reasons: unknown[] = []
      store.on(
        'hangs',
        ({ signal }) => {
          signal.addEventListener('abort', () => reasons.push(signal.reason))
          return new Promise(() => undefined)
        },
        { ...quick, timeoutMs: 30, maxAttempts: 2 },
      )
      await send(store, 'hangs', 1)
      await until(async () => (await store.errands.parked({ name: 'hangs' })).length === 1)
      expect(reasons.map((reason) => isHeadwaterError(reason, 'HW_TIMEOUT'))).toEqual([true, true])
      expect((await store.errands.parked({ name: 'hangs' }))[0]?.reason).toContain('HW_TIMEOUT')
    })

    it('that do not heed their signal hold up no drain beyond its time', async () => {
      const store = await start({ relay: 'external' })
      let began = false
      store.on('deaf', () => {
        began = true
        return new Promise(() => undefined)
      })
      await send(store, 'deaf', 1)
      const startedAt = performance.now()
      expect(await store.relay.drain({ timeoutMs: 300 })).toMatchObject({ applied: 0, remaining: 1 })
      expect([began, performance.now() - startedAt < 3_000]).toEqual([true, true])
    })

    it('keep their lease for as long as they work', async () => {
      const store = await start({ writer: { leaseMs: 900 } })
      let calls = 0
      store.on('slow', async () => {
        calls++
        await new Promise((resolve) => setTimeout(resolve, 2_000))
      })
      await send(store, 'slow', 1)
      await until(async () => (await store.errands.backlog()).every(({ name }) => name !== 'slow'))
      expect(calls).toBe(1)
    })

    it('refuse what is no name, no payload, no handler and no option, before anything is written', async () => {
      const store = await start()
      const acme = store.forTenant('acme')
      const within = (name: unknown, payload: unknown) =>
        refusal(acme.transaction((tx) => tx.afterCommit(name as string, payload as Json)))
      const loop: unknown[] = []
      loop.push(loop)
      for (const name of ['', 'a b', 'x'.repeat(129), 7, null, undefined, 'headwater.seal', '*']) {
        expect(await within(name, 1)).toMatchObject({ code: 'HW_INVALID_ARGUMENT', path: 'name' })
      }
      const half = '\ud800'
      for (const payload of [undefined, () => 1, 1n, loop, 'a\0b', { a: half }, { [half]: 1 }, new Uint8Array(2)]) {
        const refused = await within('bad', payload)
        expect([refused.code, refused.path?.startsWith('payload')]).toEqual(['HW_INVALID_ARGUMENT', true])
      }
      for (const payload of ['x'.repeat(65_536), ['é'.repeat(40_000)]]) {
        expect(await within('bad', payload)).toMatchObject({ code: 'HW_LIMIT_EXCEEDED', path: 'payload' })
      }
      const getter = {
        get a() {
          throw new Error('boo')
        },
      }
      expect(await within('bad', getter)).toMatchObject({ code: 'HW_INVALID_ARGUMENT', path: 'payload' })
      const on = (...given: unknown[]) => refusal(() => Reflect.apply(store.on, store, given))
      expect(await on('', () => 1)).toMatchObject({ code: 'HW_INVALID_ARGUMENT', path: 'name' })
      expect(await on('bad', 'no function')).toMatchObject({ code: 'HW_INVALID_ARGUMENT', path: 'handler' })
      expect(await on('bad', () => 1, { concurrency: 0 })).toMatchObject({
        code: 'HW_INVALID_ARGUMENT',
        path: 'concurrency',
      })
      expect(await on('bad', () => 1, { retries: 1 })).toMatchObject({ code: 'HW_INVALID_ARGUMENT', path: 'retries' })
      store.on('bad', () => 1)
      expect(await on('bad', () => 1)).toMatchObject({ code: 'HW_INVALID_ARGUMENT', path: 'name' })
      for (const given of [{ limit: 0 }, { tenant: 'a b' }, { target: 'text' }]) {
        expect(await refusal(store.errands.parked(given as object))).toMatchObject({ code: 'HW_INVALID_ARGUMENT' })
      }
      expect(await store.errands.backlog()).toEqual([])
    })
  })
}
