// The ```ts blocks of README.md and docs/: all compile against the declarations of the build, and run against its code,
// over the memory and embedded profiles, page by page in their order. A block sees those before it on its page, what
// test/docs/given.ts has, and every public name of the package. Two words after `ts` say otherwise, each with its reason
// in a comment on the line above the fence: `no-run` (it needs a server) and `no-check` (it is no program).
//   <!-- no-run: needs a server -->
//   ```ts no-run
// `npm run snippets`, or some pages: `npm run snippets -- search filters`. Build first.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import ts from 'typescript'
import { compilerOptions, publicNames } from './built-types.mjs'
import { root } from './setup.mjs'

const given = path.join(root, 'test/docs/given.ts')
const options = compilerOptions()
const problems = []

/** The blocks of a page: code, its first line, what is done with it. */
function blocksOf(page) {
  const lines = fs.readFileSync(path.join(root, page), 'utf8').split('\n')
  const blocks = []
  for (let at = 0; at < lines.length; at++) {
    const fence = /^```ts\b *(.*)$/.exec(lines[at])
    if (!fence) continue
    const end = lines.indexOf('```', at)
    const word = fence[1]
    const reason = /^<!-- ([\w-]+): .+ -->$/.exec(lines[at - 1] ?? '')?.[1]
    if (word !== '' && word !== 'no-run' && word !== 'no-check') {
      problems.push(`${page}:${at + 1}: "${word}" is neither no-run nor no-check`)
    }
    if (word !== (reason ?? '')) {
      problems.push(`${page}:${at + 1}: a fence with ${word || 'no word'} below the reason for ${reason ?? 'none'}`)
    }
    blocks.push({ page, line: at + 2, code: lines.slice(at + 1, end), word })
    at = end
  }
  return blocks
}

/** An import statement without the names that an earlier block of the page has imported. */
function importOf(statement, source, seen) {
  const names = statement.importClause?.namedBindings?.elements
  if (!names) return statement.getText(source)
  const fresh = names.map((name) => name.getText(source)).filter((name) => !seen.has(name))
  for (const name of fresh) seen.add(name)
  const type = statement.importClause.isTypeOnly ? 'type ' : ''
  return `import ${type}{ ${fresh.join(', ')} } from ${statement.moduleSpecifier.getText(source)}`
}

/**
 * A page as one module: imports first, then each block within the one before, so that it may name again what is there.
 * `lines[i]` says where line i comes from.
 */
function moduleOf(blocks, names) {
  const imports = []
  const seen = new Set()
  const body = []
  for (const { page, line, code } of blocks) {
    body.push(['{', ''])
    const source = ts.createSourceFile('block.ts', code.join('\n'), ts.ScriptTarget.ESNext)
    const hoisted = source.statements.filter(ts.isImportDeclaration)
    const taken = new Set()
    for (const statement of hoisted) {
      const { line: first } = source.getLineAndCharacterOfPosition(statement.getStart(source))
      const { line: last } = source.getLineAndCharacterOfPosition(statement.getEnd())
      for (let at = first; at <= last; at++) taken.add(at)
      imports.push([importOf(statement, source, seen), `${page}:${line + first}`])
    }
    for (const [at, text] of code.entries()) body.push([taken.has(at) ? '' : text, `${page}:${line + at}`])
  }
  body.push(['}'.repeat(blocks.length), ''])
  const whole = body.map(([text]) => text).join('\n')
  const imported = imports.map(([text]) => text).join('\n')
  const used = names.filter(
    (name) => new RegExp(`\\b${name}\\b`).test(whole) && !new RegExp(`\\b${name}\\b`).test(imported),
  )
  const givenNames = [...fs.readFileSync(given, 'utf8').matchAll(/^export const (\w+)/gm)].map(([, name]) => name)
  const head = [
    [`import { ${used.join(', ')} } from 'headwater'`, ''],
    [`import { ${givenNames.join(', ')} } from './given'`, ''],
    ...imports,
  ]
  return [...head, ...body]
}

