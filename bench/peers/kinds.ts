import { headwaterPeer } from './headwater-peer'
import { langchainPeer } from './langchain-peer'
import { llamaindexPeer } from './llamaindex-peer'
import type { PeerKind } from './peer'

/** In the modes that keep an index in step with its source; each is named by its key in the command of its process. */
export const kinds: Readonly<Record<string, PeerKind>> = {
  'langchain-full': langchainPeer('full'),
  'langchain-incremental': langchainPeer('incremental'),
  'llamaindex-upserts': llamaindexPeer('upserts'),
  'llamaindex-upserts-and-delete': llamaindexPeer('upserts_and_delete'),
  'llamaindex-upserts-100': llamaindexPeer('upserts', 100),
  headwater: headwaterPeer,
}
