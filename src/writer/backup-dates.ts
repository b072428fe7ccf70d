import { isPlainObject, type Json } from '../core/json'
import type { RegistryRepository } from '../repositories/registry'

/** Registry entries: the last backup that was complete, and the last drill that passed. */
const records = { backup: 'backup:last', drill: 'backup:drill' } as const

/** How old what would be restored is, and the proof that it can be. */
export interface BackupDates {
  /** Since the last complete backup, ms; null without one. */
  readonly backupAgeMs: number | null
  /** Since the last drill that passed, ms; null without one. */
  readonly drillAgeMs: number | null
}

/** By the truth's clock. A restored store has neither yet. */
export async function readBackupDates(registry: RegistryRepository): Promise<BackupDates> {
  const backup = timeOf(await registry.read(records.backup))
  const drill = timeOf(await registry.read(records.drill))
  const now = backup === null && drill === null ? 0 : await registry.now()
  const age = (at: number | null): number | null => (at === null ? null : Math.max(0, now - at))
  return { backupAgeMs: age(backup), drillAgeMs: age(drill) }
}

/** Writes down that it came to a good end at that time, epoch ms of the truth's clock. */
export async function recordBackup(
  registry: RegistryRepository,
  what: keyof typeof records,
  id: string,
  at: number,
): Promise<void> {
  await registry.write(records[what], { id, at })
}

function timeOf(recorded: Json | null): number | null {
  const at = isPlainObject(recorded) ? recorded['at'] : null
  return typeof at === 'number' ? at : null
}
