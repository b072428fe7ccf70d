import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

/** A process and all that descend from it, parents first. */
export function familyOf(pid: number): number[] {
  const children = new Map<number, number[]>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
      children.set(parent, [...(children.get(parent) ?? []), Number(name)])
    } catch {
      // It ended meanwhile.
    }
  }
  const family = [pid]
  for (const one of family) family.push(...(children.get(one) ?? []))
  return family
}

/** Sends a signal to those that are still there. */
export function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}

/** Waits for a condition; false when it did not come true in time. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  withinMs: number,
  everyMs = 20,
): Promise<boolean> {
  for (const end = performance.now() + withinMs; performance.now() < end; await delay(everyMs)) {
    if (await condition()) return true
  }
  return false
}

/** A server of ours that may be killed and started again on its port; it does not outlive this process. */
export class Daemon {
  readonly #command: readonly string[]
  #shell: ChildProcess | undefined
  #pid = 0

  constructor(command: readonly string[]) {
    this.#command = command
  }

  get pid(): number {
    return this.#pid
  }

  async start(): Promise<void> {
    const watch = '"$@" <&- >/dev/null 2>&1 & pid=$!; echo $pid; cat >/dev/null; kill -9 $pid; wait $pid'
    this.#shell = spawn('sh', ['-c', watch, 'sh', ...this.#command], { stdio: ['pipe', 'pipe', 'ignore'] })
    const [line] = await once(this.#shell.stdout!, 'data')
    this.#pid = Number(String(line))
  }

  async stop(): Promise<void> {
    const shell = this.#shell
    if (!shell) return
    this.#shell = undefined
    signalAll([this.#pid], 'SIGCONT')
    const exited = once(shell, 'exit')
    shell.stdin!.end()
    await exited
  }
}
