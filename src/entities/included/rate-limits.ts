import { z } from 'zod'
import { defineEntity, type EntityDeclaration, type ShapeOf } from '../declaration'
import { type EntityReads, readsOf, withForm } from '../entity-form'
import type { StandardSchema } from '../standard-schema'

export interface RateLimitValues {
  /** The caller's key behind `=`, or its hash behind `#` where it is long. */
  readonly key: string
  readonly used: number
  readonly endsAt: string
}

export type RateLimitShape = ShapeOf<StandardSchema<RateLimitValues>, { readonly key: 'key' }>

const schema: StandardSchema<RateLimitValues> = z.object({ key: z.string(), used: z.int(), endsAt: z.iso.datetime() })

/** Where `acme.limits.take` counts without Redis; windows that are over go by and by. */
export const rate_limits: EntityDeclaration<RateLimitShape, EntityReads<RateLimitShape>> = withForm(
  defineEntity('rate_limits', schema, { key: 'key', indexes: [['endsAt']] }),
  ({ rows }) => readsOf(rows),
)
