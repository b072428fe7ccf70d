import { badFormat } from './failure'
import { isObject, type JsonObject } from './json'

/** A step into a payload: a key, an index, or null for every element of an array. */
type Step = string | number | null

const step = /(?:^|\.)(?:"([^"]*)"|([^.[\]"]+))|\[(\d*)\]/y

/** `a.b`, `a[].b`, `a[0]`, `"a.b".c`. An array is entered by brackets only. */
export type PayloadPath = readonly Step[]

export function parsePath(text: unknown): PayloadPath {
  if (typeof text !== 'string') throw badFormat('invalid type for a payload key, expected a string')
  const steps: Step[] = []
  let at = 0
  while (at < text.length) {
    step.lastIndex = at
    const found = step.exec(text)
    if (!found || (at === 0 && found[3] !== undefined)) break
    at = step.lastIndex
    steps.push(found[1] ?? found[2] ?? (found[3] === '' ? null : Number(found[3])))
  }
  if (steps.length === 0 || at < text.length) throw badFormat(`Invalid JSON path: \`${text}\``)
  return steps
}

/** The path's values: none where a key is missing, and an array at its end as one value. */
export function valuesAt(path: PayloadPath, payload: unknown): unknown[] {
  const [only] = path
  // What nearly every filter asks, of every point.
  if (path.length === 1 && typeof only === 'string') {
    return isObject(payload) && Object.hasOwn(payload, only) ? [payload[only]] : []
  }
  let values = [payload]
  for (const each of path) {
    values = values.flatMap((value) => {
      if (each === null) return Array.isArray(value) ? value : []
      if (typeof each === 'number') return Array.isArray(value) && each < value.length ? [value[each]] : []
      return isObject(value) && Object.hasOwn(value, each) ? [value[each]] : []
    })
  }
  return values
}

/** The values a field index would hold: arrays at the path's end are flattened once. */
export const elementsAt = (path: PayloadPath, payload: unknown): unknown[] => valuesAt(path, payload).flat(1)

/** A copy without what is under the path. */
export function withoutPath(path: PayloadPath, value: unknown): unknown {
  const [first, ...rest] = path
  if (first === undefined) return undefined
  if (Array.isArray(value)) {
    return value.map((item, index) => (first === null || first === index ? withoutPath(rest, item) : item))
  }
  if (!isObject(value) || typeof first !== 'string' || !Object.hasOwn(value, first)) return value
  const { [first]: inner, ...others } = value
  const kept = withoutPath(rest, inner)
  return kept === undefined ? others : { ...others, [first]: kept }
}

/** A copy with nothing but what is under one of the paths. */
export function onlyPaths(paths: readonly PayloadPath[], value: unknown): unknown {
  if (paths.some((path) => path.length === 0)) return value
  if (Array.isArray(value)) {
    const inner = paths.filter(([first]) => first === null).map((path) => path.slice(1))
    return inner.length === 0 ? value : value.map((item) => onlyPaths(inner, item))
  }
  if (!isObject(value)) return value
  const kept: JsonObject = {}
  for (const [key, member] of Object.entries(value)) {
    const inner = paths.filter(([first]) => first === key).map((path) => path.slice(1))
    if (inner.length > 0) kept[key] = onlyPaths(inner, member)
  }
  return kept
}
