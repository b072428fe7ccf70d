import { Command, CommanderError } from 'commander'
import { asHeadwaterError, HeadwaterError } from '../core/errors'
import { version } from '../core/version'
import type { Register } from './command'
import { registerAudit } from './commands/audit'
import { registerBackup } from './commands/backup'
import { registerBlobs } from './commands/blobs'
import { registerDemo } from './commands/demo'
import { registerDlq } from './commands/dlq'
import { registerDoctor } from './commands/doctor'
import { registerDrift } from './commands/drift'
import { registerImport } from './commands/import'
import { registerIngest } from './commands/ingest'
import { registerInit } from './commands/init'
import { registerMigrate } from './commands/migrate'
import { registerMove } from './commands/move'
import { registerRebuild } from './commands/rebuild'
import { registerReconcile } from './commands/reconcile'
import { registerRelay } from './commands/relay'
import { registerRestored } from './commands/restored'
import { registerRollback } from './commands/rollback'
import { registerSearch } from './commands/search'
import { registerStatus } from './commands/status'
import { CliContext } from './context'
import { exitCodeOf, exitCodes } from './exit-codes'
import type { CliIo } from './io'
import { Output } from './output'

const registrations: readonly Register[] = [
  registerInit,
  registerMigrate,
  registerIngest,
  registerImport,
  registerDrift,
  registerSearch,
  registerStatus,
  registerDoctor,
  registerRelay,
  registerReconcile,
  registerRebuild,
  registerRollback,
  registerRestored,
  registerDlq,
  registerBlobs,
  registerAudit,
  registerBackup,
  registerMove,
  registerDemo,
]

/** Runs one command line (without node and script) and returns the exit code. Never throws, never ends the process. */
export async function runCli(argv: readonly string[], io: CliIo): Promise<number> {
  const json = argv.includes('--json')
  let code: number = exitCodes.ok
  const program = new Command('headwater')
    .version(version)
    .description('One Postgres, many indexes, no drift')
    .option('--json', 'one JSON document on stdout and nothing else there')
    .option('--tenant <name>', 'tenant ("default" when left out)')
    .option('--collection <name>', 'collection ("documents" when left out)')
    .option('--path <folder>', 'embedded store in this folder')
    .option('--database-url <url>', 'Postgres server')
    .option('--profile <name>', 'embedded or postgres, instead of HEADWATER_PROFILE')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => {
        if (!json) io.stderr.write(text)
      },
    })
  for (const register of registrations) {
    register(program, (work) => async (...args: unknown[]) => {
      // Commander passes the arguments, then the command's options, then the command.
      const command = args.at(-1) as Command
      const context = new CliContext(io, command.optsWithGlobals())
      code = (await work(context, command.opts() as never, ...(args.slice(0, -2) as never))) ?? exitCodes.ok
    })
  }
  try {
    await program.parseAsync(argv, { from: 'user' })
    return code
  } catch (error) {
    const out = new Output(io, json)
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return exitCodes.ok
      if (json) out.error(new HeadwaterError('HW_INVALID_ARGUMENT', error.message.replace(/^error: /, '')))
      return exitCodes.usage
    }
    const known = asHeadwaterError(error)
    out.error(known)
    return exitCodeOf(known, io.signal.aborted)
  }
}
