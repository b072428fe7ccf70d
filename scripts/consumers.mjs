// Projects that use the packed tarball as a user's would: `npm run consumers`, or some of them: `npm run consumers -- next`.
// Each is a folder of test/consumers with packages from the registry and commands that must succeed. Build first.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { root } from './setup.mjs'

const pglite = ['@electric-sql/pglite@0.5.14', '@electric-sql/pglite-pgvector@0.0.15']
const { peerDependencies } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'))
/** Each optional peer at the lowest version that its range names; one is left out that may have to be compiled. */
const peers = Object.entries(peerDependencies).filter(([name]) => name !== 'better-sqlite3')
const lowest = peers.map(([name, range]) => `${name}@${/\d+\.\d+\.\d+/.exec(range)[0]}`)
const platform = `${os.platform()}-${os.arch()}`
const nodes = { 22: '22', 24: '24', newest: 'latest' }
const model = path.resolve(root, '../shared/models/all-MiniLM-L6-v2')

const binary = (name) => path.join('node_modules', name, 'bin', 'node')
const tsc = (compiler, ...args) => [
  'node',
  path.join('node_modules', compiler, 'bin/tsc'),
  '--noEmit',
  'false',
  ...args,
]
const types = (compiler, module, resolution, files = ['service.ts', 'wrong.ts']) => [
  `TypeScript ${compiler}, ${resolution}, ${files[0]}`,
  tsc(
    compiler,
    ...[
      '--module',
      module,
      '--moduleResolution',
      resolution,
      '--target',
      'es2022',
      '--lib',
      'es2022,esnext.disposable',
    ],
    ...[
      '--strict',
      '--declaration',
      '--exactOptionalPropertyTypes',
      '--types',
      'node',
      '--outDir',
      `out-${compiler}-${resolution}`,
    ],
    ...files,
  ),
]
const esbuild = (entry, ...args) => [
  'npx',
  'esbuild',
  entry,
  '--bundle',
  '--platform=node',
  '--format=esm',
  `--outfile=out/${path.parse(entry).name}.mjs`,
  "--banner:js=import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
  ...args,
]

/** `steps`: what it shows, and the command. */
const consumers = {
  plain: {
    install: [
      ...pglite,
      ...Object.values(nodes).map((tag) => `node-${tag}@npm:node-${platform}@${tag}`),
      `@oven/bun-${platform}@latest`,
    ],
    steps: [
      ['ES module', ['node', 'smoke.mjs']],
      ['CommonJS', ['node', 'smoke.cjs']],
      ['worker thread', ['node', 'thread.mjs']],
      ...Object.entries(nodes).flatMap(([name, tag]) => [
        [`Node ${name}, ES module`, [binary(`node-${tag}`), 'smoke.mjs']],
        [`Node ${name}, CommonJS`, [binary(`node-${tag}`), 'smoke.cjs']],
      ]),
      ['Bun, ES module', [path.join('node_modules', '@oven', `bun-${platform}`, 'bin', 'bun'), 'smoke.mjs']],
    ],
  },
  bare: { folders: ['plain'], install: [], steps: [['without drivers', ['node', 'without-drivers.mjs']]] },
  types: {
    install: [
      '@types/node@20',
      'typescript54@npm:typescript@~5.4',
      'typescript59@npm:typescript@~5.9',
      'typescript-newest@npm:typescript@latest',
    ],
    steps: [
      types('typescript54', 'esnext', 'bundler'),
      types('typescript54', 'nodenext', 'nodenext'),
      types('typescript54', 'commonjs', 'node10'),
      types('typescript54', 'nodenext', 'nodenext', ['tests-only.ts']),
      types('typescript54', 'commonjs', 'node10', ['tests-only.ts']),
      types('typescript59', 'esnext', 'bundler'),
      types('typescript59', 'nodenext', 'nodenext'),
      types('typescript59', 'commonjs', 'node10'),
      types('typescript-newest', 'esnext', 'bundler'),
      types('typescript-newest', 'nodenext', 'nodenext'),
      types('typescript-newest', 'esnext', 'bundler', ['tests-only.ts']),
    ],
  },
  bundle: {
    folders: ['plain', 'bundle'],
    install: ['esbuild@latest', 'onnxruntime-node@latest', '@huggingface/tokenizers@latest', ...pglite],
    steps: [
      ['esbuild, all in one but PGlite', esbuild('smoke.mjs', '--external:@electric-sql/*')],
      ['its bundle', ['node', 'out/smoke.mjs']],
      ['esbuild with a model, the thread beside it', esbuild('onnx.mjs', '--external:onnxruntime-node')],
      [
        'the thread',
        esbuild(
          'node_modules/headwater/dist/onnx-worker.js',
          '--external:onnxruntime-node',
          '--outfile=out/onnx-worker.js',
        ),
      ],
      ['its bundle', ['node', 'out/onnx.mjs'], { HW_MODEL: model }],
    ],
    needs: model,
  },
  qdrant: {
    install: ['@qdrant/js-client-rest@~1.18', 'undici@6'],
    steps: [['Qdrant client 1.18, undici 6', ['node', 'qdrant.mjs']]],
  },
  'qdrant-newest': {
    folders: ['qdrant'],
    install: ['@qdrant/js-client-rest@latest', 'undici@7', `node-newest@npm:node-${platform}@latest`],
    steps: [['newest Qdrant client, undici 7, newest Node', [binary('node-newest'), 'qdrant.mjs']]],
  },
  lowest: {
    folders: ['lowest', 'qdrant', 'bundle'],
    install: lowest,
    steps: [
      ['one store over ioredis, minio, Elasticsearch and the meters', ['node', 'lowest.mjs']],
      ['Qdrant client and undici', ['node', 'qdrant.mjs']],
      ['onnxruntime and tokenizers', ['node', 'onnx.mjs'], { HW_MODEL: model }],
    ],
    needs: model,
  },
  jest: {
    install: ['jest@latest', 'vitest@4', ...pglite],
    steps: [
      ['Jest', ['npx', 'jest', '--ci', 'store.test.js']],
      // PGlite itself imports its files with import(), which Jest knows only with this flag of Node's.
      ['Jest, embedded', ['npx', 'jest', '--ci', 'embedded.test.js'], { NODE_OPTIONS: '--experimental-vm-modules' }],
      ['vitest', ['npx', 'vitest', 'run', 'store.vitest.mjs', '--config', 'vitest.config.mjs']],
    ],
  },
  next: {
    install: ['next@16', 'react@19', 'react-dom@19', ...pglite],
    steps: [
      ['Next 16, Turbopack', ['npx', 'next', 'build', '--turbopack'], { EXTERNAL: '1' }],
      ['its server answers', serveNext, { EXTERNAL: '1' }],
      ['Next 16, webpack', ['npx', 'next', 'build', '--webpack'], { EXTERNAL: '1' }],
      ['its server answers', serveNext, { EXTERNAL: '1' }],
      ['Next 16, Turbopack, headwater bundled', ['npx', 'next', 'build', '--turbopack']],
      ['Next 16, webpack, headwater bundled', ['npx', 'next', 'build', '--webpack']],
    ],
  },
}

