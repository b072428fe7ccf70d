import type { WriterOptions } from '../../writer/ports'
import { type Damage, planDamage } from './damage'
import { Dice } from './dice'
import { type ErrandPlan, planErrands } from './planned-errands'
import { type PlannedRebuild, planFar, planRebuilds, planSplitters } from './planned-rebuilds'

/** How often the truth's connection fails. Rates are per operation or COMMIT. */
export interface TruthFaultPlan {
  /** Lost before the statement ran, or another transaction was in the way. */
  readonly error: number
  /** COMMIT: done, or undone, and the answer is lost. */
  readonly lostCommit: number
  /** COMMIT: the caller is told of the loss while the server still waits. */
  readonly earlyLoss: number
  readonly slow: number
}

/** How often a remote engine or model fails. Rates are per call. */
export interface EngineFaultPlan {
  /** Refused: nothing happened. */
  readonly refused: number
  /** Nothing happened and nobody answers. */
  readonly lostRequest: number
  /** It happened and nobody answers. */
  readonly lostAnswer: number
  /** Nobody answers, and it happens later all the same. */
  readonly late: number
  /** It happens, and once more later. */
  readonly duplicate: number
  readonly slow: number
}

export type OperationKind =
  | 'put'
  | 'again'
  | 'deferred'
  | 'patch'
  | 'delete'
  | 'deleteMany'
  | 'deleteWhere'
  | 'putMany'
  | 'transaction'
  | 'keyed'
  | 'conditional'
  | 'get'
  | 'search'
  | 'waitFor'
  | 'drain'
  | 'purge'
  | 'redrive'
  | 'cached'
  | 'owning'
  | 'collect'

/** What one seed simulates: a mix of its own of load and faults, so that each seed looks for other trouble. */
export interface SwarmPlan {
  /** For each process, whether it relays in the background. */
  readonly relays: readonly boolean[]
  readonly clients: number
  /** Ids of documents; those that begin with `poison` are refused by the engines. */
  readonly documents: readonly string[]
  /** Operations of all clients together. */
  readonly operations: number
  readonly mix: Readonly<Record<OperationKind, number>>
  /** Longest pause of a client between two operations, ms. */
  readonly thinkMs: number
  /** Share of operations with a `timeoutMs`. */
  readonly hurried: number
  readonly truth: TruthFaultPlan
  readonly vector: EngineFaultPlan
  readonly text: EngineFaultPlan
  readonly embedder: EngineFaultPlan
  /** What is made of documents is kept nowhere, in each process, or in Redis. */
  readonly cache: 'none' | 'own' | 'shared'
  readonly redis: EngineFaultPlan
  /** How long one process may load a value. */
  readonly cacheLeaseMs: number
  /** Documents own blobs where it is not null. */
  readonly blobs: EngineFaultPlan | null
  /** Virtual times at which Redis loses all it holds. */
  readonly flushes: readonly number[]
  /** Virtual times between which a store answers nobody. */
  readonly outages: readonly { readonly of: 'truth' | 'vector' | 'text'; readonly from: number; readonly to: number }[]
  /** Mean ms between two crashes; 0 for none. */
  readonly crashEveryMs: number
  /** Jumps of wall clocks: of a process by its number, or of the truth. */
  readonly jumps: readonly { readonly at: number; readonly of: number | 'truth'; readonly ms: number }[]
  /** What happens to whole indexes and to the truth itself; nothing in most seeds. */
  readonly damage: readonly Damage[]
  /** Rebuilds and rollbacks that somebody asks for; none in most seeds. */
  readonly rebuilds: readonly PlannedRebuild[]
  /** Transactions leave errands where it is not null. */
  readonly errands: ErrandPlan | null
  /** For each process, whether it knows the splitter that a rebuild moves to. */
  readonly splitters: readonly boolean[]
  /** For each process, whether it has the engine that a rebuild moves to. */
  readonly far: readonly boolean[]
  readonly writer: Partial<WriterOptions>
}

export const none: EngineFaultPlan = { refused: 0, lostRequest: 0, lostAnswer: 0, late: 0, duplicate: 0, slow: 0 }

const usual: Readonly<Record<OperationKind, number>> = {
  put: 10,
  again: 4,
  deferred: 2,
  patch: 5,
  delete: 5,
  deleteMany: 2,
  deleteWhere: 1,
  putMany: 2,
  transaction: 3,
  keyed: 4,
  conditional: 2,
  get: 3,
  search: 3,
  waitFor: 2,
  drain: 1,
  purge: 1,
  redrive: 1,
  cached: 8,
  owning: 14,
  collect: 10,
}

