import type { Truth, TruthSession, TruthView } from '../../src/repositories/truth'

/** A place on the way where whoever comes waits until it is opened; afterwards all pass. */
export class Gate {
  readonly reached: Promise<void>
  readonly #opened: Promise<void>
  #arrive = (): void => {}
  #open = (): void => {}

  constructor() {
    this.reached = new Promise((resolve) => {
      this.#arrive = resolve
    })
    this.#opened = new Promise((resolve) => {
      this.#open = resolve
    })
  }

  pass(): Promise<void> {
    this.#arrive()
    return this.#opened
  }

  open(): void {
    this.#open()
  }
}

/**
 * Sees each call of a port by its name: it may wait before it goes on, call with other arguments, or answer by itself.
 * `go` without arguments takes those of the caller.
 */
// biome-ignore lint/suspicious/noExplicitAny: the arguments and answers of every method there is
export type Step = (call: string, args: readonly any[], go: (...args: unknown[]) => Promise<any>) => unknown

/** No step at all. */
export const passing: Step = (_call, _args, go) => go()

/** The port with a step before each of its methods. Calls are named `upsert`, or `jobs.settle` with a prefix. */
export function stepped<T extends object>(port: T, step: Step, prefix = ''): T {
  return new Proxy(port, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target)
      if (typeof value !== 'function') return value
      return (...given: unknown[]) =>
        step(`${prefix}${String(key)}`, given, async (...args) =>
          Reflect.apply(value, target, args.length > 0 ? args : given),
        )
    },
  })
}

/** The truth with a step before each call of its repositories, in transactions too; `transaction` is one itself. */
export function steppedTruth(truth: Truth, step: Step): Truth {
  const over = (session: TruthSession): TruthSession =>
    new Proxy(session, {
      get: (target, key) => {
        if (key === 'savepoint') {
          return <T>(work: (session: TruthSession) => Promise<T>) => target.savepoint((within) => work(over(within)))
        }
        return stepped(Reflect.get(target, key, target) as object, step, `${String(key)}.`)
      },
    })
  return {
    ...(truth.hints && { hints: truth.hints }),
    session: (view) => over(truth.session(view)),
    transaction: <T>(view: TruthView, work: (session: TruthSession) => Promise<T>, options?: object) => {
      const stepping = (session: TruthSession): Promise<T> => work(over(session))
      const go = () => truth.transaction(view, stepping, options)
      return step('transaction', [view, stepping, options], go) as Promise<T>
    },
  }
}

/** The first answer to a call again and again: what a cache in its place would give. */
export function remembered(name: string): Step {
  const answers = new Map<string, Promise<unknown>>()
  return (call, args, go) => {
    if (call !== name) return go()
    const key = JSON.stringify(args)
    const known = answers.get(key) ?? go()
    answers.set(key, known)
    return known
  }
}

/** Both, the first one first. */
export function both(first: Step, second: Step): Step {
  return (call, args, go) =>
    first(call, args, async (...changed) => second(call, changed.length > 0 ? changed : args, go))
}
