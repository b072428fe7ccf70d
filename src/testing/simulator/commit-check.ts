import { canonicalJson } from '../../core/json'
import type { JobRow } from '../../repositories/jobs'
import { outstandingJobs } from '../../repositories/memory/claimed-jobs'
import type { StoredClaim, StoredDocument, Tables } from '../../repositories/memory/tables'
import { contentKey, type History } from './history'
import type { IndexCheck } from './index-check'
import { coupleSplitter, modelSplitter } from './model-embedder'
import type { Completion } from './model-truth'
import type { VirtualClock } from './virtual-clock'
import type { World } from './world'

/**
 * Looks at the truth's tables after every COMMIT: what changed must be what somebody asked for, as often as he asked,
 * whole, and with jobs (invariants 1, 2, 3, 11, 12); a job that went must have done its work (5).
 */
export class CommitCheck {
  readonly #world: World
  readonly #tables: Tables
  readonly #clock: VirtualClock
  readonly #history: History
  readonly #indexes: IndexCheck
  readonly #completions: ReadonlySet<Completion>
  readonly #live = new Map<string, number>()
  #documents = new Map<string, StoredDocument>()
  /** What was in the queue or claimed. */
  #jobs = new Map<string, JobRow>()
  #claims = new Map<string, StoredClaim>()
  /** How often an effect has been applied, by document and effect. */
  #applied = new Map<string, number>()

  constructor(options: {
    readonly world: World
    readonly tables: Tables
    readonly clock: VirtualClock
    readonly history: History
    readonly indexes: IndexCheck
    readonly completions: ReadonlySet<Completion>
  }) {
    this.#world = options.world
    this.#tables = options.tables
    this.#clock = options.clock
    this.#history = options.history
    this.#indexes = options.indexes
    this.#completions = options.completions
  }

  committed(): void {
    const changed = this.#changedDocuments()
    this.#together(new Map(changed.map(([was, row]) => [row, this.#document(was, row)])))
    this.#forgotten()
    this.#jobsThatChanged()
    this.#switches()
    if (changed.length > 0) this.#documents = new Map(this.#tables.documents.rows)
    this.#noteJobs()
  }

