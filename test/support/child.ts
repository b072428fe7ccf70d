import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** A process of its own that runs a TypeScript file and tells what it does in lines of JSON. */
export interface Child<Line> {
  readonly process: ChildProcess
  /** All lines so far. */
  readonly lines: readonly Line[]
  /** Resolves with the first line that fits; rejects when the process ends before. */
  line(fits: (line: Line, number: number) => boolean): Promise<Line>
  /** Resolves when the process has ended and everything it said was read. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null; errors: string }>
}

/** Starts `file` (relative to test/) with its arguments; the caller ends it, or waits for `ended`. */
export function startChild<Line>(file: string, ...args: string[]): Child<Line> {
  const path = fileURLToPath(new URL(`../${file}`, import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', path, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const lines: Line[] = []
  const waiting = new Set<() => void>()
  let errors = ''
  let over = false
  child.stderr.on('data', (bytes: Buffer) => {
    errors += bytes.toString()
  })
  createInterface({ input: child.stdout }).on('line', (text) => {
    lines.push(JSON.parse(text) as Line)
    for (const look of [...waiting]) look()
  })
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null; errors: string }>((resolve) => {
    child.on('close', (code, signal) => {
      over = true
      for (const look of [...waiting]) look()
      resolve({ code, signal, errors })
    })
  })
  return {
    process: child,
    lines,
    ended,
    line: (fits) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = lines.find(fits)
          if (found === undefined && !over) return
          waiting.delete(look)
          if (found === undefined) reject(new Error(`${file} ended early: ${errors}`))
          else resolve(found)
        }
        waiting.add(look)
        look()
      }),
  }
}
