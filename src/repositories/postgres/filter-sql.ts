import type { JsonObject } from '../../core/json'
import { isOwnField, type OwnField } from '../../filter/entry-leaves'
import { leafKey, leafTypes } from '../../filter/leaves'
import { isStorableText } from '../../filter/metadata-key'
import type { FieldRef, LeafType, LeafValue, ParsedFilter } from '../../filter/parsed'
import { type ReducedTests, reduceTests } from '../../filter/reduce-tests'
import { systemFieldTypes } from '../../filter/system-fields'

/** SQL expressions of what a filter reads, written by us and never by a user. Only `source` may be NULL. */
export interface FilterColumns {
  /** jsonb, an object as in `Leaves`. */
  readonly leaves: string
  readonly id: string
  readonly source: string
  /** bigint, epoch ms; as is `updatedAt`. */
  readonly createdAt: string
  readonly updatedAt: string
  /** bigint. */
  readonly version: string
  /** Where a document's own fields are no leaves; text. */
  readonly own?: Readonly<Record<OwnField, string>> | undefined
}

/** Lists longer than this are looked up by hash; at about 30 values both ways cost the same. */
const hashedFrom = 24

/**
 * The filter as a boolean expression that is never NULL. Everything that comes from the filter, paths included, is
 * appended to `params` and bound; a string alone in its test can use a GIN index on leaves. Numbers compare exactly,
 * as numeric.
 */
export function compileFilter(filter: ParsedFilter | undefined, columns: FilterColumns, params: unknown[]): string {
  return filter === undefined ? 'true' : new Compiler(columns, params).condition(filter)
}

class Compiler {
  readonly #columns: FilterColumns
  readonly #params: unknown[]

  constructor(columns: FilterColumns, params: unknown[]) {
    this.#columns = columns
    this.#params = params
  }

  condition(filter: ParsedFilter): string {
    switch (filter.kind) {
      case 'all':
        return this.#joined(filter.of, 'AND', 'true')
      case 'any':
        return this.#joined(filter.of, 'OR', 'false')
      case 'not':
        return `NOT (${this.condition(filter.of)})`
      case 'exists':
        return this.#exists(filter.field)
      case 'some':
        return this.#some(filter.field, reduceTests(filter.tests))
    }
  }

