import { HeadwaterError } from '../core/errors'
import { codeOf } from './classify-network'

const missing = new Set(['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'])

/**
 * Loads a package on first use. `specifier` is what to install, with its version where only one will do; a package
 * that is not there is HW_DRIVER_MISSING with the command that installs it.
 */
export async function loadDriver<T>(specifier: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (cause) {
    const why = missing.has(codeOf(cause) ?? '') ? 'is not installed' : 'could not be loaded'
    throw new HeadwaterError('HW_DRIVER_MISSING', `${specifier} ${why}: run \`npm install ${specifier}\``, {
      cause,
      details: { package: specifier },
    })
  }
}
