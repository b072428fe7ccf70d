import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineEntity, type HeadwaterError, isHeadwaterError, type Store } from '../../index'

export const accounts = defineEntity('accounts', z.object({ name: z.string(), sum: z.int() }), {
  key: 'name',
  unique: [['sum']],
})
export const entities = { accounts }
export type UnitStore = Store<{ documents: Record<string, never> }, typeof entities>

export async function refusal(work: Promise<unknown>): Promise<HeadwaterError> {
  const error = await work.then(
    () => expect.fail('resolved'),
    (cause: unknown) => cause,
  )
  if (isHeadwaterError(error)) return error
  throw error
}

let tenants = 0

/** What units of work promise, whatever they stand on. Each test has a tenant of its own. */
export function unitSuite(place: string, open: () => Promise<UnitStore>): void {
  describe(`units of work on ${place}`, () => {
    let store: UnitStore
    const errands = async () => (await store.errands.backlog()).map(({ name, waiting }) => [name, waiting])
    beforeAll(async () => {
      store = await open()
    })
    afterAll(() => store?.close())
    const tenant = () => store.forTenant(`u${++tenants}`)

    it('a savepoint that rejects takes documents, rows and errands along, and the receipt names none', async () => {
      const acme = tenant()
      const { value, receipt } = await acme.transaction(async (tx) => {
        await tx.documents.put({ id: 'kept', text: 'first' })
        const undone = tx.savepoint(async (part) => {
          await part.documents.put({ id: 'undone', text: 'second' })
          await part.documents.put({ id: 'kept', text: 'changed' })
          await part.entities.accounts.insert({ name: 'undone', sum: 1 })
          await part.afterCommit('undone', 1)
          expect((await part.documents.get('kept'))?.text).toBe('changed')
          throw new RangeError('regret')
        })
        await expect(undone).rejects.toThrow('regret')
        const done = await tx.savepoint(async (part) => {
          await part.entities.accounts.insert({ name: 'kept', sum: 1 })
          await part.documents.put({ id: 'also', text: 'third' })
          await part.afterCommit('kept', 1)
          return (await part.documents.get('kept'))?.text
        })
        return done
      })
      expect(value).toBe('first')
      expect([...receipt.ids!].sort()).toEqual(['also', 'kept'])
      expect((await acme.documents.getMany(['kept', 'also', 'undone'])).map((one) => one?.text)).toEqual([
        'first',
        'third',
        undefined,
      ])
      expect(await acme.entities.accounts.list().then(({ items }) => items.map(({ name }) => name))).toEqual(['kept'])
      expect(await errands()).toEqual([['kept', 1]])
      await acme.waitFor(receipt)
    })

    it('a refused row ends the savepoint, and the transaction goes on', async () => {
      const acme = tenant()
      await acme.entities.accounts.insert({ name: 'a', sum: 7 })
      await acme.transaction(async (tx) => {
        const taken = tx.savepoint((part) => part.entities.accounts.insert({ name: 'b', sum: 7 }))
        expect(await refusal(taken)).toMatchObject({ code: 'HW_CONFLICT', details: { columns: ['sum'] } })
        await tx.entities.accounts.insert({ name: 'b', sum: 8 })
      })
      expect(await acme.entities.accounts.count()).toBe(2)
    })

    it('savepoints stand within one another, one at a time of a handle, which ends with them', async () => {
      const acme = tenant()
      const late: unknown[] = []
      await acme.transaction(async (tx) => {
        await tx.savepoint(async (outer) => {
          await outer.documents.put({ id: 'outer', text: 'outer' })
          await outer
            .savepoint(async (inner) => {
              late.push(inner)
              await inner.documents.put({ id: 'inner', text: 'inner' })
              throw new RangeError('inner')
            })
            .catch(() => undefined)
          expect(await refusal(tx.savepoint(async () => 1))).toMatchObject({ code: 'HW_TRANSACTION_NESTED' })
          expect(await refusal(acme.documents.count())).toMatchObject({ code: 'HW_TRANSACTION_NESTED' })
        })
        const [inner] = late as [typeof tx]
        expect(await refusal(inner.documents.get('outer'))).toMatchObject({ code: 'HW_CLOSED' })
        expect(await refusal(inner.afterCommit('late', 1))).toMatchObject({ code: 'HW_CLOSED' })
        expect(await refusal(inner.entities.accounts.count())).toMatchObject({ code: 'HW_CLOSED' })
        expect(await refusal(tx.savepoint('no' as never))).toMatchObject({ code: 'HW_INVALID_ARGUMENT', path: 'work' })
      })
      expect(await acme.documents.list().then(({ items }) => items.map(({ id }) => id))).toEqual(['outer'])
    })

    it('what is begun in a savepoint that has ended leaves nothing half-written', async () => {
      const acme = tenant()
      await acme.transaction(async (tx) => {
        const left: Promise<unknown>[] = []
        await tx
          .savepoint(async (part) => {
            left.push(part.documents.put({ id: 'left', text: 'not waited for' }).catch(() => undefined))
            throw new RangeError('at once')
          })
          .catch(() => undefined)
        await Promise.all(left)
        await tx.documents.put({ id: 'kept', text: 'kept' })
      })
      expect(await acme.documents.list().then(({ items }) => items.map(({ id }) => id))).toEqual(['kept'])
    })

    it('one that is read only reads, and refuses whatever would write', async () => {
      const acme = tenant()
      await acme.documents.put({ id: 'a', text: 'there' })
      const read = { readOnly: true, isolation: 'repeatable read' } as const
      const { value, receipt } = await acme.transaction(async (tx) => (await tx.documents.get('a'))?.text, read)
      expect([value, receipt.ids]).toEqual(['there', []])
      for (const write of [
        () => acme.transaction((tx) => tx.documents.put({ id: 'b', text: 'no' }), read),
        () => acme.transaction((tx) => tx.documents.delete('a'), read),
        () => acme.transaction((tx) => tx.entities.accounts.insert({ name: 'no', sum: 1 }), read),
        () => acme.transaction((tx) => tx.afterCommit('no', 1), read),
      ]) {
        expect(await refusal(write())).toMatchObject({ code: 'HW_READ_ONLY', retryable: false })
      }
      expect(await acme.documents.count()).toBe(1)
      expect(await acme.entities.accounts.count()).toBe(0)
    })

    it('refuses options that are none', async () => {
      const acme = tenant()
      for (const [options, path] of [
        [{ isolation: 'chaos' }, 'isolation'],
        [{ readOnly: 'yes' }, 'readOnly'],
        [{ retries: -1 }, 'retries'],
        [{ readOnly: true, idempotencyKey: 'k' }, 'idempotencyKey'],
        [{ isolationLevel: 'serializable' }, 'isolationLevel'],
      ] as const) {
        const refused = await refusal(acme.transaction(async () => 1, options as object))
        expect(refused).toMatchObject({ code: 'HW_INVALID_ARGUMENT', path })
      }
    })

    it('serializable ones that meet run again, and none is lost', async () => {
      const acme = tenant()
      await acme.entities.accounts.insert({ name: 'a', sum: 0 })
      let runs = 0
      const add = () =>
        acme.transaction(
          async (tx) => {
            runs++
            const { sum } = (await tx.entities.accounts.get('a'))!
            await tx.entities.accounts.update('a', { sum: sum + 1 })
            await tx.afterCommit('added', sum)
          },
          { isolation: 'serializable', retries: 100 },
        )
      await Promise.all(Array.from({ length: 6 }, add))
      expect((await acme.entities.accounts.get('a'))?.sum).toBe(6)
      expect(runs).toBeGreaterThanOrEqual(6)
      expect((await errands()).find(([name]) => name === 'added')).toEqual(['added', 6])
    })
  })
}
