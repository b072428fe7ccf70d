import { asHeadwaterError, HeadwaterError } from '../core/errors'
import type { ErrandHandler, ErrandOptions } from '../writer/errands/errand'
import type { CliStore } from './context'
import { loadUserModule } from './user-module'

/** A handler, or one with options. */
type Given = ErrandHandler<never> | ({ readonly handler: ErrandHandler<never> } & ErrandOptions)

/**
 * Gives the store the handlers that a module exports by the names of their errands; where it has a default export that is
 * an object, that one's are meant. Returns the names.
 */
export async function loadHandlers(store: CliStore, file: string): Promise<string[]> {
  const path = '--handlers'
  const module = await loadUserModule(path, file)
  const listed = module['default']
  const found = typeof listed === 'object' && listed !== null ? (listed as typeof module) : module
  const names = Object.keys(found).filter((name) => name !== 'default')
  if (names.length === 0) {
    const problem = `${path}: ${file} exports no handler; export each by the name of its errands`
    throw new HeadwaterError('HW_INVALID_ARGUMENT', problem, { path })
  }
  for (const name of names) {
    const { handler, ...options } = optionsOf(found[name] as Given)
    try {
      store.on(name, handler as ErrandHandler<unknown>, options)
    } catch (cause) {
      const problem = `${path}: ${file}, export ${JSON.stringify(name)}: ${asHeadwaterError(cause).message}`
      throw new HeadwaterError('HW_INVALID_ARGUMENT', problem, { path, cause })
    }
  }
  return names
}

function optionsOf(given: Given): { readonly handler: unknown } & ErrandOptions {
  return typeof given === 'object' && given !== null ? given : { handler: given }
}
