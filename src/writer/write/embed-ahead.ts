import { type CallOptions, throwIfAborted } from '../../core/abort'
import type { Scope } from '../../core/ids'
import type { VectorCache } from '../../embeddings/vector-cache'
import type { ChunkHead } from '../../repositories/chunks'
import type { DocumentHead } from '../../repositories/documents'
import { readTogether } from '../../repositories/truth'
import { inputText } from '../../splitter/input-text'
import type { CollectionPlan, WriterPorts } from '../ports'
import { embedWith, storedVectors } from '../relay/embed-stored'
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

/** What is stored already of what documents are about to become. */
export interface StoredContent {
  /** Of those that are there. */
  readonly chunks: readonly ChunkHead[]
  /** By input hash; undefined where it was not asked for. */
  readonly vectors: ReadonlyMap<string, Float32Array> | undefined
}

/** What is stored of documents that are cut and about to be written, in one round trip; only those `there` have chunks. */
export async function knownOfBatch(
  ports: WriterPorts,
  scope: Scope,
  plan: CollectionPlan,
  chunkings: readonly string[],
  documents: readonly PreparedDocument[],
  there: readonly PreparedDocument[],
  call: CallOptions,
): Promise<StoredContent> {
  const ids = there.map((prepared) => prepared.document.id)
  const hashes = [...(await missingVectors(ports, plan, chunkings, documents)).inputs.keys()]
  const [chunks, vectors] = await readTogether(
    ports.truth,
    { tenant: scope.tenant },
    [
      (session) => session.chunks.heads(scope, ids, chunkings, call),
      ({ embeddings }) => embeddings.getMany(scope.tenant, plan.embedder.fingerprint, hashes, call),
    ],
    call,
  )
  return { chunks, vectors }
}

/**
 * Makes the vectors that chunks will need and that are not stored; they are to be stored with the documents. Failure is
 * no failure: the relay embeds later.
 */
export async function embedAhead(
  ports: WriterPorts,
  scope: Scope,
  plan: CollectionPlan,
  chunkings: readonly string[],
  documents: readonly PreparedDocument[],
  known: StoredContent,
  call: CallOptions,
): Promise<void> {
  const unstored = new Map<string, Float32Array>()
  const found = new Map<string, Float32Array>()
  const { inputs, wanted } = await missingVectors(ports, plan, chunkings, documents)
  for (const { inputHash } of known.chunks) inputs.delete(inputHash)
  if (inputs.size === 0) return
  const { fingerprint } = plan.embedder
  try {
    const stored = storedVectors(ports, scope.tenant, fingerprint, call)
    const store: VectorCache = {
      getMany: async (hashes) => (known.vectors ? new Map(known.vectors) : stored.getMany(hashes)),
      setMany: async (entries) => {
        for (const { hash, vector } of entries) unstored.set(hash, vector)
      },
    }
    for (const [hash, vector] of await embedWith(ports, fingerprint, inputs, store, call)) found.set(hash, vector)
  } catch {
    throwIfAborted(call.signal)
  } finally {
    for (const { inputHash, by } of wanted) {
      const vector = found.get(inputHash) ?? unstored.get(inputHash)
      if (vector) by.keep(fingerprint, inputHash, vector, !unstored.has(inputHash))
    }
  }
}

interface Missing {
  /** Texts to embed, by input hash. */
  readonly inputs: Map<string, string>
  readonly wanted: readonly { readonly inputHash: string; readonly by: PreparedDocument }[]
}

/** What documents have no vectors for. One that cannot be cut wants none: the write finds that out. */
export async function missingVectors(
  ports: WriterPorts,
  plan: CollectionPlan,
  chunkings: readonly string[],
  documents: readonly PreparedDocument[],
): Promise<Missing> {
  const splitters = chunkings.map((chunking) => [chunking, knownSplitter(ports, plan.name, chunking)] as const)
  const inputs = new Map<string, string>()
  const wanted: { inputHash: string; by: PreparedDocument }[] = []
  for (const prepared of documents) {
    const { document } = prepared
    for (const [chunking, splitter] of splitters) {
      const cut = prepared.chunksIn(chunking, splitter)
      for (const chunk of (cut instanceof Promise ? await cut.catch(() => undefined) : cut) ?? []) {
        const { inputHash } = chunk
        if (prepared.vectorsIn(plan.embedder.fingerprint).has(inputHash)) continue
        if (!inputs.has(inputHash)) inputs.set(inputHash, inputText(document.title, chunk))
        wanted.push({ inputHash, by: prepared })
      }
    }
  }
  return { inputs, wanted }
}

/** What this process knows of its own jobs, so that applying them needs no reading back. */
export function presetOf(documents: readonly PreparedDocument[]): (written: Written) => Preset {
  return (written) => {
    return {
      changeOf: ({ document }, chunking) => written.states.get(chunking)?.get(document),
      vectorsIn: (fingerprint) => new Map(documents.flatMap((prepared) => [...prepared.vectorsIn(fingerprint)])),
    }
  }
}
