import { HeadwaterError } from '../../core/errors'
import { reportDrift, reportErased } from '../../store/transfer/drift'
import type { DriftLegOptions, DriftReportOptions } from '../../store/transfer/options'
import type { BackupPlace } from '../../transfer/backup/place'
import type { ErasedReport } from '../../transfer/drift/erased'
import type { DriftFields } from '../../transfer/drift/legs'
import type { DriftReport } from '../../transfer/drift/report'
import { locationFrom } from '../backup-place'
import type { Register } from '../command'
import type { CliContext } from '../context'
import { exitCodes } from '../exit-codes'
import { secretIn } from '../import-source'
import { numberFrom } from '../number-flag'
import type { Output } from '../output'
import { sizeText } from '../size-text'

interface Flags {
  readonly postgres: string
  readonly sql?: string
  readonly table?: string
  readonly qdrant?: string
  readonly qdrantKeyFile?: string
  readonly elasticsearch?: string
  readonly index?: string
  readonly elasticsearchKeyFile?: string
  readonly blobs?: string
  readonly map?: string[]
  readonly grace?: string
  readonly examples?: string
  readonly shortenIds?: boolean
  readonly temporary?: string
  readonly erased?: string
}

export const registerDrift: Register = (program, run) => {
  program
    .command('drift')
    .description('compare indexes and blobs of a system that does not use headwater with its truth; reads alone')
    .requiredOption('--postgres <url>', 'the truth')
    .option('--sql <query>', 'its rows; --map says which columns are what')
    .option('--table <name>', 'instead of --sql')
    .option('--qdrant <url>', 'with --collection NAME')
    .option('--qdrant-key-file <file>', 'with the key for Qdrant')
    .option('--elasticsearch <url>', 'with --index NAME')
    .option('--index <name>', 'of Elasticsearch')
    .option('--elasticsearch-key-file <file>', 'with the key for Elasticsearch')
    .option('--blobs <place>', 'folder or s3://bucket/prefix')
    .option(
      '--map <field=path...>',
      'id, stamp, tenant, chunk, vector or blob: payload.x, vector, _source.x or a column',
    )
    .option('--grace <seconds>', 'between the two passes (30)')
    .option('--examples <number>', 'of each finding (10)')
    .option('--shorten-ids', 'show the beginnings of ids alone')
    .option('--temporary <folder>', 'for sorted runs, instead of that of the system')
    .option('--erased <id>', 'instead of a report: whether anything of an id is left')
    .action(
      run(async (context, flags: Flags) => {
        const places = await placesFrom(context, flags)
        const { out, signal } = context
        if (flags.erased !== undefined) {
          const report = await reportErased({ ...places, id: flags.erased, signal })
          out.document(report)
          showErased(out, report)
          return report.erased ? exitCodes.ok : exitCodes.failed
        }
        const grace = numberFrom('--grace', flags.grace, { least: 0, unit: 'seconds', fractions: true })
        const report = await reportDrift({
          ...{ ...places, signal, shortenIds: flags.shortenIds },
          examples: numberFrom('--examples', flags.examples, { least: 0, most: 10_000 }),
          temporary: flags.temporary && context.resolve(flags.temporary),
          graceMs: grace === undefined ? undefined : grace * 1_000,
          onEstimate: ({ rows, bytes, folder }) =>
            out.notice(`Reads ${rows} rows twice, with about ${sizeText(bytes)} in ${folder}`),
        })
        out.document(report)
        await show(out, report)
        return report.ok ? exitCodes.ok : exitCodes.failed
      }),
    )
}

type Places = Pick<DriftReportOptions, 'truth' | 'indexes' | 'blobs'>

