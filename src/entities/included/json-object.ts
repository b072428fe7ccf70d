import { z } from 'zod'
import type { JsonObject } from '../../core/json'

/** Free values, none when left out. */
export const jsonObject: z.ZodType<JsonObject, JsonObject | undefined> = z.record(z.string(), z.json()).default({})
