import { HeadwaterError } from '../core/errors'
import type { Generation, Target } from './generations'
import type { TextRepository } from './texts'
import type { VectorRepository } from './vectors'

/** An engine that a process has beside the one where it makes new indexes. */
export interface OtherEngine<R> {
  readonly repository: R
  /** Start of the names of new indexes, where the engine is shared with others. */
  readonly prefix?: string | undefined
}

/** The engines of one target that a process has, by the names that are recorded with each index. */
export interface TargetEngines<R> {
  /** Name of the one where new indexes are made. */
  readonly main: string
  readonly others: ReadonlyMap<string, OtherEngine<R>>
}

export interface IndexEngines {
  readonly vector: TargetEngines<VectorRepository>
  readonly text: TargetEngines<TextRepository>
}

/** What holds the indexes. */
export interface IndexPorts {
  /** Where new indexes of vectors are made. */
  readonly vectors: VectorRepository
  readonly texts: TextRepository
  /** Start of the physical names of new indexes in `vectors`, where the engine is shared with others. */
  readonly vectorPrefix?: string | undefined
  /** The name of these two, and other engines. Left out: every index is in them, whatever is recorded. */
  readonly engines?: IndexEngines | undefined
}

type Placed = Pick<Generation, 'target' | 'collection' | 'name' | 'engine'>

/** Where an index is, by the name of its engine; undefined where this process has it not. */
function placeOf<R>(
  main: OtherEngine<R>,
  engines: TargetEngines<R> | undefined,
  engine: string | null,
): OtherEngine<R> | undefined {
  return !engines || engine === null || engine === engines.main ? main : engines.others.get(engine)
}

function vectorsIn({ vectors, vectorPrefix, engines }: IndexPorts, engine: string | null) {
  return placeOf({ repository: vectors, prefix: vectorPrefix }, engines?.vector, engine)
}

function textsIn({ texts, engines }: IndexPorts, engine: string | null) {
  return placeOf({ repository: texts }, engines?.text, engine)
}

/** The repository of the engine that a generation is in; HW_TOPOLOGY_MISMATCH where this process has it not. */
export function vectorsOf(ports: IndexPorts, generation: Placed): VectorRepository {
  const place = vectorsIn(ports, generation.engine)
  if (place) return place.repository
  throw lacks(generation, ports)
}

export function textsOf(ports: IndexPorts, generation: Placed): TextRepository {
  const place = textsIn(ports, generation.engine)
  if (place) return place.repository
  throw lacks(generation, ports)
}

/** False where a generation is in an engine that this process has not. */
export function hasEngine(ports: IndexPorts, { target, engine }: Pick<Placed, 'target' | 'engine'>): boolean {
  return (target === 'vector' ? vectorsIn : textsIn)(ports, engine) !== undefined
}

/** Where new indexes of a target are made; null where it has no name. */
export function mainEngine({ engines, vectors, texts }: IndexPorts, target: Target): string | null {
  if (engines) return engines[target].main
  return (target === 'vector' ? vectors : texts).engine ?? null
}

/** The engines of a target that this process has, the main one first. */
export function engineNames(ports: IndexPorts, target: Target): string[] {
  const main = mainEngine(ports, target)
  return [...(main === null ? [] : [main]), ...(ports.engines?.[target].others.keys() ?? [])]
}

/** Start of the name of a new index of vectors. */
export function vectorPrefixOf(ports: IndexPorts, engine: string | null): string {
  return vectorsIn(ports, engine)?.prefix ?? ''
}

/** What an engine is given by, in options and in the environment. */
const given: Readonly<Record<string, string>> = {
  qdrant: '`qdrant` (QDRANT_URL)',
  elasticsearch: '`elasticsearch` (ELASTICSEARCH_URL)',
}

/** HW_TOPOLOGY_MISMATCH for a process that has these engines, and not that of the index. */
export function lacks(
  { target, collection, name, engine }: Placed,
  has: IndexPorts | readonly string[],
): HeadwaterError {
  const configured = 'vectors' in has ? engineNames(has, target) : has
  const option = target === 'vector' ? 'vectors' : 'texts'
  const remedy = given[engine!] ?? `\`repositories.${option}\` named ${JSON.stringify(engine)}`
  return new HeadwaterError(
    'HW_TOPOLOGY_MISMATCH',
    `${collection}: its ${target} index ${name} is in ${engine}, which this process has not configured: give ${remedy} to openStore`,
    { path: 'topology', details: { recorded: engine, configured: [...configured] } },
  )
}
