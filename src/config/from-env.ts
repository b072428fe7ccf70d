import { createRequire } from 'node:module'
import type { z as Zod } from 'zod'
import { driverMissing } from '../resilience/driver-missing'
import { readSettings } from './read'
import type { Environment, Settings } from './settings'

/**
 * Settings from environment variables (docs/settings.md lists them). HW_INVALID_SETTINGS names every variable that is
 * missing or wrong, all at once.
 */
export function settingsFromEnv(env: Environment = process.env): Settings {
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
