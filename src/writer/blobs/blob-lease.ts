import type { Clock } from '../../core/clock'
import { uuidV7 } from '../../core/ids'
import { isPlainObject, type Json } from '../../core/json'
import type { Random } from '../../core/random'
import { renewEvery } from '../../core/renewal'
import type { RegistryRepository } from '../../repositories/registry'

/** Registry entry: leases by id, and until when each holds, epoch ms of the truth's clock. */
const recordName = 'backup:blobs'

/** How long a lease holds that is not renewed: a process that died keeps no blob for longer. */
export const blobLeaseMs = 5 * 60_000

/**
 * Keeps every blob from being deleted for `ms` from now on; again, it renews. Blobs that a snapshot names which
 * is taken after this has been committed stay as long as the lease is held: a removal looks for leases after it has
 * condemned, and what was condemned before could be named by no snapshot since.
 */
export async function holdBlobs(registry: RegistryRepository, id: string, ms = blobLeaseMs): Promise<void> {
  const now = await registry.now()
  await change(registry, now, (leases) => ({ ...leases, [id]: now + ms }))
}

export async function releaseBlobs(registry: RegistryRepository, id: string): Promise<void> {
  await change(registry, await registry.now(), ({ [id]: _, ...others }) => others)
}

/**
 * Keeps every blob from being deleted while `work` runs. `firstMs` is how long that holds to begin with, for a store on
 * whose one connection nothing can be renewed while a snapshot is read.
 */
export async function withBlobsHeld<T>(
  registry: RegistryRepository,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
  firstMs: number,
  work: () => Promise<T>,
): Promise<T> {
  const lease = uuidV7(clock, random)
  await holdBlobs(registry, lease, firstMs)
  const renewal = renewEvery(clock, blobLeaseMs / 3, () => holdBlobs(registry, lease))
  try {
    return await work()
  } finally {
    await renewal.stop()
    await releaseBlobs(registry, lease).catch(() => undefined)
  }
}

/** Whether somebody holds the blobs now. */
export async function blobsAreHeld(registry: RegistryRepository): Promise<boolean> {
  const leases = leasesOf(await registry.read(recordName))
  if (Object.keys(leases).length === 0) return false
  const now = await registry.now()
  return Object.values(leases).some((until) => until > now)
}

type Leases = Readonly<Record<string, number>>

async function change(registry: RegistryRepository, now: number, next: (leases: Leases) => Leases): Promise<void> {
  for (;;) {
    const recorded = await registry.read(recordName)
    const alive = Object.fromEntries(Object.entries(leasesOf(recorded)).filter(([, until]) => until > now))
    if (await registry.replace(recordName, recorded, next(alive) as Json)) return
  }
}

function leasesOf(recorded: Json | null): Leases {
  return isPlainObject(recorded) ? (recorded as Leases) : {}
}
