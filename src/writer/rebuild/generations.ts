import type { CallOptions } from '../../core/abort'
import { HeadwaterError, isHeadwaterError } from '../../core/errors'
import type { CollectionName } from '../../core/ids'
import {
  type Generation,
  type NewGeneration,
  type Target,
  textIndexOf,
  vectorIndexOf,
} from '../../repositories/generations'
import {
  hasEngine,
  type IndexPorts,
  mainEngine,
  textsOf,
  vectorPrefixOf,
  vectorsOf,
} from '../../repositories/index-engines'
import { assertKnownFormat, type IndexFormat, isSameFormat } from '../../repositories/index-format'
import type { TruthSession } from '../../repositories/truth'
import type { CollectionPlan, WriterPorts } from '../ports'
import { markIndex } from '../reconcile/index-state'
import { adoptSplitter, mayAdopt } from './adopt-splitter'
import { dropRetired, retire } from './retired'

/** Longest time to make an index that is empty, ms. */
const makingMs = 10_000

export const allTargets: readonly Target[] = ['vector', 'text']

/** What a generation's stamps are made with: its fingerprint, or its language. */
export function spaceOf(generation: Generation): string {
  return generation.fingerprint ?? generation.language!
}

/** Makes the index of a new generation, and marks it. */
export async function createPhysical(ports: WriterPorts, generation: Generation, call?: CallOptions): Promise<void> {
  await createIndex(ports, generation, call)
  await markIndex(ports, generation, call)
}

/** Makes the index alone, if it is missing. */
export async function createIndex(ports: WriterPorts, generation: Generation, call?: CallOptions): Promise<void> {
  if (generation.target === 'vector') await vectorsOf(ports, generation).create(vectorIndexOf(generation), call)
  else await textsOf(ports, generation).create(textIndexOf(generation), call)
}

/** Makes what was written visible to search; without a time limit, also fast to search. */
export async function refreshIndex(ports: IndexPorts, generation: Generation, call: CallOptions): Promise<void> {
  if (generation.target === 'vector') await vectorsOf(ports, generation).refresh(vectorIndexOf(generation), call)
  else await textsOf(ports, generation).refresh(textIndexOf(generation), call)
}

export async function physicalExists(ports: WriterPorts, generation: Generation, call?: CallOptions): Promise<boolean> {
  return generation.target === 'vector'
    ? vectorsOf(ports, generation).exists(vectorIndexOf(generation), call)
    : textsOf(ports, generation).exists(textIndexOf(generation), call)
}

/** Others who set the same alias at the same time, before it is left to the next check. */
const mostConflicts = 5

/**
 * Lets the public alias of the collection lead to its live generation. The row is what counts: an alias that was left
 * behind is mended at the next check. Of two that follow across a switch, the one that knows of it must come last: so
 * whoever may have set the alias looks again, also when it is to stop, and also when it was in another's way.
 */
export async function followAlias(
  ports: WriterPorts,
  { target, collection }: Pick<Generation, 'target' | 'collection'>,
  call?: CallOptions,
): Promise<void> {
  const { generations } = ports.truth.session({ worker: true })
  let until = call
  for (let conflicts = 0; ; until = undefined) {
    const [live] = await generations.list({ target, collection, states: ['live'] })
    try {
      if (!live || !(await leadAlias(ports, live, until))) return
    } catch (error) {
      // One that held the alias may be gone, too.
      const inTheWay = isHeadwaterError(error, 'HW_CONFLICT') || isHeadwaterError(error, 'HW_GENERATION_MISSING')
      if (!inTheWay || ++conflicts === mostConflicts) throw error
    }
  }
}

/** False when it leads there already, or when the engine has no aliases. What is sent is not called back by a signal. */
async function leadAlias(ports: WriterPorts, generation: Generation, call: CallOptions = {}): Promise<boolean> {
  const { target, collection } = generation
  const { signal: _, ...sent } = call
  if (target === 'vector') {
    const { alias } = vectorsOf(ports, generation)
    const prefix = vectorPrefixOf(ports, generation.engine)
    const [name, index] = [`${prefix}${collection}`, vectorIndexOf(generation)]
    if (!alias || (await alias.leadsTo(name, index, call))) return false
    await alias.set(name, index, sent)
  } else {
    const { alias } = textsOf(ports, generation)
    const index = textIndexOf(generation)
    if (!alias || (await alias.leadsTo(collection, index, call))) return false
    await alias.set(collection, index, sent)
  }
  return true
}

