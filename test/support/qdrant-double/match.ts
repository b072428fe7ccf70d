import { badFormat } from './failure'
import { asInteger, isObject } from './json'
import type { PayloadIndex } from './payload-index'
import { tokens } from './tokens'

/** Tests one element of a field's values. */
export type ElementTest = (element: unknown) => boolean

/** `match` in all its forms. A full-text index on the field changes what the text forms mean. */
export function compileMatch(match: unknown, index: PayloadIndex | undefined): ElementTest {
  const never = badFormat('data did not match any variant of untagged enum MatchInterface')
  if (!isObject(match)) throw never
  if ('value' in match) return equals(match['value'])
  if (typeof match['text'] === 'string') return text(match['text'], index, 'every')
  if (typeof match['text_any'] === 'string') return text(match['text_any'], index, 'some')
  if (typeof match['phrase'] === 'string') return phrase(match['phrase'], index)
  if ('any' in match) return oneOf(match['any'])
  if ('except' in match) return noneOf(match['except'], index)
  throw never
}

function equals(wanted: unknown): ElementTest {
  if (typeof wanted === 'string' || typeof wanted === 'boolean') return (element) => element === wanted
  const integer = asInteger(wanted)
  if (integer === undefined) throw badFormat('data did not match any variant of untagged enum MatchInterface')
  return (element) => asInteger(element) === integer
}

function variants(list: unknown): { strings: ReadonlySet<unknown> } | { integers: ReadonlySet<unknown> } {
  if (Array.isArray(list)) {
    if (list.every((item) => typeof item === 'string')) return { strings: new Set(list) }
    if (list.every((item) => asInteger(item) !== undefined)) return { integers: new Set(list) }
  }
  throw badFormat('data did not match any variant of untagged enum MatchInterface')
}

function oneOf(list: unknown): ElementTest {
  const wanted = variants(list)
  if ('strings' in wanted) return (element) => typeof element === 'string' && wanted.strings.has(element)
  return (element) => asInteger(element) !== undefined && wanted.integers.has(element)
}

function noneOf(list: unknown, index: PayloadIndex | undefined): ElementTest {
  const refused = variants(list)
  if ('strings' in refused) {
    // An index knows the values of its own type only.
    if (index?.type === 'keyword') return (element) => typeof element === 'string' && !refused.strings.has(element)
    return (element) => element !== null && !refused.strings.has(element)
  }
  if (index?.type === 'integer') {
    return (element) => asInteger(element) !== undefined && !refused.integers.has(element)
  }
  return (element) => element !== null && !refused.integers.has(element)
}

function text(wanted: string, index: PayloadIndex | undefined, how: 'every' | 'some'): ElementTest {
  if (index?.type !== 'text') {
    if (how === 'every') return (element) => typeof element === 'string' && element.includes(wanted)
    const words = wanted.split(/\s+/).filter((word) => word !== '')
    return (element) => typeof element === 'string' && words.some((word) => element.includes(word))
  }
  const words = tokens(wanted, index, 'query')
  return (element) => {
    if (typeof element !== 'string' || words.length === 0) return false
    const held = new Set(tokens(element, index, 'document'))
    return words[how]((word) => held.has(word))
  }
}

function phrase(wanted: string, index: PayloadIndex | undefined): ElementTest {
  if (index?.type !== 'text') return (element) => typeof element === 'string' && element.includes(wanted)
  const words = tokens(wanted, index, 'query')
  return (element) => {
    if (typeof element !== 'string' || words.length === 0) return false
    const held = tokens(element, index, 'document')
    return held.some((_, start) => words.every((word, offset) => held[start + offset] === word))
  }
}
