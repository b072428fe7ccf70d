import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Random, seededRandom } from '../../src/core/random'
import { Actor } from './actor'
import type { Aim, Phase } from './aim'
import { bundleActors } from './bundle'
import { lostWrites, wrongHits } from './check-history'
import { RawStores } from './check-stores'
import { History } from './history'
import type { Role } from './order'
import { until } from './processes'
import { newReport, type TortureReport } from './report'
import { type Profile, Servers } from './servers'

export interface TortureOptions {
  readonly rounds: number
  readonly seed: number
  readonly profile: Profile
  /** A server that others use too. */
  readonly elasticsearchUrl?: string | undefined
  /** Rounds from one check to the next. */
  readonly checkEvery?: number
  readonly log?: (line: string) => void
  /** Ends it after the round that runs, with a check. */
  readonly signal?: AbortSignal
}

/** Phases in the order in which rounds take turns; `null` is a kill at any time. */
const turns: readonly (Phase | null)[] = [
  'before-commit',
  'copy',
  'claimed',
  'apply',
  'switch',
  'after-commit',
  'at-commit',
  null,
]
const roleOf: Record<Phase, Role> = {
  'before-commit': 'writer',
  'at-commit': 'writer',
  'after-commit': 'writer',
  claimed: 'worker',
  apply: 'worker',
  copy: 'rebuilder',
  switch: 'rebuilder',
}
const hitMs = 5_000
const settleMs = 90_000

/** Runs rounds of kills and faults over real servers, and checks what is left. */
export async function torture(options: TortureOptions): Promise<TortureReport> {
  const run = new Torture(options)
  try {
    return await run.run()
  } finally {
    await run.close()
  }
}

