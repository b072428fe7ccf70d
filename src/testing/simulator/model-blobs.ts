import type { Clock } from '../../core/clock'
import type { TenantId } from '../../core/ids'
import type { BlobRepository } from '../../repositories/blobs'
import { MemoryBlobRepository } from '../../repositories/memory/blobs'
import type { Tables } from '../../repositories/memory/tables'
import type { History } from './history'
import type { Network } from './network'
import type { SimProcess } from './sim-process'
import type { World } from './world'

/** S3 as seen over a network; whatever a live document owns must be there at every moment (20). */
export class ModelBlobs {
  readonly #memory: MemoryBlobRepository
  readonly #network: Network
  readonly #world: World
  readonly #tables: Tables
  readonly #history: Pick<History, 'restores'>
  readonly #held = new Set<string>()

  constructor(network: Network, world: World, tables: Tables, clock: Clock, history: Pick<History, 'restores'>) {
    this.#memory = new MemoryBlobRepository({ clock })
    this.#network = network
    this.#world = world
    this.#tables = tables
    this.#history = history
  }

  /** Called after each COMMIT and each delete. */
  check(): void {
    // A restored truth knows again what was collected since.
    if (this.#history.restores > 0) return
    for (const [, { tenant, id, blob, buriedAt }] of this.#tables.documents.rows) {
      if (blob === null || buriedAt !== null || this.#held.has(`${tenant}/${blob.hash}`)) continue
      this.#world.violate(20, `${tenant}/${id} owns the blob ${blob.hash}, which is not there`)
    }
  }

  for(process: SimProcess): BlobRepository {
    const memory = this.#memory
    const send: <T>(what: string, call: Parameters<Network['call']>[2], serve: () => Promise<T>) => Promise<T> = (
      what,
      call,
      serve,
    ) => this.#network.call(process, what, call, serve)
    return {
      put: (tenant, source, options) =>
        send('put', options, async () => {
          const info = await memory.put(tenant, source, { ...options, signal: undefined })
          this.#held.add(`${tenant}/${info.key}`)
          return info
        }),
      head: (tenant, key, call) => send('head', call, () => memory.head(tenant, key)),
      get: (tenant, key, options) => send('get', options, () => memory.get(tenant, key, options)),
      list: (tenant, options) => send('list', options, () => memory.list(tenant, options)),
      scan: async function* (tenant, call) {
        yield (await send('scan', call, () => memory.list(tenant))).map(({ key, size, createdAt }) => {
          return { key, size, modifiedAt: createdAt }
        })
      },
      tenants: async function* (call) {
        const all: TenantId[] = []
        await send('tenants', call, async () => {
          for await (const tenant of memory.tenants()) all.push(tenant)
        })
        yield* all
      },
      delete: (tenant, key, options) => send('delete', options, () => this.#delete(tenant, key, options?.putBefore)),
    }
  }

  async #delete(tenant: TenantId, key: string, putBefore: number | undefined): Promise<boolean> {
    const there = await this.#memory.delete(tenant, key, { putBefore })
    if (there) {
      this.#held.delete(`${tenant}/${key}`)
      this.check()
    }
    return there
  }
}
