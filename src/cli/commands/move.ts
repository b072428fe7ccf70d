import { moveStore } from '../../store/backup/move'
import { tellIndexes } from '../built-indexes'
import type { Register } from '../command'
import { exitCodes } from '../exit-codes'
import { numberFrom } from '../number-flag'
import { startProgress } from '../progress'
import { sizeText } from '../size-text'
import { storeAt } from '../store-place'

interface Flags {
  readonly from: string
  readonly to: string
  readonly confirm?: string
  readonly force?: boolean
  readonly rate?: string
  readonly rebuild: boolean
  readonly dryRun?: boolean
}

const places = 'embedded:FOLDER, a URL of Postgres, env:FILE or settings'

export const registerMove: Register = (program, run) => {
  program
    .command('move')
    .description('a store to another place, its ids, versions, vectors and blobs with it; run again, it resumes')
    .requiredOption('--from <place>', places)
    .requiredOption('--to <place>', places)
    .option('--confirm <database>', 'name of the database, to lose what is in it')
    .option('--force', 'lose what is in an embedded store')
    .option('--rate <number>', 'rows a second at most')
    .option('--no-rebuild', 'leave the indexes to workers')
    .option('--dry-run', 'read everything and write nothing')
    .action(
      run(async (context, flags: Flags) => {
        const { out, io, signal } = context
        const { confirm, force, rebuild, dryRun } = flags
        const rate = numberFrom('--rate', flags.rate, { least: 0.001, unit: 'rows a second', fractions: true })
        const from = await storeAt(context, '--from', flags.from)
        const to = await storeAt(context, '--to', flags.to)
        const progress = await startProgress(io, 'Moving', 'rows, tables, blobs, then entries', 0)
        const report = await moveStore(from, to, {
          ...{ confirm, force, rate, rebuild, dryRun, signal },
          onProgress: ({ done, total }) => progress.update(done, total),
        }).finally(() => progress.stop())
        out.document(report)
        const { before, rows, kept, tables, blobs: moved, indexes } = report
        if (before.documents + before.rows > 0) {
          const verb = dryRun ? 'Would be lost' : 'Lost'
          out.line(`${verb}: ${before.documents} documents and ${before.rows} rows of entities`)
        }
        if (dryRun) {
          out.line(`${rows} rows and ${moved.count} blobs (${sizeText(moved.bytes)}) would be moved`)
          return exitCodes.ok
        }
        out.line(`${rows} rows of ${tables.length} tables, each equal to the source by its digest`)
        if (kept > 0) out.line(`${kept} of them were there from an earlier attempt`)
        out.line(
          `${moved.count} blobs, ${moved.written} of them written; ${moved.missingCount} are missing at the source`,
        )
        tellIndexes(out, report)
        out.line(`What was written at the source after ${report.snapshotAt} is there alone`)
        return indexes.every(({ equal }) => equal) && moved.missingCount === 0 ? exitCodes.ok : exitCodes.failed
      }),
    )
}
