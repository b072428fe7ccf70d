import { HeadwaterError } from '../core/errors'
import { codeOf } from './classify-network'

const missing = new Set(['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'])

/**
 * HW_DRIVER_MISSING for what an `import()` of an optional package threw. `packages` is what to install, with versions
 * where only one will do. The caller writes `try { await import('name') } catch`: that is how bundlers know that a
 * package may be absent, and leave it to run time.
 */
export function driverMissing(packages: string, cause: unknown): HeadwaterError {
  const absent = missing.has(codeOf(cause) ?? '')
  const message = absent
    ? `${packages} is not installed, or a bundle cannot find it: run \`npm install ${packages}\`, and keep it external where you bundle`
    : `${packages} could not be loaded: ${cause instanceof Error ? cause.message : String(cause)}`
  return new HeadwaterError('HW_DRIVER_MISSING', message, { cause, details: { package: packages } })
}
