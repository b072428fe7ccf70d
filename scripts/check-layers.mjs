// Enforces the direction of imports: every folder of src/ may import only from layers below it, types included.
import fs from 'node:fs'
import path from 'node:path'
import ts from 'typescript'
import { root } from './setup.mjs'

/** Lowest first; folders in one row do not know each other. */
const LAYERS = [
  ['core'],
  ['observability', 'filter'],
  ['resilience'],
  ['connections', 'embeddings', 'splitter'],
  ['repositories', 'migrations'],
  ['search', 'writer'],
  ['entities'],
  ['tenant'],
  ['transfer', 'config'],
  ['store'],
  ['cli', 'testing', 'index.ts'],
]
/** Who may import the only reader of the environment; and the layers that nothing below may reach. */
const CONFIG_READERS = new Set(['store', 'cli', 'index.ts'])

const rankOf = new Map(LAYERS.flatMap((names, rank) => names.map((name) => [name, rank])))

function layerOf(file) {
  const relative = path.relative(root, file).split(path.sep)
  return relative[0] === 'src' ? relative[1] : relative[0]
}

function* sources(folder) {
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const full = path.join(folder, entry.name)
    if (entry.isDirectory()) yield* sources(full)
    else if (entry.name.endsWith('.ts')) yield full
  }
}

function complaintAbout(from, to) {
  if (from === to) return null
  if (!rankOf.has(to)) return `${to} is in no layer: add it to scripts/check-layers.mjs`
  if (to === 'config' && !CONFIG_READERS.has(from)) return 'only store/, cli/ and index.ts import config/'
  if (from === 'index.ts') return null
  if (to === 'testing') return 'nothing imports testing/'
  return rankOf.get(to) < rankOf.get(from) ? null : `${from} is not above ${to}`
}

/** The file that a relative specifier means: extensionless, or a folder's index. */
function resolve(file, specifier) {
  const base = path.resolve(path.dirname(file), specifier)
  return [`${base}.ts`, path.join(base, 'index.ts'), base].find(
    (name) => fs.existsSync(name) && fs.statSync(name).isFile(),
  )
}

const problems = []
let edges = 0
for (const file of [path.join(root, 'index.ts'), ...sources(path.join(root, 'src'))]) {
  const from = layerOf(file)
  if (!rankOf.has(from)) problems.push(`${path.relative(root, file)}: ${from} is in no layer`)
  // preProcessFile reports `import`, `export from`, `import()` and `import('...')` types alike.
  for (const { fileName } of ts.preProcessFile(fs.readFileSync(file, 'utf8'), true, true).importedFiles) {
    if (!fileName.startsWith('.')) continue
    edges += 1
    const target = resolve(file, fileName)
    const complaint = target ? complaintAbout(from, layerOf(target)) : 'no such file'
    if (complaint) problems.push(`${path.relative(root, file)} imports ${fileName}: ${complaint}`)
  }
}

for (const problem of problems) console.error(problem)
console.log(`layers: ${edges} imports, ${problems.length} against the direction`)
process.exitCode = problems.length > 0 ? 1 : 0
