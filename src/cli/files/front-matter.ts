import type { Json, JsonObject } from '../../core/json'
import { metadataKeyProblem } from '../../filter/metadata-key'

/** What stands between `---` (YAML) or `+++` (TOML) at the beginning of a text, and the text without it. */
export interface FrontMatter {
  readonly fields: JsonObject
  readonly body: string
}

/** Front matter is looked for so far, units. */
const longest = 65_536

/**
 * Reads flat front matter: `key: value` or `key = value` with texts, numbers, booleans and lists of them. What is deeper
 * or written in another way is left out, never guessed; so is a key that metadata may not have. Undefined where a text
 * begins with none, or with nothing else.
 */
export function readFrontMatter(text: string): FrontMatter | undefined {
  const mark = /^(---|\+\+\+)[ \t]*\r?\n/.exec(text.slice(0, 1_024))
  if (!mark) return undefined
  const lines: string[] = []
  const yaml = mark[1] === '---'
  for (let at = mark[0].length; at < Math.min(text.length, longest); ) {
    const newline = text.indexOf('\n', at)
    const end = newline < 0 ? text.length : newline
    const line = text.slice(at, Math.min(end, longest)).trimEnd()
    at = end + 1
    if (line !== mark[1] && !(yaml && line === '...')) {
      lines.push(line)
      continue
    }
    const body = text.slice(at)
    if (body.trim() === '') return undefined
    // A rule, a paragraph and another rule begin a text just so.
    const entries = yaml ? yamlEntries(lines) : tomlEntries(lines)
    if (entries.length === 0 && lines.some((one) => one.trim() !== '' && !isComment(one))) return undefined
    return { fields: Object.fromEntries(entries.filter(([key]) => metadataKeyProblem(key) === undefined)), body }
  }
  return undefined
}

type Entry = readonly [key: string, value: Json]

function yamlEntries(lines: readonly string[]): Entry[] {
  const entries: Entry[] = []
  for (let at = 0; at < lines.length; ) {
    const line = lines[at++]!
    const [, quoted, bare, given = ''] =
      /^(?:"([^"\\]*)"|([^\s"'#:[\]{}&*!|>%@`,-][^:]*)):(?:[ \t]+(.*))?$/.exec(line) ?? []
    const key = quoted ?? bare?.trim()
    const block: string[] = []
    while (at < lines.length && (lines[at] === '' || /^([ \t]|- |-$)/.test(lines[at]!))) block.push(lines[at++]!)
    if (key === undefined || isComment(line)) continue
    const value = yamlValue(withoutComment(given), block)
    if (value !== undefined) entries.push([key, value])
  }
  return entries
}

function yamlValue(given: string, block: readonly string[]): Json | undefined {
  if (/^[|>][+-]?$/.test(given)) {
    const lines = block.map((line) => line.trim())
    return lines.join(given[0] === '|' ? '\n' : ' ').trim()
  }
  const inked = block.filter((line) => line.trim() !== '' && !isComment(line))
  if (given !== '') {
    // A list or a text may go on in the lines below.
    const whole = [given, ...inked.map((line) => withoutComment(line.trim()))].join(' ')
    return whole.startsWith('[') ? list(whole) : scalar(whole)
  }
  if (inked.length === 0) return undefined
  const items = inked.map((line) => /^[ \t]*-[ \t]+(.+)$/.exec(line)?.[1])
  if (items.some((item) => item === undefined || /^[^"'\s]+:([ \t]|$)/.test(item))) return undefined
  return all(items.map((item) => scalar(withoutComment(item!))))
}

function tomlEntries(lines: readonly string[]): Entry[] {
  const entries: Entry[] = []
  for (let at = 0; at < lines.length; ) {
    const line = lines[at++]!.trim()
    // What follows is in a table.
    if (line.startsWith('[')) break
    const [, quoted, bare, given = ''] = /^(?:"([^"\\]*)"|([\w-]+))[ \t]*=[ \t]*(.*)$/.exec(line) ?? []
    const key = quoted ?? bare
    if (key === undefined) continue
    let whole = withoutComment(given)
    if (whole.startsWith('[')) {
      const parts = [whole]
      while (!parts.at(-1)!.endsWith(']') && at < lines.length) parts.push(withoutComment(lines[at++]!.trim()))
      whole = parts.join(' ')
    }
    const value = whole.startsWith('[') ? list(whole) : whole.startsWith('{') ? undefined : scalar(whole)
    if (value !== undefined) entries.push([key, value])
  }
  return entries
}

/** `[a, "b, c", 3]`; undefined where it holds more than scalars. */
function list(whole: string): Json | undefined {
  if (!whole.endsWith(']')) return undefined
  const items: string[] = []
  let [item, quote] = ['', '']
  for (const character of whole.slice(1, -1)) {
    if (quote === '' && (character === '[' || character === '{')) return undefined
    if (quote === '' && character === ',') {
      items.push(item)
      item = ''
      continue
    }
    if (quote === character) quote = ''
    else if (quote === '' && item.trim() === '' && (character === '"' || character === "'")) quote = character
    item += character
  }
  if (item.trim() !== '') items.push(item)
  return all(items.map((one) => scalar(one.trim())))
}

function all(items: readonly (Json | undefined)[]): Json | undefined {
  return items.every((item) => item !== undefined) ? [...items] : undefined
}

/** A text, a number or a boolean; undefined where there is none, and for what only a whole parser understands. */
function scalar(given: string): string | number | boolean | undefined {
  if (given === '' || given === '~' || given === 'null') return undefined
  if (given === 'true' || given === 'false') return given === 'true'
  if (given.startsWith('"')) {
    try {
      return String(JSON.parse(given))
    } catch {
      return undefined
    }
  }
  if (given.startsWith("'"))
    return given.length > 1 && given.endsWith("'") ? given.slice(1, -1).replaceAll("''", "'") : undefined
  if (/^[-+]?(0|[1-9]\d{0,15})(\.\d{1,20})?$/.test(given) && Math.abs(Number(given)) <= Number.MAX_SAFE_INTEGER) {
    return Number(given)
  }
  return /^[&*!{}[\]|>%@`]/.test(given) ? undefined : given
}

function isComment(line: string): boolean {
  return line.trimStart().startsWith('#')
}

/** Without ` # ...` at the end, which a quoted text may hold. */
function withoutComment(given: string): string {
  if (/^["'[]/.test(given)) {
    const [, value] = /^("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|\[[^#]*\])[ \t]*(?:#.*)?$/.exec(given) ?? []
    return value ?? given
  }
  const at = given.startsWith('#') ? 0 : given.search(/[ \t]#/)
  return (at < 0 ? given : given.slice(0, at)).trim()
}
