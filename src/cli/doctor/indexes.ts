import { HeadwaterError, isHeadwaterError } from '../../core/errors'
import { canonicalJson } from '../../core/json'
import { PostgresTextRepository } from '../../repositories/bm25/texts'
import { physicalName, writeAlias } from '../../repositories/elasticsearch/names'
import { ElasticsearchTextRepository } from '../../repositories/elasticsearch/texts'
import { type Generation, textIndexOf, vectorIndexOf } from '../../repositories/generations'
import { assertKnownFormat, describeFormat, isOlderFormat } from '../../repositories/index-format'
import { PostgresVectorRepository } from '../../repositories/pgvector/vectors'
import { QdrantVectorRepository } from '../../repositories/qdrant/vectors'
import type { TextRepository } from '../../repositories/texts'
import type { TruthSession } from '../../repositories/truth'
import type { VectorRepository } from '../../repositories/vectors'
import { cacheMismatch, readCacheRecord } from '../../store/cache-record'
import { earlierOf } from '../../store/embedder-revisions'
import { type Topology, topologyOf } from '../../store/engines'
import { probeSearch } from '../../store/probes'
import { chunkingsOf } from '../../store/store-health'
import type { StoreOptions } from '../../store/store-options'
import type { CollectionPlan } from '../../writer/ports'
import { checkLive } from '../../writer/rebuild/generations'
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
  const recorded = (await session.registry.read('topology')) as Topology | null
  const checks = [checkTopology(recorded, configured)]
  const mismatch = cacheMismatch(await readCacheRecord(session.registry), options)
  if (mismatch) checks.push(failed('cache', mismatch))
  const installation = await session.registry.read('installation')
  const generations = await session.generations.list()
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
    // Engines that are configured otherwise than recorded hold something else.
    if (recorded?.[target] !== configured[target]) continue
    if (state === 'live') checks.push(...checkFormat(place, generation, String(installation)))
    if (state !== 'building') {
      checks.push(await checkPhysical(place, generation, configured[target], String(installation)))
    }
  }
  return checks
}

function checkTopology(recorded: Topology | null, configured: Topology): Check {
  const shown = `vectors in ${configured.vector}, texts in ${configured.text}`
  if (recorded === null) return ok('topology', `${shown}; written down when a store is opened.`)
  if (canonicalJson(recorded) === canonicalJson(configured)) return ok('topology', shown)
  const what = `this database feeds ${canonicalJson(recorded)}, the settings mean ${canonicalJson(configured)}`
  return failed('topology', new HeadwaterError('HW_TOPOLOGY_MISMATCH', what))
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
function checkFormat(place: IndexesPlace, generation: Generation, installation: string): Check[] {
  const { name, target, collection, format } = generation
  const check = `format of ${name}`
  const made = (target === 'vector' ? vectorsOf(place) : textsOf(place, installation)).format
  try {
    assertKnownFormat(name, format, made)
  } catch (error) {
    return [failed(check, error, 'Bring this package to the version that made it.')]
  }
  if (!isOlderFormat(format, made)) return []
  const found = `${describeFormat(format)}: it is asked in that older way until it is made anew, with ${describeFormat(made)}`
  return [warning(check, found, `Run \`headwater rebuild --target ${target} --collection ${collection}\`.`)]
}

function vectorsOf({ stores: { postgres, qdrant }, schema }: IndexesPlace): VectorRepository {
  return qdrant ? new QdrantVectorRepository(qdrant) : new PostgresVectorRepository(postgres, { schema })
}

function textsOf(place: IndexesPlace, installation: string): TextRepository {
  const { postgres, elasticsearch } = place.stores
  if (!elasticsearch) return new PostgresTextRepository(postgres, { schema: place.schema })
  return new ElasticsearchTextRepository(elasticsearch, { prefix: prefixOf(place, installation) })
}

function prefixOf({ options }: IndexesPlace, installation: string): string {
  return `${options.elasticsearch?.prefix ?? 'headwater'}_${installation}`
}

async function checkPhysical(
  place: IndexesPlace,
  generation: Generation,
  engine: Topology[Generation['target']],
  installation: string,
): Promise<Check> {
  const name = `index ${generation.name}`
  if ((engine === 'qdrant' || engine === 'elasticsearch') && !place.answers(engine)) return unseen(name, engine)
  try {
    const flaw = await flawOf(place, generation, installation)
    if (flaw === undefined) {
      const ports = { vectors: vectorsOf(place), texts: textsOf(place, installation) }
      if (generation.state === 'live') await probeSearch(ports, generation, {})
      if (await isLed(place, generation, installation)) return ok(name, `${generation.state}, in ${engine}`)
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
async function isLed(place: IndexesPlace, generation: Generation, installation: string): Promise<boolean> {
  const { options } = place
  const { state, target, collection } = generation
  if (state !== 'live') return true
  if (target === 'vector') {
    const alias = `${options.qdrant?.prefix ?? 'headwater'}_${installation}_${collection}`
    const vectors = vectorsOf(place)
    return !vectors.alias || vectors.alias.leadsTo(alias, vectorIndexOf(generation))
  }
  const texts = textsOf(place, installation)
  return !texts.alias || texts.alias.leadsTo(collection, textIndexOf(generation))
}

/** What is missing of an index in its engine. */
async function flawOf(place: IndexesPlace, generation: Generation, installation: string): Promise<string | undefined> {
  const { elasticsearch } = place.stores
  const isThere =
    generation.target === 'vector'
      ? vectorsOf(place).exists(vectorIndexOf(generation))
      : textsOf(place, installation).exists(textIndexOf(generation))
  if (!(await isThere)) return 'There is no such index any more'
  if (generation.target === 'vector') return undefined
  if (!elasticsearch) return undefined
  const prefix = prefixOf(place, installation)
  const [index, alias] = [physicalName(prefix, generation.name), writeAlias(prefix, generation.name)]
  const request = { method: 'GET', path: `/${encodeURIComponent(index)}/_alias` }
  const found = (await elasticsearch.request(request, { idempotent: true })) as Record<string, { aliases?: object }>
  return alias in (found[index]?.aliases ?? {}) ? undefined : `It has lost its alias ${alias}, which writes go through`
}
