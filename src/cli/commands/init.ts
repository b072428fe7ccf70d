import { writeFile } from 'node:fs/promises'
import { ownName, renderEnvironment, type VariableName } from '../../config/variables'
import { HeadwaterError } from '../../core/errors'
import { migrate } from '../../migrations/migrate'
import type { Register } from '../command'
import type { CliContext } from '../context'
import { migrationTargetOf } from './migrate'

export const registerInit: Register = (program, run) => {
  program
    .command('init')
    .description('write .env if there is none, and create the store')
    .action(
      run(async (context) => {
        const { out } = context
        const file = context.resolve('.env')
        const wrote = await writeEnvironment(file, given(context))
        out.line(wrote ? `Wrote ${file}` : `Kept ${file}`)
        const settings = await context.settings()
        const { migrationUrl, schema } = settings.postgres
        if (migrationUrl) await migrate(migrationTargetOf(settings), { schema })
        return context.withStore({ mode: 'write', creates: true }, async (store) => {
          const health = await store.health({ signal: context.signal })
          const target = String(health.connections['postgres']?.['target'] ?? settings.path)
          out.document({
            environment: { path: file, written: wrote },
            profile: settings.profile,
            target,
            notices: health.notices,
          })
          out.line(`The store is ready: ${target}`)
          for (const notice of health.notices) out.line(`note: ${notice}`)
          return undefined
        })
      }),
    )
}

/** What the file sets: the flags, or the embedded profile unless the environment names a server already. */
function given({ options, io }: CliContext): Partial<Record<VariableName, string>> {
  if (options.databaseUrl !== undefined) return { DATABASE_URL: options.databaseUrl }
  if (options.path !== undefined) return { HEADWATER_PROFILE: 'embedded', HEADWATER_PATH: options.path }
  const names = ['HEADWATER_PROFILE', 'DATABASE_URL', 'POSTGRES_HOST'] as const
  const told = names.some((name) => io.env[name] || io.env[ownName(name) ?? name])
  if (options.profile === undefined && told) return {}
  return { HEADWATER_PROFILE: options.profile ?? 'embedded' }
}

/** False when there is one already. It may hold secrets, so it is for its owner alone. */
async function writeEnvironment(file: string, values: Partial<Record<VariableName, string>>): Promise<boolean> {
  try {
    await writeFile(file, renderEnvironment(values), { flag: 'wx', mode: 0o600 })
    return true
  } catch (cause) {
    if (cause instanceof Error && Reflect.get(cause, 'code') === 'EEXIST') return false
    throw new HeadwaterError('HW_STORAGE', `${file} could not be written`, { cause, path: file })
  }
}
