import { AsyncLocalStorage } from 'node:async_hooks'
import { HeadwaterError } from '../../core/errors'

interface Frame {
  readonly of: Nesting
  /** A transaction of another store around this one. */
  readonly outer: Frame | undefined
}

// One for all stores: each such storage costs every promise of the process a little, and is never let go.
const inside = new AsyncLocalStorage<Frame>()

/**
 * Knows whether the caller stands inside the callback of a transaction. There the outer handle would wait for a
 * connection that the transaction holds, or write beside it: refused at once, on every profile.
 */
export class Nesting {
  run<T>(work: () => Promise<T>): Promise<T> {
    return inside.run({ of: this, outer: inside.getStore() }, work)
  }

  /** Throws HW_TRANSACTION_NESTED inside a transaction callback. */
  check(): void {
    for (let frame = inside.getStore(); frame; frame = frame.outer) {
      if (frame.of !== this) continue
      throw new HeadwaterError(
        'HW_TRANSACTION_NESTED',
        'The outer handle was used inside a transaction callback; use the handle that the callback received',
      )
    }
  }
}