const wanted = process.argv.slice(2)
const pages = ['README.md', ...fs.readdirSync(path.join(root, 'docs')).map((name) => `docs/${name}`)]
  .filter((page) => page.endsWith('.md') && (wanted.length === 0 || wanted.includes(path.parse(page).name)))
  .map((page) => ({ page, blocks: blocksOf(page) }))
  .filter(({ blocks }) => blocks.length > 0)

const names = publicNames()
const checked = new Map()
for (const { page, blocks } of pages) {
  const lines = moduleOf(
    blocks.filter(({ word }) => word !== 'no-check'),
    names,
  )
  checked.set(path.join(root, 'test/docs', `${path.parse(page).name}.snippets.ts`), lines)
}
const host = ts.createCompilerHost(options)
const textOf = (file) =>
  checked
    .get(file)
    ?.map(([text]) => text)
    .join('\n')
const { fileExists, readFile, getSourceFile } = host
host.fileExists = (file) => checked.has(file) || fileExists(file)
host.readFile = (file) => textOf(file) ?? readFile(file)
host.getSourceFile = (file, ...rest) => {
  const text = textOf(file)
  return text === undefined ? getSourceFile(file, ...rest) : ts.createSourceFile(file, text, ...rest)
}
const program = ts.createProgram([...checked.keys()], options, host)
for (const { file, start, messageText } of ts.getPreEmitDiagnostics(program)) {
  const at = file ? file.getLineAndCharacterOfPosition(start).line : 0
  const place = (file && checked.get(file.fileName)?.[at]?.[1]) || file?.fileName
  problems.push(`${place}: ${ts.flattenDiagnosticMessageText(messageText, '\n  ')}`)
}

/** To JavaScript that loads the build. */
function javascript(text, replaced) {
  const { outputText } = ts.transpileModule(text, { compilerOptions: { ...options, noEmit: false, sourceMap: false } })
  return outputText.replace(/(from |import\()(['"])([^'"]+)\2/g, (all, word, _quote, name) => {
    const target = replaced(name)
    return target === undefined ? all : `${word}${JSON.stringify(target)}`
  })
}

function built(name) {
  const entry = name === 'headwater' ? 'index' : name.startsWith('headwater/') ? name.slice(10) : undefined
  if (entry) return pathToFileURL(path.join(root, 'dist', `${entry}.js`)).href
  // What runs elsewhere finds packages from here alone.
  return /^(node:|\.)/.test(name) ? undefined : import.meta.resolve(name)
}

const ran = []
if (problems.length === 0) {
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'hw-snippets-'))
  const files = pages.map(({ page, blocks }) => {
    const name = path.parse(page).name
    const running = blocks.filter(({ word }) => word === '')
    ran.push(...running)
    // A copy of what is given for each page.
    fs.writeFileSync(path.join(scratch, `${name}-given.mjs`), javascript(fs.readFileSync(given, 'utf8'), built))
    const text = moduleOf(running, names)
      .map(([line]) => line)
      .join('\n')
    const code = javascript(text, (module) => (module === './given' ? `./${name}-given.mjs` : built(module)))
    fs.writeFileSync(path.join(scratch, `${name}.mjs`), code)
    return { page, name }
  })
  const main = files.map(({ page, name }) => `console.error(${JSON.stringify(page)}); await import('./${name}.mjs')`)
  // What a page opened is left to the end of the process, as is what its store still does.
  fs.writeFileSync(path.join(scratch, 'main.mjs'), [...main, 'process.exit(0)'].join('\n'))
  const done = spawnSync(process.execPath, ['main.mjs'], { cwd: scratch, encoding: 'utf8', timeout: 120_000 })
  if (done.status === 0) fs.rmSync(scratch, { recursive: true, force: true })
  else problems.push(`the last page named here failed, its code is in ${scratch}\n${done.stderr}${done.error ?? ''}`)
}

for (const problem of problems) console.error(problem)
const all = pages.flatMap(({ blocks }) => blocks)
const compiled = all.filter(({ word }) => word !== 'no-check')
console.log(
  `snippets: ${all.length} blocks, ${compiled.length} compiled, ${ran.length} run, ${problems.length} problems`,
)
process.exitCode = problems.length > 0 ? 1 : 0
