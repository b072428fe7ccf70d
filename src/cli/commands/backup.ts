import type { Command } from 'commander'
import { HeadwaterError } from '../../core/errors'
import { createBackup, listBackups, pruneBackups, showBackup, verifyBackup } from '../../store/backup/backups'
import { drillBackup } from '../../store/backup/drill'
import { restoreBackup } from '../../store/backup/restore'
import { runBackups } from '../../store/backup/run'
import { type PlaceFlags, placeFrom, placeOptions } from '../backup-place'
import { tellIndexes } from '../built-indexes'
import type { Register, Run } from '../command'
import { exitCodes } from '../exit-codes'
import { type KeepFlags, keepFrom, keepOptions } from '../keep-flags'
import { numberFrom } from '../number-flag'
import { startProgress } from '../progress'
import { restoreAlone } from '../restore-alone'
import { sizeText } from '../size-text'
import { storedOptions } from '../store-place'

/** Of the whole store; places are folders or `s3://bucket/prefix`, whose keys are those of the settings. */
export const registerBackup: Register = (program, run) => {
  const backup = program.command('backup').description('back a store up, look at backups, and restore them')
  create(backup, run)
  list(backup, run)
  show(backup, run)
  verify(backup, run)
  restore(backup, run)
  prune(backup, run)
  drill(backup, run)
  regularly(backup, run)
  for (const command of backup.commands) {
    placeOptions(command, ['create', 'run'].includes(command.name()) ? '--to' : '--from')
  }
}

interface CreateFlags extends PlaceFlags {
  readonly gzip: boolean
  readonly rate?: string
  readonly dryRun?: boolean
}

function create(backup: Command, run: Run): void {
  backup
    .command('create')
    .description('rows of one snapshot and the blobs that they name; exit code 1 when blobs or vectors are missing')
    .option('--no-gzip', 'leave parts uncompressed')
    .option('--rate <number>', 'rows a second at most')
    .option('--dry-run', 'read everything and write nothing')
    .action(
      run(async (context, flags: CreateFlags) => {
        const { out, io, signal } = context
        const rate = numberFrom('--rate', flags.rate, { least: 0.001, unit: 'rows a second', fractions: true })
        const settings = await context.settings()
        const to = placeFrom(context, settings, flags)
        const progress = await startProgress(io, 'Backing up', 'rows, then blobs', 0)
        const report = await createBackup(storedOptions(settings), {
          ...{ to, rate, signal, gzip: flags.gzip, dryRun: flags.dryRun },
          onProgress: ({ done, total }) => progress.update(done, total),
        }).finally(() => progress.stop())
        const { id, place, complete, rows, bytes, written, manifest } = report
        const { vectors, blobs: copied, ms } = manifest
        out.document({ id, place, complete, rows, bytes, written, vectors, blobs: { ...copied, parts: undefined }, ms })
        const what = flags.dryRun ? 'would be' : 'is'
        out.line(`${id} ${what} in ${place}: ${rows} rows, ${copied.count} blobs, ${sizeText(bytes)}`)
        out.line(
          `${written.parts} parts and ${written.blobs} blobs were new (${sizeText(written.bytes)}); ` +
            `the snapshot was held for ${(ms.snapshot / 1_000).toFixed(1)} s`,
        )
        if (vectors.waiting > 0) out.line(`${vectors.waiting} chunks wait for their vector`)
        if (complete) return exitCodes.ok
        if (vectors.lacking > 0) out.line(`NOT COMPLETE: ${vectors.lacking} chunks have no vector and no job for it`)
        if (copied.missingCount > 0) out.line(`NOT COMPLETE: ${copied.missingCount} blobs are missing`)
        return exitCodes.failed
      }),
    )
}

function list(backup: Command, run: Run): void {
  backup
    .command('list')
    .description('the backups of a place; exit code 1 when a manifest cannot be read')
    .action(
      run(async (context, flags: PlaceFlags) => {
        const { out, signal } = context
        const from = placeFrom(context, await context.settings(), flags)
        const backups = await listBackups({ from, signal })
        out.document({ backups })
        if (backups.length === 0) out.line('There is none')
        await out.table(
          [
            { title: 'backup' },
            { title: 'rows', right: true },
            { title: 'blobs', right: true },
            { title: 'size', right: true },
            { title: 'state', grow: 1 },
          ],
          backups.map(({ id, rows, blobs, bytes, complete, problem }) => [
            id,
            rows,
            blobs,
            sizeText(bytes),
            problem ?? (complete ? 'complete' : 'not complete'),
          ]),
        )
        return backups.some(({ problem }) => problem !== undefined) ? exitCodes.failed : exitCodes.ok
      }),
    )
}

