// What the types of the build cost and offer: every public generic has a type test, the instantiations of twenty queries (test/types/twenty-queries.ts) stay
// under a budget, and editors complete the fields of a document in `put({`, nothing else. The check time is printed only,
// since it is the machine's. Reads dist/: build first.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import ts from 'typescript'
import { builtOptions, compilerOptions, publicGenerics } from './built-types.mjs'
import { root } from './setup.mjs'

/** Instantiations that the queries may take beyond an empty store's. */
const BUDGET = 8_000
const folder = path.join(root, 'test/types')
const queries = path.join(folder, 'twenty-queries.ts')

/** `tsc --extendedDiagnostics` of one file, in a process of its own. */
function measured(file) {
  const config = path.join(root, 'node_modules/.cache/headwater/types', `${path.parse(file).name}.json`)
  fs.mkdirSync(path.dirname(config), { recursive: true })
  fs.writeFileSync(
    config,
    JSON.stringify({ compilerOptions: { ...builtOptions, exactOptionalPropertyTypes: true }, files: [file] }),
  )
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc')
  const done = spawnSync(process.execPath, [tsc, '-p', config, '--extendedDiagnostics'], { encoding: 'utf8' })
  if (done.status !== 0) {
    console.error(done.stdout.replace(/\nFiles: [\s\S]*/, ''))
    process.exit(1)
  }
  const figure = (name) => Number(new RegExp(`^${name}: +([\\d.]+)`, 'm').exec(done.stdout)?.[1])
  return { instantiations: figure('Instantiations'), types: figure('Types'), seconds: figure('Check time') }
}

/** What an editor offers where the mark stands in the text. */
function completions(text) {
  const file = path.join(folder, 'completions.ts')
  const host = {
    ...ts.sys,
    useCaseSensitiveFileNames: () => ts.sys.useCaseSensitiveFileNames,
    getScriptFileNames: () => [file],
    getScriptVersion: () => '1',
    getScriptSnapshot: (name) => {
      const source = name === file ? text : ts.sys.readFile(name)
      return source === undefined ? undefined : ts.ScriptSnapshot.fromString(source)
    },
    fileExists: (name) => name === file || ts.sys.fileExists(name),
    getCurrentDirectory: () => root,
    getCompilationSettings: compilerOptions,
    getDefaultLibFileName: ts.getDefaultLibFilePath,
  }
  const found = ts.createLanguageService(host).getCompletionsAtPosition(file, text.indexOf('/*here*/'), {})
  return (found?.entries ?? []).map(({ name }) => name).sort()
}

let failed = 0

const tests = fs
  .readdirSync(folder)
  .map((name) => fs.readFileSync(path.join(folder, name), 'utf8'))
  .join('\n')
const generics = publicGenerics()
const untested = generics.filter((name) => !new RegExp(`\\b${name}\\b`).test(tests))
console.log(`${generics.length} public generics, ${untested.length} without a test in test/types`)
for (const name of untested) console.error(`${name} has no test in test/types`)
failed += untested.length

const base = measured(path.join(folder, 'no-queries.ts'))
const all = measured(queries)
const cost = all.instantiations - base.instantiations
console.log(
  `twenty queries: ${cost} instantiations of ${BUDGET} (${all.instantiations} with the store's own), check time`,
)
console.log(`${all.seconds} s (${base.seconds} s without them), ${all.types} types`)
if (!(cost <= BUDGET)) {
  console.error(
    'the types became dearer: make them cheaper, or raise the budget in scripts/check-types.mjs and say why',
  )
  failed += 1
}

const opened = `import { defineMetadata, openStore } from 'headwater'
const store = await openStore({ collections: { documents: { metadata: defineMetadata({ at: 'datetime', 'a.b': 'text' }) } } })
const { documents } = store.forTenant('acme')
`
const fields = ['blob', 'chunks', 'contentType', 'id', 'metadata', 'source', 'status', 'text', 'title', 'vector']
for (const [code, expected] of [
  ['documents.put({ /*here*/ })', fields],
  ["store.forTenant('acme').transaction(async (tx) => tx.documents.put({ /*here*/ }))", fields],
  ["documents.put({ id: 'a', text: 'x', metadata: { /*here*/ } })", ['a', 'at']],
  ["documents.patch('a', { metadata: { a: { /*here*/ } } })", ['b']],
]) {
  const offered = completions(opened + code)
  if (String(offered) === String(expected)) continue
  console.error(`${code} completes ${offered.join(', ') || 'nothing'} instead of ${expected.join(', ')}`)
  failed += 1
}
process.exitCode = failed > 0 ? 1 : 0
