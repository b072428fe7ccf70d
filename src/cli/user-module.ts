import { pathToFileURL } from 'node:url'
import { asHeadwaterError, HeadwaterError } from '../core/errors'

/** What a module of the user's exports; HW_INVALID_ARGUMENT at the flag that named it where it cannot be loaded. */
export async function loadUserModule(flag: string, file: string): Promise<Readonly<Record<string, unknown>>> {
  return import(pathToFileURL(file).href).catch((cause: unknown) => {
    const problem = `${flag}: cannot load ${file}: ${asHeadwaterError(cause).message}`
    throw new HeadwaterError('HW_INVALID_ARGUMENT', problem, { path: flag, cause })
  })
}
