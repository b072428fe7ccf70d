import { z } from 'zod'
import { type CallOptions, callKinds, throwIfAborted } from '../../core/abort'
import { checkText } from '../../core/checked-text'
import { isHeadwaterError } from '../../core/errors'
import { anything, checkOptions, type Kind, type OptionKinds } from '../../core/option-kinds'
import { parseInstant } from '../../filter/instant'
import { defineEntity, type EntityDeclaration, type ShapeOf } from '../declaration'
import { type EntityReads, type EntityTools, readsOf, withForm } from '../entity-form'
import type { EntityPage } from '../query'
import type { EntityRepository } from '../repository'
import type { StandardSchema } from '../standard-schema'
import { invalidArgument } from './invalid-argument'
import { type Memory, type MemoryOptions, memoryModel, type ReviewRating, ratings } from './memory-model'

/** A review, as it is in the log. */
export interface ReviewValues {
  readonly user: string
  readonly item: string
  readonly rating: ReviewRating
  readonly at: string
}

/** What the log of a user's reviews of an item comes to. */
export interface MasteryValues extends Memory {
  readonly user: string
  readonly item: string
  /** Which parameters it was derived by. */
  readonly parameters: string
}

export type ReviewShape = ShapeOf<StandardSchema<ReviewValues>, object>
export type MasteryShape = ShapeOf<StandardSchema<MasteryValues>, object>
export type Review = ReviewShape['row']

/** How well a user knows an item. */
export interface MasteryLevel extends Memory {
  readonly user: string
  readonly item: string
  /** The probability that he would recall it now, 0 to 1. */
  readonly level: number
}

export interface ReviewOptions extends CallOptions {
  /** When it was, as an ISO string; now by default. The log is in this order, whatever comes late. */
  at?: string | undefined
}

export interface LevelOptions extends CallOptions {
  /** As of when, as an ISO string; now by default. */
  at?: string | undefined
}

export interface MasteryPageOptions extends CallOptions {
  /** 1 to 1,000; 100 by default. */
  limit?: number | undefined
  cursor?: string | undefined
}

export interface Mastery extends EntityReads<MasteryShape> {
  /** Adds a review to the log and answers what the log comes to then. HW_DRIVER_MISSING without `ts-fsrs`. */
  review(user: string, item: string, rating: ReviewRating, options?: ReviewOptions): Promise<MasteryLevel>
  /** The level of today, or null where there was no review. */
  levelOf(user: string, item: string, options?: LevelOptions): Promise<MasteryLevel | null>
  /** Items that are to be reviewed, the longest due first. */
  due(user: string, options?: MasteryPageOptions & LevelOptions): Promise<EntityPage<MasteryLevel>>
  /** The log of an item, the latest review first. */
  history(user: string, item: string, options?: MasteryPageOptions): Promise<EntityPage<Review>>
  /** Derives anew, from the log, all that was derived by other parameters; returns how many rows that were. */
  recompute(options?: CallOptions): Promise<number>
}

const states = ['learning', 'review', 'relearning'] as const
const name = z.string().min(1)
const reviewSchema: StandardSchema<ReviewValues> = z.object({
  user: name,
  item: name,
  rating: z.enum(ratings),
  at: z.iso.datetime(),
})
const masterySchema: StandardSchema<MasteryValues> = z.object({
  user: name,
  item: name,
  state: z.enum(states),
  due: z.iso.datetime(),
  reviewedAt: z.iso.datetime(),
  stability: z.number(),
  difficulty: z.number(),
  scheduledDays: z.number(),
  learningStep: z.int(),
  reviews: z.int(),
  lapses: z.int(),
  parameters: z.string(),
})

/** The log of reviews, which is the truth; nothing is taken from it. */
export const mastery_reviews: EntityDeclaration<ReviewShape, EntityReads<ReviewShape>> = withForm(
  defineEntity('mastery_reviews', reviewSchema, { indexes: [['user', 'item', 'at']] }),
  ({ rows }) => readsOf(rows),
)

const rowsOfMastery = defineEntity('mastery', masterySchema, {
  indexes: [['user', 'due'], ['parameters']],
  unique: [['user', 'item']],
})

/**
 * How well users know items, derived from `mastery_reviews`, which it needs, by FSRS (`ts-fsrs`, to be installed).
 * HW_INVALID_OPTIONS.
 */
export function mastery(options?: MemoryOptions): EntityDeclaration<MasteryShape, Mastery> {
  const model = memoryModel(options)
  return withForm(rowsOfMastery, (tools) => methodsOf(tools, model), [mastery_reviews])
}

const instant: Kind = (value, path) => {
  if (typeof value === 'string' && parseInstant(value) !== undefined) return value
  throw invalidArgument(path, 'must be a time as an ISO string')
}
const atKinds = { ...callKinds, at: instant } satisfies OptionKinds<LevelOptions>
const pageKinds = { ...callKinds, limit: anything, cursor: anything } satisfies OptionKinds<MasteryPageOptions>
const dueKinds = { ...pageKinds, at: instant } satisfies OptionKinds<MasteryPageOptions & LevelOptions>

const longestName = 512
/** How often a row that others derive meanwhile is derived anew. */
const attempts = 20
const page = 1_000

