import type { HeadwaterError } from '../core/errors'

/** Where a store says what happens in the background: pino's and console's shapes fit, details first. */
export interface Logger {
  debug(details: object, message: string): void
  info(details: object, message: string): void
  warn(details: object, message: string): void
  error(details: object, message: string): void
}

/** What work in the background met, and which work: `relay vector`, `truth`, `indexes`, `parked text`... */
export type ErrorListener = (error: HeadwaterError, about: { readonly what: string }) => void

export interface TroubleOptions {
  readonly logger?: Logger | undefined
  readonly onError?: ErrorListener | undefined
}

/** 'warn': it is tried again by itself. 'error': somebody has to do something. */
export type TroubleLevel = 'warn' | 'error'

/**
 * Tells what nobody's call would hear of: once when it begins, again when its code becomes another, and when it is over.
 * The work itself may meet it in every round. Where nobody listens, the beginning is a warning of the process.
 */
export class Troubles {
  readonly #logger: Logger | undefined
  readonly #onError: ErrorListener | undefined
  /** Codes told of each trouble that is not over: a store that is away answers now this, now that. */
  readonly #open = new Map<string, Set<string>>()

  constructor({ logger, onError }: TroubleOptions = {}) {
    this.#logger = logger
    this.#onError = onError
  }

  /** Whether `what` is in trouble, as far as is known. */
  has(what: string): boolean {
    return this.#open.has(what)
  }

  met(what: string, error: HeadwaterError, level: TroubleLevel = error.retryable ? 'warn' : 'error'): void {
    const told = this.#open.get(what)
    // An open circuit is what came of it, not another trouble.
    if (told && (told.has(error.code) || error.code === 'HW_CIRCUIT_OPEN')) return
    this.#open.set(what, (told ?? new Set()).add(error.code))
    const message = `${what}: ${error.code}: ${error.message.replace(/\.$/, '')}. ${error.remedy}`
    this.#say(() => this.#logger?.[level]({ what, code: error.code, err: error }, message))
    this.#say(() => this.#onError?.(error, { what }))
    if (!this.#logger && !this.#onError) warn(message, error.code)
  }

  over(what: string): void {
    if (!this.#open.delete(what)) return
    this.#say(() => this.#logger?.info({ what }, `${what}: well again`))
  }

  /** What a listener throws must not end the work; it is told all the same. */
  #say(tell: () => unknown): void {
    const failed = (cause: unknown): void => warn(`A listener of the store failed: ${String(cause)}`, 'HW_INTERNAL')
    try {
      const told: unknown = tell()
      if (told instanceof Promise) told.catch(failed)
    } catch (cause) {
      failed(cause)
    }
  }
}

function warn(message: string, code: string): void {
  process.emitWarning(message, { type: 'HeadwaterWarning', code })
}
