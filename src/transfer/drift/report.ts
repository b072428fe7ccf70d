import { stat, statfs } from 'node:fs/promises'
import { type CallOptions, throwIfAborted } from '../../core/abort'
import { type Clock, sleep } from '../../core/clock'
import { shortened } from '../../core/describe-value'
import { HeadwaterError } from '../../core/errors'
import { SortedRuns } from '../sorted-runs'
import { unreadable } from '../unreadable'
import { advice } from './advice'
import { type Difference, type DriftKind, differencesIn, usualShape } from './differences'
import { blobLegs, type DriftLeg, type LegEntry } from './legs'
import { type BlobNames, type LegScan, scanLegs } from './scan'

/** What a report will take, told before anything is read. */
export interface DriftEstimate {
  /** Rows of all legs together. */
  readonly rows: number
  /** Of the temporary folder, about. */
  readonly bytes: number
  readonly folder: string
}

export interface DriftSettings extends CallOptions {
  /** Between the two passes, ms: what the systems need to follow; 30,000 by default. */
  readonly graceMs?: number | undefined
  /** Of each finding; 10 by default. */
  readonly examples?: number | undefined
  /** Only the beginnings of ids, where they say who is meant. */
  readonly shortenIds?: boolean | undefined
  /** Where sorted runs are kept meanwhile; the system's by default. */
  readonly temporary?: string | undefined
  readonly onEstimate?: ((estimate: DriftEstimate) => void) | undefined
}

export interface DriftExample {
  readonly id: string
  /** What the leg has instead; empty where that says nothing. */
  readonly detail: string
}

/** What is wrong in one leg, in one way. */
export interface DriftFinding {
  readonly leg: string
  readonly kind: DriftKind
  /** Documents; of blobs that nobody owns, blobs. */
  readonly count: number
  readonly examples: readonly DriftExample[]
  /** What usually makes it. */
  readonly cause: string
  /** What to do about it. */
  readonly remedy: string
}

export interface DriftReport {
  /** Nothing was wrong in both passes. */
  readonly ok: boolean
  readonly findings: readonly DriftFinding[]
  /** By leg, as of the second pass. */
  readonly rows: Readonly<Record<string, number>>
  /** What was not compared, and what to map for it. */
  readonly unchecked: readonly string[]
  /** Largest size of the temporary files, bytes. */
  readonly diskBytes: number
  readonly ms: number
}

/** Of one entry, about: key, id, stamp, tenant. */
const entryBytes = 120
const defaults = { graceMs: 30_000, examples: 10 } as const

/**
 * Compares the legs with the first one, twice, and reports what is wrong both times in the same way: what writers change
 * meanwhile is not. Nothing is written but sorted runs in a temporary folder.
 */
export async function reportDrift(
  legs: readonly DriftLeg[],
  blobs: BlobNames | undefined,
  temporary: string,
  clock: Clock,
  settings: DriftSettings,
): Promise<DriftReport> {
  const { signal, graceMs = defaults.graceMs } = settings
  const startedAt = clock.monotonic()
  const expected = await estimate(legs, temporary, signal)
  settings.onEstimate?.(expected)
  await using first = new SortedRuns(temporary)
  const add = (one: Difference, key: Buffer): Promise<void> => first.add(key, payloadOf(one))
  const { bytes } = await pass(legs, blobs, temporary, signal, add)
  await sleep(clock, graceMs, signal)
  const tally = new Tally(legs, settings)
  const before = new SameKey(first)
  const second = await pass(legs, blobs, temporary, signal, async (one, key) => {
    if (await before.has(key, payloadOf(one))) tally.add(one)
  })
  return {
    ok: tally.count === 0,
    findings: tally.findings(),
    rows: Object.fromEntries(legs.map(({ name }, at) => [name, second.scans[at]!.rows])),
    unchecked: uncheckedIn(legs, blobs),
    diskBytes: Math.max(bytes, second.bytes) + first.bytes,
    ms: clock.monotonic() - startedAt,
  }
}

async function estimate(
  legs: readonly DriftLeg[],
  folder: string,
  signal: AbortSignal | undefined,
): Promise<DriftEstimate> {
  let rows = 0
  for (const { source } of legs) {
    for (const part of await source.parts({ signal })) rows += part.rows ?? 0
  }
  const bytes = rows * entryBytes
  const { bavail, bsize } = await stat(folder)
    .then(() => statfs(folder))
    .catch((cause: unknown) => {
      throw unreadable(folder, cause)
    })
  if (bavail * bsize >= bytes) return { rows, bytes, folder }
  const problem = `temporary: ${folder} has ${bavail * bsize} bytes left, and about ${bytes} are needed`
  throw new HeadwaterError('HW_STORAGE', problem, { path: 'temporary' })
}