  #noteJobs(): void {
    this.#jobs = outstandingJobs(this.#tables)
    this.#claims = new Map(this.#tables.claims.rows)
  }

  /** From the first on, exactly one generation of a target is live (14), and a new one is complete (13). */
  #switches(): void {
    const cuts = new Set<string>()
    for (const target of ['vector', 'text'] as const) {
      const live = [...this.#tables.generations.rows.values()].filter(
        (one) => one.target === target && one.state === 'live',
      )
      const was = this.#live.get(target)
      if (live.length > 1 || (live.length === 0 && was !== undefined)) {
        this.#world.violate(14, `${live.length} generations of ${target} are live`)
      }
      const [now] = live
      if (now) cuts.add(now.chunking)
      if (!now || now.id === was) continue
      this.#world.trace('truth', () => `COMMIT ${now.name} is live`)
      this.#live.set(target, now.id)
      this.#indexes.switched(now)
    }
    if (cuts.size > 1) this.#world.violate(14, `The live generations are cut by ${[...cuts].join(' and ')}`)
  }

  /** What it has counted so far; what that returns goes back to it, after the truth has. */
  backup(): () => void {
    const applied = new Map(this.#applied)
    return () => {
      this.#applied = new Map(applied)
      this.#documents = new Map(this.#tables.documents.rows)
      this.#noteJobs()
    }
  }

  /** After a client was told that something did not happen: it must not have, and counts no more. */
  recount(document: StoredDocument | { tenant: StoredDocument['tenant']; id: string }): void {
    for (const [effect, count] of this.#applied) {
      if (!effect.startsWith(`${document.tenant}/${document.id}/`)) continue
      const what = effect.slice(`${document.tenant}/${document.id}/`.length)
      this.#count(document.tenant, document.id, what, count, 3)
    }
  }

  #changedDocuments(): [StoredDocument | undefined, StoredDocument][] {
    const changed: [StoredDocument | undefined, StoredDocument][] = []
    for (const [key, row] of this.#tables.documents.rows) {
      const was = this.#documents.get(key)
      if (was !== row) changed.push([was, row])
    }
    return changed
  }

  /** Returns what was done to it. */
  #document(was: StoredDocument | undefined, row: StoredDocument): string {
    const name = `${row.tenant}/${row.id}`
    const isCut = was !== undefined && isRecut(was, row)
    if (was && (isCut || isRestamp(was, row))) {
      const how = isCut ? 'cut' : 'stamped'
      this.#world.trace('truth', () => `COMMIT ${name} v${row.version} ${how} anew: f${row.fence % 2 ** 40}`)
      const { tenant, id, version, fence } = row
      const { content } = this.#history.states(tenant, id).at(-1)!
      this.#history.record(tenant, id, { from: this.#world.scheduler.now, version, fence, content })
      this.#whole(row, isCut ? 'cut' : 'stamped')
      return 'restamp'
    }
    if (row.version !== (was?.version ?? 0) + 1) {
      this.#world.violate(1, `${name} went from version ${was?.version ?? 0} to ${row.version}`)
    }
    if (row.fence <= (was?.fence ?? 0))
      this.#world.violate(10, `${name}: its fence went from ${was?.fence} to ${row.fence}`)
    const alive = row.buriedAt === null
    const what = alive ? this.#attribute(was, row) : `delete`
    this.#world.trace(
      'truth',
      () => `COMMIT ${name} v${row.version} f${row.fence % 2 ** 40} ${what.replaceAll('\n', '; ')}`,
    )
    const { tenant, id, version, fence, title, text, metadata, source } = row
    const content = alive ? { title, text, metadata, source } : null
    const earlier = this.#history.states(tenant, id).at(-1)!
    this.#history.record(tenant, id, { from: this.#world.scheduler.now, version, fence, content })
    const counted = alive ? what : `delete ${String(earlier.content?.metadata['group'])}`
    const key = `${tenant}/${id}/${counted}`
    const count = (this.#applied.get(key) ?? 0) + 1
    this.#applied.set(key, count)
    this.#count(tenant, id, counted, count, 12)
    this.#whole(row)
    return what
  }

  /** Which effect explains the row. A patch is told by the mark it leaves; it changes nothing but what it names. */
  #attribute(was: StoredDocument | undefined, row: StoredDocument): string {
    const mark = row.metadata['p']
    if (mark === undefined || !was || was.buriedAt !== null || was.metadata['p'] === mark)
      return `put ${contentKey(row)}`
    const asked = this.#history
      .effectsOn(row.tenant, row.id)
      .find(({ effect: { what } }) => what.kind === 'patch' && what.patch['p'] === mark)?.effect.what
    const patch = asked?.kind === 'patch' ? asked.patch : {}
    const expected = { ...was.metadata, ...patch }
    const same = was.title === row.title && was.text === row.text && was.source === row.source
    if (!same || canonicalJson(row.metadata) !== canonicalJson(expected)) {
      this.#world.violate(1, `The patch of ${row.tenant}/${row.id} overwrote what it did not name`)
    }
    return `patch ${String(mark)}`
  }

  #count(tenant: StoredDocument['tenant'], id: string, what: string, count: number, invariant: number): void {
    const asked = this.#history.effectsOn(tenant, id).filter(({ effect }) => {
      if (effect.failed) return false
      if (effect.what.kind === 'put') return what === `put ${effect.what.key}`
      if (effect.what.kind === 'patch') return what === `patch ${String(effect.what.patch['p'])}`
      return what.startsWith('delete') && (!effect.what.group || what === `delete ${effect.what.group}`)
    }).length
    if (count <= asked) return
    const wrong = asked === 0 ? 3 : invariant
    this.#world.violate(wrong, `${tenant}/${id}: '${what}' was applied ${count} times, but counts ${asked} times`)
  }

  /**
   * Document, chunks and jobs: together or not at all. In a chunking that not every process knows there may be none, which
   * the job brings; never others.
   */
  #whole(row: StoredDocument, by: 'write' | 'stamped' | 'cut' = 'write'): void {
    const name = `${row.tenant}/${row.id}`
    const group = this.#tables.chunks.groups.get(`${row.tenant}/${row.collection}/${row.id}`) ?? []
    const chunks = [...group].map((key) => this.#tables.chunks.rows.get(key)!).sort((a, b) => a.ordinal - b.ordinal)
    const used = [...this.#tables.generations.rows.values()].filter(({ state }) => state !== 'dropped')
    for (const chunking of new Set(used.map((one) => one.chunking))) {
      const held = chunks
        .filter((one) => one.buriedAt === null && one.chunking === chunking)
        .map(({ text, start, end }) => `${start}-${end} ${text}`)
      const pieces = row.buriedAt === null ? modelSplitter(chunking).split(row) : []
      const wanted = pieces.map((it) => `${it.start}-${it.end} ${it.text}`)
      // Half a write is mended in one chunking after the other.
      const mayBeEmpty = chunking === coupleSplitter.id || by !== 'write'
      if (held.join('\n') === wanted.join('\n') || (held.length === 0 && mayBeEmpty)) continue
      this.#world.violate(
        2,
        `${name} v${row.version} has the ${chunking} ${JSON.stringify(held)}, not ${JSON.stringify(wanted)}`,
      )
    }
    if (by === 'cut') return
    const outstanding = outstandingJobs(this.#tables)
    for (const target of ['vector', 'text']) {
      const job = outstanding.get(`${target}/${row.tenant}/${row.collection}/${row.id}`)
      if (!job || job.fence < row.fence) this.#world.violate(2, `${name} v${row.version} came without a ${target} job`)
    }
  }

  /** What one transaction puts comes in one COMMIT. */
  #together(done: ReadonlyMap<StoredDocument, string>): void {
    const came = new Set([...done].map(([row, what]) => `${row.tenant}/${row.id} ${what}`))
    for (const [row, what] of done) {
      for (const { operation, effect } of this.#history.effectsOn(row.tenant, row.id)) {
        if (!operation.atomic || effect.what.kind !== 'put' || what !== `put ${effect.what.key}`) continue
        for (const other of operation.effects) {
          if (other.what.kind !== 'put') continue
          if (came.has(`${operation.tenant}/${other.document} put ${other.what.key}`)) continue
          this.#world.violate(2, `The transaction ${operation.id} committed without its put of ${other.document}`)
        }
      }
    }
  }

  /** Tombstones may be purged when no job needs them; nothing else ever leaves. */
  #forgotten(): void {
    if (this.#tables.documents.rows.size === this.#documents.size) return
    for (const [key, was] of this.#documents) {
      if (this.#tables.documents.rows.has(key)) continue
      const { tenant, id, collection } = was
      if (was.buriedAt === null) this.#world.violate(1, `${tenant}/${id} is gone without a tombstone`)
      const outstanding = outstandingJobs(this.#tables)
      const jobs = ['vector', 'text'].filter((target) => outstanding.has(`${target}/${tenant}/${collection}/${id}`))
      if (jobs.length > 0) this.#world.violate(5, `The tombstone of ${tenant}/${id} went before its ${jobs} job`)
      this.#history.record(tenant, id, { from: this.#world.scheduler.now, version: 0, fence: 0, content: null })
      this.#documents.delete(key)
    }
  }

  #jobsThatChanged(): void {
    // A lease that had run out may seem to last again when the clock has gone back since.
    const now = this.#clock.highest
    const settled = new Set([...this.#completions].flatMap(({ tokens }) => tokens))
    for (const [key, { token, leaseUntil }] of this.#claims) {
      if (this.#tables.claims.rows.has(key) || settled.has(token) || leaseUntil <= now) continue
      this.#world.violate(11, `The claim ${key} was taken away while its lease lasts`)
    }
    const outstanding = outstandingJobs(this.#tables)
    for (const [key, was] of this.#jobs) if (!outstanding.has(key)) this.#completed(was, settled)
  }

  #completed(job: JobRow, settled: ReadonlySet<string>): void {
    const { target, tenant, document } = job
    const holds = ({ jobs }: StoredClaim): boolean =>
      jobs.some((one) => one.target === target && one.tenant === tenant && one.document === document)
    const own = [...this.#claims.values()].find((claim) => settled.has(claim.token) && holds(claim))
    this.#world.trace('truth', () => `COMMIT ${target} job of ${tenant}/${document} f${job.fence % 2 ** 40} done`)
    if (!own)
      this.#world.violate(11, `The ${target} job of ${tenant}/${document} was completed by another than its claim`)
    if (own && own.epoch !== this.#tables.epoch) {
      const epochs = `epoch ${own.epoch} in epoch ${this.#tables.epoch}`
      this.#world.violate(11, `The ${target} job of ${tenant}/${document} was completed by a claim of ${epochs}`)
    }
    if (target !== 'cache') this.#indexes.compare(target, job)
  }
}

/** A repair gives a living document another fence and changes nothing else. */
function isRestamp(was: StoredDocument, row: StoredDocument): boolean {
  return isOnlyFenced(was, row) && row.payloadFence > was.payloadFence
}

/** So does whoever cuts it for one more chunking, and leaves the payload's fence. */
function isRecut(was: StoredDocument, row: StoredDocument): boolean {
  return isOnlyFenced(was, row) && row.payloadFence === was.payloadFence
}

function isOnlyFenced(was: StoredDocument, row: StoredDocument): boolean {
  const same = (['version', 'contentHash', 'payloadHash', 'updatedAt', 'buriedAt'] as const).every(
    (field) => was[field] === row[field],
  )
  return same && row.buriedAt === null && row.fence > was.fence
}