export function planSwarm(seed: number): SwarmPlan {
  const dice = new Dice(seed, 'swarm')
  const processes = dice.between(2, 3)
  const relays = Array.from({ length: processes }, (_, at) => at === 0 || dice.chance(0.6))
  // Short schedules find as much as long ones, and more of them can be played.
  const operations = dice.between(4, dice.pick([12, 24, 45]))
  const thinkMs = dice.pick([20, 60, 150])
  const clients = dice.between(3, 6)
  // Roughly how long the chaos lasts: a write takes some 40 ms besides.
  const spanMs = Math.ceil((operations / clients) * (thinkMs / 2 + 60)) + 200
  const documents = Array.from({ length: dice.between(3, 9) }, (_, at) => `d${at}`)
  if (dice.chance(0.35)) documents.push('poison0')
  const mix = { ...usual }
  for (const kind of Object.keys(mix) as OperationKind[]) {
    const fate = dice.random.next()
    if (fate < 0.25 && kind !== 'put') mix[kind] = 0
    else if (fate > 0.85) mix[kind] *= 4
  }
  const caching = planCache(seed, spanMs)
  if (caching.cache === 'none') mix.cached = 0
  const ofBlobs = new Dice(seed, 'blobs')
  const blobs = ofBlobs.chance(0.3) ? planEngine(ofBlobs) : null
  if (blobs === null) {
    mix.owning = 0
    mix.collect = 0
  }
  const damage = planDamage(seed, spanMs)
  const rebuilds = planRebuilds(seed, spanMs)
  const errands = planErrands(seed, processes)
  if (errands) mix.transaction = 4 * Math.max(usual.transaction, mix.transaction)
  return {
    relays,
    clients,
    documents,
    operations,
    mix,
    thinkMs,
    hurried: dice.pick([0, 0.1, 0.4]),
    truth: dice.chance(0.6) ? planTruth(dice) : { error: 0, lostCommit: 0, earlyLoss: 0, slow: 0 },
    vector: dice.chance(0.75) ? planEngine(dice) : none,
    text: dice.chance(0.6) ? planEngine(dice) : none,
    embedder: dice.chance(0.4) ? { ...planEngine(dice), late: 0, duplicate: 0 } : none,
    ...caching,
    blobs,
    outages: planOutages(dice, spanMs),
    crashEveryMs: dice.chance(0.6) ? dice.between(150, 1_500) : 0,
    jumps: planJumps(dice, spanMs, processes),
    damage,
    rebuilds,
    errands,
    splitters: planSplitters(seed, processes),
    far: planFar(seed, processes),
    writer: {
      ...watching(seed, damage),
      ...(rebuilds.length > 0 && { markMs: 4_000 }),
      relay: dice.chance(0.3) ? 'external' : 'background',
      inlineTimeoutMs: dice.pick([60, 300, 2_000]),
      leaseMs: dice.pick([90, 400, 1_500]),
      pollMs: dice.pick([60, 200]),
      claimBatch: dice.pick([1, 4, 50]),
      maxAttempts: dice.between(2, 4),
      backoffMs: dice.pick([10, 50]),
      backoffMaxMs: 400,
      batchDocuments: dice.between(1, 4),
      tombstoneMs: dice.pick([50, 2_000, 3_600_000]),
      copyBatch: new Dice(seed, 'copy').pick([2, 5, 500]),
    },
  }
}

function planCache(seed: number, spanMs: number): Pick<SwarmPlan, 'cache' | 'redis' | 'cacheLeaseMs' | 'flushes'> {
  const dice = new Dice(seed, 'cache')
  return {
    cache: dice.pick(['none', 'own', 'shared', 'shared'] as const),
    redis: dice.chance(0.6) ? planEngine(dice) : none,
    cacheLeaseMs: dice.pick([30, 10_000]),
    flushes: dice.chance(0.2) ? [dice.between(0, spanMs)] : [],
  }
}

/** Where nothing is lost, looking for losses only costs time. */
function watching(seed: number, damage: readonly Damage[]): Partial<WriterOptions> {
  if (damage.length === 0) return { checkMs: 3_000, markMs: 60_000, sweepMs: 3_600_000 }
  const dice = new Dice(seed, 'watch')
  return { checkMs: dice.pick([60, 250]), markMs: dice.pick([1, 200, 60_000]), sweepMs: 1_500 }
}

function planTruth(dice: Dice): TruthFaultPlan {
  return {
    error: dice.pick([0, 0.005, 0.02]),
    lostCommit: dice.pick([0, 0.03, 0.12]),
    earlyLoss: dice.pick([0, 0.02, 0.08]),
    slow: dice.pick([0, 0.02]),
  }
}

function planEngine(dice: Dice): EngineFaultPlan {
  const rate = (): number => dice.pick([0, 0, 0.03, 0.12])
  return {
    refused: rate(),
    lostRequest: rate(),
    lostAnswer: rate(),
    late: dice.pick([0, 0.05, 0.15]),
    duplicate: rate(),
    slow: dice.pick([0, 0.05, 0.2]),
  }
}

function planOutages(dice: Dice, spanMs: number): SwarmPlan['outages'] {
  return Array.from({ length: dice.pick([0, 0, 1, 2]) }, () => {
    const from = dice.between(0, spanMs)
    return {
      of: dice.pick(['truth', 'vector', 'text', 'vector', 'text'] as const),
      from,
      to: from + dice.between(50, 800),
    }
  })
}

function planJumps(dice: Dice, spanMs: number, processes: number): SwarmPlan['jumps'] {
  return Array.from({ length: dice.pick([0, 0, 1, 3]) }, () => ({
    at: dice.between(0, spanMs),
    of: dice.chance(0.4) ? ('truth' as const) : dice.between(0, processes - 1),
    ms: dice.pick([-1, 1]) * dice.pick([5, 500, 3_000]),
  }))
}
