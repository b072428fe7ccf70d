import type { CallOptions } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import type {
  ClaimedErrand,
  ErrandBacklog,
  ErrandClaim,
  ErrandClaimOptions,
  ErrandFilter,
  ErrandOutcome,
  ErrandRepository,
  NewErrand,
  ParkedErrand,
} from '../errands'
import { type Access, checkSight, sees } from './access'
import { copyJson } from './copy'
import type { Changes, StoredErrand } from './tables'

export class MemoryErrands implements ErrandRepository {
  readonly #access: Access

  constructor(access: Access) {
    this.#access = access
  }

  add({ id, tenant, name, payload }: NewErrand): Promise<void> {
    return this.#access.write('errands.add', undefined, ({ errands }) => {
      checkSight(this.#access.view, tenant)
      if (errands.get(id)) throw new HeadwaterError('HW_DATABASE', `There is an errand ${id} already`)
      const now = this.#now()
      const fresh = { attempts: 0, reason: null, parked: false, claim: null, createdAt: now, dueAt: now }
      errands.put(id, { id, tenant, name, payload: copyJson(payload), ...fresh })
    })
  }

  claim({ names, limit, token, leaseMs }: ErrandClaimOptions, call?: CallOptions): Promise<ClaimedErrand[]> {
    return this.#access.write('errands.claim', call, (changes) => {
      const { tables, withoutGuard } = this.#access.engine
      const now = this.#now()
      const due = [...this.#inSight(changes, {})]
        .filter((row) => !row.parked && row.dueAt <= now && (withoutGuard === 'errand-lease' || isFree(row, now)))
        .sort((a, b) => a.dueAt - b.dueAt || (a.id < b.id ? -1 : 1))
      return names.flatMap((name) =>
        due
          .filter((row) => row.name === name)
          .slice(0, limit)
          .map((row) => {
            const claim = { token, epoch: tables.epoch, leaseUntil: now + leaseMs }
            const taken = { ...row, attempts: row.attempts + 1, claim }
            changes.errands.put(row.id, taken)
            return { ...errandOf(taken), token, attempt: taken.attempts, reason: taken.reason }
          }),
      )
    })
  }

  renew(claims: readonly ErrandClaim[], leaseMs: number): Promise<ErrandClaim[]> {
    return this.#access.write('errands.renew', undefined, (changes) => {
      const leaseUntil = this.#now() + leaseMs
      return claims.flatMap((claim) => {
        const row = this.#held(changes, claim)
        if (!row) return []
        changes.errands.put(row.id, { ...row, claim: { ...row.claim!, leaseUntil } })
        return [{ id: row.id, token: claim.token }]
      })
    })
  }

  settle(claim: ErrandClaim, outcome: ErrandOutcome): Promise<boolean> {
    return this.#access.write('errands.settle', undefined, (changes) => {
      const row = this.#held(changes, claim)
      if (!row) return false
      const now = this.#now()
      if ('done' in outcome) changes.errands.delete(row.id)
      else if ('released' in outcome)
        changes.errands.put(row.id, { ...row, claim: null, dueAt: now, attempts: row.attempts - 1 })
      else {
        const { reason, delayMs, parks } = outcome
        changes.errands.put(row.id, { ...row, claim: null, reason, parked: parks, dueAt: now + delayMs })
      }
      return true
    })
  }

  backlog(call?: CallOptions): Promise<ErrandBacklog[]> {
    return this.#access.read('errands.backlog', call, (changes) => {
      const now = this.#now()
      const rows = [...this.#inSight(changes, {})]
      const names = [...new Set(rows.map(({ name }) => name))].sort()
      return names.map((name) => {
        const own = rows.filter((row) => row.name === name)
        const alive = own.filter(({ parked }) => !parked)
        const waiting = alive.filter((row) => isFree(row, now)).length
        const oldest = Math.min(...alive.map(({ createdAt }) => createdAt))
        return {
          name,
          waiting,
          claimed: alive.length - waiting,
          parked: own.length - alive.length,
          oldestMs: alive.length > 0 ? Math.max(0, now - oldest) : null,
        }
      })
    })
  }

  parked({ limit, ...filter }: ErrandFilter & { readonly limit: number }): Promise<ParkedErrand[]> {
    return this.#access.read('errands.parked', undefined, (changes) =>
      [...this.#inSight(changes, filter)]
        .filter(({ parked }) => parked)
        .sort((a, b) => (a.id < b.id ? -1 : 1))
        .slice(0, limit)
        .map((row) => ({ ...errandOf(row), attempts: row.attempts, reason: row.reason })),
    )
  }

  redrive(filter: ErrandFilter): Promise<number> {
    return this.#access.write('errands.redrive', undefined, (changes) => {
      const parked = [...this.#inSight(changes, filter)].filter((row) => row.parked)
      for (const row of parked) changes.errands.put(row.id, { ...row, parked: false, attempts: 0, dueAt: this.#now() })
      return parked.length
    })
  }

  freeClaims(): Promise<number> {
    return this.#access.write('errands.freeClaims', undefined, (changes) => {
      const held = [...this.#inSight(changes, {})].filter(({ claim }) => claim !== null)
      for (const row of held) changes.errands.put(row.id, { ...row, claim: null })
      return held.length
    })
  }

  #now(): number {
    return this.#access.engine.clock.now()
  }

  #held(changes: Changes, { id, token }: ErrandClaim): StoredErrand | undefined {
    const { tables, withoutGuard } = this.#access.engine
    const row = changes.errands.get(id)
    if (!row?.claim || !sees(this.#access.view, row.tenant)) return undefined
    if (row.claim.token !== token && withoutGuard !== 'errand-token') return undefined
    return row.claim.epoch === tables.epoch || withoutGuard === 'errand-epoch' ? row : undefined
  }

  *#inSight(changes: Changes, { tenant, name }: ErrandFilter): IterableIterator<StoredErrand> {
    for (const [, row] of changes.errands.entries()) {
      if ((tenant ?? row.tenant) !== row.tenant || (name ?? row.name) !== row.name) continue
      if (sees(this.#access.view, row.tenant)) yield row
    }
  }
}

function isFree({ claim }: StoredErrand, now: number): boolean {
  return claim === null || claim.leaseUntil <= now
}

function errandOf(row: StoredErrand): NewErrand & { readonly createdAt: number } {
  const { id, tenant, name, payload, createdAt } = row
  return { id, tenant, name, payload: copyJson(payload), createdAt }
}
