import type { CallOptions } from '../core/abort'
import { asHeadwaterError, type ErrorCode, type HeadwaterError } from '../core/errors'
import { tenantId } from '../core/ids'
import { type Generation, textIndexOf, vectorIndexOf } from '../repositories/generations'
import { type IndexPorts, textsOf, vectorsOf } from '../repositories/index-engines'
import type { Truth } from '../repositories/truth'

/** Holds nothing: what it asks for is found nowhere, and costs next to nothing. */
export const nobody = tenantId('headwater.health')
/** Indexes that are searched; a store with more is judged by these. */
const mostIndexes = 32

/** A call that a user's would fail as, too. */
export interface Failing {
  /** A connection, or the name of an index. */
  readonly what: string
  readonly target?: Generation['target']
  readonly error: HeadwaterError
}

/** A search of one live index, by the client and as the role that users' searches take. */
export async function probeSearch(ports: IndexPorts, generation: Generation, call: CallOptions): Promise<void> {
  if (generation.target === 'text') {
    await textsOf(ports, generation).search(
      textIndexOf(generation),
      { tenant: nobody, query: 'headwater', limit: 1 },
      call,
    )
    return
  }
  const vector = new Float32Array(generation.dimensions ?? 1)
  vector[0] = 1
  await vectorsOf(ports, generation).search(vectorIndexOf(generation), { tenant: nobody, vector, limit: 1 }, call)
}

/** What is refused of a statement of each kind. What is away, or missing, says so where it is looked for. */
export async function failingCalls(
  ports: IndexPorts & { readonly truth: Truth },
  generations: readonly Generation[],
  more: Readonly<Record<string, (call: CallOptions) => Promise<unknown>>>,
  call: CallOptions,
): Promise<Failing[]> {
  const live = generations.filter(({ state }) => state === 'live').slice(0, mostIndexes)
  const { documents } = ports.truth.session({ tenant: nobody })
  const [first] = live
  const found = await Promise.all([
    ...live.map((one) => failure({ what: one.name, target: one.target }, () => probeSearch(ports, one, call))),
    ...Object.entries(more).map(([what, ask]) => failure({ what }, () => ask(call))),
    first &&
      failure({ what: 'postgres' }, () =>
        documents.heads({ tenant: nobody, collection: first.collection }, ['none'], call),
      ),
  ])
  return found.flatMap((one) => (one && !toldElsewhere.has(one.error.code) ? [one] : []))
}

async function failure(about: Omit<Failing, 'error'>, ask: () => Promise<unknown>): Promise<Failing | undefined> {
  try {
    await ask()
    return undefined
  } catch (cause) {
    return { ...about, error: asHeadwaterError(cause) }
  }
}

const toldElsewhere: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'HW_UNAVAILABLE',
  'HW_TIMEOUT',
  'HW_ABORTED',
  'HW_CIRCUIT_OPEN',
  'HW_OVERLOADED',
  'HW_CLOSED',
  'HW_GENERATION_MISSING',
])
