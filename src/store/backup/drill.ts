import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { CallOptions } from '../../core/abort'
import { withDeadline } from '../../core/deadline'
import { isHeadwaterError } from '../../core/errors'
import { checkOptions } from '../../core/option-kinds'
import { type DrillSample, drillSample } from '../../transfer/backup/drill-sample'
import { dropScratch } from '../../transfer/backup/scratch-schema'
import { recordBackup } from '../../writer/backup-dates'
import type { StoreOptions } from '../store-options'
import { showBackup } from './backups'
import { openStored, type StoredStore } from './open-stored'
import { type DrillBackupOptions, drillKinds } from './options'
import { type RestoreReport, restoreBackup } from './restore'
import { type BackupStoreOptions, sourceOf, withSource } from './source'

/** One thing that a drill asked of what was restored. */
export interface DrillCheck {
  /** `rows`, `blobs`, `indexes`, `words`, `vectors`, `isolation`. */
  readonly name: string
  readonly ok: boolean
  /** What was asked, and what was wrong. */
  readonly detail: string
}

export interface DrillReport {
  readonly id: string
  readonly ok: boolean
  readonly checks: readonly DrillCheck[]
  /** How long the restore took here, ms: about what it would take elsewhere. */
  readonly ms: { readonly rows: number; readonly indexes: number; readonly asking: number }
}

/**
 * Restores a backup into a place that is thrown away, and asks it: rows and digests, blobs, indexes, searches by words and
 * by vectors, and whether tenants see what is theirs alone. In PGlite in this process, below the system's folder for
 * temporary files, or with `server` in a schema of its own. Look at `ok`; what is wrong is reported. When it passed and
 * `record` says where the store is, that is written down there, for health and metrics. HW_NOT_FOUND, HW_BACKUP_AHEAD.
 */
export async function drillBackup(given: DrillBackupOptions): Promise<DrillReport> {
  const { from, id: wanted, server, record, ...call } = checkOptions(given, drillKinds, '')
  const { id } = await showBackup({ from: from!, id: wanted, signal: call.signal })
  const folder = await mkdtemp(path.join(tmpdir(), 'headwater-drill-'))
  const where = server ? scratchOn(server, folder) : { embedded: { path: path.join(folder, 'store') } }
  try {
    const report = await drill(where, { ...call, from: from!, id })
    if (report.ok && record) {
      await withSource(record, async ({ truth }) => {
        const { registry } = truth.session({ worker: true })
        await recordBackup(registry, 'drill', id, await registry.now())
      })
    }
    return report
  } finally {
    if (where.postgres) await dropSchema(where, where.postgres.schema!)
    await rm(folder, { recursive: true, force: true })
  }
}

/** A schema that nobody has, in the database that is named; its blobs are in the folder. */
function scratchOn(server: NonNullable<StoreOptions['postgres']>, folder: string): BackupStoreOptions {
  const schema = `headwater_drill_${path
    .basename(folder)
    .replaceAll(/[^A-Za-z0-9]/g, '')
    .slice(-12)}`
  return { postgres: { ...server, schema }, blobs: { path: path.join(folder, 'blobs') } }
}

async function dropSchema(where: BackupStoreOptions, schema: string): Promise<void> {
  const { connection, close } = sourceOf(where)
  try {
    await dropScratch(connection, schema)
  } finally {
    await close()
  }
}

async function drill(
  where: BackupStoreOptions,
  { from, id, signal, timeoutMs, onProgress }: DrillBackupOptions & { readonly id: string },
): Promise<DrillReport> {
  const { clock, close } = sourceOf(where)
  await close()
  return withDeadline(clock, { signal, timeoutMs }, undefined, async (deadline) => {
    const call = { signal: deadline.signal }
    let restored: RestoreReport
    try {
      restored = await restoreBackup(where, { from, id, onProgress, ...call })
    } catch (error) {
      // A backup that cannot be restored is what a drill is to find.
      if (!isHeadwaterError(error, 'HW_BACKUP_DAMAGED')) throw error
      const checks = [{ name: 'rows', ok: false, detail: error.message }]
      return { id, ok: false, checks, ms: { rows: 0, indexes: 0, asking: 0 } }
    }
    const startedAt = clock.monotonic()
    const checks = [...countsOf(restored), ...(await ask(where, restored, { from, id, ...call }))]
    const asking = Math.round(clock.monotonic() - startedAt)
    return { id, ok: checks.every(({ ok }) => ok), checks, ms: { ...restored.ms, asking } }
  })
}

