import type { CallOptions } from '../../core/abort'
import type { Clock } from '../../core/clock'
import { withDeadline } from '../../core/deadline'
import { HeadwaterError } from '../../core/errors'
import type { Random } from '../../core/random'
import { blobsOf } from './blob-files'
import type { BackupFile, BackupFiles } from './files'
import { summaryOf } from './list'
import { type BackupManifest, backupIds, manifestName, partsOf, readManifest } from './manifest'
import { type PlaceLock, withPlaceLock } from './place-lock'
import { SeenTexts } from './seen-texts'

/** Which backups stay. No time limit but `timeoutMs`. */
export interface PruneSettings extends CallOptions {
  /** Days of which the last backup stays; 7 by default. Days are those of UTC. */
  readonly keepDaily?: number | undefined
  /** Weeks, from Monday on; 4 by default. */
  readonly keepWeekly?: number | undefined
  /** Months; 6 by default. */
  readonly keepMonthly?: number | undefined
  /** Tells what would go, and removes nothing. */
  readonly dryRun?: boolean | undefined
}

export interface PruneReport {
  readonly place: string
  /** Ids, oldest first. */
  readonly kept: readonly string[]
  readonly removed: readonly string[]
  /** Files of parts and blobs that no backup names any more; of earlier backups that were interrupted, too. */
  readonly files: number
  /** Their bytes. */
  readonly bytes: number
}

export const pruneDefaults = Object.freeze({ keepDaily: 7, keepWeekly: 4, keepMonthly: 6 })
/** What was being written to a folder and is so old was left by a crash, ms. */
const abandonedMs = 24 * 3_600_000

/**
 * Removes backups that no rule keeps, then the parts and blobs that none of those that stay names; manifests first, so
 * that what is interrupted leaves no backup without its parts. Of each store in the place the last complete backup stays
 * in any case. While a manifest cannot be read nothing is removed (HW_BACKUP_DAMAGED, HW_BACKUP_AHEAD): what it names is
 * not known. HW_BACKUP_BUSY while a backup is written.
 */
export function pruneBackups(
  files: BackupFiles,
  ports: { readonly clock: Clock; readonly random: Random },
  settings: PruneSettings = {},
): Promise<PruneReport> {
  return withDeadline(ports.clock, settings, undefined, async ({ signal }) => {
    const call = { signal }
    if (settings.dryRun) return prune(files, settings, call)
    return withPlaceLock(files, ports, 'prune', call, (lock) => prune(files, settings, call, lock))
  })
}

async function prune(
  files: BackupFiles,
  settings: PruneSettings,
  call: CallOptions,
  lock?: PlaceLock,
): Promise<PruneReport> {
  const named = new SeenTexts()
  const ids = await backupIds(files, call)
  // Read twice, one at a time: of thousands, all at once would not fit.
  const candidates: Candidate[] = []
  for (const id of ids) candidates.push(candidateOf(await readManifest(files, id, call)))
  const kept = keptOf(candidates, settings)
  for (const id of kept)
    for await (const file of filesOf(files, await readManifest(files, id, call), call)) named.add(file)
  const removed = ids.filter((id) => !kept.has(id))
  for (const id of removed) {
    lock?.assertHeld()
    if (lock) await files.remove(manifestName(id), call)
  }
  const isNamed = named.sorted()
  const gone = { files: 0, bytes: 0 }
  for (const folder of ['parts/', 'blobs/']) {
    for await (const { name, size } of files.list(folder, call)) {
      if (isNamed(name)) continue
      gone.files++
      gone.bytes += size
      lock?.assertHeld()
      if (lock) await files.remove(name, call)
    }
  }
  if (lock) await removeAbandoned(files, call)
  return { place: files.shown, kept: [...kept].sort(), removed, ...gone }
}

/** What stays is told by the clock of the place: the lock of this prune was written just now. */
async function removeAbandoned(files: BackupFiles, call: CallOptions): Promise<void> {
  let now = 0
  for await (const { modifiedAt } of files.list('locks/', call)) now = Math.max(now, modifiedAt)
  const left: BackupFile[] = []
  for await (const file of files.list('partial/', call)) if (file.modifiedAt < now - abandonedMs) left.push(file)
  for (const { name } of left) await files.remove(name, call)
}

async function* filesOf(files: BackupFiles, manifest: BackupManifest, call: CallOptions): AsyncGenerator<string> {
  for (const { file } of partsOf(manifest)) yield file
  const { blobs } = manifest
  for await (const { file } of blobsOf(files, blobs.files ?? blobs.parts, call)) yield file
}

interface Candidate {
  readonly id: string
  readonly installation: string
  readonly at: number
  readonly complete: boolean
}

function candidateOf(manifest: BackupManifest): Candidate {
  const { id, installation, complete } = summaryOf(manifest)
  return { id, installation: installation ?? '', at: Date.parse(manifest.createdAt), complete }
}

/** Of each store: the last complete one of each of so many days, weeks and months, the last of all, the last complete. */
export function keptOf(candidates: readonly Candidate[], settings: PruneSettings): Set<string> {
  const { keepDaily, keepWeekly, keepMonthly } = { ...pruneDefaults, ...defined(settings) }
  for (const [path, value] of Object.entries({ keepDaily, keepWeekly, keepMonthly })) {
    if (Number.isInteger(value) && value >= 0) continue
    throw new HeadwaterError('HW_INVALID_OPTIONS', `${path}: must be a whole number from 0, got ${value}`, { path })
  }
  const kept = new Set<string>()
  for (const installation of new Set(candidates.map((one) => one.installation))) {
    const newestFirst = candidates.filter((one) => one.installation === installation).sort((a, b) => b.at - a.at)
    const complete = newestFirst.filter((one) => one.complete)
    for (const one of [newestFirst[0], complete[0]]) if (one) kept.add(one.id)
    for (const [most, periodOf] of [
      [keepDaily, dayOf],
      [keepWeekly, weekOf],
      [keepMonthly, monthOf],
    ] as const) {
      const periods = new Set<string>()
      for (const { id, at } of complete) {
        const period = periodOf(at)
        if (periods.has(period) || periods.size === most) continue
        periods.add(period)
        kept.add(id)
      }
    }
  }
  return kept
}

function defined({ keepDaily, keepWeekly, keepMonthly }: PruneSettings) {
  return Object.fromEntries(
    Object.entries({ keepDaily, keepWeekly, keepMonthly }).filter(([, value]) => value !== undefined),
  ) as Partial<typeof pruneDefaults>
}

const dayMs = 86_400_000

function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10)
}

/** By the Monday that it begins with. */
function weekOf(at: number): string {
  const day = new Date(at).getUTCDay()
  return dayOf(at - ((day + 6) % 7) * dayMs)
}

function monthOf(at: number): string {
  return new Date(at).toISOString().slice(0, 7)
}