function show(backup: Command, run: Run): void {
  backup
    .command('show [id]')
    .description('what is in a backup, the newest when no id is given')
    .action(
      run(async (context, flags: PlaceFlags, id?: string) => {
        const { out, signal } = context
        const from = placeFrom(context, await context.settings(), flags)
        const manifest = await showBackup({ from, id, signal })
        out.document(manifest)
        const { database, tables, blobs, vectors, generations, leftOut } = manifest
        out.line(`${manifest.id}, of headwater ${manifest.package}, schema ${manifest.migrations.at(-1)}`)
        out.line(`Database ${database.name} (Postgres ${database.serverVersion}), epoch ${manifest.epoch}`)
        out.line(`${blobs.count} blobs (${sizeText(blobs.bytes)}); ${vectors.chunks} chunks have vectors in it`)
        for (const { target, collection, fingerprint, language, chunking, state } of generations) {
          if (state === 'live') out.line(`${collection}, ${target}: ${fingerprint ?? language}, cut by ${chunking}`)
        }
        await out.table(
          [
            { title: 'table', grow: 1 },
            { title: 'rows', right: true },
            { title: 'parts', right: true },
          ],
          tables.map(({ name, rows, parts }) => [name, rows, parts.length]),
        )
        out.line(`Left out: ${Object.keys(leftOut).join(', ')}`)
        return undefined
      }),
    )
}

interface VerifyFlags extends PlaceFlags {
  readonly level: string
  readonly share?: string
}

function verify(backup: Command, run: Run): void {
  backup
    .command('verify [id]')
    .description('compare a backup with its manifest; exit code 1 when something is wrong')
    .option('--level <level>', 'quick, sample or full', 'full')
    .option('--share <number>', 'of parts and blobs that a sample reads (0.1)')
    .action(
      run(async (context, flags: VerifyFlags, id?: string) => {
        const { out, io, signal } = context
        const share = numberFrom('--share', flags.share, { least: 0.000_001, fractions: true })
        const from = placeFrom(context, await context.settings(), flags)
        const progress = await startProgress(io, 'Reading', 'parts and blobs', 0)
        const report = await verifyBackup({
          ...{ from, id, share, signal },
          level: flags.level as 'full',
          onProgress: ({ done, total }) => progress.update(done, total),
        }).finally(() => progress.stop())
        const { parts, blobs, problems, problemCount, ok } = report
        out.document(report)
        out.line(`${report.id}: ${parts.read} of ${parts.of} parts and ${blobs.read} of ${blobs.of} blobs were read`)
        for (const { what, problem } of problems) out.line(`${what}: ${problem}`)
        out.line(ok ? 'Nothing is wrong' : `${problemCount} problems`)
        return ok ? exitCodes.ok : exitCodes.failed
      }),
    )
}

interface PruneFlags extends KeepFlags, PlaceFlags {
  readonly yes?: boolean
  readonly dryRun?: boolean
}

function prune(backup: Command, run: Run): void {
  keepOptions(backup.command('prune').description('remove backups that no rule keeps, and what only they name'))
    .option('--dry-run', 'only tell what would go')
    .option('--yes', 'really; a terminal is asked where it is left out')
    .action(
      run(async (context, flags: PruneFlags) => {
        const { out, signal } = context
        const from = placeFrom(context, await context.settings(), flags)
        const rules = { from, signal, ...keepFrom(flags) }
        const plan = await pruneBackups({ ...rules, dryRun: true })
        for (const id of plan.removed) out.line(`${id} goes`)
        out.line(
          `${plan.kept.length} stay, ${plan.removed.length} go, with ${plan.files} files (${sizeText(plan.bytes)}) that no other names`,
        )
        if (flags.dryRun || plan.removed.length + plan.files === 0) {
          out.document(plan)
          return undefined
        }
        const said = flags.yes ?? (await context.confirm('Remove them?'))
        if (said === undefined) {
          throw new HeadwaterError('HW_INVALID_ARGUMENT', 'prune: there is no terminal to ask; add --yes', {
            path: '--yes',
          })
        }
        if (!said) throw new HeadwaterError('HW_ABORTED', 'prune: it was not confirmed, and nothing was removed')
        const done = await pruneBackups(rules)
        out.document(done)
        out.line(`${done.removed.length} backups and ${done.files} files are removed`)
        return undefined
      }),
    )
}

interface RestoreFlags extends PlaceFlags {
  readonly confirm?: string
  readonly force?: boolean
  readonly rebuild: boolean
  readonly dryRun?: boolean
}

