import type { CallOptions } from '../../core/abort'
import { sleep } from '../../core/clock'
import { type TenantId, uuidV7 } from '../../core/ids'
import { type WriterPorts, writerDefaults } from '../ports'
import { embedStored } from './embed-stored'

const firstWaitMs = 50
const mostWaitMs = 1_000

/**
 * As `embedStored`, and no text is given to an embedder that another worker is embedding: who comes second waits for
 * what the first stores, and takes over when that one fails, or dies and its time runs out.
 */
export async function embedOnce(
  ports: WriterPorts,
  tenant: TenantId,
  fingerprint: string,
  inputs: ReadonlyMap<string, string>,
  call: CallOptions,
): Promise<Map<string, Float32Array>> {
  if (!ports.embedders.has(fingerprint)) return embedStored(ports, tenant, fingerprint, inputs, call)
  const { embeddings } = ports.truth.session({ tenant })
  const leaseMs = ports.options?.leaseMs ?? writerDefaults.leaseMs
  const token = uuidV7(ports.clock, ports.random)
  const found = new Map<string, Float32Array>()
  for (let waitMs = firstWaitMs; ; ) {
    const wanted = [...inputs.keys()].filter((hash) => !found.has(hash))
    for (const [hash, vector] of await embeddings.getMany(tenant, fingerprint, wanted, call)) found.set(hash, vector)
    const missing = wanted.filter((hash) => !found.has(hash))
    if (missing.length === 0) return found
    const mine = await embeddings.reserve(tenant, fingerprint, missing, { token, leaseMs }, call)
    if (mine.length > 0) {
      const stop = new AbortController()
      keep(ports, tenant, fingerprint, mine, { token, leaseMs }, stop.signal).catch(() => undefined)
      try {
        // Reads again what is stored: the one before may have finished between the two statements above.
        const texts = new Map(mine.map((hash) => [hash, inputs.get(hash)!]))
        for (const [hash, vector] of await embedStored(ports, tenant, fingerprint, texts, call)) found.set(hash, vector)
      } finally {
        stop.abort()
        // Not by the caller's signal: others wait for it. If it fails, the time runs out.
        await embeddings.unreserve(tenant, fingerprint, mine, token).catch(() => undefined)
      }
      waitMs = firstWaitMs
    } else {
      await sleep(ports.clock, waitMs, call.signal)
      waitMs = Math.min(mostWaitMs, waitMs * 2)
    }
  }
}

async function keep(
  ports: WriterPorts,
  tenant: TenantId,
  fingerprint: string,
  hashes: readonly string[],
  claim: { readonly token: string; readonly leaseMs: number },
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await sleep(ports.clock, claim.leaseMs / 3, signal, { background: true })
    await ports.truth.session({ tenant }).embeddings.reserve(tenant, fingerprint, hashes, claim)
  }
}
