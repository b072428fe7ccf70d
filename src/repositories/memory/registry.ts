import { canonicalJson, type Json } from '../../core/json'
import type { DatabaseIdentity, RegistryRepository, SeenWorker } from '../registry'
import type { Access } from './access'
import { copyJson } from './copy'

export class MemoryRegistry implements RegistryRepository {
  readonly #access: Access

  constructor(access: Access) {
    this.#access = access
  }

  epoch(): Promise<number> {
    return this.#access.read('registry.epoch', undefined, ({ records }) => Number(records.get('epoch')))
  }

  now(): Promise<number> {
    return this.#access.read('registry.now', undefined, () => this.#access.engine.clock.now())
  }

  read(name: string): Promise<Json | null> {
    return this.#access.read('registry.read', undefined, ({ records }) => copyJson(records.get(name) ?? null))
  }

  record(name: string, value: Json): Promise<Json> {
    return this.#access.write('registry.record', undefined, ({ records }) => {
      const held = records.get(name)
      if (held !== undefined) return copyJson(held)
      records.put(name, copyJson(value))
      return copyJson(value)
    })
  }

  write(name: string, value: Json): Promise<void> {
    return this.#access.write('registry.write', undefined, ({ records }) => records.put(name, copyJson(value)))
  }

  replace(name: string, from: Json, value: Json): Promise<boolean> {
    return this.#access.write('registry.replace', undefined, ({ records }) => {
      if (canonicalJson(records.get(name) ?? null) !== canonicalJson(from)) return false
      records.put(name, copyJson(value))
      return true
    })
  }

  database(): Promise<DatabaseIdentity> {
    return this.#access.read('registry.database', undefined, ({ tables }) => ({ ...tables.identity }))
  }

  heartbeat(worker: string, engines: readonly string[] = [], handles: readonly string[] = []): Promise<void> {
    const seenAt = this.#access.engine.clock.now()
    return this.#access.write('registry.heartbeat', undefined, ({ workers }) =>
      workers.put(worker, { worker, seenAt, engines: [...engines], handles: [...handles] }),
    )
  }

  workers(withinMs: number): Promise<SeenWorker[]> {
    const since = this.#access.engine.clock.now() - withinMs
    return this.#access.read('registry.workers', undefined, ({ workers }) =>
      [...workers.entries()].flatMap(([, row]) => (row.seenAt >= since ? [{ ...row }] : [])),
    )
  }
}