function countsOf({ rows, tables, blobs, indexes, waiting }: RestoreReport): DrillCheck[] {
  const differing = indexes.filter(({ equal }) => !equal).map(({ collection, target }) => `${collection}/${target}`)
  const built = `${indexes.length} built and compared${waiting.length > 0 ? `, ${waiting.length} wait for vectors` : ''}`
  return [
    { name: 'rows', ok: true, detail: `${rows} of ${tables.length} tables, each equal by its digest` },
    { name: 'blobs', ok: blobs.missing === 0, detail: `${blobs.count}, ${blobs.missing} missing in the backup` },
    { name: 'indexes', ok: differing.length === 0, detail: differing.length > 0 ? `differ: ${differing}` : built },
  ]
}

/** Searches for what some documents say, as their tenants and as others. */
async function ask(
  where: BackupStoreOptions,
  { waiting }: RestoreReport,
  given: CallOptions & { from: DrillBackupOptions['from']; id: string },
): Promise<DrillCheck[]> {
  const manifest = await showBackup(given)
  const samples = await withSource(where, ({ connection, schema }) => drillSample(connection, schema))
  const store = await openStored(where as StoreOptions<object>, manifest.generations, 'external')
  const failed: Record<'words' | 'vectors' | 'isolation', string[]> = { words: [], vectors: [], isolation: [] }
  const asked = { words: 0, vectors: 0, isolation: 0 }
  try {
    const tenants = [...new Set([...samples.map(({ tenant }) => tenant), 'headwater.drill'])]
    for (const sample of samples) {
      const { tenant, collection, document, chunk, word } = sample
      const at = `${tenant}/${collection}/${document}`
      const within = (of: string) => store.forTenant(of).collection(collection)
      const filter = { $id: document }
      if (word !== undefined) {
        asked.words++
        const { hits } = await within(tenant).search({ query: word, mode: 'text', filter, limit: 100 })
        if (!hits.some(({ documentId }) => documentId === document)) failed.words.push(at)
      }
      const vector = waiting.some((one) => one.target === 'vector' && one.collection === collection)
        ? undefined
        : sample.vector
      if (vector) {
        asked.vectors++
        const { hits } = await within(tenant).search({ vector, mode: 'vector', filter, limit: 100 })
        if (!hits.some(({ chunkId }) => chunkId === chunk)) failed.vectors.push(at)
      }
      for (const other of tenants) {
        if (other === tenant) continue
        asked.isolation++
        if (await isSeen(within(other), sample, vector)) failed.isolation.push(`${at} as ${other}`)
      }
    }
  } finally {
    await store.close()
  }
  return (['words', 'vectors', 'isolation'] as const).map((name) => ({
    name,
    ok: failed[name].length === 0,
    detail:
      failed[name].length === 0
        ? `${asked[name]} asked`
        : `not as it should be: ${failed[name].slice(0, 10).join(', ')}`,
  }))
}

/** Whether another tenant finds or reads what is not its own. Chunks' ids are made of their tenants', too. */
async function isSeen(
  handle: ReturnType<ReturnType<StoredStore['forTenant']>['collection']>,
  { chunk, word }: DrillSample,
  vector: Float32Array | undefined,
): Promise<boolean> {
  const pages = [
    ...(word === undefined ? [] : [await handle.search({ query: word, mode: 'text', limit: 100 })]),
    ...(vector ? [await handle.search({ vector, mode: 'vector', limit: 100 })] : []),
  ]
  return pages.some(({ hits }) => hits.some(({ chunkId }) => chunkId === chunk))
}
