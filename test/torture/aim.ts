import { subscribe } from 'node:diagnostics_channel'
import { writeSync } from 'node:fs'
import pg from 'pg'

/** Where a process can be hit. */
export type Phase = 'before-commit' | 'at-commit' | 'after-commit' | 'claimed' | 'apply' | 'copy' | 'switch'

export interface Aim {
  readonly phase: Phase
  /** At its how-manieth event from now on. */
  readonly nth: number
  /** Whether what was being sent is on its way already. */
  readonly sent: boolean
}

/** Part of a rebuild that this process runs. */
export type Stage = 'none' | 'copy' | 'verified' | 'switch'

let aim: Aim | undefined
let left = 0
let stage: Stage = 'none'
let claimed = false

/** The parent wants this process dead at that point. */
export function aimAt(wanted: Aim): void {
  aim = wanted
  left = wanted.nth
}

export function enter(next: Stage): void {
  stage = next
}

/** An event of a phase: at the one that is aimed at, the process says so and stands still until it is killed. */
function pass(phase: Phase, what: string): void {
  if (aim?.phase !== phase || --left > 0) return
  const { sent } = aim
  aim = undefined
  const halt = (): void => {
    writeSync(1, `${JSON.stringify({ hit: phase, what })}\n`)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20_000)
  }
  // Two turns of the loop, and the bytes are with the kernel.
  if (sent) setImmediate(() => setImmediate(halt))
  else halt()
}

const ownTables =
  /headwater"?\."?(documents|chunks|embeddings|queue|claims|commits|registry|workers|generations|blob_removals)\b/
const isProjection = (text: string): boolean => /INSERT INTO|DELETE FROM|UPDATE /.test(text) && !ownTables.test(text)
const isEnqueue = (text: string): boolean =>
  /INSERT INTO \S*(queue\S* AS j|claims\S* )/.test(text) && !isClaim(text) && !isSettle(text)
const isClaim = (text: string): boolean => text.includes('due AS MATERIALIZED (')
const isSettle = (text: string): boolean => text.includes('outcomes AS MATERIALIZED (')

const enqueued = new WeakSet<object>()

function beforeStatement(client: object, text: string): void {
  if (stage === 'verified' && text.includes('pg_advisory_xact_lock')) stage = 'switch'
  if (stage === 'switch') pass('switch', text.slice(0, 60))
  if (isProjection(text)) beforeEngine(text.slice(0, 60))
  if (isEnqueue(text)) {
    enqueued.add(client)
    pass('before-commit', 'jobs')
  }
  if (text === 'COMMIT' && enqueued.has(client)) {
    pass('before-commit', 'COMMIT')
    pass('at-commit', 'COMMIT')
  }
  if (claimed && isSettle(text)) pass('apply', 'settle')
}

function afterStatement(client: object, text: string, rows: number): void {
  if (stage === 'switch') pass('switch', `after ${text.slice(0, 60)}`)
  if (text === 'COMMIT' && enqueued.delete(client)) pass('after-commit', 'COMMIT')
  if (text.startsWith('ROLLBACK')) enqueued.delete(client)
  if (isClaim(text) && rows > 0) {
    claimed = true
    pass('claimed', `${rows} jobs`)
  }
}

function beforeEngine(what: string): void {
  if (stage === 'copy') pass('copy', what)
  if (claimed) pass('apply', what)
}

function beforeRequest(method: string, path: string): void {
  if (stage === 'switch') pass('switch', `${method} ${path}`)
  const write = method !== 'GET' && /\/points(\?|$|\/delete|\/batch|\/payload)|\/_bulk/.test(path)
  // What a connection tries out at its start is no projection.
  if (write && !path.includes('_canary_')) beforeEngine(`${method} ${path}`)
}

interface Statement {
  readonly text?: string
  callback?: (error: Error | null, result?: pg.QueryResult) => void
}

/** Watches what this process sends to Postgres and by HTTP; nothing of the library knows. */
export function watchTraffic(): void {
  const prototype = pg.Client.prototype as unknown as { query: (this: object, ...args: unknown[]) => unknown }
  const original = prototype.query
  prototype.query = function (this: object, ...args: unknown[]): unknown {
    const statement = args[0] as string | Statement
    const text = (typeof statement === 'string' ? statement : (statement.text ?? '')).trimStart()
    beforeStatement(this, text)
    const after = (rows: number | null | undefined): void => afterStatement(this, text, rows ?? 0)
    if (typeof statement === 'object' && statement.callback) {
      const { callback } = statement
      statement.callback = (error, result) => {
        if (!error) after(result?.rowCount)
        callback.call(statement, error, result)
      }
    }
    const running = original.apply(this, args)
    if (running instanceof Promise) {
      running.then(
        (result: pg.QueryResult) => after(result?.rowCount),
        () => undefined,
      )
    }
    return running
  }
  const heard = (message: unknown): void => {
    const { method, path } = (message as { request: { method: string; path: string } }).request
    beforeRequest(method, path)
  }
  subscribe('http.client.request.start', heard)
  subscribe('undici:request:create', heard)
}
