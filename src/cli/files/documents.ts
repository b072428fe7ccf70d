import path from 'node:path'
import { throwIfAborted } from '../../core/abort'
import { shortened } from '../../core/describe-value'
import type { DocumentInput } from '../../writer/write/document-input'
import { readFrontMatter } from './front-matter'
import { contentTypeOf, extensionOf } from './kinds'
import { readTextFile } from './read-text'
import { titleOf } from './title'
import { type FoundFile, type SkippedFile, walkFolder } from './walk'

export interface FileSource {
  /** Folders, or single files. */
  readonly folders: readonly string[]
  /** What the ids are relative to; each folder by itself when left out. */
  readonly base?: string | undefined
  readonly exclude?: ReadonlySet<string> | undefined
}

/** The text files of all folders; those whose id another folder has taken are reported. */
export async function* findFiles(
  source: FileSource,
  options: { onSkip?: (skipped: SkippedFile) => void; signal?: AbortSignal | undefined } = {},
): AsyncGenerator<FoundFile> {
  const { base, exclude, folders } = source
  const ids = folders.length > 1 ? new Map<string, string>() : undefined
  for (const folder of folders) {
    for await (const file of walkFolder(folder, { base, exclude, ...options })) {
      const other = ids?.get(file.id)
      if (other === file.path) continue
      if (other !== undefined) {
        options.onSkip?.({ path: file.path, reason: `${other} has the same path relative to its folder` })
        continue
      }
      ids?.set(file.id, file.path)
      yield file
    }
  }
}

/** Each file as a document, read one at a time; `onSkip` hears of those that are none. */
export async function* fileDocuments(
  files: AsyncIterable<FoundFile>,
  options: { maxBytes: number; onSkip: (skipped: SkippedFile) => void; signal?: AbortSignal | undefined },
): AsyncGenerator<DocumentInput> {
  for await (const file of files) {
    throwIfAborted(options.signal)
    const read = await readTextFile(file.real, options)
    if ('skipped' in read) options.onSkip({ path: file.path, reason: read.skipped })
    else yield documentOf(file, read.text, read.bytes)
  }
}

function documentOf(file: FoundFile, text: string, bytes: number): DocumentInput {
  const contentType = contentTypeOf(file.path)
  const front = contentType === 'text/markdown' ? readFrontMatter(text) : undefined
  const { title: given, ...fields } = front?.fields ?? {}
  const body = front?.body ?? text
  const told = typeof given === 'string' || typeof given === 'number' ? shortened(String(given).trim(), 200) : ''
  return {
    id: file.id,
    title: told || titleOf(body, contentType) || path.basename(file.path),
    text: body,
    source: file.path,
    contentType,
    // What every file has comes last: no file can hide behind another's extension.
    metadata: { ...fields, extension: extensionOf(file.path), folders: file.id.split('/').slice(0, -1), bytes },
  }
}
