import { asHeadwaterError, HeadwaterError } from '../core/errors'
import { writerDefaults } from '../writer/ports'
import type { CliContext, CliStore } from './context'
import { type FileSource, fileDocuments, findFiles } from './files/documents'
import { textExtensions } from './files/kinds'
import type { SkippedFile } from './files/walk'
import { startProgress } from './progress'

export interface IngestReport {
  /** Text files found. */
  readonly files: number
  readonly written: number
  readonly unchanged: number
  readonly skipped: readonly SkippedFile[]
  readonly seconds: number
  /** Files gone through a second. */
  readonly filesPerSecond: number
}

/** Streams the text files of folders into a collection; what cannot be read or is refused is listed with its reason. */
export async function ingestFiles(
  context: CliContext,
  store: CliStore,
  source: FileSource,
  maxBytes: number = writerDefaults.maxTextBytes,
): Promise<IngestReport> {
  const { signal, io } = context
  let total = 0
  // Names alone, so that the bar knows where it ends; what is skipped is told in the second walk.
  for await (const _ of findFiles(source, { signal })) total++
  const skipped: SkippedFile[] = []
  const onSkip = (file: SkippedFile): void => void skipped.push(file)
  const progress = await startProgress(io, 'Ingesting', 'files', total)
  const startedAt = Date.now()
  try {
    const documents = fileDocuments(findFiles(source, { onSkip, signal }), { maxBytes, onSkip, signal })
    const result = await context
      .handle(store)
      .documents.putMany(documents, {
        signal,
        onProgress: ({ written, unchanged, failed }) =>
          progress.update(written + unchanged + failed + skipped.length, total),
      })
      .catch((cause: unknown) => {
        throw stopped(cause, total)
      })
    for (const { id, error } of result.failed) skipped.push({ path: id, reason: `${error.code}: ${error.message}` })
    const files = result.written + result.unchanged + skipped.length
    progress.update(files, Math.max(files, total))
    const seconds = (Date.now() - startedAt) / 1_000
    return {
      files,
      written: result.written,
      unchanged: result.unchanged,
      skipped,
      seconds,
      filesPerSecond: Math.round(files / Math.max(seconds, 0.001)),
    }
  } finally {
    progress.stop()
  }
}

export function describeIngest({ files, written, unchanged, skipped, seconds, filesPerSecond }: IngestReport): string {
  const rate = `${files} files in ${seconds.toFixed(1)} s (${filesPerSecond}/s)`
  return `${rate}: ${written} written, ${unchanged} unchanged, ${skipped.length} skipped`
}

/** What ended an ingest, with how far it got and what to do next. */
function stopped(cause: unknown, total: number): HeadwaterError {
  const error = asHeadwaterError(cause)
  const { written = 0, unchanged = 0 } = error.details ?? {}
  const kept = `${written} written and ${unchanged} unchanged of ${total} files; what was written stays`
  return new HeadwaterError(
    error.code,
    `${error.message}: ${kept}. Run the same command again: it goes on from there`,
    { cause: error, path: error.path, retryable: error.retryable, details: { ...error.details, files: total } },
  )
}

/** HW_INVALID_ARGUMENT unless there is a text file, told before a store is made for it. */
export async function assertTexts(context: CliContext, source: FileSource): Promise<void> {
  const skipped: SkippedFile[] = []
  const onSkip = (file: SkippedFile): void => void skipped.push(file)
  for await (const _ of findFiles(source, { onSkip, signal: context.signal })) return
  const [first] = skipped
  const none = `${source.folders.join(', ')}: there is no text file in it (${textExtensions.join(', ')})`
  throw new HeadwaterError('HW_INVALID_ARGUMENT', first ? `${first.path}: ${first.reason}` : none, { path: 'folder' })
}

/** HW_INVALID_ARGUMENT unless something is there: a mistyped folder is no empty one. */
export function assertFound(report: IngestReport, folders: readonly string[]): void {
  const bad = report.skipped.find(({ path }) => folders.includes(path))
  if (report.files > report.skipped.length || !bad) return
  throw new HeadwaterError('HW_INVALID_ARGUMENT', `${bad.path}: ${bad.reason}`, { path: 'folder' })
}
