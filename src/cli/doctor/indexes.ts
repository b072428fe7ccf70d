import { HeadwaterError, isHeadwaterError } from '../../core/errors'
import { PostgresTextRepository } from '../../repositories/bm25/texts'
import { physicalName, writeAlias } from '../../repositories/elasticsearch/names'
import { ElasticsearchTextRepository } from '../../repositories/elasticsearch/texts'
import { type Generation, type Target, textIndexOf, vectorIndexOf } from '../../repositories/generations'
import { hasEngine, type IndexPorts, lacks, textsOf, vectorPrefixOf, vectorsOf } from '../../repositories/index-engines'
import { assertKnownFormat, describeFormat, isOlderFormat } from '../../repositories/index-format'
import { PostgresVectorRepository } from '../../repositories/pgvector/vectors'
import { QdrantVectorRepository } from '../../repositories/qdrant/vectors'
import type { TruthSession } from '../../repositories/truth'
import { cacheMismatch, readCacheRecord } from '../../store/cache-record'
import { earlierOf } from '../../store/embedder-revisions'
import { type Topology, topologyOf } from '../../store/engines'
import { probeSearch } from '../../store/probes'
import { chunkingsOf, enginesOf } from '../../store/store-health'
import type { StoreOptions } from '../../store/store-options'
import type { CollectionPlan } from '../../writer/ports'
import { allTargets, checkLive, formatMade } from '../../writer/rebuild/generations'
import { type Check, failed, ok, unseen, warning } from './check'
import type { Stores } from './stores'

export interface IndexesPlace {
  readonly session: TruthSession
  readonly options: StoreOptions<object>
  readonly schema: string
  readonly stores: Stores
  /** The collection that the settings are for, and the plans of those that are known. */
  readonly collection: string
  readonly plans: ReadonlyMap<string, CollectionPlan>
  /** True for a store that answered. */
  answers(store: 'qdrant' | 'elasticsearch'): boolean
}

/** What is written down of the indexes, against what is configured and against what the engines hold. */
export async function checkIndexes(place: IndexesPlace): Promise<Check[]> {
  const { session, options } = place
  const configured = topologyOf(options)
  const generations = await session.generations.list()
  const checks = checkTopology(place, generations, configured)
  const mismatch = cacheMismatch(await readCacheRecord(session.registry), options)
  if (mismatch) checks.push(failed('cache', mismatch))
  const installation = String(await session.registry.read('installation'))
  const ports = portsOf(place, configured, installation)
  for (const [collection, [live, ...others]] of Object.entries(chunkingsOf(generations))) {
    if (others.length === 0) continue
    const what = `live: ${live}; beside it, until a rebuild or a way back from it is over: ${others.join(', ')}`
    checks.push(ok(`splitters of ${collection}`, what))
  }
  if (generations.length === 0) checks.push(ok('indexes', 'None yet: they are made when a store is opened.'))
  for (const generation of generations) {
    const { state, target } = generation
    if (state === 'live') checks.push(checkMake(place, generation))
    if (generation.error !== null) {
      const remedy = `Run \`headwater rebuild --target ${target}\` again.`
      checks.push(warning(`rebuild of ${generation.name}`, `It cannot be switched to: ${generation.error}`, remedy))
    }
    if (!hasEngine(ports, generation)) continue
    if (state === 'live') checks.push(...checkFormat(ports, generation))
    if (state !== 'building') checks.push(await checkPhysical(place, ports, generation, installation))
  }
  return checks
}

/** Which engines are configured, and where each collection's indexes are: the live one first, then others that are fed. */
function checkTopology(place: IndexesPlace, generations: readonly Generation[], configured: Topology): Check[] {
  const { plans } = place
  const shown = allTargets.map((target) => {
    const [main, ...others] = configured[target]
    return `new ${plural[target]} in ${main}${others.length > 0 ? `, or ${others.join(', ')}` : ''}`
  })
  const checks = [ok('topology', `configured: ${shown.join('; ')}`)]
  for (const [collection, engines] of Object.entries(enginesOf(generations))) {
    for (const target of allTargets) {
      const live = generations.find((one) => {
        return one.collection === collection && one.target === target && one.state === 'live'
      })
      if (!live) continue
      const name = `engine of ${collection}/${target}`
      const engine = engineOf(place, live)
      const fed = engines[target].filter((one) => one !== engine)
      if (!configured[target].includes(engine)) {
        const error = lacks(live, configured[target])
        checks.push(plans.has(collection) ? failed(name, error) : warning(name, error.message, error.remedy))
        continue
      }
      const beside = fed.length > 0 ? `; ${fed.join(', ')} is fed beside it, until a rebuild or a way back is over` : ''
      const main = configured[target][0]!
      const move = `\`headwater rebuild --target ${target} --engine ${main} --collection ${collection}\``
      checks.push(ok(name, `live in ${engine}${beside}${main === engine ? '' : `; ${move} moves it to ${main}`}`))
    }
  }
  return checks
}

const plural: Readonly<Record<Target, string>> = { vector: 'vectors', text: 'texts' }

