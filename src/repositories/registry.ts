import type { Json } from '../core/json'

/** What the database itself says of the installation: its epoch, the recorded topology, and the workers seen. */
export interface RegistryRepository {
  /** Life of the truth; 1 at first. Part of every fence. */
  epoch(): Promise<number>
  /** The truth's own clock, epoch ms: what its times are to be compared with. */
  now(): Promise<number>
  /** A value recorded under `name` (topology, a collection's embedder), or null. */
  read(name: string): Promise<Json | null>
  /** Records `value` unless the name is taken; returns what is recorded afterwards. */
  record(name: string, value: Json): Promise<Json>
  write(name: string, value: Json): Promise<void>
  heartbeat(worker: string): Promise<void>
  /** Workers seen within `withinMs`. */
  workers(withinMs: number): Promise<{ readonly worker: string; readonly seenAt: number }[]>
}