/** Numbers of generations go back when the truth is restored; in a new epoch the names are others all the same. */
export function inEpoch(wanted: NewGeneration, epoch: number): NewGeneration {
  return epoch === 1 ? wanted : { ...wanted, prefix: `${wanted.prefix}_e${epoch}` }
}

/** One after the other, always in this order: who changes generations of both does so in one step. */
export async function lockTargets(
  { generations }: Pick<TruthSession, 'generations'>,
  collection: CollectionName,
): Promise<void> {
  for (const target of allTargets) await generations.lock(target, collection)
}

/** The row of a generation that does not exist yet; both targets are cut alike. */
export function blueprint(
  ports: WriterPorts,
  plan: CollectionPlan,
  target: Target,
  chunking = plan.splitter.id,
  engine = mainEngine(ports, target),
): NewGeneration {
  const { name, embedder, language, folding } = plan
  // Engines differ in what a name may hold; the id that is added makes it unique.
  const start = target === 'vector' ? vectorPrefixOf(ports, engine) : ''
  const prefix = `${start}${target}_${name
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '_')
    .slice(0, 30)}`
  const common = { target, collection: name, chunking, engine, state: 'building', prefix } as const
  const place = { target, engine, collection: name, name: prefix }
  return target === 'vector'
    ? {
        ...common,
        fingerprint: embedder.fingerprint,
        dimensions: embedder.dimensions,
        language: null,
        format: formatMade(ports, place),
      }
    : {
        ...common,
        fingerprint: null,
        dimensions: null,
        language,
        format: { ...formatMade(ports, place), ...(folding !== undefined && { folding }) },
      }
}

/** What an index of this target is made with now in its engine. */
export function formatMade(
  ports: IndexPorts,
  place: Pick<Generation, 'target' | 'engine' | 'collection' | 'name'>,
): IndexFormat {
  return place.target === 'vector' ? vectorsOf(ports, place).format : textsOf(ports, place).format
}

/**
 * Makes sure that every collection has a live generation of each target, made as the plan says. A collection whose
 * live generation was made otherwise is refused: a rebuild changes it, opening never does. What an engine that is away
 * should hold is made by the first job for it: its outage keeps nobody from the truth.
 */
export async function ensureGenerations(ports: WriterPorts): Promise<void> {
  const away = new Set<Target>()
  for (const [name, plan] of ports.collections) ports.collections.set(name, await adoptSplitter(ports, plan))
  for (const plan of ports.collections.values()) {
    for (const target of allTargets) {
      const row = await ensureRow(ports, plan, target)
      if (row.state !== 'live' && away.has(target)) continue
      try {
        const generation = await makeLive(ports, plan, row)
        assertKnownFormat(generation.name, generation.format, formatMade(ports, generation))
        if (generation.state === 'live') checkLive(generation, plan)
      } catch (error) {
        if (!isAway(error)) throw error
        away.add(target)
      }
    }
  }
}

/**
 * The generations that take a collection's jobs of a target, of `found`, which are those of the collection. The live one
 * is made where its engine was away at the opening.
 */
export async function jobGenerations(
  ports: WriterPorts,
  target: Target,
  collection: CollectionName,
  found: readonly Generation[],
): Promise<readonly Generation[]> {
  const ofTarget = found.filter((one) => one.target === target)
  if (ofTarget.some(({ state }) => state === 'live')) return ofTarget
  const { generations } = ports.truth.session({ worker: true })
  const plan = ports.collections.get(collection)
  if (plan) await makeLive(ports, plan, await ensureRow(ports, plan, target))
  else await liveGeneration(ports, target, collection)
  return generations.list({ target, collection })
}

function ensureRow(ports: WriterPorts, plan: CollectionPlan, target: Target): Promise<Generation> {
  return ports.truth.transaction({ worker: true }, async (session) => {
    const { generations, registry } = session
    const live = await generations.list({ target, collection: plan.name, states: ['live'] })
    if (live[0]) return live[0]
    await lockTargets(session, plan.name)
    const all = await generations.list({ collection: plan.name, states: ['live', 'building'] })
    const beside = all.find(({ state }) => state === 'live')
    const wanted = blueprint(ports, plan, target, beside?.chunking)
    const existing = all.filter((one) => one.target === target)
    // Another process may make it elsewhere at this moment: where this one can go on, it does.
    const fit =
      existing.find(({ state }) => state === 'live') ??
      existing.find((one) => hasEngine(ports, one) && isAs(one, { ...wanted, engine: one.engine }))
    if (fit) return fit
    // Begun with other options by an opening that failed: nothing was ever in it.
    await retire(session, existing)
    return generations.create(inEpoch(wanted, await registry.epoch()))
  })
}

