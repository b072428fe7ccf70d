// Starts and stops scratch search servers: Elasticsearch 8 and 9, and OpenSearch with the proxy that speaks Elasticsearch
// (see search-distributions.mjs).
//
// They refuse to run as root. For root they run as `nobody`, over a copy in the temporary folder.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { createServer } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { findJava } from './java-home.mjs'
import { distributions, downloadDistribution } from './search-distributions.mjs'

const PROXY = fileURLToPath(new URL('./opensearch-proxy.mjs', import.meta.url))
/** A loaded machine takes its time. */
const START_TIMEOUT_MS = 240_000

const isRoot = process.getuid?.() === 0

/** The folder of the unpacked server in `cache`, fetched on first use. */
export function downloadElasticsearch(cache, distribution = 'elasticsearch') {
  return downloadDistribution(cache, distribution)
}

/** What keeps a distribution from running on this machine, or undefined. */
export function lackingFor(distribution) {
  const { product, version, java } = distributions[distribution]
  if (findJava(...java)) return undefined
  const versions = java.length === 2 ? java.join(' to ') : `${java[0]} or later`
  return `${product} ${version} needs Java ${versions}, and none was found (ES_JAVA_HOME, JAVA_HOME, PATH, /usr/lib/jvm)`
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

/** Starts a new, empty single node on free ports of 127.0.0.1, without security; takes some 20 seconds. */
export async function startElasticsearch({ folder, heap = '1g', distribution = 'elasticsearch' }) {
  const { product, java: versions } = distributions[distribution]
  const java = findJava(...versions)
  if (!java)
    throw new Error(`${lackingFor(distribution)}: install one (Debian: apt-get install openjdk-17-jre-headless)`)
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'hw-es-'))
  const port = await freePort()
  const server = { kind: 'elasticsearch', product, home, pidFile: path.join(home, 'pid'), port, java, heap }
  try {
    const program = path.join(home, 'program')
    fs.cpSync(folder, program, { recursive: true })
    const settings = {
      'cluster.name': path.basename(home),
      'discovery.type': 'single-node',
      'network.host': '127.0.0.1',
      'http.port': port,
      'transport.port': await freePort(),
      'path.data': path.join(home, 'data'),
      'path.logs': path.join(home, 'logs'),
      'path.repo': path.join(home, 'repo'),
      ...(product === 'elasticsearch' && { 'xpack.security.enabled': false }),
      // Elasticsearch takes as many as its heap has room for.
      ...(product === 'opensearch' && { 'indices.query.bool.max_clause_count': 65_536 }),
      // A developer's disk is often nearly full; these indexes are small.
      'cluster.routing.allocation.disk.threshold_enabled': false,
    }
    const lines = Object.entries(settings).map(([name, value]) => `${name}: ${JSON.stringify(value)}\n`)
    fs.writeFileSync(path.join(program, 'config', `${product}.yml`), lines.join(''))
    for (const name of ['data', 'logs', 'repo', 'tmp']) fs.mkdirSync(path.join(home, name))
    if (isRoot) execFileSync('chown', ['-R', `${idOf('-u')}:${idOf('-g')}`, home])
    await launch(server)
    if (product === 'elasticsearch') return { ...server, url: `http://127.0.0.1:${port}` }
    return { ...server, url: await startProxy(port, home) }
  } catch (error) {
    stopElasticsearch(server)
    throw error
  }
}

/** Starts the program in `home` and waits until it answers; what it says goes to start.log. */
async function launch({ product, home, pidFile, port, java, heap }) {
  const log = path.join(home, 'start.log')
  const output = fs.openSync(log, 'w')
  const prefix = product === 'elasticsearch' ? 'ES' : 'OPENSEARCH'
  const launcher = spawn('bash', [path.join(home, 'program', 'bin', product), '-d', '-p', pidFile], {
    ...(isRoot ? { uid: idOf('-u'), gid: idOf('-g') } : {}),
    cwd: home,
    stdio: ['ignore', output, output],
    env: {
      PATH: process.env.PATH,
      HOME: home,
      [`${prefix}_JAVA_HOME`]: java,
      [`${prefix}_TMPDIR`]: path.join(home, 'tmp'),
      [`${prefix}_JAVA_OPTS`]: `-Xms${heap} -Xmx${heap}`,
    },
  })
  fs.closeSync(output)
  const [code] = await once(launcher, 'exit')
  const until = Date.now() + START_TIMEOUT_MS
  // Elasticsearch's launcher waits until it is up, OpenSearch's does not.
  while (code === 0 && Date.now() < until) {
    if (await answers(`http://127.0.0.1:${port}/_cluster/health`)) return
    if (fs.existsSync(pidFile) && !isElasticsearchRunning({ pidFile })) break
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`${product} did not start (${code}):\n${fs.readFileSync(log, 'utf8').slice(-4_000)}`)
}

async function answers(url) {
  try {
    return (await fetch(url)).ok
  } catch {
    return false
  }
}

/** It ends by itself when the server's home is gone. */
async function startProxy(server, home) {
  const port = await freePort()
  const args = [PROXY, String(port), String(server), home]
  spawn(process.execPath, args, { detached: true, stdio: 'ignore' }).unref()
  const url = `http://127.0.0.1:${port}`
  for (let i = 0; i < 200; i++) {
    if (await answers(`${url}/_cluster/health`)) return url
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`${PROXY} did not start`)
}

const idOf = (flag) => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }))

function pidOf({ pidFile }) {
  try {
    return Number(fs.readFileSync(pidFile, 'utf8'))
  } catch {
    return 0
  }
}

export function isElasticsearchRunning(server) {
  const pid = pidOf(server)
  if (!pid) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

/** Kills the server as a crash would, and starts it again on its port with the data that it had. */
export async function restartElasticsearch(server) {
  process.kill(pidOf(server), 'SIGKILL')
  while (isElasticsearchRunning(server)) await new Promise((resolve) => setTimeout(resolve, 20))
  fs.rmSync(server.pidFile, { force: true })
  await launch(server)
}

/** Kills the server and deletes its data, which is scratch. */
export function stopElasticsearch(server) {
  const pid = pidOf(server)
  if (pid && isElasticsearchRunning(server)) {
    process.kill(pid, 'SIGKILL')
    const wait = new Int32Array(new SharedArrayBuffer(4))
    for (let i = 0; i < 200 && isElasticsearchRunning(server); i++) Atomics.wait(wait, 0, 0, 50)
  }
  fs.rmSync(server.home, { recursive: true, force: true, maxRetries: 5 })
}
