/** Processor time of the processes that a bench is about, from /proc: it changes little where the machine is busy. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import type { Client } from '@elastic/elasticsearch'
import pg from 'pg'
import { add, note } from './report'

export const processNames = ['node', 'postgres', 'elasticsearch', 'qdrant'] as const
export type ProcessName = (typeof processNames)[number]

/** Processor time in ms; what is not seen from here is left out. */
export type ProcessorTimes = { readonly [name in ProcessName]?: number }

export interface MeteredServers {
  readonly postgresUrl?: string | undefined
  readonly elasticsearch?: Client | undefined
  /** Of the process that stands for Qdrant; a URL where it is a server of somebody else's. */
  readonly qdrant?: number | string | undefined
}

/** Ticks of /proc are 10 ms on every Linux that Node runs on. */
const tickMs = 10

type Pids = { readonly [name in Exclude<ProcessName, 'node'>]?: number }

export class ProcessMeter {
  readonly #pids: Pids

  private constructor(pids: Pids) {
    this.#pids = pids
  }

  /** Notes what it cannot see: another machine's processes, and any where there is no /proc. */
  static async open({ postgresUrl, elasticsearch, qdrant }: MeteredServers): Promise<ProcessMeter> {
    const found = {
      postgres: postgresUrl === undefined ? undefined : await postmasterOf(postgresUrl),
      elasticsearch: elasticsearch && (await elasticsearchPid(elasticsearch)),
      qdrant: typeof qdrant === 'string' ? listenerOf(qdrant) : qdrant,
    }
    const asked = { postgres: postgresUrl, elasticsearch, qdrant }
    const pids: Record<string, number> = {}
    for (const name of ['postgres', 'elasticsearch', 'qdrant'] as const) {
      const pid = found[name]
      if (pid !== undefined && statOf(pid)) pids[name] = pid
      else if (asked[name] !== undefined) note(`processor time of ${name}`, 'not seen: no process of this machine')
    }
    return new ProcessMeter(pids)
  }

  /** What `work` costs each process, its connections to Postgres included, also those that end in it. */
  async during<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly times: ProcessorTimes }> {
    const before = this.#read()
    const result = await work()
    const after = this.#read()
    const spent = Object.entries(after).map(([name, ms]) => [name, ms - before[name as ProcessName]!])
    return { result, times: Object.fromEntries(spent) as ProcessorTimes }
  }

  #read(): ProcessorTimes {
    const { user, system } = process.cpuUsage()
    const { postgres, elasticsearch, qdrant } = this.#pids
    return {
      node: (user + system) / 1_000,
      ...(postgres && { postgres: withChildren(postgres) }),
      ...(elasticsearch && { elasticsearch: statOf(elasticsearch)?.ownMs ?? 0 }),
      ...(qdrant && { qdrant: statOf(qdrant)?.ownMs ?? 0 }),
    }
  }
}

/** A row for each process: what `count` of something cost it by hand and here. */
export function addProcessors(
  row: string,
  each: string,
  count: number,
  raw: ProcessorTimes,
  ours: ProcessorTimes,
  goals: { readonly [name in ProcessName]?: number },
): void {
  for (const name of processNames) {
    const [byHand, here, goal] = [raw[name], ours[name], goals[name]]
    if (byHand === undefined || here === undefined || goal === undefined) continue
    const us = (ms: number): number => (ms * 1_000) / count
    add(`${row}, processor of ${name}`, `us/${each}`, us(byHand), us(here), { compare: 'ratio', atMost: goal })
  }
}

interface Stat {
  readonly name: string
  readonly parent: number
  readonly ownMs: number
  /** Of children that have ended. */
  readonly endedMs: number
}

function statOf(pid: number): Stat | undefined {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return undefined
  }
  const end = text.lastIndexOf(')')
  const fields = text.slice(end + 2).split(' ')
  const [user, system, endedUser, endedSystem] = fields.slice(11, 15).map((ticks) => Number(ticks) * tickMs)
  return {
    name: text.slice(text.indexOf('(') + 1, end),
    parent: Number(fields[1]),
    ownMs: user! + system!,
    endedMs: endedUser! + endedSystem!,
  }
}

/** A process and its children, of one thread each: a child that ends leaves its time to the parent. */
function withChildren(pid: number): number {
  let sum = 0
  for (const each of readdirSync('/proc')) {
    const stat = /^\d+$/.test(each) ? statOf(Number(each)) : undefined
    if (stat?.parent === pid) sum += threadMs(Number(each)) ?? stat.ownMs
  }
  const own = statOf(pid)
  return own ? sum + (threadMs(pid) ?? own.ownMs) + own.endedMs : sum
}

/** Of the first thread, to the ns: twenty backends that did 5 ms each would else have done nothing. */
function threadMs(pid: number): number | undefined {
  const [ns] = readLines(`/proc/${pid}/schedstat`)[0]?.split(' ') ?? []
  return ns ? Number(ns) / 1e6 : undefined
}

async function postmasterOf(url: string): Promise<number | undefined> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query('SELECT pg_backend_pid() AS pid')
  // Another machine's number may be anybody's here.
  const backend = statOf(Number(rows[0].pid))
  await client.end()
  return backend?.name === 'postgres' ? backend.parent : undefined
}

async function elasticsearchPid(client: Client): Promise<number | undefined> {
  const { nodes } = await client.nodes.info({ node_id: '_local', metric: 'process' })
  const pid = Number(Reflect.get(Object(Object.values(nodes)[0]), 'process')?.id)
  return statOf(pid)?.name === 'java' ? pid : undefined
}

/** Who listens at the port of a URL of this machine; undefined where it is not to be seen. */
function listenerOf(url: string): number | undefined {
  const { hostname, port } = new URL(url)
  if (!['localhost', '127.0.0.1', '[::1]'].includes(hostname)) return undefined
  const wanted = Number(port || 6333)
    .toString(16)
    .toUpperCase()
    .padStart(4, '0')
  const inodes = new Set<string>()
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of readLines(file)) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/)
      if (local?.endsWith(`:${wanted}`) && state === '0A') inodes.add(`socket:[${inode}]`)
    }
  }
  return readNames('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .find((pid) => readNames(`/proc/${pid}/fd`).some((fd) => inodes.has(linkOf(`/proc/${pid}/fd/${fd}`))))
}

function readLines(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n')
  } catch {
    return []
  }
}

function readNames(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
