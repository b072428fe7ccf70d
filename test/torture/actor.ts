import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Aim, Phase } from './aim'
import type { Order, Role } from './order'

/** What a process of the torture says on its output. */
export interface Said {
  readonly ready?: true
  readonly opened?: true
  readonly ended?: true
  readonly hit?: Phase
  readonly what?: string
  readonly failed?: string
  readonly rebuilt?: { readonly failed?: string }
  readonly reconciled?: Readonly<Record<string, number>>
}

/** A process of the torture, seen from the one that kills it. */
export class Actor {
  readonly #child: ChildProcess
  readonly #said: Said[] = []
  readonly #waiting = new Set<() => void>()
  #errors = ''
  #over = false
  order: Order | undefined
  readonly ended: Promise<void>

  constructor(script: string) {
    this.#child = spawn(process.execPath, ['--trace-warnings', '--stack-trace-limit=40', script], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    this.#child.stderr!.on('data', (bytes: Buffer) => {
      this.#errors = `${this.#errors}${bytes.toString()}`.slice(-4_000)
    })
    this.#child.on('error', () => undefined)
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      this.#said.push(JSON.parse(line) as Said)
      this.#wake()
    })
    this.ended = new Promise((resolve) => {
      this.#child.on('close', () => {
        this.#over = true
        this.#wake()
        resolve()
      })
    })
  }

  get role(): Role {
    return this.order!.role
  }

  get over(): boolean {
    return this.#over
  }

  /** Why it ended by itself, if that was no part of the play. */
  get failure(): string | undefined {
    return this.#said.find(({ failed }) => failed)?.failed ?? (this.#over ? this.#errors || undefined : undefined)
  }

  /** What it printed that nobody asked for. */
  get warnings(): string {
    return this.#errors
  }

  play(order: Order): void {
    this.order = order
    this.#send({ order })
  }

  aim(aim: Aim): void {
    this.#send({ aim })
  }

  stop(): void {
    this.#send({ stop: true })
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.ended
  }

  /** The first thing said that fits; undefined when it ended or the time is up before. */
  heard(fits: (said: Said) => boolean, withinMs: number): Promise<Said | undefined> {
    return new Promise((resolve) => {
      const finish = (found: Said | undefined): void => {
        clearTimeout(timer)
        this.#waiting.delete(look)
        resolve(found)
      }
      const look = (): void => {
        const found = this.#said.find(fits)
        if (found || this.#over) finish(found)
      }
      const timer = setTimeout(() => finish(undefined), withinMs)
      this.#waiting.add(look)
      look()
    })
  }

  #wake(): void {
    for (const look of [...this.#waiting]) look()
  }

  #send(message: object): void {
    // One that is dying hears nothing any more.
    if (this.#child.connected) this.#child.send(message, () => undefined)
  }
}
