// npm run sim:coverage -- [--seeds 2000] [--from 1]
// The share of lines of src/writer that these seeds execute; a line counts when it has code, and is executed when any of
// it is. Prints each file with the lines that are left; exit code 1 below 90%.
import { readdirSync, readFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import { findSourceMap } from 'node:module'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { runSeed } from '../../src/testing/simulator'

const least = 0.9
const root = fileURLToPath(new URL('../../', import.meta.url))
const folder = path.join(root, 'src/writer')

const { values } = parseArgs({
  options: { seeds: { type: 'string', default: '2000' }, from: { type: 'string', default: '1' } },
})
const [from, seeds] = [Number(values.from), Number(values.seeds)]
Error.stackTraceLimit = 0

const session = new Session()
session.connect()
const sources = new Map<string, Promise<{ scriptSource: string }>>()
session.on('Debugger.scriptParsed', ({ params: { url, scriptId } }) => {
  if (url.includes('/src/writer/')) sources.set(scriptId, session.post('Debugger.getScriptSource', { scriptId }))
})
await session.post('Debugger.enable')
await session.post('Profiler.enable')
await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
// What no schedule ever loads counts too.
for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
  if (name.endsWith('.ts')) await import(pathToFileURL(path.join(folder, name)).href)
}
for (let seed = from; seed < from + seeds; seed++) {
  const [violation] = (await runSeed(seed)).violations
  if (violation) console.log(`seed ${seed} violates ${violation.invariant}: ${violation.message}`)
}
const { result } = await session.post('Profiler.takePreciseCoverage')

let [all, run] = [0, 0]
const rows: string[] = []
for (const { scriptId, url, functions } of result) {
  const source = await sources.get(scriptId)
  if (!source) continue
  const file = fileURLToPath(url.replace(/\?.*/, ''))
  const map = findSourceMap(url) ?? findSourceMap(file)
  if (!file.startsWith(folder) || !map) continue
  const code = source.scriptSource
  // Inner ranges come after those around them.
  const counts = new Uint8Array(code.length).fill(1)
  for (const { ranges } of functions) {
    for (const { startOffset, endOffset, count } of ranges) counts.fill(count > 0 ? 1 : 0, startOffset, endOffset)
  }
  const lines = new Map<number, boolean>()
  let [line, column] = [0, 0]
  const end = code.indexOf('\n//# sourceMappingURL')
  for (let at = 0; at < (end < 0 ? code.length : end); at++, column++) {
    if (code[at] === '\n') [line, column] = [line + 1, -1]
    if (!/[\w$]/.test(code[at]!)) continue
    const entry = map.findEntry(line, column)
    if (!('originalLine' in entry)) continue
    lines.set(entry.originalLine, (lines.get(entry.originalLine) ?? false) || counts[at] === 1)
  }
  const text = readFileSync(file, 'utf8').split('\n')
  const coded = [...lines].filter(([number]) => !/^\s*(\/\/|\*|\/\*|import |\}|$)/.test(text[number] ?? ''))
  if (coded.length === 0) continue
  const missed = coded.flatMap(([number, done]) => (done ? [] : [number + 1])).sort((a, b) => a - b)
  all += coded.length
  run += coded.length - missed.length
  const share = ((100 * (coded.length - missed.length)) / coded.length).toFixed(1)
  rows.push(`${share.padStart(6)}%  ${path.relative(folder, file).padEnd(30)} ${missed.join(' ')}`)
}
console.log(rows.sort((a, b) => Number.parseFloat(a) - Number.parseFloat(b)).join('\n'))
console.log(
  `${seeds} seeds from ${from} execute ${run} of ${all} lines of src/writer: ${((100 * run) / all).toFixed(1)}%`,
)
process.exitCode = run / all >= least ? 0 : 1
