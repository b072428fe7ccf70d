import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createEmptyCard, fsrs, Rating } from 'ts-fsrs'
import { expect, it } from 'vitest'
import { openStore } from '../../../index'
import { type MemoryOptions, mastery, mastery_reviews, type ReviewRating } from '../../../src/entities/included'
import { createTestStore } from '../../../src/testing/test-store'
import { onEachTruth, refused } from './included-suite'

const day = (number: number, hour = 9): string => new Date(Date.UTC(2026, 0, number, hour)).toISOString()
const log: readonly (readonly [ReviewRating, string])[] = [
  ['good', day(1)],
  ['good', day(1, 10)],
  ['again', day(9)],
  ['hard', day(10)],
  ['easy', day(20)],
]

/** What the library makes of the log by itself. */
function cardOf(reviews = log) {
  const scheduler = fsrs({ enable_fuzz: false })
  let card = createEmptyCard(new Date(reviews[0]![1]))
  const grades = { again: Rating.Again, hard: Rating.Hard, good: Rating.Good, easy: Rating.Easy } as const
  for (const [rating, at] of reviews) card = scheduler.next(card, new Date(at), grades[rating]).card
  return card
}

onEachTruth((tenant) => {
  it('derives from the log what the library makes of it', async () => {
    const { mastery, mastery_reviews } = tenant().entities
    expect(await mastery.levelOf('ada', 'fractions')).toBe(null)
    for (const [rating, at] of log) await mastery.review('ada', 'fractions', rating, { at })
    const card = cardOf()
    const level = await mastery.levelOf('ada', 'fractions', { at: day(25) })
    expect(level).toMatchObject({
      user: 'ada',
      item: 'fractions',
      state: 'review',
      due: card.due.toISOString(),
      reviewedAt: day(20),
      reviews: 5,
      lapses: card.lapses,
    })
    expect(level!.stability).toBeCloseTo(card.stability, 8)
    expect(level!.difficulty).toBeCloseTo(card.difficulty, 8)
    expect(level!.level).toBeCloseTo(fsrs().get_retrievability(card, new Date(day(25)), false), 6)
    expect((await mastery.levelOf('ada', 'fractions', { at: day(20) }))!.level).toBe(1)
    const history = await mastery.history('ada', 'fractions', { limit: 4 })
    expect(history.items.map(({ rating }) => rating)).toEqual(['easy', 'hard', 'again', 'good'])
    const rest = await mastery.history('ada', 'fractions', { limit: 4, cursor: history.cursor })
    expect(rest.items).toMatchObject([{ rating: 'good', at: day(1) }])
    expect(await mastery_reviews.count()).toBe(5)
    expect(await tenant().entities.mastery.levelOf('ada', 'fractions')).toBe(null)
  })

  it('comes to the same when reviews come late, or several at once', async () => {
    const { mastery } = tenant().entities
    for (const [rating, at] of log.toReversed()) await mastery.review('late', 'x', rating, { at })
    await Promise.all(log.map(([rating, at]) => mastery.review('once', 'x', rating, { at })))
    const card = cardOf()
    for (const user of ['late', 'once']) {
      const level = await mastery.levelOf(user, 'x')
      expect(level).toMatchObject({ due: card.due.toISOString(), reviews: 5, lapses: card.lapses })
      expect(level!.stability).toBeCloseTo(card.stability, 8)
    }
  })

  it('gives what is due, the longest due first', async () => {
    const { mastery } = tenant().entities
    for (const [at, item] of ['a', 'b', 'c', 'd'].entries()) {
      await mastery.review('ada', item, 'easy', { at: day(1 + at) })
    }
    await mastery.review('ben', 'a', 'again', { at: day(1) })
    const dueOf = async (item: string): Promise<string> => (await mastery.levelOf('ada', item))!.due
    const at = await dueOf('c')
    const first = await mastery.due('ada', { at, limit: 2 })
    expect(first.items.map(({ item }) => item)).toEqual(['a', 'b'])
    const rest = await mastery.due('ada', { at, limit: 2, cursor: first.cursor })
    expect(rest.items.map(({ item }) => item)).toEqual(['c'])
    expect(rest.cursor).toBe(undefined)
    expect((await mastery.due('ada', { at: day(1) })).items).toEqual([])
    expect((await mastery.due('nobody')).items).toEqual([])
  })

  it('refuses what is no review, and writes with the transaction of the caller or not at all', async () => {
    const acme = tenant()
    const { mastery, mastery_reviews } = acme.entities
    for (const [work, path] of [
      [() => mastery.review('ada', 'x', 'fine' as never), 'rating'],
      [() => mastery.review('', 'x', 'good'), 'user'],
      [() => mastery.review('ada', 7 as never, 'good'), 'item'],
      [() => mastery.review('ada', 'x', 'good', { at: 'yesterday' }), 'at'],
      [() => mastery.review('ada', 'x', 'good', { when: day(1) } as never), 'when'],
      [() => mastery.due('ada', { at: '1' }), 'at'],
    ] as const) {
      expect(await refused(work())).toMatchObject({ code: 'HW_INVALID_ARGUMENT', path })
    }
    await refused(
      acme.transaction(async ({ entities }) => {
        await entities.mastery.review('ada', 'x', 'good')
        expect(await entities.mastery.levelOf('ada', 'x')).toMatchObject({ reviews: 1 })
        throw new Error('undo')
      }),
    )
    expect([await mastery.count(), await mastery_reviews.count()]).toEqual([0, 0])
    expect('update' in mastery_reviews).toBe(false)
  })
})