  #joined(filters: readonly ParsedFilter[], word: 'AND' | 'OR', none: 'true' | 'false'): string {
    if (filters.length === 0) return none
    return `(${filters.map((filter) => this.condition(filter)).join(` ${word} `)})`
  }

  #exists(field: FieldRef): string {
    if (field.kind === 'system') return field.name === '$source' ? `${this.#columns.source} IS NOT NULL` : 'true'
    if (!isStorableText(field.path)) return 'false'
    const own = this.#own(field.path)
    if (own !== undefined) return `${own} <> ''`
    const keys = leafTypes.map((type) => leafKey(type, field.path))
    return `${this.#columns.leaves} ?| ${this.#bind(keys, 'text[]')}`
  }

  #some(field: FieldRef, tests: ReducedTests): string {
    if (tests.kind === 'anything') return this.#exists(field)
    if (field.kind === 'system') return this.#system(field.name, tests)
    if (!isStorableText(field.path)) return 'false'
    const own = this.#own(field.path)
    if (own !== undefined) return this.#text(own, tests)
    if (tests.kind === 'interval') return this.#interval(field.path, tests)
    const alternatives = leafTypes.flatMap((type) => {
      const values = storable(tests.values.filter((value) => value.type === type))
      return values.length === 0 ? [] : [this.#anyOf(leafKey(type, field.path), type, values)]
    })
    return alternatives.length === 0 ? 'false' : `(${alternatives.join(' OR ')})`
  }

  #own(path: string): string | undefined {
    return isOwnField(path) ? this.#columns.own?.[path] : undefined
  }

  /** A column that is empty has no element. */
  #text(column: string, tests: Exclude<ReducedTests, { kind: 'anything' }>): string {
    if (tests.kind === 'interval') return 'false'
    const values = storable(tests.values.filter(({ type, value }) => type === 's' && value !== ''))
    return values.length === 0 ? 'false' : `${column} = ANY (${this.#bind(values, 'text[]')})`
  }

  #anyOf(key: string, type: LeafType, values: readonly LeafValue[]): string {
    const { leaves } = this.#columns
    if (values.length === 1) return `${leaves} @> ${this.#bindJson({ [key]: [values[0]!] })}`
    const list = `${leaves} -> ${this.#bind(key, 'text')}`
    if (values.length > hashedFrom) return this.#anyOfMany(list, type, values)
    if (type === 's') return `coalesce(${list} ?| ${this.#bind(values, 'text[]')}, false)`
    return `coalesce(jsonb_path_exists(${list}, '$[*] ? (@ == $v[*])'::jsonpath, ${this.#bindJson({ v: [...values] })}), false)`
  }

  /** Costs more for a row, but the same however long the list is: Postgres looks up in a hash table. */
  #anyOfMany(list: string, type: LeafType, values: readonly LeafValue[]): string {
    if (type === 's') {
      const wanted = this.#bind(values, 'text[]')
      return `EXISTS (SELECT 1 FROM jsonb_array_elements_text(${list}) AS e WHERE e = ANY (${wanted}))`
    }
    const wanted = this.#bind(values.map(String), 'numeric[]')
    return `EXISTS (SELECT 1 FROM jsonb_array_elements(${list}) AS e WHERE e::numeric = ANY (${wanted}))`
  }

  #interval(path: string, { type, min, max }: Extract<ReducedTests, { kind: 'interval' }>): string {
    const tests: string[] = []
    const bounds: JsonObject = {}
    if (min) {
      tests.push(`@ ${min.inclusive ? '>=' : '>'} $min`)
      bounds['min'] = min.value
    }
    if (max) {
      tests.push(`@ ${max.inclusive ? '<=' : '<'} $max`)
      bounds['max'] = max.value
    }
    const list = `${this.#columns.leaves} -> ${this.#bind(leafKey(type, path), 'text')}`
    return `coalesce(jsonb_path_exists(${list}, '$[*] ? (${tests.join(' && ')})'::jsonpath, ${this.#bindJson(bounds)}), false)`
  }

  #system(name: keyof typeof systemFieldTypes, tests: Exclude<ReducedTests, { kind: 'anything' }>): string {
    const type = systemFieldTypes[name]
    const column = this.#systemColumn(name)
    if (tests.kind === 'interval') {
      if (tests.type !== type) return 'false'
      const { min, max } = tests
      const bound = (operator: string, value: number) => `${column} ${operator} ${this.#bind(String(value), 'numeric')}`
      const parts: string[] = []
      if (min) parts.push(bound(min.inclusive ? '>=' : '>', min.value))
      if (max) parts.push(bound(max.inclusive ? '<=' : '<', max.value))
      return `(${parts.join(' AND ')})`
    }
    const values = storable(tests.values.filter((value) => value.type === type))
    if (values.length === 0) return 'false'
    const list = type === 's' ? this.#bind(values, 'text[]') : this.#bind(values.map(String), 'numeric[]')
    const equal = `${column} = ANY (${list})`
    return name === '$source' ? `coalesce(${equal}, false)` : equal
  }

  #systemColumn(name: keyof typeof systemFieldTypes): string {
    switch (name) {
      case '$id':
        return this.#columns.id
      case '$source':
        return this.#columns.source
      case '$createdAt':
        return this.#columns.createdAt
      case '$updatedAt':
        return this.#columns.updatedAt
      case '$version':
        return this.#columns.version
    }
  }

  #bindJson(value: JsonObject): string {
    return this.#bind(JSON.stringify(value), 'jsonb')
  }

  #bind(value: unknown, type: string): string {
    return `$${this.#params.push(value)}::${type}`
  }
}

/** Text that no column can hold equals nothing, and would be an error as a parameter. */
function storable(values: readonly { readonly value: LeafValue }[]): LeafValue[] {
  return values.map(({ value }) => value).filter((value) => typeof value !== 'string' || isStorableText(value))
}
