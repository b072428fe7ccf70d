import type { StoreOptions } from '../../src/store/store-options'
import type { Operation } from './journal'

export type Role = 'writer' | 'worker' | 'searcher' | 'rebuilder' | 'reconciler'

/** What a process of the torture is to do. Plain data: it travels as a message. */
export interface Order {
  readonly role: Role
  readonly store: StoreOptions
  readonly seed: number
  /** Of this process alone. */
  readonly name: string
  /** Where it writes down what it does. */
  readonly journal: string
  /** Of a rebuilder. */
  readonly target?: 'vector' | 'text'
  /** Of a rebuilder: where to; where the index is when left out. */
  readonly engine?: string | undefined
  /** Opens without the engines beside Postgres, unless one of them has a live index. */
  readonly narrow?: boolean
  /** Of a writer: what the one before it left without an answer. */
  readonly doubt?: readonly Operation[]
}
