import { existsSync } from 'node:fs'
import type { Settings } from '../config/settings'
import { HeadwaterError } from '../core/errors'
import type { StoreOptions } from '../store/store-options'
import { storeOptionsFrom } from '../store/store-settings'
import type { CliContext } from './context'

/**
 * Where a store is, as the command line names it: `embedded:FOLDER`, a URL of Postgres with all else from the settings,
 * `env:FILE` with variables of its own, or `settings`. Whatever embedder it has: none is called.
 */
export async function storeAt(context: CliContext, flag: string, given: string): Promise<StoreOptions> {
  const [, kind, rest] = /^(embedded|env):(.+)$/.exec(given) ?? []
  if (kind === 'embedded') return { embedded: { path: context.resolve(rest!) } }
  if (kind === 'env') {
    const file = context.resolve(rest!)
    if (!existsSync(file)) throw wrong(flag, `${file} is not there`)
    return storedOptions(await context.settingsOfFile(file))
  }
  if (given === 'settings') return storedOptions(await context.settings())
  if (!/^postgres(ql)?:\/\//.test(given)) {
    throw wrong(flag, 'must be embedded:FOLDER, a URL of Postgres, env:FILE or settings')
  }
  if (/\/\/[^/?#]*:[^/?#]*@|[?&]password=/.test(given)) {
    throw wrong(flag, 'whoever lists processes reads a password there: put DATABASE_URL into a file, and give env:FILE')
  }
  return storedOptions(await context.settingsAt(given))
}

/** The store of the settings, for what calls no embedder: whichever it has, none is loaded. */
export function storedOptions(settings: Settings): StoreOptions {
  return storeOptionsFrom(settings, { embedder: { hashing: {} } })
}

function wrong(path: string, problem: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_ARGUMENT', `${path}: ${problem}`, { path })
}
