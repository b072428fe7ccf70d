// Checks the built package as its users meet it, by its own name through the exports map: importing it, as ES module and
// as CommonJS, loads no driver and none of the heavy libraries, and costs little more than an empty script.
import { execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { root } from './setup.mjs'

const BUDGET_MS = 60
const RUNS = 15
const manifest = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'))
const { version, dependencies, peerDependencies } = manifest
/** Small and without a connection or a schema of its own: may come with the package. */
const light = new Set(['lru-cache'])
const foreign = Object.keys({ ...dependencies, ...peerDependencies })
/** The thread of a model is no module to import. */
const entries = Object.keys(manifest.exports).filter((name) => !name.endsWith('.json') && name !== './onnx-worker')
const nameOf = (entry) => path.posix.join(manifest.name, entry)

const node = (args) => execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8' })

/** Everything that an import loads: what passes the loader's hooks (ES modules), and the cache of `require`. */
const hook = `import fs from 'node:fs'
export async function load(url, context, next) { fs.writeSync(2, 'LOADED ' + url + '\\n'); return next(url, context) }`
const register = `import { register } from 'node:module'; register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(hook)}`)})`
const printCache = 'for (const file of Object.keys(require.cache)) process.stderr.write("LOADED " + file + "\\n")'

function loadedBy(kind, entry) {
  const name = JSON.stringify(nameOf(entry))
  const args =
    kind === 'import'
      ? ['--import', `data:text/javascript,${encodeURIComponent(register)}`, '--input-type=module', '-e']
      : ['--input-type=commonjs', '-e']
  const code =
    kind === 'import'
      ? `import { createRequire } from 'node:module'; await import(${name}); const require = createRequire(import.meta.url); ${printCache}`
      : `require(${name}); ${printCache}`
  const done = spawnSync(process.execPath, [...args, code], { cwd: root, encoding: 'utf8' })
  if (done.status !== 0) throw new Error(`${kind} of ${nameOf(entry)} failed:\n${done.stderr}`)
  return done.stderr.split('\n').filter((line) => line.startsWith('LOADED '))
}

const adapters = { prometheus: 'prom-client', opentelemetry: '@opentelemetry/api' }
const problems = []

for (const entry of entries) {
  for (const kind of ['import', 'require']) {
    const loaded = loadedBy(kind, entry)
    if (!loaded.some((line) => line.includes('/dist/')))
      problems.push(`${kind} of ${nameOf(entry)}: dist/ was not seen to load`)
    // The migrations are written with Kysely, and a test kit may load what it tests: only the main entry is bound.
    if (entry !== '.') continue
    const packages = loaded.map((line) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(line)?.[1]).filter(Boolean)
    for (const name of new Set(packages))
      if (!light.has(name)) problems.push(`${kind} of ${nameOf(entry)} loads ${name}`)
  }
}

for (const file of fs.readdirSync(path.join(root, 'dist')).filter((name) => /\.d\.c?ts$/.test(name))) {
  // An adapter is imported by those who have its package: its types are what it is about.
  const own = adapters[file.split('.')[0]]
  const text = fs.readFileSync(path.join(root, 'dist', file), 'utf8')
  for (const [, specifier] of text.matchAll(/(?:from|import\()\s*['"]([^'"]+)['"]/g)) {
    if (specifier === own) continue
    if (foreign.some((name) => specifier === name || specifier.startsWith(`${name}/`))) {
      problems.push(`dist/${file} shows types of ${specifier} to users`)
    }
  }
}

const shown = node([manifest.bin.headwater, '--version']).trim()
if (shown !== version) problems.push(`headwater --version prints ${shown}, not ${version}`)

/** The fastest of several runs, taken in turns: other work on the machine can only slow a run down. */
function fastest(commands) {
  const best = commands.map(() => Number.POSITIVE_INFINITY)
  for (let run = 0; run < RUNS; run += 1) {
    for (const [index, args] of commands.entries()) {
      const started = performance.now()
      node(args)
      best[index] = Math.min(best[index], performance.now() - started)
    }
  }
  return best
}

function measure() {
  const [emptyModule, module, emptyScript, script] = fastest([
    ['--input-type=module', '-e', ''],
    ['--input-type=module', '-e', `import '${manifest.name}'`],
    ['--input-type=commonjs', '-e', ''],
    ['--input-type=commonjs', '-e', `require('${manifest.name}')`],
  ])
  return { import: module - emptyModule, require: script - emptyScript }
}

let costs = measure()
// A machine that is busy all the while shows it in every run; then once more.
for (let again = 1; again <= 5 && Math.max(...Object.values(costs)) > BUDGET_MS; again += 1) costs = measure()
for (const [kind, cost] of Object.entries(costs)) {
  console.log(`${kind} of ${manifest.name}: ${cost.toFixed(1)} ms more than an empty script`)
  if (cost > BUDGET_MS)
    problems.push(`${kind} of ${manifest.name} costs ${cost.toFixed(1)} ms, more than ${BUDGET_MS} ms`)
}

for (const problem of problems) console.error(problem)
process.exitCode = problems.length > 0 ? 1 : 0
