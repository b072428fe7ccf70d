import type { PGlite } from '@electric-sql/pglite'
import { systemClock } from '../../core/clock'
import type { HeadwaterError } from '../../core/errors'
import { settledWithin } from '../../core/lifecycle'

/** A message that is still unanswered after twice this time, with the event loop alive, never will be, ms. */
const silenceMs = 2_500
/** Longest wait for the database to close, ms. */
const closeMs = 5_000

/** Parse, Bind, Describe, Execute and Close: nothing answers them before the Sync that follows. */
const heldKinds: ReadonlySet<number | undefined> = new Set([...'PBDEC'].map((kind) => kind.charCodeAt(0)))

type Exec = PGlite['execProtocolStream']
type Message = Awaited<ReturnType<Exec>>[number]

/**
 * PGlite under watch. It runs within this process and within one call: while it works nothing else does, so one that is
 * silent while timers fire is dead. So it is after a FATAL or a PANIC (a full disk ends it when it writes its log),
 * and after an error of WebAssembly; and a dead one would leave every statement waiting for ever. From then on each
 * message is answered at once by the error that it died of. Its own clock: a store's may stand still.
 */
export class EmbeddedEngine {
  /** As PGlite, for its adapter. */
  readonly watched: PGlite
  readonly #database: PGlite
  readonly #failure: (cause: unknown) => HeadwaterError
  readonly #fallen: Promise<never>
  #fall: (error: HeadwaterError) => void = () => undefined
  #deadOf: HeadwaterError | undefined
  #running = 0
  /** Messages answered so far. */
  #answered = 0
  #cancel: (() => void) | undefined
  /** Parts of a statement, until its Sync: together they cost one call of the database instead of five. */
  #held: Uint8Array[] = []

  /** `failure` makes the error that it died of. */
  constructor(database: PGlite, failure: (cause: unknown) => HeadwaterError) {
    this.#database = database
    this.#failure = failure
    this.#fallen = new Promise((_, reject) => {
      this.#fall = reject
    })
    this.#fallen.catch(() => undefined)
    this.watched = new Proxy(database, {
      get: (target, key) => (key === 'execProtocolStream' ? this.#exec : Reflect.get(target, key, target)),
    })
  }

  /** Ends all that waits for it, and all that will. */
  die(cause: unknown): HeadwaterError {
    this.#deadOf ??= this.#failure(cause)
    this.#cancel?.()
    this.#fall(this.#deadOf)
    return this.#deadOf
  }

  /** Within a time: what has died may never close, and nobody is to wait for that. */
  async close(): Promise<void> {
    const closing = this.#database.close()
    await settledWithin(systemClock, this.#deadOf ? 0 : closeMs, closing)
    this.#cancel?.()
  }

  readonly #exec: Exec = async (message, options) => {
    if (this.#deadOf) throw this.#deadOf
    if (heldKinds.has(message[0])) {
      this.#held.push(message)
      return []
    }
    const held = this.#held
    this.#held = []
    if (this.#running++ === 0) this.#watch()
    try {
      const answer = await Promise.race([
        this.#database.execProtocolStream(joined(held, message), options),
        this.#fallen,
      ])
      const last = answer.find(isLast)
      if (last) throw this.die(last)
      return answer
    } catch (cause) {
      // Whatever the database refuses is an answer; what is thrown comes from below it.
      throw this.die(cause)
    } finally {
      this.#answered++
      if (--this.#running === 0) this.#cancel?.()
    }
  }

  /** Looks twice: a timer that was due while a statement blocked the loop fires before its answer has been read. */
  #watch(suspect?: number): void {
    const answered = this.#answered
    this.#cancel = systemClock.timer(
      silenceMs,
      () => {
        if (suspect === this.#answered) this.die(new Error('it does not answer any more'))
        else this.#watch(answered)
      },
      { background: true },
    )
  }
}

function joined(held: readonly Uint8Array[], last: Uint8Array): Uint8Array {
  return held.length === 0 ? last : Buffer.concat([...held, last])
}

/** What a server says before its process ends. */
function isLast(message: Message): boolean {
  const severity: unknown = message.name === 'error' && Reflect.get(message, 'severity')
  return severity === 'FATAL' || severity === 'PANIC'
}
