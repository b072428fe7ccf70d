import { leafTypes } from '../../filter/leaves'
import type { LeafType, LeafValue } from '../../filter/parsed'
import { any, type Compiled, type Equality, matchText, numbers, type QdrantCondition } from './conditions'
import { keys } from './payload'
import { payloadKey } from './payload-key'

/**
 * Points of format 1: a key for each path and type. Numbers are compared by ranges, because `match` takes integers alone
 * and does not find a stored 2.0 by 2; text and booleans by `match`.
 */
export const asKeys: Equality = {
  exists(path) {
    if (path === '$source') return holdsAny(keys.source)
    return any(leafTypes.map((type) => holdsAny(payloadKey(type, path))))
  },

  equals(path, values) {
    const own = path === '$id' ? keys.document : path === '$source' ? keys.source : undefined
    return any(
      leafTypes.map((type) => {
        const ofType = values.filter((value) => value.type === type).map(({ value }) => value)
        return ofType.length > 0 && equal(own ?? payloadKey(type, path), type, ofType)
      }),
    )
  },
}

function holdsAny(key: string): QdrantCondition {
  return { must_not: [{ is_empty: { key } }] }
}

function equal(key: string, type: LeafType, values: readonly LeafValue[]): Compiled {
  if (type === 's') return matchText(key, values.map(String))
  if (type === 'b') return any(values.map((value) => ({ key, match: { value } })))
  return numbers(
    key,
    values.map((value) => ({ gte: Number(value), lte: Number(value) })),
  )
}
