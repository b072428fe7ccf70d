import type * as Fsrs from 'ts-fsrs'
import { HeadwaterError } from '../../core/errors'
import { sha256 } from '../../core/ids'
import { Lazy } from '../../core/lifecycle'
import { checkOptions, flag, list, number, type OptionKinds, text, whole } from '../../core/option-kinds'
import { parseInstant } from '../../filter/instant'
import { driverMissing } from '../../resilience/driver-missing'

/** How an answer was: forgotten, hardly known, known, known with ease. */
export type ReviewRating = 'again' | 'hard' | 'good' | 'easy'

export const ratings: readonly ReviewRating[] = ['again', 'hard', 'good', 'easy']

/** Parameters of FSRS; those of `ts-fsrs` where they are left out. */
export interface MemoryOptions {
  /** The probability of recall at which an item is due, 0.7 to 0.99; 0.9. */
  retention?: number | undefined
  /** 36,500. */
  longestIntervalDays?: number | undefined
  /** The weights of the model, as an optimizer gives them. */
  weights?: readonly number[] | undefined
  /** Whether new and forgotten items take steps of minutes first; true. */
  shortTerm?: boolean | undefined
  /** These steps: '1m', '10m'. */
  learningSteps?: readonly string[] | undefined
  /** '10m'. */
  relearningSteps?: readonly string[] | undefined
}

/** What a log of reviews comes to. Times are ISO strings. */
export interface Memory {
  readonly state: 'learning' | 'review' | 'relearning'
  readonly due: string
  readonly reviewedAt: string
  /** Days until the probability of recall falls to 0.9. */
  readonly stability: number
  /** 1 to 10. */
  readonly difficulty: number
  readonly scheduledDays: number
  readonly learningStep: number
  readonly reviews: number
  readonly lapses: number
}

const steps = list(text(8), 20)
const optionKinds = {
  retention: number(0.7, 0.99),
  longestIntervalDays: whole(1, 36_500),
  weights: list(number(-100, 100), 50),
  shortTerm: flag,
  learningSteps: steps,
  relearningSteps: steps,
} satisfies OptionKinds<MemoryOptions>

/** Of FSRS 4.5, 5 and 6. */
const weightCounts: readonly number[] = [17, 19, 21]
const states = ['new', 'learning', 'review', 'relearning'] as const

/** The model, loaded when it is first asked for. It draws no lots: a log comes to the same each time. */
export function memoryModel(options: MemoryOptions | undefined) {
  const given = checkOptions(options, optionKinds, 'mastery')
  // The library takes its own in the place of any other number of them.
  if (given.weights && !weightCounts.includes(given.weights.length)) {
    const path = 'mastery.weights'
    throw new HeadwaterError('HW_INVALID_OPTIONS', `${path}: must be ${weightCounts.join(', ')} numbers`, { path })
  }
  const model = new Lazy(async () => {
    const library = await load()
    try {
      return modelOf(library, given)
    } catch (cause) {
      const problem = `mastery: ts-fsrs refuses these parameters: ${cause instanceof Error ? cause.message : cause}`
      throw new HeadwaterError('HW_INVALID_OPTIONS', problem, { path: 'mastery', cause })
    }
  })
  return () => model.get()
}

async function load(): Promise<typeof Fsrs> {
  try {
    return await import('ts-fsrs')
  } catch (error) {
    throw driverMissing('ts-fsrs', error)
  }
}

function modelOf({ fsrs, createEmptyCard, generatorParameters, FSRSVersion }: typeof Fsrs, given: MemoryOptions) {
  const { retention, longestIntervalDays, weights, shortTerm, learningSteps, relearningSteps } = given
  const parameters = generatorParameters({
    enable_fuzz: false,
    ...(retention !== undefined && { request_retention: retention }),
    ...(longestIntervalDays !== undefined && { maximum_interval: longestIntervalDays }),
    ...(weights !== undefined && { w: weights }),
    ...(shortTerm !== undefined && { enable_short_term: shortTerm }),
    ...(learningSteps !== undefined && { learning_steps: learningSteps as Fsrs.Steps }),
    ...(relearningSteps !== undefined && { relearning_steps: relearningSteps as Fsrs.Steps }),
  })
  const scheduler = fsrs(parameters)
  // What it does not understand it says when it first plans something.
  scheduler.next(createEmptyCard(new Date(0)), new Date(0), 1 as Fsrs.Grade)
  const isoOf = (date: Date): string => date.toISOString()

  return {
    /** Known by these. */
    parameters: sha256(FSRSVersion, JSON.stringify(parameters)).slice(0, 32),
    /** Of a log that is not empty, in its order. */
    replay(log: readonly { readonly rating: ReviewRating; readonly at: string }[]): Memory {
      let card = createEmptyCard(new Date(parseInstant(log[0]!.at)!))
      for (const { rating, at } of log) {
        const grade = (ratings.indexOf(rating) + 1) as Fsrs.Grade
        card = scheduler.next(card, new Date(parseInstant(at)!), grade).card
      }
      return {
        state: states[card.state] as Memory['state'],
        due: isoOf(card.due),
        reviewedAt: isoOf(card.last_review!),
        stability: card.stability,
        difficulty: card.difficulty,
        scheduledDays: card.scheduled_days,
        learningStep: card.learning_steps,
        reviews: card.reps,
        lapses: card.lapses,
      }
    },
    /** The probability of recall at a time, epoch ms. */
    level({ stability, reviewedAt }: Memory, time: number): number {
      const days = Math.max(0, time - parseInstant(reviewedAt)!) / 86_400_000
      return Math.min(1, scheduler.forgetting_curve(days, stability))
    },
  }
}
