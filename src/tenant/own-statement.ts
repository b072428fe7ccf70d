import { describeValue } from '../core/describe-value'
import { HeadwaterError } from '../core/errors'
import { jsonCopy } from '../core/json'
import { reading } from '../core/known-options'
import type { Limits } from '../core/limits'

const longestText = 1_048_576
const mostValues = 65_535
const mostElements = 1_000_000

/** What a statement of the user's may begin with. */
const commands: ReadonlySet<string> = new Set([
  'select',
  'insert',
  'update',
  'delete',
  'merge',
  'with',
  'values',
  'table',
])
/** Functions that change what a transaction or a session works under, or leave locks with the session. */
const forbidden = /^(set_config|pg_(try_)?advisory_lock(_shared)?|pg_advisory_unlock\w*|dblink\w*)$/

/**
 * A statement of the user's that runs under a tenant: one that reads or changes rows. What would change role, tenant or
 * transaction, leave something with the session, or be several statements is HW_INVALID_ARGUMENT. Row level security is
 * what keeps tenants apart; this keeps it on.
 */
export function checkStatement(text: unknown): string {
  if (typeof text !== 'string' || text.trim() === '')
    throw invalid(`must be a statement of SQL, got ${describeValue(text)}`)
  if (text.length > longestText) throw invalid(`at most ${longestText} characters`)
  if (text.includes('\0')) throw invalid('holds a NUL character')
  const words = wordsOf(text)
  const first = words.find((word) => word !== '(')
  if (first === undefined || !commands.has(first)) {
    throw invalid(`must begin with ${[...commands].join(', ')}; the transaction is not for others`)
  }
  for (const [at, word] of words.entries()) {
    if (word === ';' && at < words.length - 1) throw invalid('must be one statement')
    if (forbidden.test(word)) throw invalid(`${word} is not for statements of a tenant`)
    if (word === 'into' && words[at - 1] !== 'insert' && words[at - 1] !== 'merge')
      throw invalid('SELECT INTO makes a table')
  }
  return text
}

/** Values of its parameters, copied: what a driver makes of objects of other kinds is nobody's guess. */
export function checkValues(values: unknown, { valueBytes }: Limits): unknown[] {
  if (values === undefined) return []
  return reading('values', 'HW_INVALID_ARGUMENT', () => listOf(values, 'values', mostValues, valueBytes, 0))
}

const deepest = 6

function listOf(given: unknown, path: string, most: number, bytes: number, depth: number): unknown[] {
  if (!Array.isArray(given) || given.length > most || depth > deepest) {
    const problem = `${path}: must be a list, of at most ${most} and ${deepest} deep, got ${describeValue(given)}`
    throw new HeadwaterError('HW_INVALID_ARGUMENT', problem, { path })
  }
  const { length } = given
  return Array.from({ length }, (_, at) => parameter(given[at], `${path}[${at}]`, bytes, depth))
}

function parameter(value: unknown, path: string, bytes: number, depth: number): unknown {
  if (value === undefined || value === null || typeof value === 'boolean' || typeof value === 'number') return value
  if (typeof value === 'bigint') return String(value)
  if (value instanceof Date) return new Date(Date.prototype.getTime.call(value))
  if (value instanceof Uint8Array && value.byteLength <= bytes) return Buffer.from(value)
  if (Array.isArray(value)) return listOf(value, path, mostElements, bytes, depth + 1)
  if (typeof value === 'string' && value.includes('\0'))
    throw new HeadwaterError('HW_INVALID_ARGUMENT', `${path}: holds a NUL character`, { path })
  return jsonCopy(value, path, bytes)
}

/** Names in small letters, also quoted ones, and the signs `;` and `(`; no strings, comments or other signs. */
function wordsOf(text: string): string[] {
  const words: string[] = []
  let rest = text
  while (rest !== '') {
    const [all, sort] = next(rest)
    if (sort === 'name') words.push(all.startsWith('"') ? all.slice(1, -1).replaceAll('""', '"') : all.toLowerCase())
    if (sort === 'sign' && (all === ';' || all === '(')) words.push(all)
    rest = rest.slice(all.length)
  }
  return words
}

const sorts: readonly (readonly [RegExp, 'name' | 'sign' | 'none'])[] = [
  [/^\s+/, 'none'],
  [/^--[^\n\r]*/, 'none'],
  [/^[eE]'(?:[^'\\]|\\[\s\S]|'')*'/, 'none'],
  [/^'(?:[^']|'')*'/, 'none'],
  [/^"(?:[^"]|"")*"/, 'name'],
  [/^\$([A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/, 'none'],
  [/^\$\d+/, 'none'],
  [/^[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/, 'name'],
  [/^[\d.]+/, 'none'],
  [/^[\s\S]/, 'sign'],
]

function next(rest: string): readonly [string, 'name' | 'sign' | 'none'] {
  if (rest.startsWith('/*')) return [comment(rest), 'none']
  if (/^u&["']/i.test(rest)) throw invalid('names and strings by U& are not read here: write them as they are')
  for (const [pattern, sort] of sorts) {
    const found = pattern.exec(rest)
    if (!found) continue
    const [all, tag] = found
    // Where a server reads backslashes in any string, it would end elsewhere.
    if (all.startsWith("'") && /\\'/.test(all))
      throw invalid("a string with \\' ends differently by server: write E'...'")
    if (sort === 'sign' && (all === "'" || all === '"')) throw invalid(`a ${all} without its end`)
    if (!all.startsWith('$') || !all.endsWith('$')) return [all, sort]
    const end = rest.indexOf(all, all.length)
    if (end < 0) throw invalid(`$${tag ?? ''}$ without its end`)
    return [rest.slice(0, end + all.length), 'none']
  }
  return [rest, 'none']
}

/** Comments are nested. */
function comment(rest: string): string {
  let depth = 0
  for (const { 0: mark, index } of rest.matchAll(/\/\*|\*\//g)) {
    depth += mark === '/*' ? 1 : -1
    if (depth === 0) return rest.slice(0, index + 2)
  }
  throw invalid('a comment without its end')
}

function invalid(problem: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_ARGUMENT', `text: ${problem}`, { path: 'text' })
}
