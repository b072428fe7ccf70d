import { execFileSync } from 'node:child_process'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

/**
 * A process so that it is not taken for a later one of the same number. Process numbers mean something only within
 * `host`, `space` (a container's process namespace) and `boot`.
 */
export interface ProcessIdentity {
  readonly pid: number
  /** When it started, in whatever unit the system gives; empty where it gives none. */
  readonly started: string
  readonly host: string
  readonly space: string
  readonly boot: string
}

export function thisProcess(): ProcessIdentity {
  return identityOf(process.pid)
}

/** A process of this machine and container. */
export function identityOf(pid: number): ProcessIdentity {
  return {
    pid,
    started: startOf(pid),
    host: hostname(),
    space: read(() => readlinkSync('/proc/self/ns/pid')),
    boot: read(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
  }
}

/** Whether that process still runs; unknown when it is one of another machine or container. */
export function fateOf(other: ProcessIdentity): 'running' | 'gone' | 'unknown' {
  const self = thisProcess()
  if (other.host !== self.host) return 'unknown'
  if (other.boot !== self.boot) return 'gone'
  if (other.space !== self.space) return 'unknown'
  if (!exists(other.pid)) return 'gone'
  const started = startOf(other.pid)
  return started !== '' && other.started !== '' && started !== other.started ? 'gone' : 'running'
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it is there and belongs to somebody else.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

function startOf(pid: number): string {
  if (process.platform === 'linux') {
    const stat = read(() => readFileSync(`/proc/${pid}/stat`, 'utf8'))
    // The name in parentheses may hold anything; the start time is the 20th field after it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  }
  if (process.platform === 'win32') return ''
  return read(() => execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim())
}

function read(source: () => string): string {
  try {
    return source()
  } catch {
    return ''
  }
}
