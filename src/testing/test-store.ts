import { type Clock, systemClock } from '../core/clock'
import { HeadwaterError } from '../core/errors'
import type { JsonObject } from '../core/json'
import { limitDefaults } from '../core/limits'
import { checkOptions, list, type OptionKinds, text } from '../core/option-kinds'
import { seededRandom } from '../core/random'
import { loadStemmers } from '../core/words/languages'
import type { Embedder } from '../embeddings/embedder'
import { VectorLru } from '../embeddings/lru'
import {
  attachedTables,
  checkSearched,
  type EntityDeclarations,
  entityDefinitions,
  type NoEntities,
} from '../entities/entity-map'
import { Troubles } from '../observability/troubles'
import { auditedOf, auditedRecord, isNothing } from '../repositories/audited'
import { DocumentEntries } from '../repositories/document-entries'
import { EpochWatch } from '../repositories/epoch-watch'
import type { Target } from '../repositories/generations'
import type { TargetEngines } from '../repositories/index-engines'
import { MemoryBlobRepository } from '../repositories/memory/blobs'
import { MemoryTextRepository } from '../repositories/memory/texts'
import { MemoryTruth } from '../repositories/memory/truth'
import { MemoryVectorRepository } from '../repositories/memory/vectors'
import { ownCaches } from '../store/caches'
import { RateLimiter } from '../store/rate-limiter'
import { Store } from '../store/store'
import { checkStoreOptions, resolveCollections, type StoreOptions } from '../store/store-options'
import type { ConnectionHealth } from '../store/store-parts'
import type { WriterPortsOptions } from '../store/writer-ports'
import type { WriterPorts } from '../writer/ports'
import { ensureGenerations } from '../writer/rebuild/generations'
import { TruncatedChunks } from '../writer/truncated'

/** What can be taken down in a test store: a target whole, or one of its `engines`, such as 'vector:qdrant'. */
export type FaultTarget = Target | 'embedder' | `${Target}:${string}`

/** Switches for failures: what is down answers HW_UNAVAILABLE at once. */
export interface Faults {
  down(target: FaultTarget): void
  up(target: FaultTarget): void
}

/** Options of `createTestStore`: those of `openStore` that mean something in memory, a seed and a clock. */
export interface TestStoreOptions<C extends object, X extends EntityDeclarations = NoEntities>
  extends Omit<WriterPortsOptions<C>, 'clock' | 'random'>,
    Pick<StoreOptions<C, X>, 'cache' | 'search' | 'entities' | 'rateLimit'> {
  /** Equal seeds give equal ids and jitter; 1 by default. */
  seed?: number | undefined
  /** The system's by default. With a clock that stands still, nothing polls: writes still apply their own jobs. */
  clock?: Clock | undefined
  /**
   * Names of engines, each of them memory of its own, that of new indexes first: for `rebuild({ target, engine })`.
   * `['memory']` by default.
   */
  engines?:
    | { readonly vector?: readonly string[] | undefined; readonly text?: readonly string[] | undefined }
    | undefined
}

const engineNames = list(text(63), 100)
const engineKinds = { vector: engineNames, text: engineNames } satisfies OptionKinds<
  NonNullable<TestStoreOptions<object>['engines']>
>

/** A store in memory with switches for failures. */
export type TestStore<C extends object, X extends EntityDeclarations = NoEntities> = Store<C, X> & {
  readonly faults: Faults
}

/** The same Store over memory, made in milliseconds: for unit tests of what is built on headwater. */
export async function createTestStore<
  C extends object = { documents: JsonObject },
  X extends EntityDeclarations = NoEntities,