it('derives anew by other parameters, from the log alone', async () => {
  const path = await mkdtemp(join(tmpdir(), 'headwater-mastery-'))
  const open = (options?: MemoryOptions) =>
    openStore({
      embedded: { path },
      embedder: { hashing: { dimensions: 16 } },
      entities: { mastery: mastery(options), mastery_reviews },
    })
  const before = await open()
  const { mastery: first } = before.forTenant('acme').entities
  for (const item of ['a', 'b', 'c']) await first.review('ada', item, 'easy', { at: day(1) })
  const due = (await first.levelOf('ada', 'a'))!.due
  expect(await first.recompute()).toBe(0)
  await before.close()
  const after = await open({ retention: 0.8 })
  const { mastery: second } = after.forTenant('acme').entities
  expect((await second.levelOf('ada', 'a'))!.due).toBe(due)
  expect(await second.recompute()).toBe(3)
  expect(await second.recompute()).toBe(0)
  const later = (await second.levelOf('ada', 'a'))!.due
  expect(Date.parse(later)).toBeGreaterThan(Date.parse(due))
  const card = fsrs({ enable_fuzz: false, request_retention: 0.8 }).next(createEmptyCard(day(1)), day(1), Rating.Easy)
  expect(later).toBe(card.card.due.toISOString())
  // Whose log is gone, has no level.
  await after
    .forTenant('acme')
    .transaction((tx) => tx.query(`DELETE FROM headwater.e_mastery_reviews WHERE tenant = 'acme' AND item = 'b'`))
  await after.close()
  const last = await open({ retention: 0.85 })
  const { mastery: third } = last.forTenant('acme').entities
  await third.recompute()
  expect([await third.count(), await third.levelOf('ada', 'b')]).toEqual([2, null])
  await last.close()
  await rm(path, { recursive: true })
})

it('takes parameters that the library knows', async () => {
  expect(() => mastery({ retention: 2 })).toThrow(
    expect.objectContaining({ code: 'HW_INVALID_OPTIONS', path: 'mastery.retention' }),
  )
  expect(() => mastery({ weights: [1, 2] })).toThrow(
    expect.objectContaining({ code: 'HW_INVALID_OPTIONS', path: 'mastery.weights' }),
  )
  for (const options of [{ learningSteps: ['soon'] }]) {
    const store = await createTestStore({ entities: { mastery: mastery(options), mastery_reviews } })
    const work = store.forTenant('acme').entities.mastery.review('ada', 'x', 'good')
    expect(await refused(work)).toMatchObject({ code: 'HW_INVALID_OPTIONS', path: 'mastery' })
    await store.close()
  }
})