/** The engines as a store would make them, over the connections that are open already. */
function portsOf(place: IndexesPlace, configured: Topology, installation: string): IndexPorts {
  const { stores, schema, options } = place
  const { qdrant, elasticsearch } = stores
  const inPostgres = {
    vectors: new PostgresVectorRepository(stores.postgres, { schema }),
    texts: new PostgresTextRepository(stores.postgres, { schema }),
  }
  const texts = elasticsearch
    ? new ElasticsearchTextRepository(elasticsearch, { prefix: prefixOf(place, installation) })
    : inPostgres.texts
  return {
    vectors: qdrant ? new QdrantVectorRepository(qdrant) : inPostgres.vectors,
    texts,
    vectorPrefix: qdrant ? `${options.qdrant?.prefix ?? 'headwater'}_${installation}_` : '',
    engines: {
      vector: { main: configured.vector[0]!, others: new Map([['postgres', { repository: inPostgres.vectors }]]) },
      text: { main: configured.text[0]!, others: new Map([['postgres', { repository: inPostgres.texts }]]) },
    },
  }
}

function engineOf({ options }: IndexesPlace, { target, engine }: Generation): string {
  return engine ?? topologyOf(options)[target][0]!
}

/** Embedder, splitter and language. A collection that the settings do not name may be declared in the service. */
function checkMake({ collection, plans }: IndexesPlace, generation: Generation): Check {
  const { target, fingerprint, language } = generation
  const name = `${target === 'vector' ? 'embedder' : 'language'} of ${generation.collection}`
  const configured = plans.get(generation.collection) ?? plans.get(collection)!
  const earlier = target === 'vector' ? earlierOf(configured.embedder, [generation]) : undefined
  const plan = earlier ? { ...configured, embedder: earlier } : configured
  try {
    checkLive(generation, { ...plan, name: generation.collection })
  } catch (error) {
    if (plans.has(generation.collection)) return failed(name, error)
    const remedy = 'Right if your service declares this collection so; the command line does not know it.'
    return warning(name, isHeadwaterError(error) ? error.message : String(error), remedy)
  }
  const { chunking } = generation
  const now = plan.splitter.id
  const move = chunking === now ? '' : `; \`headwater rebuild --splitter default\` moves to ${now}`
  const made = `${fingerprint ?? language}, cut by ${chunking}${move}`
  if (!earlier) return ok(name, made)
  return warning(
    name,
    `${made}: an earlier revision of the embedder`,
    'A rebuild of the vectors moves to the present one.',
  )
}

/** Nothing to say of an index that is as one would be made now. */
function checkFormat(ports: IndexPorts, generation: Generation): Check[] {
  const { name, target, collection, format } = generation
  const check = `format of ${name}`
  const made = formatMade(ports, generation)
  try {
    assertKnownFormat(name, format, made)
  } catch (error) {
    return [failed(check, error, 'Bring this package to the version that made it.')]
  }
  if (!isOlderFormat(format, made)) return []
  const found = `${describeFormat(format)}: it is asked in that older way until it is made anew, with ${describeFormat(made)}`
  return [warning(check, found, `Run \`headwater rebuild --target ${target} --collection ${collection}\`.`)]
}

function prefixOf({ options }: IndexesPlace, installation: string): string {
  return `${options.elasticsearch?.prefix ?? 'headwater'}_${installation}`
}

async function checkPhysical(
  place: IndexesPlace,
  ports: IndexPorts,
  generation: Generation,
  installation: string,
): Promise<Check> {
  const name = `index ${generation.name}`
  const engine = engineOf(place, generation)
  if ((engine === 'qdrant' || engine === 'elasticsearch') && !place.answers(engine)) return unseen(name, engine)
  try {
    const flaw = await flawOf(place, ports, generation, installation)
    if (flaw === undefined) {
      if (generation.state === 'live') await probeSearch(ports, generation, {})
      if (await isLed(ports, generation)) return ok(name, `${generation.state}, in ${engine}`)
      const found = `The public alias of ${generation.collection} does not lead to it: other readers find another index, or none.`
      return warning(name, found, 'A worker leads it back within a minute: run `headwater relay`.')
    }
    const remedy = `Run \`headwater rebuild --target ${generation.target} --collection ${generation.collection}\`.`
    return failed(name, new HeadwaterError('HW_GENERATION_MISSING', flaw), remedy)
  } catch (error) {
    return failed(name, error)
  }
}

/** False when the public alias leads away from the live generation. */
async function isLed(ports: IndexPorts, generation: Generation): Promise<boolean> {
  const { state, target, collection } = generation
  if (state !== 'live') return true
  if (target === 'vector') {
    const alias = `${vectorPrefixOf(ports, generation.engine)}${collection}`
    const vectors = vectorsOf(ports, generation)
    return !vectors.alias || vectors.alias.leadsTo(alias, vectorIndexOf(generation))
  }
  const texts = textsOf(ports, generation)
  return !texts.alias || texts.alias.leadsTo(collection, textIndexOf(generation))
}

/** What is missing of an index in its engine. */
async function flawOf(
  place: IndexesPlace,
  ports: IndexPorts,
  generation: Generation,
  installation: string,
): Promise<string | undefined> {
  const { elasticsearch } = place.stores
  const isThere =
    generation.target === 'vector'
      ? vectorsOf(ports, generation).exists(vectorIndexOf(generation))
      : textsOf(ports, generation).exists(textIndexOf(generation))
  if (!(await isThere)) return 'There is no such index any more'
  if (generation.target === 'vector') return undefined
  if (!elasticsearch || engineOf(place, generation) !== 'elasticsearch') return undefined
  const prefix = prefixOf(place, installation)
  const [index, alias] = [physicalName(prefix, generation.name), writeAlias(prefix, generation.name)]
  const request = { method: 'GET', path: `/${encodeURIComponent(index)}/_alias` }
  const found = (await elasticsearch.request(request, { idempotent: true })) as Record<string, { aliases?: object }>
  return alias in (found[index]?.aliases ?? {}) ? undefined : `It has lost its alias ${alias}, which writes go through`
}
