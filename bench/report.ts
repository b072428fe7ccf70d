/** How bench rows are measured and printed: the raw client and ours in turn, as a ratio with its goal. */
import { loadavg } from 'node:os'
import { median, percentile } from './figures'

export interface Row {
  readonly row: string
  /** What raw and ours are measured in; `us` and `ms` are medians of a call, `/s` is a rate. */
  readonly unit: string
  readonly raw: number
  readonly ours: number
  /** Ours divided by raw, or ours minus raw where `compare` says so. */
  readonly figure: number
  readonly goal: string
  readonly met: boolean
}

export interface Goal {
  readonly compare: 'ratio' | 'difference'
  readonly atMost?: number
  readonly atLeast?: number
}

const rows: Row[] = []
const notes: Record<string, unknown> = {}

export const json = process.argv.includes('--json')

/** An argument after the bench's name; options are left out. */
export function argument(at: number): string | undefined {
  return process.argv.slice(2).filter((arg) => !arg.startsWith('--'))[at]
}

export function add(row: string, unit: string, raw: number, ours: number, goal: Goal): Row {
  const figure = goal.compare === 'ratio' ? ours / raw : ours - raw
  const shown = goal.compare === 'ratio' ? 'x' : ` ${unit} more`
  const made: Row = {
    row,
    unit,
    raw,
    ours,
    figure,
    goal: goal.atMost === undefined ? `at least ${goal.atLeast}${shown}` : `at most ${goal.atMost}${shown}`,
    met: figure <= (goal.atMost ?? Number.POSITIVE_INFINITY) && figure >= (goal.atLeast ?? Number.NEGATIVE_INFINITY),
  }
  rows.push(made)
  if (!json) {
    const figures = `raw ${number(raw)} ${unit}, ours ${number(ours)} ${unit}`
    console.log(`${row.padEnd(34)} ${figures.padEnd(38)} ${number(figure)}${shown} (goal: ${made.goal})`)
  }
  return made
}

/** Something a reader of the figures has to know. */
export function note(name: string, value: unknown): void {
  notes[name] = value
  if (!json) console.log(`  ${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
}

/** Last call of a bench: the machine's load, and everything as one line of JSON where that is asked for. */
export function finish(): void {
  const load = loadavg().map((value) => Number(value.toFixed(2)))
  if (json) console.log(JSON.stringify({ node: process.version, load, rows, notes }))
  else console.log(`  ${process.version}, load average ${load.join(' ')}`)
}

/**
 * Times each of `calls` once a round, one after another, so that whatever disturbs the machine disturbs all of them.
 * In us; the first tenth warms up and is left out.
 */
export async function timesInTurn<K extends string>(
  rounds: number,
  calls: Record<K, (round: number) => Promise<unknown>>,
): Promise<Record<K, readonly number[]>> {
  const names = Object.keys(calls) as K[]
  const times = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<K, number[]>
  const warm = Math.floor(rounds / 10)
  for (let round = 0; round < rounds; round++) {
    for (const name of names) {
      const started = performance.now()
      await calls[name](round)
      if (round >= warm) times[name].push((performance.now() - started) * 1_000)
    }
  }
  return times
}

/** As `timesInTurn`, medians. */
export async function inTurn<K extends string>(
  rounds: number,
  calls: Record<K, (round: number) => Promise<unknown>>,
): Promise<Record<K, number>> {
  const times = await timesInTurn(rounds, calls)
  const medians = Object.entries<readonly number[]>(times).map(([name, all]) => [name, percentile(all, 0.5)] as const)
  return Object.fromEntries(medians) as Record<K, number>
}

/** The run whose figure lies in the middle. */
export async function medianRun<T>(runs: number, run: () => Promise<T>, figure: (result: T) => number): Promise<T> {
  const results: T[] = []
  for (let at = 0; at < runs; at++) results.push(await run())
  const middle = median(results.map(figure))
  return results.toSorted((a, b) => Math.abs(figure(a) - middle) - Math.abs(figure(b) - middle))[0]!
}

function number(value: number): string {
  return value >= 100 ? String(Math.round(value)) : value.toFixed(2)
}
