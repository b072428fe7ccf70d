import type { Generation } from '../../repositories/generations'
import type { OtherEngine } from '../../repositories/index-engines'
import type { SimProcess } from './sim-process'

/** An engine of the models, as checkers and disasters see it. */
interface Site<R, E> {
  for(process: SimProcess): R
  raw(name: string): ReadonlyMap<string, E>
  leadsTo(alias: string, generation: Generation): Promise<boolean>
  loseAlias(generation: Generation): void
  wipe(generation: Generation, anew: boolean): void
  snapshot(generation: Generation): () => void
}

export type SiteName = 'near' | 'far'

export function siteOf({ engine }: Pick<Generation, 'engine'>): SiteName {
  return engine === 'far' ? 'far' : 'near'
}

const nothing = async (): Promise<void> => undefined
const unwritten = { upsert: nothing, setPayload: nothing, remove: nothing }

/** The two engines of a target: every process has `near`, where indexes are made at first, and some have `far` too. */
export class ModelSites<R extends object, E> {
  readonly #near: Site<R, E>
  readonly #far: Site<R, E>
  readonly #withoutGuard: boolean

  /** Without the guard, who has not `far` takes what it should hold for written. */
  constructor(near: Site<R, E>, far: Site<R, E>, withoutGuard = false) {
    this.#near = near
    this.#far = far
    this.#withoutGuard = withoutGuard
  }

  near(process: SimProcess): R {
    return this.#near.for(process)
  }

  /** The engines of a process by name. */
  engines(process: SimProcess, hasFar: boolean): { main: string; others: ReadonlyMap<string, OtherEngine<R>> } {
    const far = this.#far.for(process)
    const seeming = hasFar ? far : this.#withoutGuard ? { ...far, ...unwritten } : undefined
    return { main: 'near', others: new Map(seeming && [['far', { repository: seeming }]]) }
  }

  of(generation: Pick<Generation, 'engine'>): Site<R, E> {
    return siteOf(generation) === 'far' ? this.#far : this.#near
  }

  /** What an index holds. A Postgres that was set back gives a name again, which the other engine may have known. */
  raw(generation: Pick<Generation, 'engine' | 'name'>): ReadonlyMap<string, E> {
    return this.of(generation).raw(generation.name)
  }

  leadsTo(alias: string, generation: Generation): Promise<boolean> {
    return this.of(generation).leadsTo(alias, generation)
  }
}