>(options: TestStoreOptions<C, X> = {}): Promise<TestStore<C, X>> {
  await loadStemmers()
  const { seed = 1, clock = systemClock, engines, ...given } = options
  const engineLists = checkOptions(engines, engineKinds, 'engines')
  const rest = checkStoreOptions(given as StoreOptions<C, X>)
  const { plans, embedders, splitters, named } = resolveCollections(rest as StoreOptions<object>)
  const entities = entityDefinitions(rest.entities)
  checkSearched(entities, plans)
  const down = new Set<FaultTarget>()
  const known = new Set<FaultTarget>(['vector', 'text', 'embedder'])
  const faulty = <T extends object>(target: T, ...names: FaultTarget[]): T => {
    for (const name of names) known.add(name)
    return guarded(target, names, down)
  }
  const enginesOf = <R extends object>(target: Target, make: () => R) => {
    const given = engineLists[target] ?? []
    const [main = 'memory', ...others] = given
    const open = (name: string): R =>
      faulty(make(), target, ...(given.length > 0 ? [`${target}:${name}` as const] : []))
    const targetEngines: TargetEngines<R> = {
      main,
      others: new Map(others.map((name) => [name, { repository: open(name) }])),
    }
    return { repository: open(main), engines: targetEngines }
  }
  const vectors = enginesOf('vector', () => new MemoryVectorRepository())
  const texts = enginesOf('text', () => new MemoryTextRepository())
  const proxies = new Map<Embedder, Embedder>()
  // One for each, so that what is known of an embedder is known of it under every name.
  const faultyEmbedder = (embedder: Embedder): Embedder => {
    const proxy = proxies.get(embedder) ?? faulty(embedder, 'embedder')
    proxies.set(embedder, proxy)
    return proxy
  }
  const blobs = new MemoryBlobRepository({ clock })
  const truth = new MemoryTruth({ clock })
  const random = seededRandom(seed)
  const epoch = new EpochWatch(truth, clock)
  await epoch.refresh()
  const { cache, searches } = ownCaches(rest as StoreOptions<object>, { epoch, clock, random })
  const ports: WriterPorts = {
    truth,
    vectors: vectors.repository,
    texts: texts.repository,
    engines: { vector: vectors.engines, text: texts.engines },
    blobs,
    collections: new Map(
      [...plans].map(([name, plan]) => [name, { ...plan, embedder: faultyEmbedder(plan.embedder) }]),
    ),
    embedders: new Map([...embedders].map(([fingerprint, embedder]) => [fingerprint, faultyEmbedder(embedder)])),
    splitters,
    clock,
    random,
    truncated: new TruncatedChunks(),
    entries: new DocumentEntries(cache, { shared: false }),
    searches,
    troubles: new Troubles(rest),
    attached: attachedTables(entities),
    options: { ...rest.writer, relay: rest.relay ?? 'background' },
    limits: { ...limitDefaults, ...rest.limits },
  }
  await ensureGenerations(ports)
  const audited = auditedOf(
    [...entities.values()].map(({ table }) => table),
    plans.values(),
  )
  if (!isNothing(audited)) {
    await truth.session({ worker: true }).registry.write(auditedRecord, audited as unknown as JsonObject)
  }
  const check = (name: FaultTarget) => async (): Promise<ConnectionHealth> => ({
    status: down.has(name) ? 'down' : 'up',
    latencyMs: 0,
  })
  const checked = [...known].filter((name) => name !== 'embedder')
  const store = Store.start<C, X>({
    ports,
    named: new Map([...named].map(([name, embedder]) => [name, faultyEmbedder(embedder)])),
    splitters: rest.splitters ?? {},
    cache,
    searches,
    queries: new VectorLru({ clock, max: rest.search?.vectors?.maxEntries, ttlMs: rest.search?.vectors?.ttlMs }),
    rerank: rest.search?.rerank,
    hedge: rest.search?.hedge,
    epoch,
    blobs,
    entities,
    limiter: new RateLimiter(rest.rateLimit, {}, clock, true),
    audited: !isNothing(audited),
    checks: Object.fromEntries(checked.map((name) => [name, check(name)])),
    notices: [],
    close: async () => undefined,
  })
  const faults: Faults = {
    down: (target) => {
      if (known.has(target)) down.add(target)
      else throw new HeadwaterError('HW_INVALID_ARGUMENT', `target: ${target} is not among ${[...known].join(', ')}`)
    },
    up: (target) => void down.delete(target),
  }
  return Object.assign(store, { faults })
}

/** The same object, whose methods reject while one of its names is down. */
function guarded<T extends object>(target: T, names: readonly FaultTarget[], down: ReadonlySet<FaultTarget>): T {
  return new Proxy(target, {
    get(object, key) {
      const value: unknown = Reflect.get(object, key, object)
      if (typeof value !== 'function') return value
      return (...args: unknown[]) => {
        const name = names.find((one) => down.has(one))
        if (name) return Promise.reject(new HeadwaterError('HW_UNAVAILABLE', `${name} was taken down`))
        return Reflect.apply(value, object, args)
      }
    },
  })
}
