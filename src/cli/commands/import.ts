import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import type { Settings } from '../../config/settings'
import { HeadwaterError } from '../../core/errors'
import type { JsonObject } from '../../core/json'
import { openEmbedder } from '../../embeddings/open-models'
import type { EmbedderOption } from '../../embeddings/select'
import type { CollectionOptions } from '../../store/store-options'
import { storeOptionsFrom } from '../../store/store-settings'
import { applyImport, inspectImport, verifyImport } from '../../store/transfer/import'
import type { AppliedPart } from '../../transfer/import/apply'
import type { InspectedPart } from '../../transfer/import/inspect'
import { checkPlan, type ImportPlan } from '../../transfer/import/plan'
import type { ImportSourceOptions } from '../../transfer/import/sources/open'
import type { VerifiedPart } from '../../transfer/import/verify'
import type { Register } from '../command'
import type { CliContext } from '../context'
import { exitCodes } from '../exit-codes'
import { type SourceFlags, sourceFrom } from '../import-source'
import { numberFrom } from '../number-flag'
import type { Output } from '../output'
import { startProgress } from '../progress'

interface Flags extends SourceFlags {
  readonly plan: string
  readonly apply?: boolean
  readonly verify?: boolean
  readonly prune?: boolean
  readonly mostPruned?: string
  readonly name?: string
  readonly space?: string
  readonly partsAs?: string
  readonly sample?: string
  readonly checkEmbedder?: boolean
}

export const registerImport: Register = (program, run) => {
  program
    .command('import')
    .description('bring documents with their vectors in: look at a source and write a plan, run it, compare')
    .argument(
      '<source>',
      'FILE.jsonl, FILE.parquet, a folder of Chroma, postgres://..., or qdrant:http://host:6333/NAME',
    )
    .option('--plan <file>', 'written by a look where it is not there yet, read by the others', 'import.json')
    .option('--apply', 'run the plan; run again, it resumes, and brings what changed')
    .option('--verify', 'compare source and store; exit code 1 when they differ')
    .option('--prune', 'with --apply: delete what this import brought and the source has no more')
    .option('--most-pruned <share>', 'of the documents, how many a prune may delete (0.2)')
    .option('--name <name>', 'of the import, in a plan that is written')
    .option('--space <fingerprint>', 'which model made the vectors, in a plan that is written')
    .option('--parts-as <what>', 'what each of several parts becomes: collections or tenants')
    .option('--sample <rows>', 'look at so many rows of each part alone')
    .option('--check-embedder', 'embed a few texts anew, to see whether the vectors are those of the settings')
    .option('--sql <query>', 'of Postgres: its columns are the fields')
    .option('--table <name>', 'of Postgres, instead of the tables of LangChain and LlamaIndex')
    .option('--api-key-file <file>', 'with the key for Qdrant')
    .action(
      run(async (context, flags: Flags, given: string) => {
        const source = sourceFrom(context, given, flags)
        if (flags.apply && flags.verify) throw wrong('--verify', 'runs by itself, after --apply')
        if (flags.prune && !flags.apply) throw wrong('--prune', 'goes with --apply')
        if (flags.apply) return apply(context, source, flags)
        if (flags.verify) return verify(context, source, flags)
        return inspect(context, source, flags)
      }),
    )
}

async function inspect(context: CliContext, source: ImportSourceOptions, flags: Flags): Promise<number> {
  const { out, signal, options } = context
  const file = context.resolve(flags.plan)
  const plan = existsSync(file) ? await planIn(file, false) : undefined
  const report = await inspectImport(source, {
    ...{ plan, signal, name: flags.name, space: flags.space, tenant: options.tenant, collection: options.collection },
    partsAs: flags.partsAs as 'collections' | undefined,
    sample: numberFrom('--sample', flags.sample, { least: 1, unit: 'rows' }),
    embedder: flags.checkEmbedder ? embedderOf(await context.settings()) : undefined,
  })
  if (!plan) await writeFile(file, `${JSON.stringify(report.plan, null, 2)}\n`, { flag: 'wx' })
  out.document({ file, ...report })
  for (const part of report.parts) await showPart(out, part)
  const unnamed = report.plan.parts.filter(({ space }) => space && space.name === null)
  if (!plan) out.line(`The plan is in ${file}: change it, then run the same with --apply`)
  if (unnamed.length > 0) out.line('Say in space.name which model made the vectors: --apply asks for it')
  return exitCodes.ok
}

async function showPart(out: Output, inspected: InspectedPart): Promise<void> {
  const { part, tenant, collection, rows, read, documents, fields, vectors, changes, losses, lost, check } = inspected
  out.line(out.bold(`${part}: ${documents} of ${read} rows become documents of ${collection}, tenant ${tenant}`))
  if (rows !== null && rows !== read) out.line(`The source has ${rows} rows`)
  await out.table(
    [{ title: 'field', grow: 1 }, { title: 'types', grow: 1 }, { title: 'becomes' }],
    fields.map(({ path, types, becomes }) => [path, counted(types), becomes]),
  )
  if (vectors) {
    const { dimensions, normalized, kept, distance } = vectors
    out.line(`Vectors: ${kept} can be kept, ${normalized} of length 1; compared by ${distance ?? 'nobody knows what'}`)
    out.line(`Dimensions: ${counted(dimensions)}`)
  }
  if (check) {
    const { fingerprint, compared, least, median } = check
    const found =
      least === null ? 'nothing could be compared' : `cosine ${median!.toFixed(4)}, at least ${least.toFixed(4)}`
    out.line(`Embedded anew by ${fingerprint}, ${compared} texts: ${found}`)
  }
  for (const [change, count] of Object.entries(changes)) out.line(`${count} documents: ${change}`)
  for (const { reason, rows: count, examples } of losses) {
    out.line(`LOST: ${count} rows: ${reason} (${examples.map((id) => JSON.stringify(id)).join(', ')})`)
  }
  for (const sentence of lost) out.line(`Note: ${sentence}`)
}

