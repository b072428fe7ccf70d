import { type CallOptions, throwIfAborted } from '../../core/abort'
import type { Scope } from '../../core/ids'
import type { DocumentHead } from '../../repositories/documents'
import { inputText } from '../../splitter/input-text'
import type { CollectionPlan, WriterPorts } from '../ports'
import { embedStored } from '../relay/embed-stored'
import type { Preset } from '../relay/job-runner'
import { knownSplitter } from './known-splitter'
import { isUnchanged, type PreparedDocument } from './prepared-document'
import type { DocumentOutcome, Written } from './write-documents'

/** What is stored of documents, tombstones included, without a lock. */
export async function headsOf(
  ports: WriterPorts,
  scope: Scope,
  batch: readonly PreparedDocument[],
  call: CallOptions,
): Promise<Map<PreparedDocument, DocumentHead>> {
  const ids = batch.map((prepared) => prepared.document.id)
  const heads = await ports.truth.session(scope).documents.heads(scope, ids, call)
  const stored = new Map(heads.map((head) => [head.id, head]))
  return new Map(
    batch.flatMap((prepared) => {
      const head = stored.get(prepared.document.id)
      return head ? [[prepared, head] as const] : []
    }),
  )
}

/** Outcomes of a batch of which every document is stored as it is; undefined where one is not. */
export function unchangedAmong(
  batch: readonly PreparedDocument[],
  heads: WeakMap<PreparedDocument, DocumentHead>,
): DocumentOutcome[] | undefined {
  const outcomes: DocumentOutcome[] = []
  for (const prepared of batch) {
    const head = heads.get(prepared)
    if (!head || !isUnchanged(head, prepared)) return undefined
    outcomes.push({ id: head.id, version: head.version, fence: head.fence, unchanged: true })
  }
  return outcomes
}

/**
 * Cuts documents in each chunking, all at once, so that an embedder that counts tokens is not asked in turn and no
 * transaction has to wait for it. What cannot be cut is found out by the write.
 */
export async function cutAhead(
  ports: WriterPorts,
  plan: CollectionPlan,
  chunkings: readonly string[],
  documents: readonly PreparedDocument[],
): Promise<void> {
  const splitters = chunkings.map((chunking) => [chunking, knownSplitter(ports, plan.name, chunking)] as const)
  const cuts = documents.flatMap((prepared) => [
    prepared.truncated(),
    ...splitters.map(([chunking, splitter]) => prepared.chunksIn(chunking, splitter)),
  ])
  await Promise.allSettled(cuts)
}

/** Makes the vectors that chunks not stored yet will need; only documents that are `there` have stored ones. Failure is no failure: the relay embeds later. */
export async function embedAhead(
  ports: WriterPorts,
  scope: Scope,
  plan: CollectionPlan,
  chunkings: readonly string[],
  documents: readonly PreparedDocument[],
  call: CallOptions,
  there: readonly PreparedDocument[],
): Promise<void> {
  if (documents.length === 0) return
  try {
    const ids = there.map((prepared) => prepared.document.id)
    const heads = ids.length === 0 ? [] : await ports.truth.session(scope).chunks.heads(scope, ids, chunkings, call)
    const splitters = chunkings.map((chunking) => [chunking, knownSplitter(ports, plan.name, chunking)] as const)
    const stored = new Set(heads.map((head) => head.inputHash))
    const inputs = new Map<string, string>()
    const wanted: { readonly inputHash: string; readonly by: PreparedDocument }[] = []
    for (const prepared of documents) {
      const { document, vectors } = prepared
      for (const [chunking, splitter] of splitters) {
        for (const chunk of (await prepared.chunksIn(chunking, splitter)) ?? []) {
          const { inputHash } = chunk
          if (stored.has(inputHash) || vectors.has(inputHash)) continue
          if (!inputs.has(inputHash)) inputs.set(inputHash, inputText(document.title, chunk))
          wanted.push({ inputHash, by: prepared })
        }
      }
    }
    if (inputs.size === 0) return
    const made = await embedStored(ports, scope.tenant, plan.embedder.fingerprint, inputs, call)
    for (const { inputHash, by } of wanted) {
      const vector = made.get(inputHash)
      if (vector) by.vectors.set(inputHash, vector)
    }
  } catch {
    throwIfAborted(call.signal)
  }
}

/** What this process knows of its own jobs, so that applying them needs no reading back. */
export function presetOf(documents: readonly PreparedDocument[]): (written: Written) => Preset {
  return (written) => {
    const vectors = new Map<string, Float32Array>()
    for (const prepared of documents) for (const [hash, vector] of prepared.vectors) vectors.set(hash, vector)
    const [first] = documents
    return { changes: written.states, vectors, fingerprint: first!.fingerprint }
  }
}
