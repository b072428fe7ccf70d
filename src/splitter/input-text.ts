import { sha256 } from '../core/ids'
import type { Context } from './context'

/** A chunk's own text and what stands above it. */
type Input = Context & { readonly text: string }

/** What is embedded of a chunk: title, heading, header of the table and text, each where there is one and it says more. */
export function inputText(title: string, { heading, tableHeader, text }: Input): string {
  const said = heading === title || beginsWith(text, heading)
  return [title, said ? '' : heading, tableHeader === '' ? text : `${tableHeader}\n${text}`]
    .filter((part) => part !== '')
    .join('\n\n')
}

/** What the text index holds of a chunk beside title and heading. */
export function indexedText({ tableHeader, text }: Pick<Input, 'tableHeader' | 'text'>): string {
  return tableHeader === '' ? text : `${tableHeader}\n${text}`
}

/** Changes with all that is embedded, indexed or shown of a chunk; without a context it is what it was in 0.1.0. */
export function inputHashOf(title: string, input: Input): string {
  const { heading, tableHeader } = input
  const text = inputText(title, input)
  return heading === '' && tableHeader === '' ? sha256(text) : sha256(text, heading, tableHeader)
}

/**
 * As `inputHashOf`, of a chunk that came with its vector: with the text alone, two chunks that say the same would share one.
 * The space is part of it, for in another one it is a text as any.
 */
export function ownInputHashOf(title: string, input: Input, fingerprint: string, vectorHash: string): string {
  return sha256(inputHashOf(title, input), fingerprint, vectorHash)
}

/** Whether the text says the heading itself, as a chunk does that begins with its heading's line. */
function beginsWith(text: string, heading: string): boolean {
  let at = 0
  while (text[at] === '#' || text[at] === ' ' || text[at] === '\t') at++
  return text.startsWith(heading, at)
}
