// Runs every example against the built package, each in a scratch folder of its own, as a newcomer would.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { root } from './setup.mjs'

const folder = path.join(root, 'examples')
const names = fs.existsSync(folder) ? fs.readdirSync(folder).filter((name) => /\.(ts|mts|mjs|cjs)$/.test(name)) : []
const wanted = process.argv.slice(2)
let failed = 0

for (const name of names.filter((file) => wanted.length === 0 || wanted.includes(path.parse(file).name))) {
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'hw-example-'))
  const args = ['--import', import.meta.resolve('tsx'), path.join(folder, name)]
  const done = spawnSync(process.execPath, args, { cwd: scratch, encoding: 'utf8', timeout: 120_000 })
  fs.rmSync(scratch, { recursive: true, force: true })
  console.log(`${done.status === 0 ? 'ok    ' : 'FAILED'} examples/${name}`)
  if (done.status === 0) continue
  failed += 1
  console.error(`${done.stdout}${done.stderr}${done.error ?? done.signal ?? ''}`)
}
process.exitCode = failed > 0 ? 1 : 0
