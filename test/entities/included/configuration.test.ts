import { expect, it } from 'vitest'
import { z } from 'zod'
import { configuration, configuration_history } from '../../../src/entities/included'
import { createTestStore } from '../../../src/testing/test-store'
import { onEachTruth, refused } from './included-suite'

onEachTruth((tenant) => {
  it('writes values that their schema accepts, as revisions', async () => {
    const { configuration, configuration_history } = tenant().entities
    expect(await configuration.read('theme')).toBe(null)
    const first = await configuration.write('search', { limit: 10 }, { by: 'ada', ifRevision: 0 })
    expect(first).toMatchObject({ name: 'search', value: { limit: 10, fuzzy: true }, revision: 1, by: 'ada' })
    expect(await configuration.write('search', { limit: 10, fuzzy: true })).toEqual(first)
    const second = await configuration.write('search', { limit: 20 }, { ifRevision: 1 })
    expect(second).toMatchObject({ value: { limit: 20, fuzzy: true }, revision: 2 })
    expect('by' in second).toBe(false)
    expect(await configuration.read('search')).toEqual(second)
    for (const [work, code, path] of [
      [() => configuration.write('search', { limit: 0 }), 'HW_INVALID_ENTITY', 'value.limit'],
      [() => configuration.write('theme', 'blue' as never), 'HW_INVALID_ENTITY', 'value'],
      [() => configuration.write('none' as never, 1 as never), 'HW_INVALID_ARGUMENT', 'name'],
      [() => configuration.read('toString' as never), 'HW_INVALID_ARGUMENT', 'name'],
      [() => configuration.write('search', { limit: 1 }, { ifRevision: 1 }), 'HW_VERSION_CONFLICT', 'ifRevision'],
      [() => configuration.write('search', { limit: 1 }, { ifRevision: 0 }), 'HW_VERSION_CONFLICT', 'ifRevision'],
      [() => configuration.rollback('search', 7), 'HW_NOT_FOUND', 'revision'],
      [() => configuration.rollback('search', 0), 'HW_INVALID_ARGUMENT', 'revision'],
      [() => configuration.history('search', { cursor: 'x' }), 'HW_INVALID_CURSOR', 'cursor'],
    ] as const) {
      expect(await refused(work())).toMatchObject({ code, path })
    }
    expect(await configuration_history.count()).toBe(2)
    expect(await tenant().entities.configuration.read('search')).toBe(null)
  })

  it('tells the history, and rolls back by writing anew', async () => {
    const { configuration } = tenant().entities
    for (const limit of [1, 2, 3]) await configuration.write('search', { limit })
    await configuration.write('theme', 'dark')
    const page = await configuration.history('search', { limit: 2 })
    expect(page.items.map(({ revision }) => revision)).toEqual([3, 2])
    const rest = await configuration.history('search', { limit: 2, cursor: page.cursor })
    expect(rest.items).toMatchObject([{ revision: 1, value: { limit: 1, fuzzy: true } }])
    const back = await configuration.rollback('search', 1, { by: 'ada', ifRevision: 3 })
    expect(back).toMatchObject({ value: { limit: 1, fuzzy: true }, revision: 4, from: 1, by: 'ada' })
    expect((await configuration.history('search', { limit: 1 })).items).toEqual([back])
    const next = await configuration.write('search', { limit: 9 })
    expect('from' in next).toBe(false)
  })

  it('gives each of many writers a revision of his own', async () => {
    const { configuration, configuration_history } = tenant().entities
    const limits = Array.from({ length: 6 }, (_, at) => at + 1)
    const written = await Promise.all(limits.map((limit) => configuration.write('search', { limit })))
    expect(written.map(({ revision }) => revision).sort()).toEqual(limits)
    expect(await configuration_history.count()).toBe(6)
    const [latest] = (await configuration.history('search')).items
    expect(await configuration.read('search')).toEqual(latest)
    const onlyFirst = ['light', 'dark'] as const
    const ends = await Promise.allSettled(
      onlyFirst.map((theme) => configuration.write('theme', theme, { ifRevision: 0 })),
    )
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(ends.find((end) => end.status === 'rejected')?.reason).toMatchObject({ code: 'HW_VERSION_CONFLICT' })
  })

  it('writes with the transaction of the caller, or not at all', async () => {
    const acme = tenant()
    await refused(
      acme.transaction(async ({ entities }) => {
        await entities.configuration.write('theme', 'dark')
        expect(await entities.configuration.read('theme')).toMatchObject({ revision: 1 })
        throw new Error('undo')
      }),
    )
    expect(await acme.entities.configuration.read('theme')).toBe(null)
    expect(await acme.entities.configuration_history.count()).toBe(0)
  })

  it('is watched, from the value of today on', async () => {
    const { configuration } = tenant().entities
    const done = new AbortController()
    const seen: unknown[] = []
    for await (const setting of configuration.watch('theme', { signal: done.signal, pollMs: 20 })) {
      seen.push(setting?.value ?? null)
      if (seen.length === 1) await configuration.write('search', { limit: 1 })
      if (seen.length === 1) await configuration.write('theme', 'dark')
      if (seen.length === 2) await configuration.rollback('theme', 1)
      if (seen.length === 2) await configuration.write('theme', 'light')
      if (seen.length === 3) done.abort()
    }
    expect(seen).toEqual([null, 'dark', 'light'])
    for await (const setting of configuration.watch('theme')) {
      expect(setting).toMatchObject({ value: 'light' })
      break
    }
    const watching = configuration.watch('none' as never)[Symbol.asyncIterator]()
    expect(await refused(watching.next())).toMatchObject({ code: 'HW_INVALID_ARGUMENT', path: 'name' })
  })
})

it('refuses a value of before that the schema of today refuses', async () => {
  const open = (theme: z.ZodType<string>) =>
    createTestStore({ entities: { configuration: configuration({ theme }), configuration_history } })
  const store = await open(z.string().refine((value) => value.length < allowed))
  let allowed = 10
  const { entities } = store.forTenant('acme')
  await entities.configuration.write('theme', 'dark')
  allowed = 2
  await entities.configuration.write('theme', 'x')
  for (const work of [entities.configuration.rollback('theme', 1)]) {
    expect(await refused(work)).toMatchObject({ code: 'HW_INVALID_ENTITY', path: 'value' })
  }
  allowed = 1
  expect(await refused(entities.configuration.read('theme'))).toMatchObject({
    code: 'HW_INVALID_ENTITY',
    path: 'theme',
  })
  await store.close()
})

it('ends a watch when the store closes', async () => {
  const entities = { configuration: configuration({ theme: z.string() }), configuration_history }
  const store = await createTestStore({ entities })
  const watching = store.forTenant('acme').entities.configuration.watch('theme')[Symbol.asyncIterator]()
  expect(await watching.next()).toEqual({ done: false, value: null })
  const next = watching.next()
  await store.close()
  expect(await next).toMatchObject({ done: true })
})

it('takes schemas alone', () => {
  expect(() => configuration({ theme: 'text' as never })).toThrow(
    expect.objectContaining({ code: 'HW_INVALID_OPTIONS', path: 'configuration.theme' }),
  )
})
