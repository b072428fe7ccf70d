import { isObject, type JsonObject } from './json'
import type { PayloadIndex } from './payload-index'

/**
 * Whether an index answers a condition; without one a server reads the payload of each point that it looks at, from
 * disk where payloads are, once for each such condition.
 */
export function isAnswered(condition: JsonObject, index: PayloadIndex | undefined): boolean {
  if (!index) return false
  const { match, range } = condition
  if (isObject(match)) return kindsOfMatch(match).includes(index.type)
  if (isObject(range)) {
    const isTime = Object.values(range).some((limit) => typeof limit === 'string')
    return (isTime ? ['datetime'] : ['integer', 'float']).includes(index.type)
  }
  return true
}

function kindsOfMatch(match: JsonObject): readonly string[] {
  const values = [match['value'], match['any'], match['except']].flat().filter((value) => value !== undefined)
  if (values.length === 0) return ['text']
  if (values.every((value) => typeof value === 'boolean')) return ['bool']
  return values.every((value) => typeof value === 'string') ? ['keyword', 'uuid'] : ['integer']
}
