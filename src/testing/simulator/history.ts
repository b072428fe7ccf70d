import type { TenantId } from '../../core/ids'
import { canonicalJson, type JsonObject } from '../../core/json'
import type { StoredDocument } from '../../repositories/memory/tables'

/** What a client can see of a document. */
export type Content = Pick<StoredDocument, 'title' | 'text' | 'metadata' | 'source'>

/** What an operation wants of one document. `failed` once its client was told that it did not happen. */
export interface Effect {
  readonly document: string
  readonly what:
    | { readonly kind: 'put'; readonly key: string }
    | { readonly kind: 'patch'; readonly patch: JsonObject }
    | { readonly kind: 'delete'; readonly group?: string }
  failed: boolean
}

export interface Operation {
  readonly id: number
  readonly tenant: TenantId
  readonly effects: readonly Effect[]
  /** All of it in one COMMIT. */
  readonly atomic: boolean
  readonly startedAt: number
}

/** One version of a document as the truth held it, from its COMMIT until the next; `content` is null when deleted. */
export interface DocumentState {
  readonly from: number
  to: number
  readonly version: number
  readonly fence: number
  readonly content: Content | null
}

/** Identity of content, without what patches leave behind. */
export function contentKey({ title, text, metadata, source }: Content): string {
  const { p: _patch, ...rest } = metadata
  return `${title}|${text}|${canonicalJson(rest)}|${source ?? ''}`
}

/** What clients asked for and what every document has been: recorded from outside, by nobody under test. */
export class History {
  readonly operations = new Map<number, Operation>()
  readonly #states = new Map<string, DocumentState[]>()
  readonly #effects = new Map<string, { readonly operation: Operation; readonly effect: Effect }[]>()
  #next = 0
  /** How often the truth has been restored. */
  restores = 0

  nextId(): number {
    return ++this.#next
  }

  begin(operation: Operation): void {
    this.operations.set(operation.id, operation)
    for (const effect of operation.effects) {
      const place = placeOf(operation.tenant, effect.document)
      const list = this.#effects.get(place)
      if (list) list.push({ operation, effect })
      else this.#effects.set(place, [{ operation, effect }])
    }
  }

  /** What was asked of a document so far. */
  effectsOn(tenant: TenantId, document: string): readonly { operation: Operation; effect: Effect }[] {
    return this.#effects.get(placeOf(tenant, document)) ?? []
  }

  /** What is current; what that returns makes it current again, with all that was recorded since kept as lost. */
  backup(): (now: number) => void {
    const current = new Map([...this.#states].map(([place, states]) => [place, states.at(-1)!]))
    return (now) => {
      this.restores++
      for (const [place, states] of this.#states) {
        const then = current.get(place) ?? states[0]!
        const last = states.at(-1)!
        if (last === then) continue
        last.to = now
        states.push({ ...then, from: now, to: Number.POSITIVE_INFINITY })
      }
    }
  }

  record(tenant: TenantId, document: string, state: Omit<DocumentState, 'to'>): void {
    const states = this.states(tenant, document)
    states.at(-1)!.to = state.from
    states.push({ ...state, to: Number.POSITIVE_INFINITY })
  }

  /** All states of a document, the oldest first; it begins as deleted at version 0. */
  states(tenant: TenantId, document: string): DocumentState[] {
    const place = placeOf(tenant, document)
    let states = this.#states.get(place)
    if (!states) {
      states = [{ from: 0, to: Number.POSITIVE_INFINITY, version: 0, fence: 0, content: null }]
      this.#states.set(place, states)
    }
    return states
  }

  /** The states that were current at some moment from `since` on. */
  statesSince(tenant: TenantId, document: string, since: number): DocumentState[] {
    return this.states(tenant, document).filter(({ to }) => to >= since)
  }
}

function placeOf(tenant: TenantId, document: string): string {
  return `${tenant}/${document}`
}