function restore(backup: Command, run: Run): void {
  backup
    .command('restore [id]')
    .description(
      'rows and blobs into the store of the settings, then its indexes; with --tenant or --collection its documents alone, as ordinary writes',
    )
    .option('--confirm <database>', 'name of the database, to lose what is in it')
    .option('--force', 'lose what is in an embedded store')
    .option('--no-rebuild', 'leave the indexes to workers')
    .option('--dry-run', 'tell what would be lost and change nothing')
    .action(
      run(async (context, flags: RestoreFlags, id?: string) => {
        const { out, io, signal } = context
        const { confirm, force, rebuild, dryRun } = flags
        const settings = await context.settings()
        const from = placeFrom(context, settings, flags)
        const { tenant, collection } = context.options
        if (tenant !== undefined || collection !== undefined) {
          if (confirm === undefined && !force)
            return restoreAlone(context, storedOptions(settings), from, { id, dryRun })
          const path = force ? '--force' : '--confirm'
          const message = `${path}: a tenant or a collection alone is written over nothing that would be lost`
          throw new HeadwaterError('HW_INVALID_ARGUMENT', message, { path })
        }
        const progress = await startProgress(io, 'Restoring', 'rows, tables, blobs, then entries', 0)
        const report = await restoreBackup(storedOptions(settings), {
          ...{ from, id, confirm, force, rebuild, dryRun, signal },
          onProgress: ({ done, total }) => progress.update(done, total),
        }).finally(() => progress.stop())
        out.document(report)
        const { before, rows, tables, blobs, indexes, migrated } = report
        if (before.documents + before.rows > 0) {
          const last = before.writtenAt ?? 'never'
          const verb = dryRun ? 'Would be lost' : 'Lost'
          out.line(`${verb}: ${before.documents} documents and ${before.rows} rows of entities, last written ${last}`)
        }
        if (dryRun) {
          out.line(`${report.id} has ${rows} rows and ${blobs.count} blobs; nothing was changed`)
          return exitCodes.ok
        }
        out.line(
          `${report.id} is restored: ${rows} rows of ${tables.length} tables, each equal to the backup by its digest`,
        )
        out.line(`${blobs.count} blobs, ${blobs.written} of them written; ${blobs.missing} are missing in the backup`)
        if (migrated.length > 0) out.line(`Migrated: ${migrated.join(', ')}`)
        tellIndexes(out, report)
        return indexes.every(({ equal }) => equal) && blobs.missing === 0 ? exitCodes.ok : exitCodes.failed
      }),
    )
}

interface DrillFlags extends PlaceFlags {
  readonly onServer?: boolean
}

function drill(backup: Command, run: Run): void {
  backup
    .command('drill [id]')
    .description(
      'restore into a place that is thrown away and ask it; exit code 1 when it does not answer as it should',
    )
    .option('--on-server', 'in a schema of its own in the database of the settings, instead of this process')
    .action(
      run(async (context, flags: DrillFlags, id?: string) => {
        const { out, io, signal } = context
        const settings = await context.settings()
        const from = placeFrom(context, settings, flags)
        const record = storedOptions(settings)
        if (flags.onServer && !record.postgres) {
          throw new HeadwaterError('HW_INVALID_ARGUMENT', '--on-server: the settings name no server', {
            path: '--on-server',
          })
        }
        const progress = await startProgress(io, 'Restoring', 'rows, tables, blobs, then entries', 0)
        const report = await drillBackup({
          ...{ from, id, record, signal, server: flags.onServer ? record.postgres : undefined },
          onProgress: ({ done, total }) => progress.update(done, total),
        }).finally(() => progress.stop())
        out.document(report)
        for (const { name, ok, detail } of report.checks) out.line(`${ok ? 'ok' : 'FAILED'}  ${name}: ${detail}`)
        const { rows, indexes } = report.ms
        out.line(`${report.id}: a restore takes about ${((rows + indexes) / 1_000).toFixed(1)} s here`)
        return report.ok ? exitCodes.ok : exitCodes.failed
      }),
    )
}

interface RunFlags extends KeepFlags, PlaceFlags {
  readonly schedule: string
  readonly timezone: string
  readonly verify: string
  readonly drillDays: string
  readonly drillOnServer?: boolean
  readonly rate?: string
  readonly once?: boolean
}

function regularly(backup: Command, run: Run): void {
  keepOptions(
    backup
      .command('run')
      .description(
        'create, verify, prune and weekly drill by a schedule until SIGINT or SIGTERM; of many processes one does it',
      )
      .option('--schedule <cron>', 'minute, hour, day, month, weekday', '0 3 * * *')
      .option('--timezone <name>', 'of the schedule', 'UTC'),
  )
    .option('--verify <level>', 'quick, sample or full', 'full')
    .option('--drill-days <number>', 'least days between drills', '7')
    .option('--drill-on-server', 'drill in a schema of its own in the database, instead of this process')
    .option('--rate <number>', 'rows a second at most')
    .option('--once', 'once, now; exit code 1 when a step fails')
    .action(
      run(async (context, flags: RunFlags) => {
        const { out, signal } = context
        const days = numberFrom('--drill-days', flags.drillDays, { least: 0, unit: 'days', fractions: true })
        const rate = numberFrom('--rate', flags.rate, { least: 0.001, unit: 'rows a second', fractions: true })
        const settings = await context.settings()
        const to = placeFrom(context, settings, flags)
        const { schedule, timezone, once, drillOnServer } = flags
        const report = await runBackups(storedOptions(settings), {
          ...{ to, schedule, timezone, once, drillOnServer, rate, signal, ...keepFrom(flags) },
          verify: flags.verify as 'full',
          drillEveryMs: days * 86_400_000,
          onStep: ({ step, ok, detail }) => out.log(ok ? 'info' : 'error', `${step}: ${detail}`),
        })
        out.document(report)
        out.line(`${report.cycles} cycles, ${report.failed} of them failed`)
        return report.failed > 0 ? exitCodes.failed : exitCodes.ok
      }),
    )
}
