// Starts and stops a scratch Elasticsearch from the Maven artifact of its integration tests: the real server without
// most modules (language analyzers, synonyms, search templates, reindex). Needs Java 17 or later, and Maven to fetch it.
//
// Elasticsearch refuses to run as root. For root it runs as `nobody`, over a copy in the temporary folder.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { createServer } from 'node:net'
import os from 'node:os'
import path from 'node:path'

const VERSION = '8.19.21'
const ARTIFACT = `org.elasticsearch.distribution.integ-test-zip:elasticsearch:${VERSION}:zip`
const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy'

const isRoot = process.getuid?.() === 0

/** The folder of the unpacked server in `cache`, fetched on first use. */
export function downloadElasticsearch(cache) {
  const target = path.join(cache, `elasticsearch-${VERSION}`)
  if (fs.existsSync(target)) return target
  process.stderr.write(`services: fetching ${ARTIFACT} into ${target}\n`)
  fs.mkdirSync(cache, { recursive: true })
  const partial = fs.mkdtempSync(path.join(cache, 'partial-'))
  try {
    must('mvn', ['-q', '-B', '-Dstyle.color=never', COPY, `-Dartifact=${ARTIFACT}`, `-DoutputDirectory=${partial}`])
    must('python3', ['-m', 'zipfile', '-e', path.join(partial, `elasticsearch-${VERSION}.zip`), partial])
    // Another process may have been faster, and its server be in use.
    if (!fs.existsSync(target)) fs.renameSync(path.join(partial, `elasticsearch-${VERSION}`), target)
  } finally {
    fs.rmSync(partial, { recursive: true, force: true })
  }
  return target
}

function must(command, args) {
  const done = spawnSync(command, args, { stdio: ['ignore', 2, 2] })
  if (done.error?.code === 'ENOENT')
    throw new Error(
      `${command} was not found: install it (Debian: apt-get install ${command === 'mvn' ? 'maven' : command})`,
    )
  if (done.status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${done.status ?? done.error}`)
}

/** Java's home: ES_JAVA_HOME, JAVA_HOME, or where the `java` on the path really is. */
function javaHome() {
  const named = process.env.ES_JAVA_HOME || process.env.JAVA_HOME
  if (named) return named
  for (const folder of (process.env.PATH ?? '').split(path.delimiter)) {
    const java = path.join(folder, 'java')
    if (fs.existsSync(java)) return path.dirname(path.dirname(fs.realpathSync(java)))
  }
  throw new Error('no Java was found: install version 17 or later (Debian: apt-get install openjdk-17-jre-headless)')
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
export async function startElasticsearch({ folder, heap = '1g' }) {
  const java = javaHome()
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'hw-es-'))
  try {
    const program = path.join(home, 'program')
    fs.cpSync(folder, program, { recursive: true })
    const port = await freePort()
    const settings = {
      'cluster.name': path.basename(home),
      'discovery.type': 'single-node',
      'network.host': '127.0.0.1',
      'http.port': port,
      'transport.port': await freePort(),
      'path.data': path.join(home, 'data'),
      'path.logs': path.join(home, 'logs'),
      'path.repo': path.join(home, 'repo'),
      'xpack.security.enabled': false,
      // A developer's disk is often nearly full; these indexes are small.
      'cluster.routing.allocation.disk.threshold_enabled': false,
    }
    const lines = Object.entries(settings).map(([name, value]) => `${name}: ${JSON.stringify(value)}\n`)
    fs.writeFileSync(path.join(program, 'config', 'elasticsearch.yml'), lines.join(''))
    for (const name of ['data', 'logs', 'repo', 'tmp']) fs.mkdirSync(path.join(home, name))
    const account = isRoot ? { uid: idOf('-u'), gid: idOf('-g') } : {}
    if (isRoot) execFileSync('chown', ['-R', `${account.uid}:${account.gid}`, home])
    const pidFile = path.join(home, 'pid')
    const output = path.join(home, 'start.log')
    const server = { kind: 'elasticsearch', home, pidFile, url: `http://127.0.0.1:${port}`, java, heap }
    const { args, options } = launch(server)
    const done = spawnSync('bash', args, options)
    fs.closeSync(options.stdio[1])
    if (done.status !== 0) {
      throw new Error(
        `Elasticsearch did not start (${done.status ?? done.error}):\n${fs.readFileSync(output, 'utf8').slice(-4_000)}`,
      )
    }
    return server
  } catch (error) {
    stopElasticsearch({ home, pidFile: path.join(home, 'pid') })
    throw error
  }
}

/** How the program in `home` is started; what it says goes to start.log. */
function launch({ home, pidFile, java, heap }) {
  const output = fs.openSync(path.join(home, 'start.log'), 'w')
  return {
    args: [path.join(home, 'program', 'bin', 'elasticsearch'), '-d', '-p', pidFile],
    options: {
      ...(isRoot ? { uid: idOf('-u'), gid: idOf('-g') } : {}),
      cwd: home,
      stdio: ['ignore', output, output],
      env: {
        PATH: process.env.PATH,
        HOME: home,
        ES_JAVA_HOME: java,
        ES_TMPDIR: path.join(home, 'tmp'),
        ES_JAVA_OPTS: `-Xms${heap} -Xmx${heap}`,
      },
    },
  }
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
  const { args, options } = launch(server)
  const [code] = await once(spawn('bash', args, options), 'exit')
  fs.closeSync(options.stdio[1])
  if (code !== 0) throw new Error(`Elasticsearch did not come back: its launcher ended with ${code}`)
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
