import { firstFormat } from '../index-format'
import { wordFormat } from '../text-words'
import type { TextIndex } from '../texts'

/** Whether an index is of 0.1.0, whose words are read in another way. */
export function hasFirstWords({ format = wordFormat }: TextIndex): boolean {
  return format.words === firstFormat.words
}

/** Whether its words are found without regard to case and accents. */
export function isFolding({ format = wordFormat }: TextIndex): boolean {
  return format.folding ?? true
}
