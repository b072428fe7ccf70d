import type { CountedEmbedder, SourceDocument } from './source'

/** Where a store keeps its things, and what it embeds with. */
export interface Place {
  readonly qdrantUrl: string
  readonly postgresUrl: string
  /** Start of its collections' names. */
  readonly name: string
  /** A folder of its own. */
  readonly folder: string
  readonly embedder: CountedEmbedder
}

/** A store in one process. */
export interface Peer {
  /** Indexes these documents: all that the source holds now. Resolves when the store says that it is done. */
  run(documents: readonly SourceDocument[]): Promise<void>
  /** What the store has for an index that was lost; `documents` are what the source holds. */
  mend(documents: readonly SourceDocument[]): Promise<void>
  close(): Promise<void>
}

export interface PeerKind {
  readonly label: string
  /** Whether a document that is no longer in the source goes by the next run. */
  readonly removes: boolean
  /** Works on after `run` has resolved, and may be waited for. */
  readonly background: boolean
  /** Letters of the cases that it takes part in; all by default. */
  readonly only?: string
  open(place: Place): Promise<Peer>
}
