// `npm run check`: every gate but the tests, one after the other; says at the end which failed.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { ensureInstalled, root } from './setup.mjs'

/** Scripts of package.json, in order: the later ones look at what `build` made. */
const GATES = [
  'lint',
  'types',
  'cycles',
  'layers',
  'unused',
  'docs:check',
  'links',
  'build',
  'package',
  'imports',
  'api:check',
  'types:cost',
  'snippets',
  'manifest:check',
  'examples',
]

ensureInstalled()
const { scripts } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'))
const failed = []
for (const gate of GATES.filter((name) => scripts[name])) {
  const started = Date.now()
  console.log(`\n== ${gate}: ${scripts[gate]}`)
  // As npm runs scripts, without its start-up time for each.
  const bin = path.join(root, 'node_modules', '.bin')
  const env = { ...process.env, PATH: `${bin}${path.delimiter}${process.env.PATH}` }
  const done = spawnSync(scripts[gate], { cwd: root, stdio: 'inherit', shell: true, env })
  console.log(
    `== ${gate} ${done.status === 0 ? 'passed' : 'FAILED'} in ${((Date.now() - started) / 1000).toFixed(1)} s`,
  )
  if (done.status !== 0) failed.push(gate)
}
console.log(failed.length === 0 ? '\nevery gate passed' : `\nfailed: ${failed.join(', ')}`)
process.exitCode = failed.length === 0 ? 0 : 1