function counted(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([what, count]) => `${what}: ${count}`)
    .join(', ')
}

async function apply(context: CliContext, source: ImportSourceOptions, flags: Flags): Promise<number> {
  const { out, io, signal } = context
  const plan = await planIn(context.resolve(flags.plan), true)
  const mostPruned = numberFrom('--most-pruned', flags.mostPruned, { least: 0, most: 1, fractions: true })
  const collections = await collectionsOf(plan, await context.settings())
  return context.withStore({ mode: 'write', creates: true, collections }, async (store) => {
    const progress = await startProgress(io, 'Importing', 'rows', 0)
    const report = await applyImport(store, source, plan, {
      ...{ prune: flags.prune, mostPruned, signal },
      onProgress: ({ read, total }) => progress.update(read, total ?? read),
    }).finally(() => progress.stop())
    out.document(report)
    for (const part of report.parts) showApplied(out, part)
    for (const { collection, space } of plan.parts) {
      if (space && collection === 'documents' && collections[collection]?.embedder) {
        out.line(`Other commands open it with EMBEDDING_MODEL=own:${space.name}/${space.dimensions}`)
      }
    }
    out.line(`${(report.ms / 1_000).toFixed(1)} s`)
    return exitCodes.ok
  })
}

function showApplied(out: Output, applied: AppliedPart): void {
  const { part, resumedAfter, read, written, unchanged, refused, refusals, changes, pruned } = applied
  if (resumedAfter > 0) out.line(`${part}: goes on after ${resumedAfter} rows of an earlier run`)
  out.line(`${part}: ${read} rows, ${written} written, ${unchanged} unchanged, ${refused} refused`)
  for (const [change, count] of Object.entries(changes)) out.line(`${count} documents: ${change}`)
  for (const { id, reason, code } of refusals) out.line(`refused ${id ?? ''}: ${code ? `${code}: ` : ''}${reason}`)
  if (pruned) out.line(`${part}: ${pruned.deleted} of ${pruned.documents} documents were gone and are deleted`)
}

async function verify(context: CliContext, source: ImportSourceOptions, flags: Flags): Promise<number> {
  const { out, signal } = context
  const plan = await planIn(context.resolve(flags.plan), true)
  const collections = await collectionsOf(plan, await context.settings())
  return context.withStore({ mode: 'read', collections }, async (store) => {
    const report = await verifyImport(store, source, plan, { signal })
    out.document(report)
    for (const part of report.parts) showVerified(out, part)
    out.line(report.ok ? 'Source and store say the same' : 'Source and store DIFFER')
    return report.ok ? exitCodes.ok : exitCodes.failed
  })
}

function showVerified(out: Output, verified: VerifiedPart): void {
  const { part, rows, documents, refused, missing, different, examples, vectors, searches } = verified
  out.line(`${part}: ${rows} rows (${refused} more can be no documents), ${documents} documents`)
  out.line(`${missing} missing${listed(examples.missing)}, ${different} different${listed(examples.different)}`)
  if (vectors) out.line(`Vectors: ${vectors.compared} compared, ${vectors.different} differ`)
  if (!searches) return
  const share = (part: number): string => `${(part * 100).toFixed(1)} %`
  const { queries, overlap, least } = searches
  out.line(`Searches: of the first ten of ${queries}, ${share(overlap)} are the same, ${share(least)} at the worst`)
}

function listed(ids: readonly string[]): string {
  return ids.length === 0 ? '' : ` (${ids.map((id) => JSON.stringify(id)).join(', ')})`
}

async function planIn(file: string, complete: boolean): Promise<ImportPlan> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new HeadwaterError('HW_INVALID_ARGUMENT', `--plan: ${file} cannot be read: run without --apply first`, {
      path: '--plan',
      cause,
    })
  })
  try {
    const plan: unknown = JSON.parse(text)
    // A look may be had before its spaces have names.
    return complete ? checkPlan(plan) : (plan as ImportPlan)
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause
    throw new HeadwaterError('HW_INVALID_ARGUMENT', `--plan: ${file} is no JSON: ${cause.message}`, { path: '--plan' })
  }
}

/** Each with the embedder of the settings where the vectors are its own, else with the space of the plan alone. */
async function collectionsOf(
  plan: ImportPlan,
  settings: Settings,
): Promise<Record<string, CollectionOptions<JsonObject>>> {
  const option = plan.parts.some(({ space }) => space) ? embedderOf(settings) : undefined
  const embedder = option && (await openEmbedder(option).catch(() => undefined))
  try {
    const collections: Record<string, CollectionOptions<JsonObject>> = {}
    for (const { collection, space } of plan.parts) {
      const isOwn = space && space.name !== embedder?.fingerprint
      collections[collection] = isOwn ? { embedder: { own: { name: space.name!, dimensions: space.dimensions } } } : {}
    }
    return collections
  } finally {
    await embedder?.close?.()
  }
}

/** That of the settings; the hashing one where none is named. */
function embedderOf(settings: Settings): EmbedderOption {
  return (storeOptionsFrom(settings).embedder as EmbedderOption | undefined) ?? { hashing: {} }
}

function wrong(path: string, problem: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_ARGUMENT', `${path}: ${problem}`, { path })
}
