import { describeValue } from '../core/describe-value'
import { HeadwaterError } from '../core/errors'
import { isPlainObject } from '../core/json'
import { reading } from '../core/known-options'
import type { Limits } from '../core/limits'
import type { MetadataDeclaration } from './declaration'
import { chunkPath, isOwnField, ownFields } from './entry-leaves'
import { isDateTime } from './leaves'
import { metadataPathProblem } from './metadata-key'
import { type FieldTarget, type FilterColumn, Operands } from './operands'
import type { ElementTest, ParsedFilter } from './parsed'
import { isSystemField, systemFieldTypes } from './system-fields'

export interface FilterLimits {
  /** Operators in the whole filter; an empty object or list counts as one. 100. */
  readonly maxConditions?: number | undefined
  /** Filters within one another, the outermost included; 8. */
  readonly maxDepth?: number | undefined
  /** Values in all the lists of `in` and `nin` together; 10,000. */
  readonly maxValues?: number | undefined
  /** What is filtered: documents have no `$chunk.` paths. 'chunks' by default. */
  readonly of?: 'documents' | 'chunks' | undefined
}

/** Those of a store. */
export function filterLimitsOf(limits: Limits | undefined): FilterLimits {
  return {
    maxConditions: limits?.filterConditions,
    maxDepth: limits?.filterDepth,
    maxValues: limits?.filterValues,
  }
}

export const filterLimits = Object.freeze({ maxConditions: 100, maxDepth: 8, maxValues: 10_000 }) satisfies FilterLimits

/**
 * Checks a filter of the language in docs/filters.md and gives its form for compilers. `undefined`, as the whole or
 * under a key, is no condition at all. Throws HW_INVALID_FILTER with the path, `filter.OR[1].year.gte`.
 */
export function parseFilter(
  filter: unknown,
  declaration?: MetadataDeclaration | undefined,
  limits: FilterLimits = {},
): ParsedFilter {
  if (filter === undefined) return { kind: 'all', of: [] }
  return reading('filter', 'HW_INVALID_FILTER', () => new Parser(declaration, limits).filter(filter, 'filter', 1))
}

/** As `parseFilter`, of rows with these columns and no other field. */
export function parseColumnFilter(
  filter: unknown,
  columns: Readonly<Record<string, FilterColumn>>,
  limits: FilterLimits = {},
): ParsedFilter {
  if (filter === undefined) return { kind: 'all', of: [] }
  const parser = new Parser(undefined, limits, columns)
  return reading('filter', 'HW_INVALID_FILTER', () => parser.filter(filter, 'filter', 1))
}

class Parser {
  readonly #columns: Readonly<Record<string, FilterColumn>> | undefined
  readonly #declaration: MetadataDeclaration | undefined
  readonly #maxConditions: number
  readonly #maxDepth: number
  readonly #operands: Operands
  readonly #of: 'documents' | 'chunks'
  #conditions = 0

  constructor(
    declaration: MetadataDeclaration | undefined,
    limits: FilterLimits,
    columns?: Readonly<Record<string, FilterColumn>>,
  ) {
    this.#declaration = declaration
    this.#columns = columns
    this.#of = limits.of ?? 'chunks'
    this.#maxConditions = limits.maxConditions ?? filterLimits.maxConditions
    this.#maxDepth = limits.maxDepth ?? filterLimits.maxDepth
    this.#operands = new Operands(limits.maxValues ?? filterLimits.maxValues)
  }

