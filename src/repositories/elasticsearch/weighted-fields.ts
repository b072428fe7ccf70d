import type { FieldWeights } from '../typed-query'

/** What counts nothing is not asked; the least of the others counts 1, for a server takes no less. */
export function weightedFields(fields: FieldWeights | undefined, prefix = ''): string[] {
  const { title = 1, heading = 1, text = 1 } = fields ?? {}
  const counting = Object.entries({ title, heading, text }).filter(([, weight]) => weight > 0)
  const least = Math.min(...counting.map(([, weight]) => weight))
  return counting.map(([field, weight]) => (weight === least ? prefix + field : `${prefix}${field}^${weight / least}`))
}
