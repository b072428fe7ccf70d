import { HeadwaterError } from '../core/errors'
import type { ParsedFilter } from '../filter/parsed'

/** Parts of time that rows are put together by, in UTC; weeks begin on Monday. */
export type TimeUnit = 'hour' | 'day' | 'week' | 'month' | 'year'

export type Measure = 'count' | 'sum' | 'avg' | 'min' | 'max'

export interface AggregateGroup {
  readonly column: string
  /** Of a time or a day: from when on its part of the calendar goes. */
  readonly unit?: TimeUnit | undefined
}

export interface AggregateValue {
  readonly measure: Measure
  /** Name of the column; of `count`, none. */
  readonly column?: string | undefined
}

export interface EntityAggregation {
  readonly filter?: ParsedFilter | undefined
  readonly groups: readonly AggregateGroup[]
  readonly values: readonly AggregateValue[]
  /** Places in `groups`, and behind those in `values`; ascending, no value comes after all others. */
  readonly order: readonly { readonly at: number; readonly descending: boolean }[]
  readonly limit: number
}

/**
 * What the values of rows come to: `sum` is 0 where no row has a value, `avg`, `min` and `max` are none. HW_LIMIT_EXCEEDED
 * for a sum that no number holds.
 */
export interface AggregatedRow {
  readonly groups: readonly (string | number | boolean | null)[]
  readonly values: readonly (string | number | null)[]
}

/** A sum beyond all numbers. */
export function tooLarge(cause?: unknown): HeadwaterError {
  return new HeadwaterError('HW_LIMIT_EXCEEDED', 'sum: it is beyond what a number holds', { path: 'sum', cause })
}
