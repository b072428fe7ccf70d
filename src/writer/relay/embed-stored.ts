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
  return embedWith(ports, fingerprint, inputs, storedVectors(ports, tenant, fingerprint, call), call)
}

/** As `embedStored`, over what is stored elsewhere. HW_FINGERPRINT_MISMATCH where there is no embedder to make what is missing. */
export async function embedWith(
  ports: WriterPorts,
  fingerprint: string,
  inputs: ReadonlyMap<string, string>,
  store: VectorCache,
  { signal }: CallOptions,
): Promise<Map<string, Float32Array>> {
  const hashes = [...inputs.keys()]
  const embedder = ports.embedders.get(fingerprint)
  if (!embedder) {
    const stored = await store.getMany(hashes)
    if (stored.size === inputs.size) return stored
    throw new HeadwaterError('HW_FINGERPRINT_MISMATCH', `embedders: none is configured for ${fingerprint}`, {
      path: 'embedders',
    })
  }
  const texts = [...inputs].map(([hash, text]) => ({ hash, text }))
  const vectors = await embedAll(embedder, store, texts, { kind: 'passage', signal })
  return new Map(hashes.map((hash, at) => [hash, vectors[at]!]))
}

/** A tenant's embeddings in the truth. */
export function storedVectors(
  ports: WriterPorts,
  tenant: TenantId,
  fingerprint: string,
  call: CallOptions,
): VectorCache {
  const { embeddings } = ports.truth.session({ tenant })
  return {
    getMany: (hashes) => embeddings.getMany(tenant, fingerprint, hashes, call),
    setMany: (entries) =>
      embeddings.setMany(
        tenant,
        fingerprint,
        entries.map(({ hash, vector }) => ({ inputHash: hash, vector })),
        call,
      ),
  }
}
