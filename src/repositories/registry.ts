import type { Json } from '../core/json'

/** Which database this is. A restored, copied or promoted one differs in at least one of these. */
export interface DatabaseIdentity {
  /** System identifier and timeline of the server; null where the login may not ask for them. */
  readonly system: string | null
  readonly timeline: number | null
  /** Numbers of the database and of its tables, which a restored dump gets anew. */
  readonly tables: string
}

/** What the database itself says of the installation: its epoch, what was recorded, and the workers seen. */
export interface RegistryRepository {
  /** Life of the truth; 1 at first. Part of every fence; recorded under the name `epoch`. */
  epoch(): Promise<number>
  /** The truth's own clock, epoch ms: what its times are to be compared with. */
  now(): Promise<number>
  /** A value recorded under `name`, or null. */
  read(name: string): Promise<Json | null>
  /** Records `value` unless the name is taken; returns what is recorded afterwards. */
  record(name: string, value: Json): Promise<Json>
  write(name: string, value: Json): Promise<void>
  /** Writes `value` if `from` (null: nothing, or null) is still what is recorded; says whether it was. */
  replace(name: string, from: Json, value: Json): Promise<boolean>
  /** Asked of the database itself, at each call. */
  database(): Promise<DatabaseIdentity>
  /** `engines`: which it has, as `target:name`; `handles`: names of the errands that it handles. */
  heartbeat(worker: string, engines?: readonly string[], handles?: readonly string[]): Promise<void>
  /** Workers seen within `withinMs`. */
  workers(withinMs: number): Promise<SeenWorker[]>
}

export interface SeenWorker {
  readonly worker: string
  readonly seenAt: number
  readonly engines: readonly string[]
  readonly handles: readonly string[]
}
