import { systemClock } from '../core/clock'
import type { HeadwaterError } from '../core/errors'
import type { CliIo } from './io'

/** Around the words to show bold; control characters, which `clean` takes out of everything else. */
export const boldMarks = { before: '\u0001', after: '\u0002' } as const

const ansi = { bold: '\u001b[1m', dim: '\u001b[2m', plain: '\u001b[22m' } as const
const widest = 120

interface LogDetails {
  readonly what?: unknown
  readonly code?: unknown
}

export interface Column {
  readonly title: string
  /** Share of the room that is left; without it, the column is as wide as its cells. */
  readonly grow?: number | undefined
  readonly right?: boolean | undefined
}

/** Writes for people, or with `json` for machines: then stdout gets one JSON document and nothing else. */
export class Output {
  readonly json: boolean
  readonly #io: CliIo
  /** Whether stdout shows bold. */
  readonly #rich: boolean

  constructor(io: CliIo, json: boolean) {
    this.#io = io
    this.json = json
    this.#rich = !json && io.stdout.isTTY === true && !io.env['NO_COLOR'] && io.env['TERM'] !== 'dumb'
  }

  /** A line for people. */
  line(text = ''): void {
    if (!this.json) this.#io.stdout.write(`${this.#styled(text)}\n`)
  }

  /** What a machine gets. */
  document(value: unknown): void {
    if (this.json) this.#io.stdout.write(`${JSON.stringify(value)}\n`)
  }

  /** A word on what happens, on stderr beside the result: for people as it is, for machines a line of the log. */
  notice(text: string, level = 'info', details: LogDetails = {}): void {
    if (this.json) this.log(level, text, details)
    else this.#io.stderr.write(`${clean(text)}\n`)
  }

  /** A line of a log, on stderr: JSON where a machine reads. */
  log(level: string, text: string, { what, code }: LogDetails = {}): void {
    const time = new Date(systemClock.now()).toISOString()
    if (this.json) this.#io.stderr.write(`${JSON.stringify({ time, level, message: text, what, code })}\n`)
    else this.notice(`${level}: ${text}`)
  }

  bold(text: string): string {
    return `${boldMarks.before}${text}${boldMarks.after}`
  }

  async table(columns: readonly Column[], rows: readonly (readonly (string | number)[])[]): Promise<void> {
    if (this.json || rows.length === 0) return
    const { default: Table } = await import('cli-table3')
    const table = new Table({
      head: columns.map(({ title }) => this.#styled(this.bold(title))),
      style: { head: [], border: [] },
      wordWrap: true,
      colWidths: widths(columns, rows, Math.min(this.#io.stdout.columns ?? widest, widest)),
      colAligns: columns.map(({ right }) => (right ? 'right' : 'left')),
    })
    for (const row of rows) table.push(row.map((cell) => this.#styled(String(cell))))
    this.#io.stdout.write(`${table.toString()}\n`)
  }

  /** Code, message, path and remedy; to stdout as a document when a machine reads. */
  error(error: HeadwaterError): void {
    if (this.json) this.document({ error: error.toJSON() })
    else {
      const place = error.path === undefined ? '' : `\n  at: ${error.path}`
      this.notice(`${error.code}: ${error.message}${place}\n  remedy: ${error.remedy}${causes(error)}`)
    }
  }

  #styled(text: string): string {
    const on = this.#rich ? ansi.bold : ''
    const off = this.#rich ? ansi.plain : ''
    const parts = text.split(marks).map(clean)
    return parts.reduce((line, part, at) => line + (at % 2 === 1 ? on + part + off : part))
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are the marks
const marks = /[\u0001\u0002]/

/** Documents may hold anything, and a terminal obeys what it is sent: control characters but line ends and tabs go. */
function clean(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '')
}

function causes(error: HeadwaterError): string {
  let text = ''
  let cause: unknown = error.cause
  for (let depth = 0; depth < 3 && cause instanceof Error; depth++) {
    if (!error.message.includes(cause.message)) text += `\n  cause: ${cause.message}`
    cause = cause.cause
  }
  return text
}

function widths(
  columns: readonly Column[],
  rows: readonly (readonly (string | number)[])[],
  total: number,
): (number | null)[] {
  const padding = 2
  const natural = columns.map(({ title }, at) =>
    Math.max(...[title, ...rows.map((row) => String(row[at]))].flatMap((cell) => cell.split('\n').map(lengthOf))),
  )
  const fixed = columns.reduce((sum, { grow }, at) => sum + (grow ? 0 : natural[at]! + padding), columns.length + 1)
  const shares = columns.reduce((sum, { grow = 0 }) => sum + grow, 0)
  const room = Math.max(total - fixed, shares * 12)
  return columns.map(({ grow }, at) => {
    const width = natural[at]! + padding
    return grow ? Math.min(width, Math.floor((room * grow) / shares)) : width
  })
}

function lengthOf(text: string): number {
  return clean(text).length
}
