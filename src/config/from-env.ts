import { createRequire } from 'node:module'
import type { z as Zod } from 'zod'
import { driverMissing } from '../resilience/driver-missing'
import { readSettings } from './read'
import type { Environment, Settings } from './settings'

/**
 * Settings from environment variables (docs/settings.md lists them). HW_INVALID_SETTINGS names every variable that is
 * missing or wrong, all at once. A value under a name shared with others that is none of ours (`LOG_LEVEL=verbose`) is a
 * warning of the process, in `ignored`, and the default is used; under `HEADWATER_LOG_LEVEL` it is an error.
 */
export function settingsFromEnv(env: Environment = process.env): Settings {
  const settings = settingsQuietly(env)
  for (const message of settings.ignored) {
    process.emitWarning(message, { type: 'HeadwaterWarning', code: 'HW_INVALID_SETTINGS' })
  }
  return settings
}

/** As `settingsFromEnv`, for who tells of `ignored` in another way. */
export function settingsQuietly(env: Environment): Settings {
  return readSettings(env, loadZod())
}

/** Here and not at the top: importing the package does not load zod. The CommonJS build knows no `import.meta`. */
function loadZod(): typeof Zod {
  const load = createRequire(import.meta.url ?? __filename)
  try {
    return (load('zod') as { z: typeof Zod }).z
  } catch (error) {
    throw driverMissing('zod', error)
  }
}