class Torture {
  readonly #options: TortureOptions
  readonly #random: Random
  readonly #report: TortureReport
  readonly #history = new History()
  readonly #folder = mkdtempSync(path.join(tmpdir(), 'hw-torture-'))
  /** Below node_modules, where the bundle finds what it imports. */
  readonly #bundle = fileURLToPath(
    new URL(`../../node_modules/.cache/headwater/torture-${process.pid}`, import.meta.url),
  )
  readonly #log: (line: string) => void
  readonly #actors = new Set<Actor>()
  readonly #faults = new Set<Promise<unknown>>()
  /** Those that were told to open with Postgres alone. */
  readonly #narrow = new WeakSet<Actor>()
  #spare: Actor[] = []
  #servers: Servers | undefined
  #stores: RawStores | undefined
  #named = 0
  #searchesChecked = 0

  constructor(options: TortureOptions) {
    this.#options = options
    this.#random = seededRandom(options.seed)
    this.#log = options.log ?? (() => undefined)
    this.#report = newReport(options.seed, options.profile)
  }

  async run(): Promise<TortureReport> {
    const startedAt = performance.now()
    const { profile, rounds, elasticsearchUrl, checkEvery = 10 } = this.#options
    await bundleActors(this.#bundle)
    const qdrantScript = path.join(this.#bundle, 'qdrant.js')
    this.#servers = await Servers.start({ profile, qdrantScript, elasticsearchUrl })
    this.#stores = new RawStores(this.#servers)
    this.#log(`servers are up after ${seconds(startedAt)} s`)
    await this.#cast(['worker', 'worker', 'writer', 'searcher'])
    for (let round = 1; round <= rounds && this.#report.violations.length === 0; round++) {
      await this.#round(round)
      this.#report.rounds = round
      const last = round === rounds || this.#options.signal?.aborted === true
      if (last || round % checkEvery === 0) await this.#check(last)
      if (last) break
    }
    const report = this.#report
    report.seconds = Math.round((performance.now() - startedAt) / 100) / 10
    report.leftovers = await this.#stores.leftovers()
    if (report.violations.length > 0) report.journals = this.#folder
    return report
  }

  async close(): Promise<void> {
    await Promise.all([...this.#actors, ...this.#spare].map((actor) => actor.kill()))
    await Promise.allSettled(this.#faults)
    await this.#stores?.dispose().catch(() => undefined)
    await this.#servers?.stop()
    rmSync(this.#bundle, { recursive: true, force: true })
    if (this.#report.violations.length === 0) rmSync(this.#folder, { recursive: true, force: true })
  }

  #below(limit: number): number {
    return Math.floor(this.#random.next() * limit)
  }

  /** Starts processes in their roles; the next ones warm up meanwhile. */
  async #cast(roles: readonly Role[]): Promise<void> {
    for (const role of roles) this.#enlist(role)
    const opened = await Promise.all(
      [...this.#actors].map((actor) => actor.heard((said) => said.opened === true, settleMs)),
    )
    if (opened.some((one) => !one)) this.#violate('a process could not open the store')
  }

  #enlist(role: Role, target?: 'vector' | 'text', engine = target && this.#engineFor(target)): Actor {
    const script = path.join(this.#bundle, 'actor.js')
    const actor = this.#spare.shift() ?? new Actor(script)
    if (this.#spare.length === 0) this.#spare.push(new Actor(script))
    const name = `${role[0]}${++this.#named}`
    const journal = path.join(this.#folder, `${name}.jsonl`)
    const narrow = this.#mayBeNarrow(role) && this.#below(2) === 0
    if (narrow) this.#narrow.add(actor)
    if (role === 'writer') this.#readJournals()
    actor.play({
      role,
      name,
      journal,
      seed: this.#below(2 ** 31),
      store: {
        // Little, so that late deliveries come about; a new index takes its time on a machine under load.
        ...this.#servers!.storeOptions(role === 'rebuilder' ? 10_000 : 1_500),
        relay: 'external',
        embedder: { hashing: { dimensions: 16 } },
        splitter: { size: 300 },
        writer: { pollMs: 50, leaseMs: 2_000, backoffMs: 50, backoffMaxMs: 500, checkMs: 5_000, claimBatch: 8 },
      },
      narrow,
      ...(target && { target, engine }),
      ...(role === 'writer' && {
        doubt: this.#history
          .open()
          .map(({ op, tenant, kind, ids, size, turn }) => ({ op, tenant, kind, ids, size, turn })),
      }),
    })
    this.#actors.add(actor)
    return actor
  }

  /** Somebody has to serve every engine. */
  #mayBeNarrow(role: Role): boolean {
    if (role === 'searcher') return true
    return role === 'worker' && [...this.#actors].some((one) => one.role === 'worker' && !this.#narrow.has(one))
  }

  /** Half of them stay where they are. */
  #engineFor(target: 'vector' | 'text'): string | undefined {
    const engines = this.#servers!.enginesOf(target)
    return engines[this.#below(2 * engines.length)]
  }

  /** A change of engine that nobody kills, while all others write, search and work; what a fault ends is run again. */
  async #change(target: 'vector' | 'text'): Promise<void> {
    const engines = this.#servers!.enginesOf(target)
    const live = await this.#stores!.liveEngine(target).catch(() => undefined)
    const engine = engines.find((one) => one !== live)
    if (!engine) return
    for (let tries = 1; ; tries++) {
      const actor = this.#enlist('rebuilder', target, engine)
      const heard = await actor.heard(({ rebuilt, failed }) => Boolean(rebuilt ?? failed), settleMs)
      await this.#bury(actor)
      const failed = heard?.rebuilt ? heard.rebuilt.failed : (heard?.failed ?? 'no answer')
      this.#log(`  ${target} to ${engine}: ${failed ?? 'done'}`)
      if (failed === undefined) break
      if (tries === 8) return this.#violate(`${target} could not be moved to ${engine}: ${JSON.stringify(heard)}`)
    }
    this.#report.changes[engine] = (this.#report.changes[engine] ?? 0) + 1
  }

  #of(role: Role): Actor | undefined {
    return [...this.#actors].find((actor) => actor.role === role)
  }

  async #round(round: number): Promise<void> {
    const phase = turns[(round - 1) % turns.length]!
    const faults = this.#plan(round)
    const target = this.#below(2) === 0 ? 'vector' : 'text'
    const aim: Aim | null = phase && {
      phase,
      nth: 1 + this.#below(phase === 'apply' ? 12 : 6),
      sent: this.#below(2) === 0,
    }
    const role = phase ? roleOf[phase] : (['writer', 'worker', 'searcher'] as const)[this.#below(3)]!
    this.#log(
      `round ${round}: ${phase ?? `a ${role} anywhere`}${aim ? ` #${aim.nth}` : ''}; ${faults.map(({ name }) => name).join()}`,
    )
    for (const { run } of faults) this.#during(run)
    if (round % 5 === 3) await this.#change(round % 2 === 0 ? 'vector' : 'text')
    const victim = role === 'rebuilder' ? this.#enlist('rebuilder', target) : this.#of(role)!
    // What a single fault leaves of a copy is little: the first writes are the ones to meet.
    if (aim) victim.aim(role === 'rebuilder' && aim.phase === 'copy' ? { ...aim, nth: 1 + (aim.nth % 3) } : aim)
    if (aim) {
      await victim.heard(({ opened }) => opened === true, settleMs)
      const heard = await victim.heard(({ hit, rebuilt, failed }) => Boolean(hit ?? rebuilt ?? failed), hitMs)
      if (heard?.hit) this.#report.kills[heard.hit]++
      if (heard?.rebuilt) this.#rebuilt(heard.rebuilt)
      this.#log(`  ${heard ? JSON.stringify(heard) : 'was not met'}`)
      if (!heard) this.#report.kills.anywhere++
    } else {
      await delay(100 + this.#below(900))
      this.#report.kills.anywhere++
    }
    await this.#replace(victim)
    await Promise.all([...this.#faults])
    await delay(100 + this.#below(300))
  }

  #rebuilt(result: { readonly failed?: string }): void {
    if (result.failed)
      this.#report.refusals[`rebuild ${result.failed}`] = (this.#report.refusals[`rebuild ${result.failed}`] ?? 0) + 1
    else this.#report.rebuilds++
  }

  async #replace(victim: Actor): Promise<void> {
    const { role } = victim
    // Whoever fell without being pushed has found something.
    if (victim.failure) this.#violate(`a ${role} ended by itself: ${victim.failure}`)
    await this.#bury(victim)
    if (role !== 'rebuilder') this.#enlist(role)
  }

  /** Which server stands still or falls in a round. */
  #plan(round: number): { name: string; run: () => Promise<void> }[] {
    const servers = this.#servers!
    const { pauses, restarts } = this.#report
    const pausable = servers.pausable
    const name = pausable[this.#below(pausable.length)]!
    const ms = 200 + this.#below(1_800)
    const dice = this.#below(20)
    const pause = async (): Promise<void> => {
      pauses[name] = (pauses[name] ?? 0) + 1
      await servers.pause(name, ms)
    }
    const restart = (which: 'postgres' | 'redis' | 'elasticsearch') => async (): Promise<void> => {
      restarts[which] = (restarts[which] ?? 0) + 1
      await servers.restart(which)
    }
    if (round % 40 === 25 && this.#options.profile === 'full') {
      return [{ name: 'elasticsearch falls', run: restart('elasticsearch') }]
    }
    if (dice < 6) return [{ name: `${name} stands still for ${ms} ms`, run: pause }]
    if (dice < 8) return [{ name: 'postgres falls', run: restart('postgres') }]
    if (dice < 9 && pausable.includes('redis')) return [{ name: 'redis falls', run: restart('redis') }]
    return []
  }

  #during(run: () => Promise<void>): void {
    const fault = delay(this.#below(400)).then(run)
    this.#faults.add(fault)
    fault.then(
      () => this.#faults.delete(fault),
      (error: unknown) => {
        this.#faults.delete(fault)
        this.#violate(`a server could not be handled: ${String(error)}`)
      },
    )
  }

  /** Writers come to an end, workers drain, and what is there is compared with what must be. */
  async #check(last: boolean): Promise<void> {
    const startedAt = performance.now()
    const report = this.#report
    await Promise.all([...this.#faults])
    if (!(await this.#servers!.ready())) this.#violate('the servers are not ready')
    // One that finds an operation still open is followed by another, which asks again.
    for (let tries = 0; tries < 3; tries++) {
      await this.#retire(this.#of('writer')!)
      this.#readJournals()
      if (this.#history.open().length === 0) break
      if (tries < 2) this.#enlist('writer')
    }
    await this.#retire(this.#of('searcher')!)
    this.#readJournals()
    const open = this.#history.open()
    if (open.length > 0) this.#violate(`nobody could tell the end of ${open.map(({ op }) => op).join()}`)
    const drained = await until(async () => (await this.#stores!.jobs()).open === 0, settleMs, 100)
    const jobs = await this.#stores!.jobs()
    this.#log(`  drained after ${seconds(startedAt)} s`)
    if (!drained) this.#violate(`not drained: ${JSON.stringify(jobs)}`)
    if (jobs.parked > 0) this.#violate(`parked: ${JSON.stringify(jobs)}`)
    // A switch that died before the alias followed is mended by the next look of a worker.
    if (last && !(await until(async () => (await this.#stores!.strayAliases()).length === 0, settleMs, 500))) {
      this.#violate(`aliases: ${(await this.#stores!.strayAliases()).join()}`)
    }
    for (const problem of lostWrites(this.#history, await this.#stores!.documents())) this.#violate(`lost: ${problem}`)
    const found = await this.#stores!.compare()
    for (const kind of ['missing', 'stale', 'broken'] as const) {
      if (found[kind].length > 0) this.#violate(`${kind} ${found[kind].length}: ${found[kind].slice(0, 5).join('; ')}`)
    }
    report.resurrected += found.orphaned.length
    if (found.orphaned.length > 0) this.#log(`  resurrected: ${found.orphaned.slice(0, 5).join('; ')}`)
    if (found.orphaned.length > 0 || last) await this.#reconcile(found.orphaned.length)
    const { problems, hits } = wrongHits(this.#history, this.#searchesChecked)
    for (const problem of problems) this.#violate(`search: ${problem}`)
    for (const wrong of this.#history.wrong.splice(0)) this.#violate(`read: ${wrong}`)
    this.#searchesChecked = this.#history.searches.length
    report.hits += hits
    report.searches = this.#history.searches.length
    report.acknowledged = this.#history.acknowledged
    for (const [code, count] of this.#history.refusals) report.refusals[code] = count
    report.checks++
    this.#log(
      `  checked in ${seconds(startedAt)} s: ${report.acknowledged} acknowledged, ${found.chunks} chunks, ${report.searches} ` +
        `searches, ${report.violations.length} violations`,
    )
    if (!last && report.violations.length === 0) {
      this.#enlist('writer')
      this.#enlist('searcher')
    }
  }

  /**
   * What the library's own comparison finds and mends; nothing but late deliveries may be left for it, and what an index
   * beside the live one, of which a failure is noted, is known to lack.
   */
  async #reconcile(orphans: number): Promise<void> {
    const behind = await this.#stores!.behind()
    const actor = this.#enlist('reconciler')
    const heard = await actor.heard(({ reconciled, failed }) => Boolean(reconciled ?? failed), settleMs)
    const result = heard?.reconciled
    if (!result) this.#violate(`reconcile gave no answer: ${heard?.failed ?? 'in time'}`)
    else if (
      result['foreign'] ||
      (behind === 0 && (result['missing'] || result['stale'] || (orphans === 0 && result['orphaned'])))
    ) {
      this.#violate(`reconcile found ${JSON.stringify(result)}`)
    }
    await this.#bury(actor)
    const after = await this.#stores!.compare()
    const left = [...after.missing, ...after.stale, ...after.orphaned, ...after.broken]
    if (left.length > 0) this.#violate(`after reconcile: ${left.slice(0, 5).join('; ')}`)
  }

  /** Lets a process end by itself. */
  async #retire(actor: Actor): Promise<void> {
    actor.stop()
    const heard = await actor.heard(({ ended, failed }) => Boolean(ended ?? failed), settleMs)
    if (!heard?.ended) this.#violate(`a ${actor.role} did not end: ${actor.failure ?? 'in time'}`)
    await this.#bury(actor)
  }

  async #bury(actor: Actor): Promise<void> {
    await actor.kill()
    this.#actors.delete(actor)
    if (actor.warnings === '') return
    this.#report.warnings++
    this.#log(`  a ${actor.role} said: ${actor.warnings}`)
  }

  #readJournals(): void {
    for (const letter of ['w', 's']) {
      for (let at = 1; at <= this.#named; at++) {
        const file = path.join(this.#folder, `${letter}${at}.jsonl`)
        if (letter === 'w') this.#history.readWriter(file)
        else this.#history.readSearcher(file)
      }
    }
  }

  #violate(message: string): void {
    this.#report.violations.push(message)
    this.#log(`VIOLATION ${message}`)
  }
}

const seconds = (since: number): string => ((performance.now() - since) / 1000).toFixed(1)
