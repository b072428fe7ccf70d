import type { DriftKind } from './differences'
import { blobLegs } from './legs'

interface Advice {
  readonly cause: string
  readonly remedy: string
}

const ofIndexes: Readonly<Record<DriftKind, Advice>> = {
  missing: {
    cause: 'A write to the index failed after the one to the truth, or its event was lost',
    remedy: 'Index these documents again',
  },
  orphaned: {
    cause: 'A delete never reached the index, or the truth was rolled back after the index was written',
    remedy: 'Delete these entries: searches show what nobody has',
  },
  stale: {
    cause: 'An update never reached the index, or an older one came after it',
    remedy: 'Index these documents again, with a version that the index compares',
  },
  duplicate: {
    cause: 'A write was repeated under a new id',
    remedy: 'Keep one entry of each, and make its id from the document',
  },
  'foreign tenant': {
    cause: 'The tenant of the entry was taken from elsewhere than from the document',
    remedy: 'Correct them at once: a tenant is shown what belongs to another',
  },
  'another model': {
    cause: 'The model was changed, and not all was embedded anew',
    remedy: 'Embed these documents again: their scores mean nothing beside the others',
  },
  'without a blob': {
    cause: 'The upload failed after the row was written, or somebody deleted the blob',
    remedy: 'Upload them again, or take the reference away',
  },
}

/** What usually makes such a difference, and what to do about it. */
export function advice(kind: DriftKind, leg: number): Advice {
  if (leg === 0) {
    return { cause: 'The query gives a document more than once', remedy: 'Make the query give each id once' }
  }
  if (leg === blobLegs.there && kind === 'orphaned') {
    return { cause: 'The row was deleted, or never written, and the blob stayed', remedy: 'Delete these blobs' }
  }
  return ofIndexes[kind]
}
