import { abortable, type CallOptions } from '../core/abort'
import type { TenantId } from '../core/ids'
import type { HydratedChunk } from '../repositories/chunks'
import type { Generation } from '../repositories/generations'
import type { IndexHit } from '../repositories/index-entry'
import type { VectorQuery } from '../repositories/vectors'
import { type LegPorts, type LegSeams, type SearchVectors, searchVectors } from './legs'
import type { Hydrate } from './page-filler'
import { type EmbedTexts, embedTexts } from './query-vector'
import { Rendezvous } from './rendezvous'

/** How one of several searches reaches what they ask together. */
export interface Seat extends LegSeams {
  readonly hydrate: Hydrate
  /** It asks no more. */
  leave(): void
}

interface Embedding {
  readonly texts: readonly string[]
  readonly generation: Generation
  readonly signal: AbortSignal
}

interface Nearest {
  readonly generation: Generation
  readonly queries: readonly VectorQuery[]
  readonly call: CallOptions
}

interface Reading {
  readonly ids: readonly string[]
  readonly call: CallOptions
}

/**
 * Seats for searches that embed in one batch, ask the vector index in one round trip and read the truth in one statement.
 * The three follow one another, so that whoever asks for the later has done with the earlier, and none waits for ever.
 */
export function seats(ports: LegPorts, tenant: TenantId, hydrate: Hydrate, count: number): Seat[] {
  const embedding = new Rendezvous<Embedding, readonly Float32Array[]>(count, (asked) =>
    bySpace(asked, embedTexts(ports, tenant)),
  )
  const nearest = new Rendezvous<Nearest, readonly IndexHit[][]>(count, (asked) => byIndex(asked, searchVectors(ports)))
  const reading = new Rendezvous<Reading, readonly HydratedChunk[]>(count, (asked) => inOneStatement(asked, hydrate))
  return Array.from({ length: count }, () => {
    const stages: { leave(): void }[] = [embedding, nearest, reading]
    /** Leaves the stages before, and says whether this one is still to be asked together. */
    const enter = (stage: { leave(): void }): boolean => {
      const at = stages.indexOf(stage)
      for (const before of stages.splice(0, at + 1).slice(0, -1)) before.leave()
      return at >= 0
    }
    return {
      embed: (texts, generation, signal) =>
        enter(embedding)
          ? abortable(embedding.call({ texts, generation, signal }), signal)
          : embedTexts(ports, tenant)(texts, generation, signal),
      searchVectors: (generation, queries, call) =>
        enter(nearest)
          ? abortable(nearest.call({ generation, queries, call }), call.signal)
          : searchVectors(ports)(generation, queries, call),
      hydrate: (ids, call) =>
        enter(reading) ? abortable(reading.call({ ids, call }), call.signal) : hydrate(ids, call),
      leave: () => {
        for (const stage of stages.splice(0)) stage.leave()
      },
    }
  })
}

/** All are of the same space, but for one that turned to its fallback. The last to come has the most time left. */
async function bySpace(asked: readonly Embedding[], embed: EmbedTexts): Promise<readonly (readonly Float32Array[])[]> {
  const { signal } = asked.at(-1)!
  return gathered(
    asked.map(({ texts, generation }) => ({ key: generation, name: String(generation.id), items: texts })),
    (generation, texts) => embed(texts, generation, signal),
  )
}

function byIndex(asked: readonly Nearest[], search: SearchVectors): Promise<readonly (readonly IndexHit[][])[]> {
  const { call } = asked.at(-1)!
  return gathered(
    asked.map(({ generation, queries }) => ({ key: generation, name: generation.name, items: queries })),
    (generation, queries) => search(generation, queries, call),
  ) as Promise<readonly (readonly IndexHit[][])[]>
}

async function inOneStatement(asked: readonly Reading[], hydrate: Hydrate): Promise<readonly HydratedChunk[][]> {
  const rows = await hydrate([...new Set(asked.flatMap(({ ids }) => ids))], asked.at(-1)!.call)
  return asked.map(({ ids }) => {
    const wanted = new Set(ids)
    return rows.filter(({ id }) => wanted.has(id))
  })
}

/** One call for each name, with all its items; each asker gets the answers to his own. */
async function gathered<K, Q, A>(
  asked: readonly { readonly key: K; readonly name: string; readonly items: readonly Q[] }[],
  run: (key: K, items: readonly Q[]) => Promise<readonly A[]>,
): Promise<readonly (readonly A[])[]> {
  const answers: (readonly A[])[] = []
  const groups = new Map(asked.map(({ name, key }) => [name, key]))
  await Promise.all(
    [...groups].map(async ([name, key]) => {
      const found = await run(
        key,
        asked.flatMap((one) => (one.name === name ? one.items : [])),
      )
      let at = 0
      asked.forEach((one, place) => {
        if (one.name !== name) return
        answers[place] = found.slice(at, at + one.items.length)
        at += one.items.length
      })
    }),
  )
  return answers
}
