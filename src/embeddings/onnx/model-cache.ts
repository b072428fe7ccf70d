import { existsSync, readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { HeadwaterError } from '../../core/errors'
import { isModelFolder } from './model-folder'
import type { HubModel } from './options'

/** Between the owner and the name of a repository, which is one folder here. */
const separator = '--'

/**
 * `headwater/models` in the user's cache folder. XDG_CACHE_HOME is no setting of ours: with it a system says where that
 * is, as it says where home is.
 */
export function defaultCacheFolder(): string {
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'headwater', 'models')
}

/** Where a pinned model is kept: a folder a revision. */
export function folderOf(cacheDir: string, { hub, revision }: HubModel): string {
  return join(cacheDir, hub.replace('/', separator), revision)
}

/**
 * The folder of a model in the cache, by its name or `owner/name`; undefined when it is not there. Several owners or
 * revisions of it are HW_INVALID_OPTIONS: which one made the vectors must not depend on the order of folders.
 */
export function cachedModel(cacheDir: string, name: string): string | undefined {
  const wanted = name.replace('/', separator)
  const repositories = foldersIn(cacheDir).filter((entry) => entry === wanted || entry.endsWith(separator + wanted))
  const found = repositories.flatMap((repository) => {
    const folder = join(cacheDir, repository)
    // Put there by hand it may have no revision.
    return [folder, ...foldersIn(folder).map((revision) => join(folder, revision))].filter(isModelFolder)
  })
  if (found.length < 2) return found[0]
  throw new HeadwaterError(
    'HW_INVALID_OPTIONS',
    `onnx.model: ${JSON.stringify(name)} is several in the cache; give the path of one: ${found.join(', ')}`,
    { path: 'onnx.model' },
  )
}

function foldersIn(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() || entry.isSymbolicLink())
    .map(({ name }) => name)
    .sort()
}
