import { z } from 'zod'
import { type CallOptions, callKinds } from '../../core/abort'
import { describeValue } from '../../core/describe-value'
import { HeadwaterError } from '../../core/errors'
import { checkOptions, type OptionKinds, oneOf, words } from '../../core/option-kinds'
import { defineEntity, type EntityDeclaration, type ShapeOf } from '../declaration'
import { type EntityReads, type EntityTools, readsOf, withForm } from '../entity-form'
import type { StandardSchema } from '../standard-schema'
import { collectionKind, hold, placeOf } from './document-place'

/** Where each state may lead; a document of which nothing was said yet is `pending`. */
const steps = {
  pending: ['pending', 'processing', 'archived'],
  processing: ['processed', 'failed', 'pending'],
  processed: ['pending', 'archived'],
  failed: ['pending', 'processing', 'archived'],
  archived: ['pending'],
} as const satisfies Record<string, readonly string[]>

export type ProcessingState = 'pending' | 'processing' | 'processed' | 'failed' | 'archived'

const states: readonly ProcessingState[] = ['pending', 'processing', 'processed', 'failed', 'archived']

export interface ProcessingValues {
  /** As `documentKey` gives it: `documents/handbook`. */
  readonly document: string
  readonly state: ProcessingState
  /** How often it went to `processing` since it was processed the last time. */
  readonly attempts: number
  /** What was said of the last failure, or of a later step. */
  readonly reason?: string | undefined
}

export type ProcessingShape = ShapeOf<StandardSchema<ProcessingValues>, object>
export type DocumentProcessing = ProcessingShape['row']

export interface ProcessingOptions extends CallOptions {
  /** The collection of the document; `documents` by default. */
  collection?: string | undefined
}

export interface SetProcessingOptions extends ProcessingOptions {
  /** HW_VERSION_CONFLICT unless the document is in this state. */
  from?: ProcessingState | undefined
  /** Why: what failed, for one. To 8,192 characters. */
  reason?: string | undefined
}

export interface Processing extends EntityReads<ProcessingShape> {
  /**
   * Takes a document to another state; of several that do so from the same one, one succeeds. HW_NOT_FOUND for a document
   * that is not there, HW_VERSION_CONFLICT for one that is not at `from`, HW_INVALID_ENTITY for a step that there is not.
   */
  setProcessing(id: string, to: ProcessingState, options?: SetProcessingOptions): Promise<DocumentProcessing>
  /** The state of a document; null where nothing was said of it, or there is none. */
  processingOf(id: string, options?: ProcessingOptions): Promise<DocumentProcessing | null>
}

const schema: StandardSchema<ProcessingValues> = z.object({
  document: z.string(),
  state: z.enum(states),
  attempts: z.int(),
  reason: z.string().optional(),
})

/** What has become of documents in your own pipeline, beside them; their `status` is not touched. */
export const processing: EntityDeclaration<ProcessingShape, Processing> = withForm(
  defineEntity('processing', schema, {
    indexes: [['state', 'updatedAt']],
    unique: [['document']],
    documents: ['document'],
  }),
  methodsOf,
)

const optionKinds = { ...callKinds, collection: collectionKind } satisfies OptionKinds<ProcessingOptions>
const setKinds = {
  ...optionKinds,
  from: oneOf(...states),
  reason: words(8_192),
} satisfies OptionKinds<SetProcessingOptions>

function methodsOf({ rows, together }: EntityTools<ProcessingShape>): Processing {
  return {
    ...readsOf(rows),
    async setProcessing(id, to, options) {
      const { from, reason, collection, ...call } = checkOptions(options, setKinds, '', 'HW_INVALID_ARGUMENT')
      const place = placeOf(id, 'id', collection)
      if (!states.includes(to)) throw invalid(`must be one of ${states.join(', ')}, got ${describeValue(to)}`)
      return together(call, async (within, documents) => {
        await hold(documents, place, 'id')
        const was = await within.rows.first({ filter: { document: place.key } })
        checkStep(was?.state ?? 'pending', to, from)
        const next = { document: place.key, state: to, ...after(was, to, reason) }
        if (!was) return within.rows.insert(next)
        return within.rows.update(was.id, { reason: null, ...next }, { ifVersion: was.version })
      })
    },
    async processingOf(id, options) {
      const { collection, ...call } = checkOptions(options, optionKinds, '', 'HW_INVALID_ARGUMENT')
      return rows.first({ filter: { document: placeOf(id, 'id', collection).key } }, call)
    },
  }
}

function checkStep(state: ProcessingState, to: ProcessingState, from: ProcessingState | undefined): void {
  if (from !== undefined && from !== state) {
    const problem = `from: the document is ${state}, not ${from}`
    throw new HeadwaterError('HW_VERSION_CONFLICT', problem, { path: 'from', details: { from, state } })
  }
  const allowed: readonly string[] = steps[state]
  if (!allowed.includes(to)) {
    throw invalid(`a document that is ${state} becomes ${allowed.join(' or ')}, not ${to}`, { state, to, allowed })
  }
}

/** Attempts and reason stay until a document was processed, or begins anew. */
function after(
  was: DocumentProcessing | null,
  to: ProcessingState,
  given: string | undefined,
): Pick<ProcessingValues, 'attempts' | 'reason'> {
  const { state = 'pending', attempts = 0 } = was ?? {}
  const anew = to === 'pending' && (state === 'processed' || state === 'archived')
  const reason = given ?? (anew || to === 'processed' ? undefined : was?.reason)
  return { attempts: anew ? 0 : attempts + (to === 'processing' ? 1 : 0), ...(reason !== undefined && { reason }) }
}

function invalid(problem: string, details?: Record<string, unknown>): HeadwaterError {
  const code = details ? 'HW_INVALID_ENTITY' : 'HW_INVALID_ARGUMENT'
  return new HeadwaterError(code, `to: ${problem}`, { path: 'to', details })
}