function methodsOf(
  { rows, of, together, clock }: EntityTools<MasteryShape>,
  model: ReturnType<typeof memoryModel>,
): Mastery {
  const timeOf = (at: string | undefined): number => (at === undefined ? clock.now() : parseInstant(at)!)

  return {
    ...readsOf(rows),
    async review(user, item, rating, options) {
      const { at, ...call } = checkOptions(options, atKinds, '', 'HW_INVALID_ARGUMENT')
      const who = { user: checkName(user, 'user'), item: checkName(item, 'item') }
      if (!ratings.includes(rating)) throw invalidArgument('rating', `must be one of ${ratings.join(', ')}`)
      const time = timeOf(at)
      const fsrs = await model()
      return together(call, async (within) => {
        const review = { ...who, rating, at: new Date(time).toISOString() }
        await within.of(mastery_reviews).insert(review)
        const row = (await derived(within, who, fsrs))!
        return levelOf(row, fsrs.level(row, Math.max(time, clock.now())))
      })
    },
    async levelOf(user, item, options) {
      const { at, ...call } = checkOptions(options, atKinds, '', 'HW_INVALID_ARGUMENT')
      const filter = { user: checkName(user, 'user'), item: checkName(item, 'item') }
      const fsrs = await model()
      const row = await rows.first({ filter }, call)
      return row && levelOf(row, fsrs.level(row, timeOf(at)))
    },
    async due(user, options) {
      const { at, limit, cursor, ...call } = checkOptions(options, dueKinds, '', 'HW_INVALID_ARGUMENT')
      const filter = { user: checkName(user, 'user') }
      const time = timeOf(at)
      const fsrs = await model()
      const found = await rows.list({ filter, orderBy: [{ user: 'asc' }, { due: 'asc' }], limit, cursor }, call)
      const due = found.items.filter((row) => parseInstant(row.due)! <= time)
      const items = due.map((row) => levelOf(row, fsrs.level(row, time)))
      const more = found.cursor !== undefined && due.length === found.items.length
      return { items, ...(more && { cursor: found.cursor }) }
    },
    async history(user, item, options) {
      const { limit, cursor, ...call } = checkOptions(options, pageKinds, '', 'HW_INVALID_ARGUMENT')
      const filter = { user: checkName(user, 'user'), item: checkName(item, 'item') }
      const orderBy = [{ user: 'desc' }, { item: 'desc' }, { at: 'desc' }] as const
      return of(mastery_reviews).list({ filter, orderBy, limit, cursor }, call)
    },
    async recompute(options) {
      const call = checkOptions(options, callKinds, '', 'HW_INVALID_ARGUMENT')
      const fsrs = await model()
      const others = { parameters: { ne: fsrs.parameters } }
      for (let count = 0; ; ) {
        const { items } = await rows.list({ filter: others, limit: 100 }, call)
        if (items.length === 0) return count
        for (const { user, item } of items) {
          throwIfAborted(call.signal)
          await together(call, (within) => derived(within, { user, item }, fsrs))
          count++
        }
      }
    },
  }
}

type Model = Awaited<ReturnType<ReturnType<typeof memoryModel>>>

/**
 * Writes what the log comes to; anew, where others have written meanwhile what they knew of it. Null where there is no
 * log, and so no row any more.
 */
async function derived(
  { rows, of }: Pick<EntityTools<MasteryShape>, 'rows' | 'of'>,
  who: { readonly user: string; readonly item: string },
  fsrs: Model,
): Promise<MasteryShape['row'] | null> {
  for (let attempt = 1; ; attempt++) {
    const was = await rows.first({ filter: who })
    const log = await logOf(of(mastery_reviews), who)
    if (log.length === 0) {
      if (was) await rows.delete(was.id)
      return null
    }
    const values = { ...who, ...fsrs.replay(log), parameters: fsrs.parameters }
    try {
      if (was) return await rows.update(was.id, values, { ifVersion: was.version })
      const row = await rows.upsert(values)
      if (row.version === 1) return row
    } catch (error) {
      if (!isHeadwaterError(error, 'HW_VERSION_CONFLICT') || attempt === attempts) throw error
    }
  }
}

/** The whole log of an item, the earliest review first. */
async function logOf(
  reviews: EntityRepository<ReviewShape>,
  filter: { readonly user: string; readonly item: string },
): Promise<Review[]> {
  const log: Review[] = []
  for (let cursor: string | undefined; ; ) {
    const orderBy = [{ user: 'asc' }, { item: 'asc' }, { at: 'asc' }] as const
    const found = await reviews.list({ filter, orderBy, limit: page, cursor })
    log.push(...found.items)
    cursor = found.cursor
    if (cursor === undefined) return log
  }
}

function levelOf(
  {
    id: _id,
    version: _version,
    createdAt: _createdAt,
    updatedAt: _updatedAt,
    parameters: _parameters,
    ...memory
  }: MasteryShape['row'],
  level: number,
): MasteryLevel {
  return { ...memory, level }
}

function checkName(value: unknown, path: string): string {
  const text = checkText(value, path, longestName, 'HW_INVALID_ARGUMENT')
  if (text === '') throw invalidArgument(path, 'names nothing')
  return text
}
