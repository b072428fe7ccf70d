// `npm run lockfile`, after every `npm install`: adds the binaries of other platforms that the lockfile lacks.
// Registry mirrors often do not carry them. npm then leaves them out of the lockfile without a word, and a later `npm ci`
// (npm 11, or any npm on such a platform) refuses the lockfile as incomplete.
// And it takes from the lockfile that onnxruntime-node has an install script, so that `npm ci` does not run it: it only
// fetches CUDA files, which are not used, from a host that many networks block. npm that knows `allowScripts` in
// package.json heeds that too; a setting in .npmrc would be an unknown one to npm, and a warning at each of its calls.
import fs from 'node:fs'
import path from 'node:path'
import { root } from './setup.mjs'

const SYSTEMS = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32']
const PROCESSORS = ['arm', 'arm64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'x64']

const file = path.join(root, 'package-lock.json')
const lock = JSON.parse(fs.readFileSync(file, 'utf8'))
const { packages } = lock

/** Where node would look for `name` from inside the package at `from`. */
function candidates(from, name) {
  const folders = from.split('/node_modules/')
  const nested = folders.map((_, index) => `${folders.slice(0, index + 1).join('/node_modules/')}/node_modules/${name}`)
  return [`node_modules/${name}`, ...(from === '' ? [] : nested)]
}

function entryFor(name, version, parent) {
  const words = name.split('/').at(-1).split('-')
  const os = words.find((word) => SYSTEMS.includes(word))
  const cpu = words.find((word) => PROCESSORS.includes(word))
  if (!os || !cpu || !/^\d/.test(version)) return null
  const libc = words.some((word) => word.startsWith('musl'))
    ? 'musl'
    : words.some((word) => word.startsWith('gnu'))
      ? 'glibc'
      : null
  return {
    version,
    cpu: [cpu],
    ...(parent.dev && { dev: true }),
    ...(os === 'linux' && libc && { libc: [libc] }),
    optional: true,
    os: [os],
  }
}

let added = 0
for (const [from, parent] of Object.entries(packages)) {
  for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
    if (candidates(from, name).some((key) => packages[key])) continue
    const entry = entryFor(name, version, parent)
    if (!entry) {
      console.error(`${name}@${version}, optional for ${from || 'the project'}, is not in the lockfile: add it by hand`)
      process.exitCode = 1
      continue
    }
    packages[`node_modules/${name}`] = entry
    added += 1
  }
}

const onnx = packages['node_modules/onnxruntime-node']
const silenced = onnx?.hasInstallScript === true
delete onnx?.hasInstallScript

lock.packages = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => a.localeCompare(b, 'en')))
if (added > 0 || silenced) fs.writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`)
console.log(`lockfile: ${added} packages of other platforms added`)
