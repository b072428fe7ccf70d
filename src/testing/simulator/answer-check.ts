import { HeadwaterError } from '../../core/errors'
import type { TenantId } from '../../core/ids'
import { canonicalJson } from '../../core/json'
import type { DocumentRow } from '../../repositories/documents'
import type { SearchPage } from '../../search/query'
import type { BatchResult, DocumentReceipt } from '../../writer/write/receipt'
import type { CommitCheck } from './commit-check'
import { contentKey, type DocumentState, type Effect, type History, type Operation } from './history'
import { modelSplitters } from './model-embedder'
import type { World } from './world'

/** Holds what clients are told against what the truth has been (invariants 1, 3, 4, 9, 12). */
export class AnswerCheck {
  readonly #world: World
  readonly #history: History
  readonly #commits: CommitCheck

  constructor(world: World, history: History, commits: CommitCheck) {
    this.#world = world
    this.#history = history
    this.#commits = commits
  }

  /** A client was told that this did not happen. COMMIT_UNKNOWN says nothing; a batch may have been done in part. */
  failed(operation: Operation, error: unknown, partly: boolean): void {
    if (!(error instanceof HeadwaterError)) {
      this.#world.violate(0, `Operation ${operation.id} failed with ${String(error)}`)
      return
    }
    if (error.code === 'HW_INTERNAL') this.#world.violate(0, `Operation ${operation.id}: ${error.message}`)
    if (error.code === 'HW_COMMIT_UNKNOWN' || partly) return
    for (const effect of operation.effects) this.#undone(operation.tenant, effect)
  }

  /** A receipt must name a version that the document has had, made by this operation, or current while it ran. */
  receipt(operation: Operation, receipt: DocumentReceipt): void {
    const { tenant } = operation
    const effect = operation.effects.find(({ document }) => document === receipt.id)
    if (!effect || receipt.tenant !== tenant) {
      this.#world.violate(4, `Operation ${operation.id} got the receipt of ${receipt.tenant}/${receipt.id}`)
      return
    }
    const states = receipt.unchanged
      ? this.#history.statesSince(tenant, receipt.id, operation.startedAt)
      : this.#history.states(tenant, receipt.id)
    const found = states.some(
      (state) => state.version === receipt.version && state.fence === receipt.fence && fits(effect, state),
    )
    if (found) return
    const { version, unchanged } = receipt
    this.#world.violate(
      1,
      `Operation ${operation.id} on ${tenant}/${receipt.id} was told version ${version}${unchanged ? ', unchanged' : ''}, which never was so`,
    )
  }

  batch(operation: Operation, result: BatchResult): void {
    const failed = new Set(result.failed.map(({ id }) => id))
    for (const effect of operation.effects) {
      if (effect.what.kind === 'delete' && effect.what.group) continue
      if (failed.has(effect.document)) this.#undone(operation.tenant, effect)
      else this.happened(operation, effect)
    }
  }

  /** The document was so at some moment since the operation began. */
  happened(operation: Operation, effect: Effect): void {
    const states = this.#history.statesSince(operation.tenant, effect.document, operation.startedAt)
    if (states.some((state) => fits(effect, state))) return
    this.#world.violate(1, `Operation ${operation.id} was acknowledged, but ${effect.document} never was so`)
  }

  got(tenant: TenantId, document: string, since: number, row: DocumentRow | null): void {
    const states = this.#history.statesSince(tenant, document, since)
    if (states.some((state) => sameRow(state, row))) return
    const seen = row ? `version ${row.version}: ${JSON.stringify(row.metadata)}` : 'nothing'
    this.#world.violate(1, `A read of ${tenant}/${document} gave ${seen}, which was not current`)
  }

  found(tenant: TenantId, since: number, page: SearchPage): void {
    for (const hit of page.hits) {
      const states = this.#history.statesSince(tenant, hit.documentId, since)
      const current = states.some(
        ({ version, content }) =>
          version === hit.version &&
          content !== null &&
          content.title === hit.title &&
          modelSplitters.some((one) => {
            return one.split({ ...content, contentType: '' }).some(({ text }) => text === hit.text)
          }),
      )
      if (!current) {
        this.#world.violate(9, `A search of ${tenant} showed '${hit.text}' of ${hit.documentId}, which was not current`)
      }
    }
  }

  #undone(tenant: TenantId, effect: Effect): void {
    effect.failed = true
    this.#commits.recount({ tenant, id: effect.document })
  }
}

function fits({ what }: Effect, { content }: DocumentState): boolean {
  if (what.kind === 'delete') return content === null
  if (content === null) return false
  if (what.kind === 'put') return contentKey(content) === what.key
  return Object.entries(what.patch).every(([key, value]) => content.metadata[key] === value)
}

function sameRow({ version, content }: DocumentState, row: DocumentRow | null): boolean {
  if (!row || !content) return !row && !content
  return (
    version === row.version &&
    contentKey(content) === contentKey(row) &&
    canonicalJson(content.metadata) === canonicalJson(row.metadata)
  )
}
