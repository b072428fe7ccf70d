// What `npm start` and `npm test` share: a fresh clone becomes ready with nothing but Node and npm. No dependencies here.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const at = (...parts) => path.join(root, ...parts)
const MINIMUM = [20, 19]

function readJson(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'))
  } catch {
    return null
  }
}

/** Runs a command in the project's folder with our terminal; ends this process with its code if it fails. */
export function mustRun(command, args, { env = {}, quiet = false } = {}) {
  const stdio = quiet ? ['ignore', 'pipe', 'pipe'] : 'inherit'
  const done = spawnSync(command, args, { cwd: root, stdio, env: { ...process.env, ...env }, encoding: 'utf8' })
  if (done.status === 0) return
  if (quiet) process.stderr.write(`${done.stdout ?? ''}${done.stderr ?? ''}`)
  console.error(
    `failed: ${command} ${args.join(' ')} (${done.error?.message ?? done.signal ?? `exit code ${done.status}`})`,
  )
  process.exit(done.status || 1)
}

/** Runs the entry script of an installed tool without a shell, so that it works the same on every system. */
export function runTool(script, args, options) {
  mustRun(process.execPath, [at('node_modules', ...script.split('/')), ...args], options)
}

function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > MINIMUM[0] || (major === MINIMUM[0] && minor >= MINIMUM[1])) return
  console.error(
    `headwater needs Node ${MINIMUM.join('.')} or later, this is ${process.versions.node}: see https://nodejs.org`,
  )
  process.exit(1)
}

/** Compares content, not times: a checkout or an editor that touches the lockfile costs no second install. */
function isInstalled() {
  const wanted = readJson(at('package-lock.json'))?.packages
  const present = readJson(at('node_modules', '.package-lock.json'))?.packages
  if (!wanted || !present) return false
  return Object.entries(wanted).every(([name, { version, optional, devOptional, peer }]) => {
    if (name === '' || (!present[name] && (optional || devOptional || peer))) return true
    return present[name]?.version === version
  })
}

export function ensureInstalled() {
  requireNode()
  if (isInstalled()) return
  const count = Object.keys(readJson(at('package-lock.json'))?.packages ?? {}).length
  console.log(`Installing about ${count} packages with npm ci (once)...`)
  const started = Date.now()
  // NODE_ENV=production or an `omit` setting would leave out the tools that the next step needs.
  const args = ['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error']
  const npm = process.env.npm_execpath
  if (npm?.endsWith('.js')) mustRun(process.execPath, [npm, ...args])
  else mustRun(process.platform === 'win32' ? 'npm.cmd' : 'npm', args)
  console.log(`Installed in ${((Date.now() - started) / 1000).toFixed(1)} s`)
}

function newest(entry) {
  const { mtimeMs } = fs.statSync(entry)
  if (!fs.statSync(entry).isDirectory()) return mtimeMs
  return Math.max(mtimeMs, ...fs.readdirSync(entry).map((name) => newest(path.join(entry, name))))
}

function isBuilt() {
  const outputs = ['index', 'testing', 'migrations', 'backup', 'transfer', 'cli'].flatMap((name) => [
    `${name}.js`,
    `${name}.cjs`,
  ])
  if (!outputs.every((name) => fs.existsSync(at('dist', name)))) return false
  const built = Math.min(...outputs.map((name) => fs.statSync(at('dist', name)).mtimeMs))
  return ['index.ts', 'src', 'tsup.config.ts', 'package.json'].every((name) => newest(at(name)) <= built)
}

/** Builds dist/ if a source is newer. Without declarations: nothing that runs needs them, and they take most of the time. */
export function ensureBuilt() {
  if (isBuilt()) return
  console.log('Building headwater...')
  runTool('tsup/dist/cli-default.js', [], { env: { HW_BUILD_TYPES: 'off' }, quiet: true })
}
