import type { DocumentInput } from '../../writer/write/document-input'
import type { Dice } from './dice'
import { contentKey } from './history'

const lines = [
  'rivers rise early',
  'the lake is calm',
  'springs feed it',
  'snow melts late',
  'rain falls',
  'the lake is calm',
]
const titles = ['', 'Water', 'Ice']
export const groups = ['a', 'b', 'c'] as const
export const words = ['lake', 'snow rain', 'springs', 'mark', 'water'] as const

/**
 * A document unlike any other of the run: told by a line of its own, or by its metadata alone, so that some changes
 * leave the payload as it is and others leave the chunks. The other lines come and go, and return as the same chunks.
 */
export function inventDocument(dice: Dice, id: string, tenant: string, mark: number): DocumentInput {
  const kept = lines.filter(() => dice.chance(0.4))
  const inText = dice.chance(0.6)
  if (inText || kept.length === 0) kept.splice(dice.between(0, kept.length), 0, `mark ${mark} of ${tenant}`)
  return {
    id,
    title: dice.pick(titles),
    text: kept.join('\n'),
    metadata: { tenant, group: inText ? 'a' : dice.pick(groups), ...(!inText && { c: mark }) },
    ...(dice.chance(0.3) && { source: 'spring' }),
  }
}

export function keyOfInput({ title = '', text, metadata = {}, source }: DocumentInput): string {
  return contentKey({ title, text, metadata, source: source ?? null })
}