/** Starts what `next build` made and asks its route. */
async function serveNext(cwd, env) {
  const server = spawn('node', ['node_modules/next/dist/bin/next', 'start', '-p', '0'], { cwd, env })
  let log = ''
  const port = await new Promise((resolve, reject) => {
    const read = (bytes) => {
      log += bytes
      const found = /localhost:(\d+)/.exec(log)?.[1]
      if (found && found !== '0' && /Ready/.test(log)) resolve(found)
    }
    server.stdout.on('data', read)
    server.stderr.on('data', read)
    server.on('exit', () => reject(new Error(log)))
  })
  try {
    const answer = await fetch(`http://localhost:${port}/api/search`, { signal: AbortSignal.timeout(60_000) })
    const body = await answer.text()
    if (answer.status !== 200 || !body.includes('"a"')) throw new Error(`${answer.status} ${body}\n${log}`)
  } finally {
    server.kill()
    await once(server, 'exit')
  }
}

function run(command, cwd, env) {
  const done = spawnSync(command[0], command.slice(1), {
    cwd,
    env,
    encoding: 'utf8',
    timeout: 600_000,
    maxBuffer: 2 ** 28,
  })
  if (done.status !== 0) throw new Error(`${command.join(' ')}\n${done.error ?? ''}${done.stdout}\n${done.stderr}`)
}

const asked = process.argv.slice(2)
const temporary = fs.mkdtempSync(path.join(os.tmpdir(), 'headwater-consumers-'))
const clean = { ...process.env, NODE_ENV: undefined, NODE_PATH: undefined, CI: 'true', NEXT_TELEMETRY_DISABLED: '1' }
let failed = 0
let passed = 0
try {
  run(['npm', 'pack', '--silent', '--ignore-scripts', '--pack-destination', temporary], root, clean)
  const tarball = path.join(
    temporary,
    fs.readdirSync(temporary).find((name) => name.endsWith('.tgz')),
  )
  for (const [name, { folders = [name], install, steps, needs }] of Object.entries(consumers)) {
    if (asked.length > 0 && !asked.includes(name)) continue
    if (needs && !fs.existsSync(needs)) throw new Error(`${name}: the model of the tests is not at ${needs}`)
    const cwd = path.join(temporary, name)
    for (const part of folders) fs.cpSync(path.join(root, 'test/consumers', part), cwd, { recursive: true })
    fs.writeFileSync(path.join(cwd, 'package.json'), '{ "name": "consumer", "private": true }')
    const started = Date.now()
    run(
      ['npm', 'install', '--no-audit', '--no-fund', '--loglevel=error', '--ignore-scripts', tarball, ...install],
      cwd,
      clean,
    )
    console.log(`${name}: installed in ${((Date.now() - started) / 1000).toFixed(1)} s`)
    for (const [what, command, env = {}] of steps) {
      const began = Date.now()
      try {
        const full = { ...clean, ...env }
        if (typeof command === 'function') await command(cwd, full)
        else run(command, cwd, full)
        passed += 1
        console.log(`  ${what}: ok in ${((Date.now() - began) / 1000).toFixed(1)} s`)
      } catch (error) {
        failed += 1
        console.error(`  ${what}: FAILED\n${error.message}`)
      }
    }
  }
} finally {
  if (process.env.HW_KEEP !== '1') fs.rmSync(temporary, { recursive: true, force: true })
  else console.log(temporary)
}
console.log(`consumers: ${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0
