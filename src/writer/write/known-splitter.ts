import { HeadwaterError } from '../../core/errors'
import type { CollectionName } from '../../core/ids'
import { recordedSplitter } from '../../splitter/recorded'
import type { Splitter } from '../../splitter/splitter'
import type { WriterPorts } from '../ports'

/** The splitter that cuts for a chunking; undefined where this process knows none of that id. */
export function knownSplitter(
  { collections, embedders, splitters }: Pick<WriterPorts, 'collections' | 'embedders' | 'splitters'>,
  collection: CollectionName,
  chunking: string,
): Splitter | undefined {
  const own = collections.get(collection)?.splitter
  if (own?.id === chunking) return own
  return splitters?.get(chunking) ?? recordedSplitter(chunking, embedders.values())
}

export function unknownSplitter(collection: CollectionName, chunking: string): HeadwaterError {
  const path = `collections.${collection}.splitter`
  return new HeadwaterError(
    'HW_TOPOLOGY_MISMATCH',
    `${path}: documents are cut by ${chunking}, which this process does not know; name it in \`splitters\``,
    { path, details: { recorded: chunking } },
  )
}
