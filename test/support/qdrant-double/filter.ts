import { compileField, isEmptyValue } from './conditions'
import { badFormat } from './failure'
import { isAnswered } from './index-use'
import { asInteger, isObject, type JsonObject } from './json'
import type { PayloadIndex } from './payload-index'
import { parsePath, valuesAt } from './payload-path'
import { type PointId, parsePointIds } from './point-id'

/** What a filter sees of a point. Elements of a nested array have neither id nor vectors. */
export interface FilterSubject {
  readonly id?: PointId
  readonly vectors?: ReadonlyMap<string, unknown>
  readonly payload: JsonObject
}

export type Predicate = (subject: FilterSubject) => boolean

interface Scope {
  readonly where: string
  readonly indexes: ReadonlyMap<string, PayloadIndex>
  /** Told of each key that a condition reads. */
  readonly onKey?: ((key: string) => void) | undefined
  /** Told each time that a condition without an index reads a payload. */
  readonly onRead?: (() => void) | undefined
}

const clauses = ['must', 'should', 'must_not', 'min_should']

/** Checks a filter as Qdrant does and makes a predicate of it. `request` is its place in messages. */
export function compileFilter(
  filter: unknown,
  indexes: ReadonlyMap<string, PayloadIndex>,
  request = 'request',
  onKey?: (key: string) => void,
  onRead?: () => void,
): Predicate {
  if (filter === undefined || filter === null) return () => true
  return compileClauses(filter, { where: `${request}.filter`, indexes, onKey, onRead })
}

function compileClauses(filter: unknown, scope: Scope): Predicate {
  if (!isObject(filter)) throw badFormat('invalid type, expected struct Filter')
  const unknown = Object.keys(filter).find((key) => !clauses.includes(key))
  if (unknown !== undefined) throw badFormat(`unknown field \`${unknown}\`, expected one of ${clauses.join(', ')}`)
  const must = compileList(filter['must'], 'must', scope)
  const should = compileList(filter['should'], 'should', scope)
  const mustNot = compileList(filter['must_not'], 'must_not', scope)
  const enough = compileMinShould(filter['min_should'], scope)
  return (subject) =>
    must.every((test) => test(subject)) &&
    // An empty `should` asks for nothing.
    (should.length === 0 || should.some((test) => test(subject))) &&
    !mustNot.some((test) => test(subject)) &&
    enough(subject)
}

function compileList(list: unknown, name: string, scope: Scope): Predicate[] {
  if (list === undefined || list === null) return []
  const conditions = Array.isArray(list) ? list : [list]
  return conditions.map((each, at) => compileCondition(each, { ...scope, where: `${scope.where}.${name}[${at}]` }))
}

function compileMinShould(clause: unknown, scope: Scope): Predicate {
  if (clause === undefined || clause === null) return () => true
  const least = isObject(clause) ? asInteger(clause['min_count']) : undefined
  if (!isObject(clause) || least === undefined || !Array.isArray(clause['conditions'])) {
    throw badFormat('invalid type, expected struct MinShould')
  }
  const tests = compileList(clause['conditions'], 'min_should', scope)
  return (subject) => tests.filter((test) => test(subject)).length >= least
}

function compileCondition(condition: unknown, scope: Scope): Predicate {
  if (!isObject(condition)) throw badFormat('data did not match any variant of untagged enum Condition')
  if ('key' in condition) {
    const key = String(condition['key'])
    const test = compileField(condition, scope.where, scope.indexes.get(key))
    scope.onKey?.(key)
    return counted((subject) => test(subject.payload), isAnswered(condition, scope.indexes.get(key)), scope)
  }
  if ('is_empty' in condition) {
    const path = fieldOf(condition['is_empty'], scope)
    return counted(({ payload }) => valuesAt(path, payload).every(isEmptyValue), isIndexed(condition, scope), scope)
  }
  if ('is_null' in condition) {
    const path = fieldOf(condition['is_null'], scope)
    const test: Predicate = ({ payload }) => valuesAt(path, payload).some((value) => value === null)
    return counted(test, isIndexed(condition, scope), scope)
  }
  if ('has_id' in condition) {
    const ids = new Set(parsePointIds(condition['has_id']))
    return ({ id }) => id !== undefined && ids.has(id)
  }
  if ('has_vector' in condition) {
    const name = String(condition['has_vector'])
    return ({ vectors }) => vectors?.has(name) ?? false
  }
  if ('nested' in condition) return compileNested(condition['nested'], scope)
  return compileClauses(condition, scope)
}

function counted(test: Predicate, isAnswered: boolean, { onRead }: Scope): Predicate {
  if (isAnswered || !onRead) return test
  return (subject) => {
    onRead()
    return test(subject)
  }
}

function isIndexed(condition: JsonObject, { indexes }: Scope): boolean {
  const [field] = Object.values(condition)
  return isObject(field) && indexes.has(String(field['key']))
}

function fieldOf(field: unknown, scope: Scope): ReturnType<typeof parsePath> {
  if (!isObject(field)) throw badFormat('data did not match any variant of untagged enum Condition')
  const path = parsePath(field['key'])
  scope.onKey?.(String(field['key']))
  return path
}

function compileNested(nested: unknown, scope: Scope): Predicate {
  if (!isObject(nested)) throw badFormat('data did not match any variant of untagged enum Condition')
  const key = String(nested['key'])
  const path = parsePath(key.endsWith('[]') ? key : `${key}[]`)
  const prefix = `${key.replace(/\[\]$/, '')}[].`
  const indexes = new Map(
    [...scope.indexes].flatMap(([name, index]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), index] as const] : [],
    ),
  )
  const onKey = scope.onKey && ((inner: string) => scope.onKey?.(prefix + inner))
  const test = compileClauses(nested['filter'], { where: `${scope.where}.nested.filter`, indexes, onKey })
  return ({ payload }) => valuesAt(path, payload).some((element) => isObject(element) && test({ payload: element }))
}