  filter(filter: unknown, at: string, depth: number): ParsedFilter {
    if (depth > this.#maxDepth) throw invalid(at, `is nested more than ${this.#maxDepth} deep`)
    if (!isPlainObject(filter)) throw invalid(at, `${describeValue(filter)} is not an object of conditions`)
    const parts: ParsedFilter[] = []
    for (const key of Object.keys(filter)) {
      const value = filter[key]
      if (value === undefined) continue
      if (key === 'NOT') parts.push({ kind: 'not', of: this.filter(value, `${at}.NOT`, depth + 1) })
      else if (key === 'AND') parts.push({ kind: 'all', of: this.#list(value, `${at}.AND`, depth) })
      else if (key === 'OR') parts.push({ kind: 'any', of: this.#list(value, `${at}.OR`, depth) })
      else parts.push(...this.#field(key, value, at))
    }
    if (parts.length === 0) this.#count(at)
    return parts.length === 1 ? parts[0]! : { kind: 'all', of: parts }
  }

  #list(filters: unknown, at: string, depth: number): ParsedFilter[] {
    if (!Array.isArray(filters)) throw invalid(at, `${describeValue(filters)} is not a list of filters`)
    if (filters.length === 0) this.#count(at)
    return Array.from(filters, (filter, index) => this.filter(filter, `${at}[${index}]`, depth + 1))
  }

  #field(key: string, value: unknown, at: string): ParsedFilter[] {
    const target = this.#target(key, at)
    if (!isPlainObject(value)) {
      this.#count(target.at)
      return [some(target, [this.#operands.equal(target, value, target.at)])]
    }
    const operators = Object.keys(value).filter((name) => value[name] !== undefined)
    if (operators.length === 0) throw invalid(target.at, 'has no operator')
    const parts: ParsedFilter[] = []
    const tests: ElementTest[] = []
    for (const name of operators) {
      const place = `${target.at}.${name}`
      const operand = value[name]
      this.#count(place)
      switch (name) {
        case 'eq':
          tests.push(this.#operands.equal(target, operand, place))
          break
        case 'in':
          tests.push(this.#operands.list(target, operand, place))
          break
        case 'ne':
          parts.push({ kind: 'not', of: some(target, [this.#operands.equal(target, operand, place)]) })
          break
        case 'nin':
          parts.push({ kind: 'not', of: some(target, [this.#operands.list(target, operand, place)]) })
          break
        case 'gt':
        case 'gte':
        case 'lt':
        case 'lte':
          tests.push(this.#operands.range(target, name, operand, place))
          break
        case 'exists': {
          if (typeof operand !== 'boolean') throw invalid(place, `${describeValue(operand)} is not true or false`)
          const exists: ParsedFilter = { kind: 'exists', field: target.field }
          parts.push(operand ? exists : { kind: 'not', of: exists })
          break
        }
        default:
          throw invalid(
            place,
            `unknown operator; those are eq, ne, in, nin, exists, gt, gte, lt, lte, and nested values are reached by ` +
              `a dotted path such as "${key}.${name}"`,
          )
      }
    }
    return tests.length === 0 ? parts : [some(target, tests), ...parts]
  }

  #target(key: string, at: string): FieldTarget {
    const place = `${at}.${key}`
    if (this.#columns) {
      if (!Object.hasOwn(this.#columns, key)) {
        throw invalid(place, `unknown column; those are ${Object.keys(this.#columns).join(', ')}`)
      }
      return { field: { kind: 'metadata', path: key }, at: place, ...this.#columns[key]! }
    }
    if (isSystemField(key)) {
      return { field: { kind: 'system', name: key }, at: place, only: systemFieldTypes[key] }
    }
    if (isOwnField(key)) return { field: { kind: 'metadata', path: key }, at: place, only: 's' }
    const ofChunk = key.startsWith(chunkPath)
    if (ofChunk && this.#of === 'documents') {
      throw invalid(place, 'metadata of chunks is for searches: a document has many chunks')
    }
    if (key.startsWith('$') && !ofChunk) {
      const known = [...Object.keys(systemFieldTypes), ...ownFields, `${chunkPath}<path>`]
      throw invalid(place, `unknown system field; those are ${known.join(', ')}`)
    }
    const problem = metadataPathProblem(ofChunk ? key.slice(chunkPath.length) : key)
    if (problem !== undefined) throw invalid(at, `the path ${describeValue(key)} ${problem}`)
    const only = isDateTime(this.#declaration, key) ? 'd' : undefined
    return { field: { kind: 'metadata', path: key }, at: place, only }
  }

  #count(at: string): void {
    this.#conditions += 1
    if (this.#conditions > this.#maxConditions) throw invalid(at, `is beyond the ${this.#maxConditions} conditions`)
  }
}

function some(target: FieldTarget, tests: readonly ElementTest[]): ParsedFilter {
  return { kind: 'some', field: target.field, tests }
}

function invalid(path: string, problem: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_FILTER', `${path}: ${problem}`, { path })
}