async function placesFrom(context: CliContext, flags: Flags): Promise<Places> {
  const { postgres: url, sql, table, qdrant, elasticsearch, index, blobs } = flags
  if ((sql === undefined) === (table === undefined)) throw wrong('--sql', 'give it, or --table')
  const mapped = mapFrom(flags.map ?? [])
  const key = (file: string | undefined, flag: string) => file && secretIn(context.resolve(file), flag)
  const indexes: DriftLegOptions[] = []
  if (qdrant !== undefined) {
    const { collection } = context.options
    if (collection === undefined) throw wrong('--collection', 'name the collection of Qdrant')
    const apiKey = key(flags.qdrantKeyFile, '--qdrant-key-file')
    indexes.push({ source: { qdrant: { url: qdrant, collection, apiKey } }, fields: mapped.qdrant })
  }
  if (elasticsearch !== undefined) {
    if (index === undefined) throw wrong('--index', 'name the index of Elasticsearch')
    const apiKey = key(flags.elasticsearchKeyFile, '--elasticsearch-key-file')
    indexes.push({ source: { elasticsearch: { url: elasticsearch, index, apiKey } }, fields: mapped.elasticsearch })
  }
  if (indexes.length === 0 && blobs === undefined) throw wrong('--qdrant', 'give it, --elasticsearch or --blobs')
  return {
    truth: { source: { postgres: { url, sql, table } }, fields: mapped.truth },
    indexes,
    blobs: blobs === undefined ? undefined : await blobsFrom(context, blobs),
  }
}

/** Settings are needed for a bucket alone. */
async function blobsFrom(context: CliContext, given: string): Promise<BackupPlace> {
  if (!given.startsWith('s3://')) return { path: context.resolve(given) }
  return locationFrom(context, await context.settings(), '--blobs', given)
}

const fieldNames: readonly string[] = [
  'id',
  'stamp',
  'tenant',
  'chunk',
  'vector',
  'blob',
] satisfies (keyof DriftFields)[]

/** By their first word: `payload` and `vector` are Qdrant's, what begins with `_` is of Elasticsearch, columns are the truth's. */
function mapFrom(given: readonly string[]) {
  const mapped = { truth: {}, qdrant: {}, elasticsearch: {} } as Record<
    'truth' | 'qdrant' | 'elasticsearch',
    Record<string, string>
  >
  for (const one of given) {
    const [, field, path] = /^(\w+)=(.+)$/.exec(one) ?? []
    if (field === undefined || path === undefined || !fieldNames.includes(field)) {
      throw wrong('--map', `${JSON.stringify(one)} is not FIELD=PATH with one of ${fieldNames.join(', ')}`)
    }
    const leg = /^(payload|vectors?)(\.|$)/.test(path) ? 'qdrant' : path.startsWith('_') ? 'elasticsearch' : 'truth'
    mapped[leg][field] = path
  }
  return mapped
}

async function show(out: Output, report: DriftReport): Promise<void> {
  const { findings, rows, unchecked, diskBytes, ms, ok } = report
  for (const [leg, count] of Object.entries(rows)) out.line(`${leg}: ${count} rows`)
  await out.table(
    [{ title: 'where' }, { title: 'what' }, { title: 'count', right: true }, { title: 'examples', grow: 1 }],
    findings.map(({ leg, kind, count, examples }) => [
      leg,
      kind,
      count,
      examples
        .slice(0, 3)
        .map(({ id, detail }) => (detail ? `${id} (${detail})` : id))
        .join('\n'),
    ]),
  )
  for (const { leg, kind, cause, remedy } of findings) {
    out.line(`${out.bold(`${kind}, ${leg}`)}: ${cause}. ${remedy}.`)
  }
  for (const what of unchecked) out.line(`Not compared: ${what}`)
  out.line(`${ok ? 'No drift' : 'DRIFT'}; ${(ms / 1_000).toFixed(1)} s, ${sizeText(diskBytes)} of temporary files`)
}

function showErased(out: Output, { id, erased, legs }: ErasedReport): void {
  for (const { leg, read, found, examples } of legs) {
    out.line(`${leg}: ${found} of ${read}${found > 0 ? `: ${examples.join(', ')}` : ''}`)
  }
  out.line(erased ? `Nothing of ${id} is left` : `${id} is STILL THERE`)
}

function wrong(path: string, problem: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_ARGUMENT', `${path}: ${problem}`, { path })
}
