import { isOwnField } from '../../filter/entry-leaves'
import type { LeafType, LeafValue, Leaves } from '../../filter/parsed'
import { tokenOf } from '../filter-tokens'
import type { IndexPayload } from '../index-entry'
import { encodedPath, pathOfEncoded } from './payload-key'

/**
 * What is asked by equality or existence, as the terms of one indexed key: `type_path:value`, the path as in other keys
 * of a payload, which holds no colon. `e_path:` says that there is something. Fields that nearly every entry has say by
 * `m_path:` that there is nothing: each term costs time at every write.
 */
function headOf(path: string, type: string): string {
  return `${type}_${encodedPath(path)}:`
}

export function token(path: string, type: LeafType, value: LeafValue): string {
  return tokenOf(headOf, path, type, value)
}

/** The term of what has the path, or of what has it not. */
export function existenceToken(path: string): { readonly there: boolean; readonly token: string } {
  const there = !isUsual(path)
  return { there, token: headOf(path, there ? 'e' : 'm') }
}

/** Of leaves, and of the fields that filters ask by equality alone. */
export function tokensOf({ leaves, source, document }: IndexPayload): string[] {
  const found = new Set<string>()
  const missing = new Set<string>(usual)
  for (const [key, values] of Object.entries(leaves)) {
    if (values.length === 0) continue
    const path = key.slice(2)
    if (!missing.delete(path)) found.add(existenceToken(path).token)
    for (const value of values) found.add(token(path, key[0] as LeafType, value))
  }
  found.add(token('$id', 's', document))
  if (source !== null) {
    missing.delete('$source')
    found.add(token('$source', 's', source))
  }
  for (const path of missing) found.add(existenceToken(path).token)
  return [...found]
}

/** The strings and booleans that can be read from terms, in their order, but for those of system fields. */
export function leavesOfTokens(tokens: readonly unknown[]): Leaves {
  const leaves: Leaves = {}
  for (const found of tokens) {
    const match = typeof found === 'string' ? readable.exec(found) : null
    if (!match) continue
    const [, type, encoded, text] = match as unknown as [string, 's' | 'b', string, string]
    const path = pathOfEncoded(encoded)
    if (path === '$id' || path === '$source') continue
    const values = leaves[`${type}:${path}`] ?? []
    values.push(type === 's' ? text : text === 'true')
    leaves[`${type}:${path}`] = values
  }
  return leaves
}

const readable = /^([sb])_([A-Za-z0-9_]+):(.*)$/s
const usual = ['$title', '$status', '$contentType', '$source'] as const

function isUsual(path: string): boolean {
  return path === '$source' || isOwnField(path)
}