/** Reads all legs once, and tells each difference in the order of the keys. */
async function pass(
  legs: readonly DriftLeg[],
  blobs: BlobNames | undefined,
  temporary: string,
  signal: AbortSignal | undefined,
  tell: (difference: Difference, key: Buffer) => Promise<void>,
): Promise<{ readonly scans: readonly LegScan[]; readonly bytes: number }> {
  await using runs = new SortedRuns(temporary)
  const scans = await scanLegs(legs, blobs, runs, signal)
  const usual = scans.map(usualShape)
  let key = Buffer.alloc(0)
  let group: LegEntry[] = []
  const end = async (): Promise<void> => {
    throwIfAborted(signal)
    if (group.length === 0) return
    for (const difference of differencesIn(group, legs.length, usual)) await tell(difference, key)
  }
  for await (const entry of runs.entries()) {
    if (!entry.key.equals(key)) {
      await end()
      key = Buffer.from(entry.key)
      group = []
    }
    group.push(JSON.parse(entry.payload.toString('utf8')) as LegEntry)
  }
  await end()
  return { scans, bytes: runs.bytes }
}

const longestDetail = 1_000

function payloadOf({ leg, kind, id, detail }: Difference): Buffer {
  return Buffer.from(JSON.stringify([leg, kind, id, detail.slice(0, longestDetail)]))
}

/** Whether runs have an entry, asked in the order of their keys. */
class SameKey {
  readonly #entries: ReturnType<SortedRuns['entries']>
  #key = Buffer.alloc(0)
  readonly #payloads: Buffer[] = []
  #next: { readonly key: Buffer; readonly payload: Buffer } | undefined
  #begun = false

  constructor(runs: SortedRuns) {
    this.#entries = runs.entries()
  }

  async has(key: Buffer, payload: Buffer): Promise<boolean> {
    if (!this.#key.equals(key)) await this.#goTo(key)
    return this.#payloads.some((one) => one.equals(payload))
  }

  async #goTo(key: Buffer): Promise<void> {
    if (!this.#begun) await this.#read()
    this.#begun = true
    this.#key = Buffer.from(key)
    this.#payloads.length = 0
    while (this.#next && Buffer.compare(this.#next.key, key) < 0) await this.#read()
    while (this.#next?.key.equals(key)) {
      this.#payloads.push(this.#next.payload)
      await this.#read()
    }
  }

  /** A copy: what is read next may lie in its place. */
  async #read(): Promise<void> {
    const { value, done } = await this.#entries.next()
    this.#next = done ? undefined : { key: Buffer.from(value.key), payload: Buffer.from(value.payload) }
  }
}

class Tally {
  count = 0
  readonly #legs: readonly DriftLeg[]
  readonly #settings: DriftSettings
  readonly #found = new Map<string, { first: Difference; count: number; examples: DriftExample[] }>()

  constructor(legs: readonly DriftLeg[], settings: DriftSettings) {
    this.#legs = legs
    this.#settings = settings
  }

  add(difference: Difference): void {
    this.count++
    const { leg, kind, id, detail } = difference
    const name = `${leg} ${kind}`
    const found = this.#found.get(name) ?? { first: difference, count: 0, examples: [] }
    this.#found.set(name, found)
    found.count++
    const { examples = defaults.examples, shortenIds } = this.#settings
    if (found.examples.length < examples) found.examples.push({ id: shortenIds ? shortened(id, 5) : id, detail })
  }

  findings(): DriftFinding[] {
    return [...this.#found.values()]
      .sort((a, b) => b.count - a.count)
      .map(({ first: { leg, kind }, count, examples }) => {
        const name = leg === blobLegs.there ? 'blobs' : this.#legs[leg]!.name
        return { leg: name, kind, count, examples, ...advice(kind, leg) }
      })
  }
}

function uncheckedIn(legs: readonly DriftLeg[], blobs: BlobNames | undefined): string[] {
  const [truth, ...indexes] = legs
  const found: string[] = []
  for (const { name, fields } of indexes) {
    const lacks = (what: keyof DriftLeg['fields'], kind: DriftKind): void => {
      if (!fields[what]) found.push(`${name}: ${kind}, for which ${what} has to be mapped`)
      else if (what !== 'vector' && !truth!.fields[what])
        found.push(`${name}: ${kind}, for which the truth lacks ${what}`)
    }
    lacks('stamp', 'stale')
    lacks('tenant', 'foreign tenant')
    lacks('vector', 'another model')
  }
  if (!blobs) found.push('blobs: without a blob, for which a place has to be given')
  else if (!truth!.fields.blob) found.push('blobs: without a blob, for which the truth lacks blob')
  return found
}
