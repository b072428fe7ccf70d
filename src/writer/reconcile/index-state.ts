import type { CallOptions } from '../../core/abort'
import { isHeadwaterError } from '../../core/errors'
import { uuidV7 } from '../../core/ids'
import type { Json } from '../../core/json'
import { type Generation, textIndexOf, vectorIndexOf } from '../../repositories/generations'
import { textsOf, vectorsOf } from '../../repositories/index-engines'
import type { IndexMarker } from '../../repositories/index-marker'
import type { RegistryRepository } from '../../repositories/registry'
import type { TruthSession } from '../../repositories/truth'
import type { WriterPorts } from '../ports'
import { epochOf } from '../write/receipt'

/**
 * Why a generation is swept: its index is `gone` or carries no marker of ours; its marker is not the one that was
 * recorded last (`changed`: an older state of it came back); the truth was `restored`; jobs `failed` on it while it was
 * not the live one; or it is its `turn`.
 */
export type SweepReason = 'gone' | 'changed' | 'restored' | 'failed' | 'turn'

export interface DueSweep {
  /** Tells this sweep from the next: a worker that was slow must not end another's. */
  readonly id: string
  readonly reason: SweepReason
  /** Last chunk id that was compared. */
  readonly after: string | null
  /** While an index that was found empty is filled: the last chunk id that was copied to it. */
  readonly filled?: string | null | undefined
  /** Epoch ms of the truth's clock. */
  readonly since: number
}

/** What the truth knows of an index: its last marking, and the sweep that is due or under way. */
export interface IndexState {
  /** Null until a due sweep has begun: then whatever marker the index has says nothing. */
  readonly mark: { readonly fence: number; readonly at: number } | null
  readonly sweep: DueSweep | null
  /** When the last complete sweep began; of a new index, when it was made. */
  readonly sweptAt: number
  /** Changes whenever a job fails on the generation, and when such failures are forgotten; null until then. */
  readonly check: string | null
}

const unknown: IndexState = { mark: null, sweep: null, sweptAt: 0, check: null }

export async function readIndexState(registry: RegistryRepository, id: number): Promise<IndexState> {
  return stateOf(await registry.read(nameOf(id)))
}

/** Applies `change` to the state as it is when it is written; undefined leaves it, and is then returned. */
export async function changeIndexState(
  registry: RegistryRepository,
  id: number,
  change: (state: IndexState) => IndexState | undefined,
): Promise<IndexState | undefined> {
  for (;;) {
    const recorded = await registry.read(nameOf(id))
    const next = change(stateOf(recorded))
    if (!next) return undefined
    if (await registry.replace(nameOf(id), recorded, next as unknown as Json)) return next
  }
}

/** What failures a comparison began after. */
export interface Check {
  readonly check: string | null
  readonly error: string | null
}

/**
 * Begins a comparison: what failed on the generation so far is what it mends. It is forgotten when that is proved and not
 * before, for a comparison may come to no end.
 */
export async function beginCheck(
  ports: Pick<WriterPorts, 'truth'>,
  { id, target, collection }: Generation,
): Promise<Check> {
  const { generations, registry } = ports.truth.session({ worker: true })
  const { check } = await readIndexState(registry, id)
  const now = (await generations.list({ target, collection })).find((one) => one.id === id)
  return { check, error: now?.error ?? null }
}

/** Notes that a job has failed on a generation, so that no comparison that began before passes for a proof. */
export async function noteFailure(
  ports: Pick<WriterPorts, 'clock' | 'random'>,
  { generations, registry }: Pick<TruthSession, 'generations' | 'registry'>,
  id: number,
  error: string,
): Promise<void> {
  const check = uuidV7(ports.clock, ports.random)
  await changeIndexState(registry, id, (state) => ({ ...state, check }))
  await generations.update(id, { error })
}

/** Forgets what failed on a generation, which a sweep is to find from here on. */
export async function forgetFailures(ports: WriterPorts, id: number): Promise<void> {
  const { generations, registry } = ports.truth.session({ worker: true })
  const check = uuidV7(ports.clock, ports.random)
  await changeIndexState(registry, id, (state) => ({ ...state, check }))
  await generations.update(id, { error: null })
}

/** Records that the index is to be swept from the start; one that waits already is enough. */
export async function dueSweep(
  ports: Pick<WriterPorts, 'clock' | 'random'>,
  registry: RegistryRepository,
  id: number,
  reason: SweepReason,
): Promise<void> {
  const since = await registry.now()
  const sweep: DueSweep = { id: uuidV7(ports.clock, ports.random), reason, after: null, since }
  await changeIndexState(registry, id, (state) =>
    state.sweep && state.mark === null ? undefined : { ...state, mark: null, sweep },
  )
}

/**
 * Writes a new marker. The truth records it first: a marker that is ahead of the record can then only mean that the
 * truth has been restored since. Where `over` is given and the index has another marker by now, it keeps that one: an
 * older state has come back this moment, and the next check is to see it.
 */
export async function markIndex(
  ports: WriterPorts,
  generation: Generation,
  call: CallOptions = {},
  over?: number,
): Promise<void> {
  const { documents, registry } = ports.truth.session({ worker: true })
  const installation = await registry.read('installation')
  const { system, timeline } = await registry.database()
  const at = await registry.now()
  const fence = (await documents.fences(1))[0]!
  await changeIndexState(registry, generation.id, (state) => {
    if (state.mark && state.mark.fence >= fence) return undefined
    return { ...state, mark: { fence, at }, sweptAt: state.sweptAt === 0 && !state.sweep ? at : state.sweptAt }
  })
  const marker: IndexMarker = {
    installation: typeof installation === 'string' ? installation : '',
    generation: generation.id,
    epoch: epochOf(fence),
    fence,
    system,
    timeline,
  }
  if (over !== undefined && (await markerIn(ports, generation, call))?.fence !== over) return
  if (generation.target === 'vector') await vectorsOf(ports, generation).mark(vectorIndexOf(generation), marker, call)
  else await textsOf(ports, generation).mark(textIndexOf(generation), marker, call)
}

/** Null where the index is gone, or says nothing. */
export async function markerIn(
  ports: WriterPorts,
  generation: Generation,
  call: CallOptions,
): Promise<IndexMarker | null> {
  try {
    return generation.target === 'vector'
      ? await vectorsOf(ports, generation).marker(vectorIndexOf(generation), call)
      : await textsOf(ports, generation).marker(textIndexOf(generation), call)
  } catch (error) {
    if (isHeadwaterError(error, 'HW_GENERATION_MISSING')) return null
    throw error
  }
}

/** The indexes that are being mended, and why. */
export async function sweepsUnderWay(ports: WriterPorts): Promise<{ name: string; why: string }[]> {
  const { generations, registry } = ports.truth.session({ worker: true })
  const found: { name: string; why: string }[] = []
  for (const { id, name } of await generations.list({ states: ['live', 'standby'] })) {
    const { sweep } = await readIndexState(registry, id)
    if (!sweep || sweep.reason === 'turn') continue
    found.push({ name, why: why[sweep.reason] })
  }
  return found
}

const why: Readonly<Record<SweepReason, string>> = {
  gone: 'it was wiped or made by somebody else',
  changed: 'an older state of it came back',
  restored: 'Postgres was restored',
  failed: 'jobs failed on it',
  turn: 'it is its turn',
}

function nameOf(id: number): string {
  return `index:${id}`
}

function stateOf(recorded: Json | null): IndexState {
  return recorded === null ? unknown : (recorded as unknown as IndexState)
}
