import { abortable, type CallOptions, throwIfAborted } from '../../core/abort'
import { type Deadline, withDeadline } from '../../core/deadline'
import type { Scope } from '../../core/ids'
import { Together } from '../../core/together'
import type { VectorCache } from '../../embeddings/vector-cache'
import type { ChunkHead } from '../../repositories/chunks'
import type { DocumentHead, KnownContent, WantedContent } from '../../repositories/documents'
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

/** A document that turns out to be unchanged is not to be cut: a text up to this length, in units, is cut all the same. */
const cutUnseen = 20_000

/** Documents of one read. */
const readTogetherMost = 50

/** What to read of a document that is about to be put. */
interface Wanted extends WantedContent {
  readonly scope: Scope
  readonly id: string
  readonly deadline: Deadline
}

/** Reads what is stored of documents that several callers are about to put, in one round trip. */
export class KnownContents {
  readonly #ports: WriterPorts
  readonly #reads: Together<Wanted, KnownContent>

  constructor(ports: WriterPorts) {
    this.#ports = ports
    this.#reads = new Together(
      (wanted) => this.#read(wanted),
      { count: readTogetherMost, bytes: Number.POSITIVE_INFINITY },
      () => ({ bytes: 0 }),
    )
  }

  /** Its vectors are asked for where it is cut before it is known whether it has changed. */
  async of(
    scope: Scope,
    plan: CollectionPlan,
    chunkings: readonly string[],
    prepared: PreparedDocument,
    embeds: boolean,
    deadline: Deadline,
  ): Promise<StoredContent & { readonly head: DocumentHead | undefined }> {
    const { id, text } = prepared.document
    const cuts = text.length <= cutUnseen
    if (cuts) await cutAhead(this.#ports, plan, chunkings, [prepared])
    const missing = cuts && embeds ? await missingVectors(this.#ports, plan, chunkings, [prepared]) : undefined
    const inputHashes = [...(missing?.inputs.keys() ?? [])]
    const { fingerprint } = plan.embedder
    const key = [scope.tenant, scope.collection, fingerprint, ...chunkings].join(' ')
    const wanted = { scope, id, chunkings, fingerprint, inputHashes, deadline }
    const { heads, chunks, vectors } = await abortable(this.#reads.ask(key, wanted, deadline), deadline)
    return {
      head: heads.find((head) => head.id === id),
      chunks: chunks.filter(({ document }) => document === id),
      vectors: cuts ? vectors : undefined,
    }
  }

  async #read(wanted: readonly Wanted[]): Promise<KnownContent[]> {
    const [{ scope, chunkings, fingerprint }] = wanted as [Wanted]
    const ids = [...new Set(wanted.map(({ id }) => id))]
    const inputHashes = [...new Set(wanted.flatMap((one) => one.inputHashes))]
    const timeoutMs = Math.max(...wanted.map(({ deadline }) => deadline.remaining()))
    const { documents } = this.#ports.truth.session({ tenant: scope.tenant })
    const known = await withDeadline(this.#ports.clock, { timeoutMs }, undefined, (deadline) =>
      documents.known(scope, ids, { chunkings, fingerprint, inputHashes }, deadline.options()),
    )
    return wanted.map(() => known)
  }
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
async function missingVectors(
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
