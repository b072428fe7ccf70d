import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { buildSync } from 'esbuild'

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

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const bundles = new Map<string, string>()

/** One file of a child and all that is ours in it, made once a process: it starts in half of the time. */
function bundleOf(file: string): string {
  const known = bundles.get(file)
  if (known !== undefined) return known
  // Below node_modules, where it finds what it imports.
  const folder = mkdtempSync(path.join(here('../../node_modules/'), '.headwater-child-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const outfile = path.join(folder, 'child.mjs')
  buildSync({
    entryPoints: [here(`../${file}`)],
    outfile,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: 'inline',
    logLevel: 'error',
  })
  bundles.set(file, outfile)
  return outfile
}

/** Starts `file` (relative to test/) with its arguments; the caller ends it, or waits for `ended`. */
export function startChild<Line>(file: string, ...args: string[]): Child<Line> {
  return follow(file, ['--enable-source-maps', bundleOf(file), ...args])
}

/** The same of the files as they lie there, for what looks for others beside them. */
export function startChildOfSources<Line>(file: string, ...args: string[]): Child<Line> {
  return follow(file, ['--import', 'tsx', here(`../${file}`), ...args])
}

function follow<Line>(file: string, args: readonly string[]): Child<Line> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
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
