import { openSync, writeSync } from 'node:fs'

export const tenants = ['acme', 'beta'] as const
export type Tenant = (typeof tenants)[number]

/** What a writer is about to do. `op` is also the idempotency key: told again, it says the same. */
export interface Operation {
  readonly op: string
  readonly tenant: Tenant
  readonly kind: 'put' | 'patch' | 'delete' | 'batch'
  /** One, but for a batch. */
  readonly ids: readonly string[]
  /** Sentences of its own. */
  readonly size: number
  /** Turn of the loop that alone writes these ids; only of batches, whose results give no versions. */
  readonly turn: number
}

/** Lines of a writer's journal. `at` is a clock that all processes of the machine share, ms. */
export type WriterLine =
  | ({ readonly line: 'begin'; readonly at: number } & Operation)
  | {
      readonly line: 'done'
      readonly at: number
      readonly op: string
      readonly version: number
      readonly unchanged: boolean
    }
  | { readonly line: 'failed'; readonly at: number; readonly op: string; readonly code: string }
  | { readonly line: 'wrong'; readonly at: number; readonly op: string; readonly what: string }

export interface SeenHit {
  readonly id: string
  readonly version: number
  /** The marks of operations in the text: `tenantxop`. */
  readonly marks: readonly string[]
}

/** Lines of a searcher's journal. */
export type SearchLine =
  | {
      readonly line: 'search'
      readonly from: number
      readonly to: number
      readonly tenant: Tenant
      readonly mode: string
      readonly degraded: number
      readonly hits: readonly SeenHit[]
    }
  | { readonly line: 'refused'; readonly at: number; readonly code: string }

/** The same clock in every process of this machine, ms. */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6

/** A file that has each line before the next statement runs: SIGKILL takes nothing of it back. */
export function openJournal<Line>(path: string): (line: Line) => void {
  const file = openSync(path, 'a')
  return (line) => void writeSync(file, `${JSON.stringify(line)}\n`)
}

/** What an operation writes: every sentence tells whose it is, and some are the same after every change. */
export function textOf({ op, tenant, size }: Operation, id: string): string {
  const ground = `What ${tenant}xcommon of ${id} says stays as it is, whatever else may change in it. `.repeat(6)
  const own = Array.from(
    { length: size },
    (_, at) => `Sentence ${at} of ${tenant}x${op} tells about ${words[at % words.length]}.`,
  )
  return `${ground.trim()}\n\n${own.join(' ')}`
}

export const words = ['rivers', 'harbours', 'lighthouses', 'bridges', 'canals', 'mills', 'locks', 'ferries']

export const marksOf = (text: string): string[] => [...new Set(text.match(/\b(acme|beta)x\w+/g) ?? [])]