async function makeLive(ports: WriterPorts, plan: CollectionPlan, found: Generation): Promise<Generation> {
  const { target } = found
  if (found.state === 'live') return found
  await dropRetired(ports, { timeoutMs: makingMs }).catch(() => undefined)
  await createPhysical(ports, found, { timeoutMs: makingMs }).catch((error: unknown) => {
    throw withPath(error, `collections.${plan.name}`)
  })
  // Nothing may be live before: what was written meanwhile has jobs, which wait for this switch.
  await ports.truth.transaction({ worker: true }, async ({ generations }) => {
    await generations.lock(target, plan.name)
    const live = await generations.list({ target, collection: plan.name, states: ['live'] })
    if (live.length === 0) await generations.switch(found.id)
  })
  const made = await liveGeneration(ports, target, plan.name)
  await followAlias(ports, made, { timeoutMs: makingMs }).catch(() => undefined)
  return made
}

/** True when an engine did not answer, and may do so later. */
function isAway(error: unknown): boolean {
  if (!isHeadwaterError(error) || !error.retryable) return false
  return ['HW_UNAVAILABLE', 'HW_TIMEOUT', 'HW_CIRCUIT_OPEN', 'HW_OVERLOADED'].includes(error.code)
}

export function isAs(generation: Generation, wanted: NewGeneration): boolean {
  const { fingerprint, language, chunking, engine, format } = generation
  if (engine !== wanted.engine) return false
  const isCut = chunking === wanted.chunking && isSameFormat(format, wanted.format)
  return isCut && fingerprint === wanted.fingerprint && language === wanted.language
}

/** What a repository says of an option, by its path in the options of the store. */
function withPath(error: unknown, collection: string): unknown {
  if (!isHeadwaterError(error, 'HW_INVALID_OPTIONS') || error.path === undefined) return error
  const path = `${collection}.${error.path}`
  return new HeadwaterError(error.code, `${collection}.${error.message}`, {
    cause: error,
    path,
    details: error.details,
  })
}

/** The live generation, or HW_GENERATION_MISSING. */
export async function liveGeneration(
  ports: WriterPorts,
  target: Target,
  collection: CollectionName,
): Promise<Generation> {
  const [live] = await ports.truth.session({ worker: true }).generations.list({ target, collection, states: ['live'] })
  if (live) return live
  throw new HeadwaterError('HW_GENERATION_MISSING', `No live ${target} generation of collection ${collection}`)
}

/** Refuses a plan that is not what the live generation was made with. */
export function checkLive(generation: Generation, plan: CollectionPlan): void {
  const path = `collections.${plan.name}`
  const { fingerprint, language, chunking, format } = generation
  if (generation.target === 'vector' && fingerprint !== plan.embedder.fingerprint) {
    throw new HeadwaterError(
      'HW_FINGERPRINT_MISMATCH',
      `${path}.embedder: the vectors were made by ${fingerprint}, not ${plan.embedder.fingerprint}`,
      { path: `${path}.embedder`, details: { recorded: fingerprint, configured: plan.embedder.fingerprint } },
    )
  }
  if (generation.target === 'text' && language !== plan.language) {
    throw new HeadwaterError(
      'HW_TOPOLOGY_MISMATCH',
      `${path}.language: the text index was made for ${language}, not ${plan.language}`,
      { path: `${path}.language`, details: { recorded: language, configured: plan.language } },
    )
  }
  const { folding = true } = plan
  // Before there was a choice, nothing is recorded: a rebuild brings it in.
  if (generation.target === 'text' && (format.folding ?? folding) !== folding) {
    throw new HeadwaterError(
      'HW_TOPOLOGY_MISMATCH',
      `${path}.folding: the text index was made with ${format.folding}, not ${folding}: a rebuild changes it`,
      { path: `${path}.folding`, details: { recorded: format.folding, configured: folding } },
    )
  }
  if (!mayAdopt(plan, chunking)) {
    throw new HeadwaterError(
      'HW_TOPOLOGY_MISMATCH',
      `${path}.splitter: the chunks were cut by ${chunking}, not ${plan.splitter.id}; open with that one and move by ` +
        'rebuild({ splitter })',
      { path: `${path}.splitter`, details: { recorded: chunking, configured: plan.splitter.id } },
    )
  }
}
