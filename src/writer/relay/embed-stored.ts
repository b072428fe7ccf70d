import type { CallOptions } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import type { TenantId } from '../../core/ids'
import { embedAll } from '../../embeddings/caching'
import type { VectorCache } from '../../embeddings/vector-cache'
import type { WriterPorts } from '../ports'

/** Vectors by input hash, for `inputs` of hash to text: stored ones are read, the others made and stored. */
export async function embedStored(
  ports: WriterPorts,
  tenant: TenantId,
  fingerprint: string,
  inputs: ReadonlyMap<string, string>,
  call: CallOptions,
): Promise<Map<string, Float32Array>> {
  const { embeddings } = ports.truth.session({ tenant })
  const hashes = [...inputs.keys()]
  const embedder = ports.embedders.get(fingerprint)
  if (!embedder) {
    const stored = await embeddings.getMany(tenant, fingerprint, hashes, call)
    if (stored.size === inputs.size) return stored
    throw new HeadwaterError('HW_FINGERPRINT_MISMATCH', `embedders: none is configured for ${fingerprint}`, {
      path: 'embedders',
    })
  }
  const store: VectorCache = {
    getMany: (wanted) => embeddings.getMany(tenant, fingerprint, wanted, call),
    setMany: (entries) =>
      embeddings.setMany(
        tenant,
        fingerprint,
        entries.map(({ hash, vector }) => ({ inputHash: hash, vector })),
        call,
      ),
  }
  const texts = [...inputs].map(([hash, text]) => ({ hash, text }))
  const vectors = await embedAll(embedder, store, texts, { kind: 'passage', signal: call.signal })
  return new Map(hashes.map((hash, at) => [hash, vectors[at]!]))
}
