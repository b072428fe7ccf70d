import type { CollectionName } from '../../core/ids'
import type { Generation, GenerationRepository, GenerationState, NewGeneration, Target } from '../generations'
import type { Access } from './access'
import type { Changes } from './tables'

const takesJobs: readonly GenerationState[] = ['building', 'live', 'standby']

export class MemoryGenerations implements GenerationRepository {
  readonly #access: Access

  constructor(access: Access) {
    this.#access = access
  }

  list(
    options: {
      readonly target?: Target | undefined
      readonly collection?: CollectionName | undefined
      readonly states?: readonly GenerationState[] | undefined
    } = {},
  ): Promise<Generation[]> {
    const { target, collection, states = takesJobs } = options
    return this.#access.read('generations.list', undefined, (changes) =>
      [...changes.generations.entries()]
        .map(([, generation]) => generation)
        .filter((it) => (target ?? it.target) === it.target && (collection ?? it.collection) === it.collection)
        .filter((it) => states.includes(it.state))
        .map((it) => ({ ...it })),
    )
  }

  /** The mutex serializes already. */
  lock(_target: Target, _collection: CollectionName): Promise<void> {
    return this.#access.write('generations.lock', undefined, () => {})
  }

  create({ prefix, engine = null, ...rest }: NewGeneration): Promise<Generation> {
    return this.#access.write('generations.create', undefined, (changes) => {
      const id = ++this.#access.engine.tables.sequences.generation
      const createdAt = this.#access.engine.clock.now()
      const generation: Generation = {
        ...rest,
        engine,
        id,
        name: `${prefix}_${id}`,
        checkpoint: null,
        error: null,
        createdAt,
        switchedAt: rest.state === 'live' ? createdAt : null,
      }
      changes.generations.put(String(id), generation)
      return { ...generation }
    })
  }

  update(
    id: number,
    {
      state,
      checkpoint,
      error,
      engine,
    }: {
      readonly state?: GenerationState
      readonly checkpoint?: string | null
      readonly error?: string | null
      readonly engine?: string
    },
  ): Promise<void> {
    return this.#access.write('generations.update', undefined, (changes) => {
      const held = changes.generations.get(String(id))
      if (!held) return
      changes.generations.put(String(id), {
        ...held,
        ...(state !== undefined && { state }),
        ...(checkpoint !== undefined && { checkpoint }),
        ...(error !== undefined && { error }),
        ...(engine !== undefined && { engine }),
      })
    })
  }

  switch(id: number): Promise<boolean> {
    return this.#access.write('generations.switch', undefined, (changes) => {
      const next = changes.generations.get(String(id))
      if (next?.state !== 'building' && next?.state !== 'standby') return false
      for (const other of liveBeside(changes, next)) {
        changes.generations.put(String(other.id), { ...other, state: 'standby' })
      }
      const switchedAt = this.#access.engine.clock.now()
      changes.generations.put(String(id), { ...next, state: 'live', switchedAt })
      return true
    })
  }
}

/** Those of generations that are not dropped, in order. */
export function usedChunkings(changes: Changes, collection: CollectionName): string[] {
  const using = [...changes.generations.entries()]
    .map(([, one]) => one)
    .filter((one) => one.collection === collection && one.state !== 'dropped')
  return [...new Set(using.map(({ chunking }) => chunking))].sort()
}

function liveBeside(changes: Changes, { target, collection }: Generation): Generation[] {
  return [...changes.generations.entries()]
    .map(([, generation]) => generation)
    .filter((it) => it.state === 'live' && it.target === target && it.collection === collection)
}
