import type { ReducedTests } from '../../filter/reduce-tests'

/** A condition of Qdrant's filter language; a filter is one, too. */
export type QdrantCondition = { readonly [key: string]: unknown }

export interface QdrantFilter extends QdrantCondition {
  readonly must?: readonly QdrantCondition[]
  readonly should?: readonly QdrantCondition[]
  readonly must_not?: readonly QdrantCondition[]
}

/** A condition, or what is known without asking: an empty `should` would match everything. */
export type Compiled = QdrantCondition | boolean

export type TypedValues = Extract<ReducedTests, { kind: 'values' }>['values']
export type Range = { gt?: number | string; gte?: number | string; lt?: number | string; lte?: number | string }

/** How the points of one format are asked for what is there and for what is equal. */
export interface Equality {
  /** Of metadata, or of `$source`: another system field is always there. */
  exists(path: string): Compiled
  /** One of the values at a path of metadata, or of `$id` or `$source`. Texts can be stored. */
  equals(path: string, values: TypedValues): Compiled
}

export function all(parts: readonly Compiled[]): Compiled {
  if (parts.includes(false)) return false
  const conditions = parts.filter((part) => part !== true)
  if (conditions.length < 2) return conditions[0] ?? true
  return { must: conditions }
}

export function any(parts: readonly Compiled[]): Compiled {
  if (parts.includes(true)) return true
  const conditions = joined(parts.filter((part) => part !== false && part !== true))
  if (conditions.length < 2) return conditions[0] ?? false
  return { should: conditions }
}

export function not(part: Compiled): Compiled {
  return typeof part === 'boolean' ? !part : { must_not: [part] }
}

/** Matches of text under one key as one: what is asked of each point are conditions, however long their lists. */
function joined(conditions: readonly QdrantCondition[]): readonly QdrantCondition[] {
  const texts = new Map<unknown, Set<string>>()
  const others: QdrantCondition[] = []
  for (const condition of conditions) {
    const wanted = wantedTexts(condition)
    if (!wanted) others.push(condition)
    else texts.set(condition['key'], new Set([...(texts.get(condition['key']) ?? []), ...wanted]))
  }
  return [...[...texts].map(([key, wanted]) => matchText(String(key), [...wanted])), ...others]
}

function wantedTexts({ match }: QdrantCondition): readonly string[] | undefined {
  const { value, any: list } = Object(match) as { readonly value?: unknown; readonly any?: readonly string[] }
  return typeof value === 'string' ? [value] : list
}

export function matchText(key: string, values: readonly string[]): QdrantCondition {
  return { key, match: values.length === 1 ? { value: values[0] } : { any: values } }
}

export function numbers(key: string, ranges: readonly Range[]): Compiled {
  return any(ranges.map((range) => ({ key, range })))
}
